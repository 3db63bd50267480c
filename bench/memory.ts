/**
 * `deno task bench:memory`: what one gradient of slot attention costs, by adjoint and number of iterations, in
 * memory and in time. Prints the tables, and writes docs/memory.md and the figures of docs/implicit.md.
 */
import { type AdjointName, adjoints, iterations, paperSize } from "./memory/gradient.ts";
import { backwardTimes, byGrowth, byLiveness, byPlan, type TimeTables } from "./memory/measure.ts";
import { linesFigure } from "./memory/figure.ts";
import { markdown } from "./memory/table.ts";

const names = Object.keys(adjoints) as AdjointName[];
const MiB = 2 ** 20;

/** Numbers for each adjoint, one for each number of iterations. */
type Table = Readonly<Record<AdjointName, readonly number[]>>;

const [mode, adjoint, steps] = Deno.args;
if (mode === "--growth") {
  // A process of its own for each measurement: see `growth`.
  console.log(await byGrowth(paperSize, adjoint as AdjointName, Number(steps)));
} else await report(Number(mode ?? 20));

async function report(seconds: number): Promise<void> {
  const live = tableOf((name, steps) => byLiveness(paperSize, name, steps) / MiB);
  const planned = tableOf((name, steps) => byPlan(paperSize, name, steps) / MiB);
  const grown = Deno.build.os === "linux" ? tableOf(growth) : undefined;
  const times = await backwardTimes(paperSize, seconds);
  const page = pageOf(live, planned, grown, times);
  console.log(page);
  await Deno.mkdir("docs/figures", { recursive: true });
  await Deno.writeTextFile("docs/memory.md", page);
  const figures = {
    memory: linesFigure(pointsOf(live), { y: "peak live memory, MiB" }),
    "backward-time": linesFigure(pointsOf(times.medians), { y: "backward time, ms" }),
  };
  for (const [name, svg] of Object.entries(figures)) {
    await Deno.writeTextFile(`docs/figures/${name}.svg`, svg);
  }
}

function tableOf(measure: (name: AdjointName, steps: number) => number): Table {
  const row = (name: AdjointName) => iterations.map((steps) => measure(name, steps));
  return Object.fromEntries(names.map((name) => [name, row(name)])) as Record<
    AdjointName,
    number[]
  >;
}

/** Megabytes by which a fresh process grows, whose allocator gives back at once what is freed. */
function growth(name: AdjointName, steps: number): number {
  // What else the process does only adds to it: the lesser of two is nearer.
  const once = () => {
    const { stdout, stderr, success } = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", import.meta.filename!, "--growth", name, String(steps)],
      env: { MALLOC_MMAP_THRESHOLD_: "65536", MALLOC_TRIM_THRESHOLD_: "65536" },
    }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    return Number(new TextDecoder().decode(stdout)) / MiB;
  };
  return Math.min(once(), once());
}

function pointsOf(table: Table) {
  return names.flatMap((name) =>
    iterations.map((x, i) => ({ x, y: table[name][i]!, series: name }))
  );
}

function pageOf(live: Table, planned: Table, grown: Table | undefined, times: TimeTables): string {
  const { batch, inputs, channels, slots } = paperSize;
  return `# The memory of one gradient

Written by \`deno task bench:memory\`; this is the paper's Table 1 (Chang et al., 2022), measured. One gradient of
the mean square of the slots, in all parameters, keys and values: batch ${batch}, ${inputs} inputs of ${channels} channels,
${slots} slots of ${channels}, a GRU and an MLP of ${
    2 * channels
  }, float32. Inputs and parameters themselves are not counted.
\`oneStep\` and \`implicit\` take one more step at the end, as the paper does.

## Peak live memory, MiB

The most that must exist at one time when the optimized program runs equation by equation and frees each value after
its last use. No backend is asked: this is a property of the program.

${tableText(live)}
${ratios(live)}
## Planned by webgpu, MiB

The blocks that the webgpu backend plans for intermediates, and the outputs. Kernels fuse, so that some
intermediates are never written; blocks are fixed in size, so that others take more than they need.

${tableText(planned)}
${ratios(planned)}
${
    grown
      ? `## Grown under onnx, MiB

By how much resident memory grows at its peak while ONNX Runtime runs the gradient (Linux; the lesser of
two fresh processes). It counts pages, not values: the runtime's own buffers and memory that the process had reserved before make it
a few MiB uncertain.

${tableText(grown)}
${ratios(grown)}
`
      : ""
  }## Time of the backward pass, ms

From the cotangent of the loss to the gradient on onnx, the forward pass being done; medians.
Implicit solves by GMRES, here up to its limit of 100 products: with random weights slot attention is no
contraction.

${tableText(times.medians)}
\`oneStep\`: slowest over fastest ${spread(times.medians.oneStep).toFixed(2)} by medians, ${
    spread(times.deciles.oneStep).toFixed(2)
  } by first deciles. Its backward
pass is one and the same program for all numbers of iterations, which a test asserts; what is left of a difference is noise of the measurement.
`;
}

function tableText(table: Table): string {
  return markdown([
    ["iterations", ...iterations.map(String)],
    ...names.map((name) => [`\`${name}\``, ...table[name].map((x) => x.toFixed(1))]),
  ]);
}

function ratios(table: Table): string {
  const at = (steps: 7 | 50) => {
    const i = iterations.indexOf(steps);
    return (table.oneStep[i]! / table.unrolled[i]!).toFixed(2);
  };
  return `\`oneStep\` over \`unrolled\`: ${at(7)} at 7 iterations, ${
    at(50)
  } at 50; \`oneStep\` largest over smallest ${spread(table.oneStep).toFixed(2)}.\n`;
}

function spread(row: readonly number[]): number {
  return Math.max(...row) / Math.min(...row);
}
