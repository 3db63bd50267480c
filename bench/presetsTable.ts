/** The table of docs/presets.md: rows are read, replaced and written, so that a few presets can be measured again. */

/** One step of a preset. */
export interface Row {
  readonly name: string;
  readonly adjoint: string;
  readonly batch: number;
  readonly firstSeconds: number;
  readonly seconds: number;
  readonly peakMiB: number;
}

const heads = [
  "preset",
  "adjoint",
  "batch",
  "first step (s)",
  "a step (s)",
  "a sample (s)",
  "peak (MiB)",
];
const missing = "–";

/** The page with new rows in place of those of the same presets and adjoints; rows that nobody measured say so. */
export function replaceRows(
  page: string,
  rows: readonly Row[],
  order: readonly Pick<Row, "name" | "adjoint">[],
  backend: string,
): string {
  const key = (name: string, adjoint: string) => `${name} ${adjoint}`;
  const cells = new Map<string, readonly string[]>();
  for (const line of page.split("\n")) {
    const parts = line.split("|").slice(1, -1).map((cell) => cell.trim());
    if (parts.length === heads.length) cells.set(key(parts[0]!, parts[1]!), parts.slice(2));
  }
  for (const { name, adjoint, batch, firstSeconds, seconds, peakMiB } of rows) {
    const numbers = [firstSeconds, seconds, seconds / batch].map((x) => x.toFixed(2));
    cells.set(key(name, adjoint), [String(batch), ...numbers, peakMiB.toFixed(0)]);
  }
  const body = order.map(({ name, adjoint }) => [
    name,
    adjoint,
    ...cells.get(key(name, adjoint)) ?? heads.slice(2).map(() => missing),
  ]);
  const table = [heads, heads.map(() => "---"), ...body].map((row) => `| ${row.join(" | ")} |`);
  return [
    "# One step of every preset of images",
    "",
    `Written by \`deno task bench:presets\`, backend \`${backend}\`: one training step at the preset's full resolution and size`,
    "of model, on a small batch, with the gradient of the last step alone and with that of all steps. The first step compiles.",
    `Memory is the peak of the process. Presets with one model and one size of images take the same step, which is measured once;`,
    `${missing} stands in rows that have not been measured. Other work on the machine makes times longer, and leaves memory as it is.`,
    "",
    ...table,
    "",
  ].join("\n");
}
