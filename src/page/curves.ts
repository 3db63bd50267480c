/// <reference lib="dom" />
/** Curves that grow while the model learns. */
import uPlot from "uplot";

/** A curve over training steps. Switches are marked by vertical lines. */
export class Curve {
  readonly #steps: number[] = [];
  readonly #values: number[] = [];
  readonly #marks: number[] = [];
  readonly #plot: uPlot;
  #waiting = false;

  /** A curve in an element, whose size it follows, in a colour that a CSS variable names. */
  constructor(private readonly element: HTMLElement, colour: string, logarithmic: boolean) {
    const css = (name: string) => getComputedStyle(element).getPropertyValue(name);
    // Colours are asked for at each drawing, so that they follow the theme.
    const axis = {
      stroke: () => resolved(element, css("--quiet")),
      grid: { stroke: () => resolved(element, css("--line")), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    this.#plot = new uPlot(
      {
        width: element.clientWidth || 300,
        height: element.clientHeight || 150,
        legend: { show: false },
        cursor: { show: false },
        scales: { x: { time: false }, y: { distr: logarithmic ? 3 : 1 } },
        axes: [{ ...axis, size: 26 }, { ...axis, size: 52 }],
        series: [{}, {
          stroke: () => resolved(element, css(colour)),
          width: 2,
        }],
        hooks: { draw: [(plot) => this.#drawMarks(plot, resolved(element, css("--quiet")))] },
      },
      [this.#steps, this.#values],
      element,
    );
    new ResizeObserver(() => {
      this.#plot.setSize({ width: element.clientWidth, height: element.clientHeight });
    }).observe(element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#show());
  }

  add(step: number, value: number): void {
    if (this.#steps.at(-1) === step) this.#values[this.#values.length - 1] = value;
    else {
      this.#steps.push(step);
      this.#values.push(value);
    }
    this.#show();
  }

  /** Marks the last step. */
  mark(): void {
    const last = this.#steps.at(-1);
    if (last !== undefined && last > 0 && this.#marks.at(-1) !== last) this.#marks.push(last);
    this.#show();
  }

  clear(): void {
    for (const list of [this.#steps, this.#values, this.#marks]) list.length = 0;
    this.#show();
  }

  /** Draws once before the next frame, however much has changed. */
  #show(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    requestAnimationFrame(() => {
      this.#waiting = false;
      this.#plot.setData([this.#steps, this.#values]);
    });
  }

  #drawMarks(plot: uPlot, colour: string): void {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = colour;
    ctx.setLineDash([4, 4]);
    for (const step of this.#marks) {
      const x = plot.valToPos(step, "x", true);
      ctx.beginPath();
      ctx.moveTo(x, bbox.top);
      ctx.lineTo(x, bbox.top + bbox.height);
      ctx.stroke();
    }
    ctx.restore();
  }
}

/** A colour that canvases understand: `light-dark(…)` is resolved by the style of an element. */
function resolved(element: HTMLElement, colour: string): string {
  element.style.color = colour;
  const found = getComputedStyle(element).color;
  element.style.color = "";
  return found;
}
