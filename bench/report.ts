/** Writes docs/performance.md from the kept results: the latest of each subject on each case. */
import { fileURLToPath } from "node:url";
import { cases } from "./cases.ts";
import { limits, targets } from "./limits.ts";
import { keptRuns, type Machine } from "./results.ts";
import type { Result } from "./contestant.ts";
import { columns, digits, rowsOf } from "./table.ts";

const runs = await keptRuns();
const last = runs.at(-1);
if (!last) throw new Error("there are no results: deno task bench");

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const describe = ({ cpu, cores, memoryBytes, system }: Machine) =>
  `${cpu}, ${cores} cores, ${digits(memoryBytes / 2 ** 30)} GiB, ${system}`;

/**
 * The latest run in which most subjects did a case: rows of different runs are never set side by side.
 */
function latest(id: string): { readonly results: readonly Result[]; readonly machine: Machine } {
  return runs.map(({ results, machine }) => ({
    results: results.filter((r) => r.case === id),
    machine,
  })).reduce((best, run) => run.results.length >= best.results.length ? run : best);
}

const sections = cases.flatMap(({ id, title }) => {
  const { results, machine } = latest(id);
  if (results.length === 0) return [];
  const elsewhere = describe(machine) === describe(last.machine)
    ? []
    : [`On ${describe(machine)}.`];
  return [
    `### (${id}) ${title}`,
    ...elsewhere,
    [
      row(columns),
      row(columns.map((_, i) => i === 0 ? "---" : "---:")),
      ...rowsOf(results).map(row),
    ]
      .join("\n"),
    ...limits(id, results),
  ];
});

const measured = cases.map(({ id }) => ({ id, results: latest(id).results }));
const versions = Object.assign(
  {},
  ...measured.flatMap(({ results }) => results.map((r) => r.versions)),
);

const text = [
  "# Performance",
  "Written by `deno task bench:report` from the results of `deno task bench`. Milliseconds; medians of " +
  "steady calls, in which subjects took turns, each in a process of its own (the fastest call beside it: " +
  "where other programs kept the cores busy, it tells more). 'Ours / it' below 1 means " +
  "that Trilevel is faster; subjects on the CPU are compared with `onnx`, those on WebGPU with `webgpu`. " +
  "First calls include tracing and compiling. Peak memory is what the process grew by from before the " +
  "first call (on WebGPU: live buffers). On a machine without a GPU, WebGPU is Mesa's software Vulkan: it " +
  "shows dispatches and bytes, not the speed of a GPU, and reading a result back takes Deno 10 ms.",
  `Machine: ${describe(last.machine)}. Versions: ${
    Object.entries(versions).map(([name, v]) => `${name} ${v}`).join(", ")
  }.`,
  "## Targets",
  targets(measured),
  "## Choices",
  "- Normalizations on `onnx` are not `LayerNormalization` nodes: ONNX Runtime takes the square of the mean from the " +
  "mean of the squares, which loses digits where the mean is large. They, `gelu`, and what else is element by element " +
  "or a sum along an axis, are WebAssembly kernels of ours, in memory that ONNX Runtime sees too.\n" +
  "- Intermediates on `webgpu` are in blocks that they share, not in one buffer, and in Deno kernels are compiled one after " +
  "another: [webgpu.md](webgpu.md) measures both, and how many more dispatches there are where a kernel may use " +
  "fewer buffers than here.\n" +
  "- What is cheap to compute is computed again rather than kept over the peak, by loops on both backends, and by " +
  "straight-line programs on `webgpu` only: ONNX Runtime would find it to be the same and keep it.\n" +
  "- A process's first call is shorter where `TRILEVEL_CACHE` names a directory: `deno run -A bench/firstCalls.ts` " +
  "measures by how much.",
  "## Tables",
  ...sections,
].join("\n\n");

const path = fileURLToPath(new URL("../docs/performance.md", import.meta.url));
await Deno.writeTextFile(path, text + "\n");
console.log(`wrote ${path}`);
