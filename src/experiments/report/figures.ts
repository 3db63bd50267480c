/** The files of a figure: for pages and papers as SVG, for slides as PNG, and its numbers as Markdown and LaTeX. */
import { svgToPng } from "../display/rasterize.ts";
import type { Markup } from "./markup.ts";
import { standaloneSvg } from "./plots.ts";
import { latexTable, latexText, markdownTable, type Table } from "./tables.ts";

/** Names of files and what is in them: `NAME.svg`, `NAME.png` (300 dots per inch), `NAME.md` and `NAME.tex`. */
export async function figureFiles(
  name: string,
  figure: Markup,
  table: Table,
  notes: readonly string[],
): Promise<readonly (readonly [file: string, contents: string | Uint8Array])[]> {
  const svg = standaloneSvg(figure);
  return [
    [`${name}.svg`, svg],
    [`${name}.png`, (await svgToPng(svg)).bytes],
    [`${name}.md`, [markdownTable(table), ...notes].join("\n\n") + "\n"],
    [
      `${name}.tex`,
      [latexTable(table), ...notes.map((note) => `% ${latexText(note).replace(/\s+/g, " ")}`)].join(
        "\n",
      ) +
      "\n",
    ],
  ];
}
