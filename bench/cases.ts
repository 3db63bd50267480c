/** What is measured: every case by its name, with its sizes. Peers in other languages get it as JSON. */

/** One row of the table, for every subject. */
export type Case =
  & { readonly id: string; readonly title: string }
  & (
    | {
      readonly workload: "slotAttention";
      readonly iterations: number;
      readonly adjoint: "unrolled" | "oneStep";
    }
    | { readonly workload: "mlp" }
    | { readonly workload: "conv"; readonly part: "forward" | "input" | "filter" }
    | { readonly workload: "discovery" }
    | { readonly workload: "elementwise"; readonly compiled: boolean }
    | { readonly workload: "matmul"; readonly size: number }
    | { readonly workload: "generation" }
    | {
      readonly workload: "loop";
      readonly loop:
        | "scan"
        | "forward"
        | "anderson"
        | "broyden"
        | "nested"
        | "game"
        | "sinkhorn"
        | "layer"
        | "layer-anderson";
    }
  );

/** The cases of one workload. */
export type CaseOf<W extends Case["workload"]> = Extract<Case, { workload: W }>;

const slots = (iterations: number, adjoint: "unrolled" | "oneStep"): Case => ({
  id: `a${iterations}${adjoint === "unrolled" ? "" : "-oneStep"}`,
  title: `slot attention, value and gradient, ${iterations} iterations, ${adjoint}`,
  workload: "slotAttention",
  iterations,
  adjoint,
});

const conv = (part: "forward" | "input" | "filter", title: string): Case => ({
  id: `c-${part}`,
  title: `convolution 5×5, 4×64×64×64 → 64, ${title}`,
  workload: "conv",
  part,
});

const matmul = (size: number): Case => ({
  id: `f${size}`,
  title: `matrix product, ${size}`,
  workload: "matmul",
  size,
});

const loop = (loop: CaseOf<"loop">["loop"], title: string): Case => ({
  id: `h-${loop}`,
  title,
  workload: "loop",
  loop,
});

/** All cases, in the order of the table. */
export const cases: readonly Case[] = [
  slots(3, "unrolled"),
  slots(7, "unrolled"),
  slots(3, "oneStep"),
  slots(7, "oneStep"),
  { id: "b", title: "MLP 784-256-10, batch 64, a step of Adam", workload: "mlp" },
  conv("forward", "forward"),
  conv("input", "input gradient"),
  conv("filter", "filter gradient"),
  { id: "d", title: "object discovery, quick preset, a step of training", workload: "discovery" },
  {
    id: "e",
    title: "200 element-wise operations, [16, 7, 64], compiled",
    workload: "elementwise",
    compiled: true,
  },
  {
    id: "e-eager",
    title: "200 element-wise operations, [16, 7, 64], one by one",
    workload: "elementwise",
    compiled: false,
  },
  matmul(512),
  matmul(1024),
  {
    id: "g",
    title: "SLATE, 64 tokens from slots with a cache, batch 16, 4 blocks, d 192",
    workload: "generation",
  },
  loop("scan", "scan of 1000 steps, 8 unknowns"),
  loop("forward", "plain iteration to a tolerance, 1000 steps, 8 unknowns"),
  loop("anderson", "Anderson acceleration, at most 20 steps, 8 unknowns"),
  loop("broyden", "Broyden's method, at most 20 steps, 8 unknowns"),
  loop("nested", "descent of 50 × 100 nested steps, 24 unknowns"),
  loop("game", "a Stackelberg game: argmin of 100 steps in argmin of 20, 8 unknowns each"),
  loop("sinkhorn", "Sinkhorn iteration, 100 steps, 16 × 16"),
  loop("layer", "an equilibrium layer, 64 × 24, 50 plain steps"),
  loop("layer-anderson", "an equilibrium layer, 64 × 24, Anderson to a tolerance"),
];

/** Cases by name or by first letter: `a` is all of (a). */
export function casesNamed(names: readonly string[]): Case[] {
  return cases.filter(({ id }) =>
    names.some((name) => id === name || (name.length === 1 && id[0] === name))
  );
}
