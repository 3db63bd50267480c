/** Tables of the documentation. */

/** Rows of cells, the first of them the header, as `deno fmt` writes them: names left, numbers right. */
export function markdown(rows: readonly (readonly string[])[]): string {
  const widths = rows[0]!.map((_, i) => Math.max(4, ...rows.map((row) => row[i]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |\n`;
  const padded = rows.map((row) =>
    line(row.map((cell, i) => i === 0 ? cell.padEnd(widths[i]!) : cell.padStart(widths[i]!)))
  );
  const rule = line(widths.map((w, i) => i === 0 ? "-".repeat(w) : `${"-".repeat(w - 1)}:`));
  return [padded[0], rule, ...padded.slice(1)].join("");
}
