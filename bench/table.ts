/** Results as text. */
import type { Case } from "./cases.ts";
import type { Result } from "./contestant.ts";

/** A number with three digits that matter. */
export function digits(x: number): string {
  return x >= 100 ? x.toFixed(0) : x >= 10 ? x.toFixed(1) : x.toFixed(2);
}

/** The rows of one case, by {@link columns}. */
export function rowsOf(results: readonly Result[]): string[][] {
  return results.map((r) => {
    const ours = ourResult(r, results);
    const ratio = (x: number, y: number | undefined) => y === undefined ? "" : digits(y / x);
    return [
      r.subject,
      digits(r.median),
      ours === r ? "1" : ratio(r.median, ours?.median),
      digits(Math.min(...r.times)),
      digits(r.first),
      ours === r ? "1" : ratio(r.first, ours?.first),
      r.peakBytes ? digits(r.peakBytes / 2 ** 20) : "",
      r.kernels === undefined ? "" : String(r.kernels),
    ];
  });
}

/** What a row is compared with: ours on the same kind of device. */
function ourResult(r: Result, results: readonly Result[]): Result | undefined {
  const device = r.subject.endsWith("webgpu") ? "webgpu" : "onnx";
  return results.find((o) => o.subject === `trilevel ${device}`);
}

/** The columns of {@link rowsOf}. */
export const columns = [
  "",
  "steady, ms",
  "ours / it",
  "fastest, ms",
  "first call, ms",
  "ours / it",
  "peak memory, MiB",
  "kernels",
];

/** A case as lines for the terminal. */
export function formatCase(c: Case, results: readonly Result[]): string {
  const rows = [columns, ...rowsOf(results)];
  const widths = columns.map((_, i) => Math.max(...rows.map((row) => row[i]!.length)));
  const lines = rows.map((row) =>
    row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)).join("  ")
  );
  return [`\n(${c.id}) ${c.title}`, ...lines].join("\n");
}
