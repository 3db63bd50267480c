/**
 * Charts as SVG, made without a browser: title, legend, curves, and a last line that says what is shown. Colours are CSS
 * variables with a fallback, so that a chart follows the light or dark page it is put in and stands alone too.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { lineColors } from "../display/palette.ts";
import { fontFamily } from "../display/rasterize.ts";
import { type Point, type Series, thin } from "./curves.ts";
import { escapeHtml, Markup } from "./markup.ts";
import { exactTicks, linearTicks, logTicks, type Ticks } from "./ticks.ts";

/** Curves between two axes. */
export interface AxesOptions {
  readonly series: readonly Series[];
  readonly x?: string;
  readonly y?: string;
  readonly logarithmic?: boolean;
  /** The least and greatest x, and value, shown; what the data has, unless given. */
  readonly domain?: readonly [number, number];
  readonly range?: readonly [number, number];
}

/** A chart with all that belongs to it. */
export interface ChartOptions extends AxesOptions {
  readonly title: string;
  /** The last line: how many runs, and what bands and ± are. */
  readonly note?: string;
  /**
   * If true, the last fifth is drawn again beside the whole, on an axis of its own, which spreads the ends of curves; `"auto"`
   * does so where they fill less than a third of the whole axis.
   */
  readonly zoom?: boolean | "auto";
  readonly width?: number;
  readonly height?: number;
}

/** Charts in rows and columns that share one legend. */
export interface ChartGrid {
  readonly heads: readonly string[];
  /** Each row shares the axis of values. */
  readonly rows: readonly (readonly (AxesOptions & { readonly title: string })[])[];
  readonly legend: readonly Pick<Series, "name" | "color">[];
  readonly note: string;
}

const count = lineColors.length;
const colorOf = (i: number) => `var(--series-${i % count}, ${lineColors[i % count]})`;
/** Lines beyond the number of colours are dashed. */
const dashes = ["", "6 3", "2 3", "8 3 2 3"];
const dashOf = (i: number) => dashes[Math.floor(i / count) % dashes.length]!;

const lineHeight = 16;

/** A chart: an SVG element. */
export function chart(options: ChartOptions): Markup {
  const { title, series, note, height = 250 } = options;
  const drawn = series.map((s, i) => ({ ...s, color: s.color ?? i }))
    .filter(({ points }) => points.length > 0);
  const zoom = options.zoom === "auto" ? isFlatAtEnd(options, drawn) : options.zoom ?? false;
  const { width = zoom ? 640 : 440 } = options;
  const keys = legendRows(drawn.map((s) => ({ ...s, name: withEnd(s) })), width - 16);
  const notes = note === undefined ? [] : wrapped(note, width - 16, 11);
  const top = 24 + keys.height;
  const middle = Math.round(width * (zoom ? 0.6 : 1));
  const parts = [
    text(8, 17, title, `font-size="13" font-weight="600"`),
    translated(8, 24, keys.parts),
    placed(axes({ ...options, series: drawn, width: middle, height }), 0, top),
    ...(zoom
      ? [placed(axes({ ...zoomed(options, drawn), width: width - middle, height }), middle, top)]
      : []),
    ...notes.map((line, i) => text(8, top + height + 12 + i * 14, line, quiet)),
  ];
  return svg(title, width, top + height + (notes.length === 0 ? 4 : 6 + notes.length * 14), parts);
}

/** Charts side by side: an SVG element. */
export function chartGrid({ heads, rows, legend, note }: ChartGrid): Markup {
  const [width, height] = [340, 220];
  const columns = Math.max(1, ...rows.map(({ length }) => length));
  const whole = columns * width;
  const keys = legendRows(legend.map((s, i) => ({ ...s, color: s.color ?? i })), whole - 24);
  const top = 34 + keys.height;
  const notes = wrapped(note, whole - 24, 11);
  const parts = [
    ...heads.map((head, c) =>
      text(
        c * width + width / 2 + 20,
        20,
        head,
        `font-size="14" font-weight="600" text-anchor="middle"`,
      )
    ),
    translated(12, 28, keys.parts),
    ...rows.flatMap((row, r) => {
      const y = top + r * (height + 22);
      return row.flatMap((options, c) => [
        text(c * width + 8, y + 14, options.title, `font-size="12"`),
        placed(axes({ ...options, width, height }), c * width, y + 18),
      ]);
    }),
  ];
  const end = top + rows.length * (height + 22);
  notes.forEach((line, i) => parts.push(text(12, end + 14 + i * 14, line, quiet)));
  return svg(heads.join(", "), whole, end + 12 + notes.length * 14, parts);
}

