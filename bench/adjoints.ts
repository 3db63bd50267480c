/**
 * `deno task bench:adjoints`: how good approximate derivatives of slot attention's fixed point are, by how strongly
 * the step contracts. Prints the table, and writes docs/adjoints.md and its figure.
 */
import {
  type Adjoint,
  dense,
  fixedPointIteration,
  grad,
  implicit,
  jacobianSpectralNorm,
  jacobianSpectralRadius,
  neumann,
  newton,
  np,
  phantom,
  random,
  setBackend,
  type Tensor,
  tree,
} from "trilevel";
import { slotAttention } from "trilevel/models";
import { linesFigure, type Point } from "./memory/figure.ts";
import { markdown } from "./memory/table.ts";

const sizes = { batch: 2, inputs: 32, slots: 4, channels: 16 };
const factors = [0.25, 0.5, 0.75, 0.9];
const terms = [1, 2, 3, 5, 8, 12];

// Double precision: the reference computes in nothing else.
await setBackend("reference");
const { batch, inputs, slots, channels } = sizes;
const model = slotAttention({
  slots,
  inputSize: channels,
  slotSize: channels,
  mlpHidden: 2 * channels,
});
const [a, b, c, d] = random.split(random.key(0), 4);
const params = model.init(a);
const keys = {
  k: random.normal(b, [batch, inputs, channels]),
  v: random.normal(c, [batch, inputs, channels]),
};
const start = random.normal(d, [batch, slots, channels]);

interface Row {
  readonly value: Tensor;
  readonly factor: number;
  readonly radius: number;
  readonly norm: number;
  readonly errors: readonly number[];
  readonly cosines: readonly number[];
  readonly phantomCosine: number;
}

const rows: Row[] = [];
// Each fixed point is sought from the one before: Newton's method wants a start that is near.
let near = start;
for (const factor of factors) {
  const row = await measure(factor, near);
  near = row.value;
  rows.push(row);
}

const page = pageOf(rows);
console.log(page);
await Deno.mkdir("docs/figures", { recursive: true });
await Deno.writeTextFile("docs/adjoints.md", page);
const points = rows.flatMap(({ radius, errors }): Point[] =>
  errors.map((y, i) => ({ x: terms[i]!, y, series: `radius ${radius.toFixed(2)}` }))
);
await Deno.writeTextFile(
  "docs/figures/adjoint-error.svg",
  linesFigure(points, { x: "terms", y: "relative error of the gradient" }),
);

/** The step with all its weights times a factor, at its fixed point. */
async function measure(factor: number, near: Tensor): Promise<Row> {
  const p = tree.map((x: Tensor) => x.mul(factor), params);
  const at = { maxSteps: 60, atol: 1e-10, rtol: 0, batchAxis: 0 };
  const solver = newton({ linear: dense() });
  const find = (adjoint: Adjoint) =>
    fixedPointIteration((s: Tensor, q: typeof p, kv: typeof keys) => model.step(q, s, kv), {
      ...at,
      solver,
      adjoint,
    });
  const { value, stats } = find(implicit())(near, p, keys);
  if (await np.min(stats.converged.astype("int32")).item() !== 1) {
    throw new Error(`no fixed point at factor ${factor}`);
  }
  const step = (s: Tensor) => model.step(p, s, keys);
  const power = { batchAxis: 0, steps: 200 };
  // From the solution, so that only the adjoint differs.
  const gradient = async (adjoint: Adjoint) => {
    const loss = (learned: { p: typeof p; keys: typeof keys }) =>
      np.mean(np.square(find(adjoint)(value, learned.p, learned.keys).value.sub(start)));
    const leaves = tree.leaves(grad(loss)({ p, keys }));
    return (await Promise.all(leaves.map((x: Tensor) => x.data()))).flatMap((x) => [...x]);
  };
  const exact = await gradient(implicit({ linear: dense() }));
  const series = await Promise.all(terms.map((k) => gradient(neumann({ terms: k }))));
  return {
    value,
    factor,
    radius: await np.max(jacobianSpectralRadius(step, value, power)).item(),
    norm: await np.max(jacobianSpectralNorm(step, value, power)).item(),
    errors: series.map((g) => size(g.map((x, i) => x - exact[i]!)) / size(exact)),
    cosines: series.map((g) => cosine(g, exact)),
    phantomCosine: cosine(await gradient(phantom({ terms: 5, damping: 0.5 })), exact),
  };
}

function size(x: readonly number[]): number {
  return Math.hypot(...x);
}

function cosine(x: readonly number[], y: readonly number[]): number {
  return x.reduce((sum, v, i) => sum + v * y[i]!, 0) / (size(x) * size(y));
}

function pageOf(rows: readonly Row[]): string {
  const header = [
    "weights",
    "radius",
    "norm",
    ...terms.map((k) => k === 1 ? "1 term" : `${k} terms`),
  ];
  const line = (row: Row, of: readonly number[], digits: (x: number) => string) => [
    `× ${row.factor}`,
    row.radius.toFixed(2),
    row.norm.toFixed(2),
    ...of.map(digits),
  ];
  return `# How good approximate derivatives are

Written by \`deno task bench:adjoints\`. Slot attention (batch ${batch}, ${inputs} inputs, ${slots} slots, ${channels} channels) with random
weights, all multiplied by a factor that makes the step contract more or less; its fixed point is found by Newton's
method, and the gradient of a mean square in all parameters, keys and values compared with the exact one,
\`implicit({ linear: dense() })\`. Radius and norm are those of the step's Jacobian there: the larger of ${batch} samples.

## Relative error of the gradient

${
    markdown([
      header,
      ...rows.map((r) => line(r, r.errors, (x) => x < 0.1 ? x.toExponential(1) : x.toFixed(2))),
    ])
  }
## Cosine with the exact gradient

${
    markdown([
      [...header, "phantom(5, 0.5)"],
      ...rows.map((r) => line(r, [...r.cosines, r.phantomCosine], (x) => x.toFixed(3))),
    ])
  }`;
}
