/** What we aim at, whether it is reached, and what stands in the way. */
import type { Result } from "./contestant.ts";
import { digits } from "./table.ts";

interface Measured {
  readonly id: string;
  readonly results: readonly Result[];
}

/** A ratio that is to stay below a bound. */
interface Target {
  readonly what: string;
  readonly ids: readonly string[];
  readonly ours: "onnx" | "webgpu";
  readonly against: readonly string[];
  readonly of: "median" | "first" | "peakBytes";
  readonly bound: number;
  /** Said where it is missed. */
  readonly why: string;
}

const slots = ["a3", "a7", "a3-oneStep", "a7-oneStep"];

const all: readonly Target[] = [
  {
    what: "steady, against the better of JAX and PyTorch",
    ids: [...slots, "b", "d"],
    ours: "onnx",
    against: ["jax", "torch"],
    of: "median",
    bound: 1,
    why:
      "about half of a call of (b) is products in ONNX Runtime, a fifth Adam in a WebAssembly kernel of ours, on " +
      "one thread with vectors of four, and the rest what JavaScript does around a call; JAX fuses all but the " +
      "products, on all threads and in wider vectors.",
  },
  {
    what: "first call, against JAX",
    ids: [...slots, "b", "d"],
    ours: "onnx",
    against: ["jax"],
    of: "first",
    bound: 0.15,
    why: "making the session takes most of it.",
  },
  {
    what: "steady, against jax-js on wasm",
    ids: [...slots, "b", "d"],
    ours: "onnx",
    against: ["jax-js wasm"],
    of: "median",
    bound: 0.12,
    why: "the bound is below what JAX and PyTorch take for (b).",
  },
  {
    what: "steady, against jax-js on WebGPU",
    ids: [...slots, "b", "d"],
    ours: "webgpu",
    against: ["jax-js webgpu"],
    of: "median",
    bound: 0.5,
    why: "reading a result back takes 10 ms of each side, which is most of ours.",
  },
  {
    what: "steady, against tfjs's tape on WebGPU",
    ids: [...slots, "b", "d"],
    ours: "webgpu",
    against: ["tfjs webgpu"],
    of: "median",
    bound: 0.15,
    why:
      "reading a result back takes Deno 10 ms, more than the bound allows for (b); (d) is products and convolutions, " +
      "which software Vulkan computes no faster than the processor.",
  },
  {
    what: "peak memory, against jax-js on WebGPU",
    ids: ["a3"],
    ours: "webgpu",
    against: ["jax-js webgpu"],
    of: "peakBytes",
    bound: 1 / 3,
    why: "residuals of every step are kept until its derivative.",
  },
];

/** A table of all targets, with the reason under each that is missed. */
export function targets(measured: readonly Measured[]): string {
  const lines = ["| target | at most | measured |", "| --- | ---: | --- |"];
  const reasons: string[] = [];
  for (const { what, ids, ours, against, of, bound, why } of all) {
    const ratios = measured.filter(({ id }) => ids.includes(id)).flatMap(({ id, results }) => {
      const mine = results.find((r) => r.subject === `trilevel ${ours}`)?.[of];
      const theirs = results.filter((r) => against.includes(r.subject)).map((r) => r[of])
        .filter((x) => x !== undefined);
      if (mine === undefined || theirs.length === 0) return [];
      return [{ id, ratio: mine / Math.min(...theirs) }];
    });
    if (ratios.length === 0) continue;
    const shown = ratios.map(({ id, ratio }) =>
      `(${id}) ${ratio > bound ? `**${digits(ratio)}**` : digits(ratio)}`
    );
    lines.push(`| \`${ours}\`, ${what} | ${digits(bound)} | ${shown.join(", ")} |`);
    const missed = ratios.filter(({ ratio }) => ratio > bound).map(({ id }) => `(${id})`);
    if (missed.length > 0) {
      reasons.push(`- \`${ours}\`, ${what}, missed on ${missed.join(", ")}: ${why}`);
    }
  }
  return [lines.join("\n"), ...(reasons.length > 0 ? ["Missed, in bold:", reasons.join("\n")] : [])]
    .join("\n\n");
}

/** Floating-point operations of a call, and bytes it must read and write at least. */
const work: Readonly<Record<string, readonly [flops: number, bytes: number]>> = {
  a3: [2 * 89_554_944, 961_540],
  "a7-oneStep": [2 * 67_076_096, 961_540],
  "c-forward": [2 * 4 * 64 * 64 * 64 * 64 * 25, 4 * (2 * 4 * 64 * 64 * 64 + 64 * 64 * 25)],
  "c-input": [2 * 4 * 64 * 64 * 64 * 64 * 25, 4 * (2 * 4 * 64 * 64 * 64 + 64 * 64 * 25)],
  "c-filter": [2 * 4 * 64 * 64 * 64 * 64 * 25, 4 * (2 * 4 * 64 * 64 * 64 + 64 * 64 * 25)],
  b: [2 * 64 * (2 * 784 * 256 + 3 * 256 * 10), 4 * 6 * (784 * 256 + 256 + 2560 + 10)],
  f512: [2 * 512 ** 3, 4 * 3 * 512 ** 2],
  f1024: [2 * 1024 ** 3, 4 * 3 * 1024 ** 2],
};

/** What the rates of the fastest and of ours say about how far a case can go. */
export function limits(id: string, results: readonly Result[]): string[] {
  const counted = work[id];
  const ours = results.find((r) => r.subject === "trilevel onnx");
  if (!counted || !ours) return [];
  const [flops, bytes] = counted;
  const best = results.reduce((a, b) => a.median <= b.median ? a : b);
  const rate = (r: Result) => digits(flops / r.median / 1e6);
  return [
    `Products take ${digits(flops / 1e6)} million operations; inputs and outputs are ` +
    `${digits(bytes / 1e6)} MB. That is ${rate(ours)} GFLOP/s for \`onnx\`` +
    (best === ours
      ? ", the fastest here."
      : `, and ${rate(best)} for ${best.subject}, the fastest here.`),
  ];
}
