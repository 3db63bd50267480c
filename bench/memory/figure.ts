/** Figures of the documentation: SVG, drawn by Observable Plot on a document without a browser. */
import * as Plot from "@observablehq/plot";
import { parseHTML } from "linkedom";

/** A point of a line. */
export interface Point {
  readonly x: number;
  readonly y: number;
  readonly series: string;
}

/** What is written at the axes. */
export interface FigureOptions {
  readonly x?: string;
  readonly y: string;
  /** Whether the axis of x is logarithmic too. Default true. */
  readonly logX?: boolean;
}

/** Lines on logarithmic axes, each named at its end, as an SVG document. */
export function linesFigure(
  points: readonly Point[],
  { x = "iterations", y, logX = true }: FigureOptions,
): string {
  // linkedom's window has a document, if not in its types.
  const { document } = parseHTML("<!doctype html><html><body></body></html>") as unknown as {
    document: NonNullable<Plot.PlotOptions["document"]>;
  };
  const last = Math.max(...points.map((p) => p.x));
  const labels = spread(points.filter((p) => p.x === last), points.map((p) => p.y));
  const channels = { x: "x", y: "y", stroke: "series" };
  const drawn = Plot.plot({
    document,
    width: 640,
    height: 360,
    marginLeft: 56,
    marginRight: 150,
    style: { background: "white", color: "black" },
    x: {
      label: x,
      type: logX ? "log" : "linear",
      ticks: [...new Set(points.map((p) => p.x))],
      tickFormat: String,
    },
    y: { label: y, type: "log", grid: true, tickFormat: String },
    marks: [
      Plot.line(points, { ...channels, strokeWidth: 2 }),
      Plot.dot(points, { ...channels, fill: "series", r: 3 }),
      Plot.text(labels, {
        x: "x",
        y: "y",
        text: "series",
        fill: "series",
        textAnchor: "start",
        dx: 8,
      }),
    ],
  });
  drawn.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return `${drawn.outerHTML}\n`;
}

/** The points moved apart on a logarithmic axis, so that what is written at them does not overlap. */
function spread(points: readonly Point[], all: readonly number[]): Point[] {
  const gap = (Math.max(...all) / Math.min(...all)) ** 0.05;
  let below = 0;
  return points.toSorted((a, b) => a.y - b.y).map((p) => {
    below = Math.max(p.y, below * gap);
    return { ...p, y: below };
  });
}
