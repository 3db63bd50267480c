/** A table of texts, for a terminal, for Markdown, for LaTeX; `htmlTable` in markup.ts is for pages. */

/** Rows of cells; the first is the head. */
export type Table = readonly (readonly string[])[];

/** Columns as wide as their widest cell. */
export function textTable(rows: Table): string {
  const widths = (rows[0] ?? []).map((_, c) => Math.max(...rows.map((row) => row[c]!.length)));
  return rows.map((row) => row.map((cell, c) => cell.padEnd(widths[c]!)).join("  ").trimEnd())
    .join("\n");
}

/** A table as GitHub reads it. */
export function markdownTable([head = [], ...rows]: Table): string {
  const cell = (text: string) => text.replace(/[\\|]/g, (c) => `\\${c}`).replace(/\s+/g, " ");
  return [head, head.map(() => "---"), ...rows]
    .map((row) => `| ${row.map(cell).join(" | ")} |`).join("\n");
}

/** A `tabular` with the rules of the package booktabs. */
export function latexTable([head = [], ...rows]: Table): string {
  const line = (row: readonly string[]) => `  ${row.map(latexText).join(" & ")} \\\\`;
  return [
    "% \\usepackage{booktabs}",
    `\\begin{tabular}{${"l".repeat(head.length)}}`,
    "  \\toprule",
    line(head),
    "  \\midrule",
    ...rows.map(line),
    "  \\bottomrule",
    "\\end{tabular}",
  ].join("\n");
}

const latexCharacters: { readonly [character: string]: string } = {
  "\\": "\\textbackslash{}",
  "~": "\\textasciitilde{}",
  "^": "\\textasciicircum{}",
  "±": "$\\pm$",
  "−": "$-$",
  "–": "--",
  "×": "$\\times$",
  "∂": "$\\partial$",
  "σ": "$\\sigma$",
  "β": "$\\beta$",
  "γ": "$\\gamma$",
  "λ": "$\\lambda$",
  "τ": "$\\tau$",
  "ρ": "$\\rho$",
  "‖": "$\\|$",
  "²": "$^2$",
  "“": "``",
  "”": "''",
};

/** Text in which LaTeX reads no command. */
export function latexText(text: string): string {
  return text.replace(
    /[\\~^±−–×∂σβγλτρ‖²“”]|[&%$#_{}]/g,
    (character) => latexCharacters[character] ?? `\\${character}`,
  );
}

/** Columns without those that hold nothing but dashes below the head. */
export function withoutEmptyColumns(rows: Table): Table {
  const known = (rows[0] ?? []).map((_, c) => rows.slice(1).some((row) => row[c] !== "–"));
  return rows.map((row) => row.filter((_, c) => known[c]));
}