/** A chart that needs no page: on white, in the colours of print. */
export function standaloneSvg({ text }: Markup): string {
  return text.replace(
    /^<svg ([^>]*)>/,
    `<svg $1 color="#1d2126">\n<rect width="100%" height="100%" fill="#fff"/>`,
  ) + "\n";
}

/** The axes with their curves, as an SVG element of Plot. */
function axes(options: AxesOptions & { readonly width: number; readonly height: number }): string {
  const { x = "step", y = "", series, logarithmic = false, width, height } = options;
  // linkedom's window is one to Plot, if not to its types.
  const { document } = parseHTML("<!doctype html><html><body></body></html>") as unknown as {
    document: NonNullable<Plot.PlotOptions["document"]>;
  };
  const valid = validFor(logarithmic);
  const shown = series.map((s, i) => ({
    ...s,
    color: s.color ?? i,
    points: thin(s.points.filter(valid), 600),
    band: thin(
      s.band?.filter(({ low, high }) => valid({ x: 0, y: low }) && valid({ x: 0, y: high })) ?? [],
      600,
    ),
  }));
  const horizontal = options.domain ??
    endsOf(shown.flatMap(({ points }) => points.map(({ x }) => x)));
  const range = options.range ?? valuesOf(shown);
  const powers = logarithmic && range[0] > 0; // without any positive value there is nothing to draw
  const vertical = powers ? logTicks(...range) : linearTicks(...range);
  const scale = ({ domain, ticks }: Ticks) => ({
    domain,
    ticks,
    labelArrow: false as const,
    nice: false,
  });
  const element = Plot.plot({
    document,
    width,
    height,
    marginLeft: 52,
    marginBottom: 36,
    marginTop: 12,
    marginRight: 22,
    style: { fontFamily: "inherit", fontSize: "11px", background: "none" },
    x: {
      ...scale(exactTicks(...horizontal, width < 250 ? 2 : 4)),
      label: x,
      tickFormat: plainNumber,
    },
    y: {
      ...scale(vertical),
      label: y,
      grid: true,
      tickFormat: plainNumber,
      ...(powers ? { type: "log" as const } : {}),
    },
    marks: shown.flatMap(({ points, band, color }) => [
      Plot.areaY(band, { x: "x", y1: "low", y2: "high", fill: colorOf(color), fillOpacity: 0.18 }),
      Plot.lineY(points, {
        x: "x",
        y: "y",
        stroke: colorOf(color),
        strokeWidth: 1.8,
        ...(dashOf(color) === "" ? {} : { strokeDasharray: dashOf(color) }),
      }),
      ...(points.length === 1
        ? [Plot.dot(points, { x: "x", y: "y", fill: colorOf(color), r: 2.5 })]
        : []),
    ]),
  });
  const { outerHTML } = element as unknown as { outerHTML: string };
  // The library has escaped its texts. Its style sheet is for a page of its own.
  return rounded(outerHTML.replace(/<style>[^]*?<\/style>/g, ""));
}

/** True where the last fifth fills less than a third of the axis of values, so that lines cannot be told apart there. */
function isFlatAtEnd(options: ChartOptions, series: readonly Series[]): boolean {
  const { logarithmic = false } = options;
  const late = zoomed(options, series).series;
  if (!late.some(({ points }) => points.length > 2)) return false;
  const valid = validFor(logarithmic);
  const length = (all: readonly Series[]) => {
    const [low, high] = valuesOf(
      all.map(({ points, ...s }) => ({ ...s, points: points.filter(valid) })),
    );
    return logarithmic ? Math.log(high / low) : high - low;
  };
  return length(late) < length(series) / 3;
}

