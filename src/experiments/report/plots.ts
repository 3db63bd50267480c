/**
 * Curves as SVG, made without a browser. Colours are CSS variables with a fallback, so that a picture
 * follows the light or dark page it is put in and stands alone too.
 */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";
import { html, Markup } from "./markup.ts";

/** A curve. */
export interface Series {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Index of its colour; its place in the list unless given. */
  readonly color?: number;
  readonly dashed?: boolean;
  /** Around the curve, such as the spread of seeds. */
  readonly band?: readonly { readonly x: number; readonly low: number; readonly high: number }[];
}

/** What a plot shows. */
export interface PlotOptions {
  readonly title: string;
  readonly x?: string;
  readonly y?: string;
  readonly series: readonly Series[];
  readonly logarithmic?: boolean;
  /** The least and greatest x, and value, shown; what the data has, unless given. */
  readonly domain?: readonly [number, number];
  readonly range?: readonly [number, number];
  readonly width?: number;
  readonly height?: number;
}

/** Readable on white and on black, and by people who see fewer colours. */
export const seriesColors = ["#3b7dd8", "#d9822b", "#2a9d77", "#c2456b", "#8a63c9", "#7a7f87"];

const colorOf = (i: number) =>
  `var(--series-${i % seriesColors.length}, ${seriesColors[i % seriesColors.length]})`;

/** An SVG element. */
export function plot(options: PlotOptions): Markup {
  const { title, x = "step", y = "", series, logarithmic = false, domain } = options;
  const { width = 460, height = 240 } = options;
  // linkedom's window is one to Plot, if not to its types.
  const { document } = parseHTML("<!doctype html><html><body></body></html>") as unknown as {
    document: NonNullable<Plot.PlotOptions["document"]>;
  };
  const drawable = series.map((s) => ({ ...s, points: thin(s.points.filter(valid(logarithmic))) }));
  const range = options.range ?? around(drawable, logarithmic);
  const chart = Plot.plot({
    document,
    width,
    height,
    marginLeft: 52,
    marginBottom: 34,
    marginTop: 28,
    marginRight: 18,
    style: { fontFamily: "inherit", fontSize: "11px", background: "none" },
    x: {
      label: x,
      labelArrow: false,
      ticks: 5,
      nice: false,
      ...(domain === undefined ? {} : { domain }),
    },
    y: {
      label: y,
      labelArrow: false,
      ticks: 5,
      grid: true,
      nice: !logarithmic,
      ...(logarithmic ? { type: "log", tickFormat: "~g" } : {}),
      ...(range === undefined ? {} : { domain: range }),
    },
    marks: drawable.flatMap(({ points, band = [], dashed = false, color }, i) => [
      ...(band.length === 0 ? [] : [
        Plot.areaY(thin(band), {
          x: "x",
          y1: "low",
          y2: "high",
          fill: colorOf(color ?? i),
          fillOpacity: 0.16,
        }),
      ]),
      Plot.lineY(points, {
        x: "x",
        y: "y",
        stroke: colorOf(color ?? i),
        strokeWidth: 1.6,
        ...(dashed ? { strokeDasharray: "4 3" } : {}),
      }),
      ...(points.length === 1
        ? [Plot.dot(points, { x: "x", y: "y", fill: colorOf(color ?? i), r: 2.5 })]
        : []),
    ]),
  });
  const svg = chart as unknown as { outerHTML: string; setAttribute(k: string, v: string): void };
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", title);
  return new Markup(svg.outerHTML); // the library has escaped its texts
}

/** A legend as HTML. */
export function legend(series: readonly Series[]): Markup {
  return html`${
    series.map(({ name, color, dashed = false }, i) =>
      html`<span class="key"><i style="border-top:2px ${dashed ? "dashed" : "solid"} ${
        colorOf(color ?? i)
      }"></i>${name}</span>`
    )
  }`;
}

/** What to show around a value that never changes: an axis needs two ends. */
function around(series: readonly Series[], logarithmic: boolean): PlotOptions["range"] {
  const values = new Set(series.flatMap(({ points }) => points.map(({ y }) => y)));
  const [value, ...others] = values;
  if (value === undefined || others.length > 0 || series.some(({ band }) => band)) return undefined;
  if (logarithmic) return [value / 2, value * 2];
  const margin = Math.abs(value) / 10 || 1;
  return [value - margin, value + margin];
}

const valid = (logarithmic: boolean) => ({ x, y }: { x: number; y: number }) =>
  Number.isFinite(x) && Number.isFinite(y) && (!logarithmic || y > 0);

/** At most 600 points: what a picture can show. */
function thin<T>(points: readonly T[]): readonly T[] {
  const every = Math.ceil(points.length / 600);
  return every <= 1 ? points : points.filter((_, i) => i % every === 0 || i === points.length - 1);
}

/** The moving mean of a curve: noise of single batches hides the course. */
export function smooth(
  points: readonly { readonly x: number; readonly y: number }[],
  window: number,
): { x: number; y: number }[] {
  let sum = 0;
  const held: number[] = [];
  return points.map(({ x, y }) => {
    held.push(y);
    sum += y;
    if (held.length > window) sum -= held.shift()!; // not empty: something was pushed
    return { x, y: sum / held.length };
  });
}