/** The last fifth of the steps. */
function zoomed(
  { series: _, logarithmic: __, range: ___, ...options }: ChartOptions,
  series: readonly Series[],
): AxesOptions {
  const [from, to] = options.domain ??
    endsOf(series.flatMap(({ points }) => points.map(({ x }) => x)));
  const start = to - (to - from) / 5;
  const late = <T extends { readonly x: number }>(points: readonly T[]) =>
    points.filter(({ x }) => x >= start);
  return {
    ...options,
    domain: [start, to],
    x: `${options.x ?? "step"}, last fifth`,
    series: series.map((s) => ({
      ...s,
      points: late(s.points),
      ...(s.band === undefined ? {} : { band: late(s.band) }),
    })),
  };
}

function endsOf(values: readonly number[]): readonly [number, number] {
  return values.length === 0 ? [0, 1] : [Math.min(...values), Math.max(...values)];
}

/** The range of curves and bands. */
export function valuesOf(series: readonly Series[]): readonly [number, number] {
  return endsOf(series.flatMap(({ points, band = [] }) => [
    ...points.map(({ y }) => y),
    ...band.flatMap(({ low, high }) => [low, high]),
  ]));
}

const validFor = (logarithmic: boolean) => ({ x, y }: Point) =>
  Number.isFinite(x) && Number.isFinite(y) && (!logarithmic || y > 0);

/** `1,500`, `0.02`, `1e-7` */
function plainNumber(value: number): string {
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e6)) return value.toExponential().replace("-", "−");
  return value.toLocaleString("en-US", { maximumSignificantDigits: 6 }).replace("-", "−");
}

/** The name of a curve with the value at its end. */
function withEnd({ name, points }: Series): string {
  const last = points.at(-1);
  if (last === undefined || !Number.isFinite(last.y)) return name;
  return `${name}: ${plainNumber(Number(last.y.toPrecision(3)))} at the end`;
}

const quiet = `font-size="11" opacity="0.75"`;

/** About how wide a text is: characters are half as wide as high, and some more in fonts of other systems. */
const widthOf = (content: string, size: number) => content.length * size * 0.54;

function legendRows(
  series: readonly { readonly name: string; readonly color: number }[],
  width: number,
): { readonly parts: readonly string[]; readonly height: number } {
  let [x, row] = [0, 0];
  const parts = series.map(({ name, color }) => {
    const needed = 26 + widthOf(name, 12) + 16;
    if (x > 0 && x + needed > width) [x, row] = [0, row + 1];
    const y = row * lineHeight + 9;
    const dash = dashOf(color) === "" ? "" : ` stroke-dasharray="${dashOf(color)}"`;
    const part =
      `<line x1="${x}" x2="${x + 20}" y1="${y - 4}" y2="${y - 4}" stroke="${colorOf(color)}" ` +
      `stroke-width="2.5"${dash}/>${text(x + 26, y, name, `font-size="12"`)}`;
    x += needed;
    return part;
  });
  return { parts, height: series.length === 0 ? 0 : (row + 1) * lineHeight };
}

/** Text in lines that fit. */
function wrapped(content: string, width: number, size: number): string[] {
  const lines: string[] = [];
  for (const word of content.split(" ")) {
    const longer = lines.length === 0 ? word : `${lines.at(-1)} ${word}`;
    if (lines.length > 0 && widthOf(longer, size) <= width) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
}

const text = (x: number, y: number, content: string, attributes: string) =>
  `<text x="${x}" y="${y}" ${attributes}>${escapeHtml(content)}</text>`;

const translated = (x: number, y: number, parts: readonly string[]) =>
  `<g transform="translate(${x},${y})">${parts.join("")}</g>`;

const placed = (inner: string, x: number, y: number) =>
  inner.replace(/^<svg /, `<svg x="${x}" y="${y}" `);

function svg(label: string, width: number, height: number, parts: readonly string[]): Markup {
  return new Markup(
    `<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="${
      escapeHtml(label)
    }" width="${width}" ` +
      `height="${height}" viewBox="0 0 ${width} ${height}" font-family="${fontFamily}" ` +
      `fill="currentColor">\n${parts.join("\n")}\n</svg>`,
  );
}

/** Tenths of a pixel are enough, and a third of the text. Numbers that are read stay as they are. */
const rounded = (markup: string) =>
  markup.replace(
    /="[^"]*"/g,
    (attribute) =>
      attribute.replace(/\d+\.\d{2,}/g, (number) => String(Math.round(Number(number) * 10) / 10)),
  );
