/** Charts, panels and their files. */
import { decode, decodeApng } from "fast-png";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { blank, type Picture } from "../../src/experiments/display/canvas.ts";
import { lineColors } from "../../src/experiments/display/palette.ts";
import { toPng } from "../../src/experiments/display/panel.ts";
import { svgToPng } from "../../src/experiments/display/rasterize.ts";
import { seedSeries, smooth, thin } from "../../src/experiments/report/curves.ts";
import { figureFiles } from "../../src/experiments/report/figures.ts";
import { chart, chartGrid, standaloneSvg } from "../../src/experiments/report/plots.ts";
import { exactTicks, linearTicks, logTicks } from "../../src/experiments/report/ticks.ts";
import { matchedLabels } from "../../src/experiments/tasks/images/matching.ts";

const dpi = (bytes: Uint8Array) => {
  const { resolution } = decode(bytes);
  return resolution && Math.round(resolution.x * 0.0254);
};
const plain = (text: string) =>
  text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)));
const textsOf = (svg: string) =>
  [...svg.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => plain(text!));

describe("panels", () => {
  const colors: readonly (readonly [number, number, number])[] = [[1, 0, 0], [0, 1, 0], [0, 0, 1]];
  const tile = (n: number, size: number): Picture => blank(size, size, colors[n]!);

  it("have tiles of at least 160 pixels, of repeated pixels only, and say 300 dots per inch", async () => {
    for (const size of [1, 16, 35, 64, 160, 200]) {
      const checked = blank(size, size, [0, 0, 0]);
      checked.data.set([1, 1, 1]); // the first pixel alone is white
      const { bytes, width, height } = await toPng({ heads: ["x"], rows: [[checked]] });
      const { data } = decode(bytes);
      const times = Math.max(1, Math.ceil(160 / size));
      const seen = new Map<number, number>();
      // The tile is what is left of the frame of 6 pixels, below the head.
      const [left, top] = [6, height - 6 - size * times];
      for (let y = 0; y < size * times; y++) {
        for (let x = 0; x < size * times; x++) {
          const value = data[3 * ((top + y) * width + left + x)]!;
          seen.set(value, (seen.get(value) ?? 0) + 1);
        }
      }
      const black = (size ** 2 - 1) * times ** 2;
      expect([seen.get(255), seen.get(0) ?? 0, seen.size]).toEqual([
        times ** 2,
        black,
        black === 0 ? 1 : 2,
      ]);
      expect(width).toBe(size * times + 12);
      expect(dpi(bytes)).toBe(300);
    }
  });

  it("name their columns", async () => {
    const rows = [[tile(0, 16), tile(1, 16)], [tile(1, 16), tile(2, 16)]];
    const bare = await toPng({ heads: [], rows });
    const named = await toPng({ heads: ["image", "slot 1"], rows, headColumns: 1 });
    expect(named.height).toBeGreaterThan(bare.height + 20);
    const { data, width } = decode(named.bytes);
    const dark = (from: number, to: number) => {
      let count = 0;
      for (let y = 0; y < 30; y++) {
        for (let x = from; x < to; x++) if (data[3 * (y * width + x)]! < 128) count++;
      }
      return count;
    };
    expect(dark(0, 170)).toBeGreaterThan(50);
    expect(dark(180, width)).toBeGreaterThan(50);
  });

  it("show a checkerboard where they are transparent, which neither black nor white is", async () => {
    const of = async (alpha: number) => {
      const picture = { ...blank(16, 16, [0, 0, 0]), alpha: new Float32Array(256).fill(alpha) };
      const { bytes } = await toPng(picture);
      return new Set(decode(bytes).data);
    };
    expect([...await of(1)]).toEqual([0]);
    const through = [...await of(0)];
    expect(through).toHaveLength(2);
    for (const value of through) expect(value > 100 && value < 240).toBe(true);
    const half = [...await of(0.5)];
    expect(half.map((value) => Math.abs(2 * value - through[half.indexOf(value)]!) <= 1))
      .toEqual([true, true]);
  });

  it("are animated where there are several frames", async () => {
    const frames = [0, 1, 2].map((n) => tile(n, 8));
    const { bytes } = await toPng({ frames, framesPerSecond: 4 });
    const { frames: found, numberOfFrames } = decodeApng(bytes, { checkCrc: true });
    expect(numberOfFrames).toBe(3);
    found.forEach(({ data, delayNumber, delayDenominator }, n) => {
      expect(Array.from(data.slice(0, 3))).toEqual(colors[n]!.map((x) => 255 * x));
      expect(delayNumber / delayDenominator).toBe(1 / 4);
    });
    // Others see the first frame.
    expect(Array.from(decode(bytes, { checkCrc: true }).data.slice(0, 3))).toEqual([255, 0, 0]);
    await expect(toPng({ frames: [] })).rejects.toThrow("at least one frame");
    await expect(toPng({ frames: [tile(0, 8), tile(0, 9)] })).rejects.toThrow("size of the first");
  });
});

describe("predicted segments", () => {
  it("get the labels of the objects that they match, whatever their numbers are", () => {
    const label = fc.integer({ min: 0, max: 4 });
    fc.assert(fc.property(
      fc.array(label, { minLength: 1, maxLength: 40 }),
      fc.shuffledSubarray([0, 1, 2, 3, 4], { minLength: 5 }),
      (truth, names) => {
        expect(matchedLabels(truth, truth.map((t) => names[t]!))).toEqual(truth);
      },
    ));
  });

  it("get labels of no object when there are more of them", () => {
    const truth = [0, 0, 0, 1, 1, 1];
    expect(matchedLabels(truth, [3, 3, 7, 5, 5, 5])).toEqual([0, 0, 2, 1, 1, 1]);
    // An object keeps its colour also where its slot takes most of the background.
    expect(matchedLabels([0, 0, 0, 0, 1, 2], [8, 8, 8, 9, 8, 4])).toEqual([1, 1, 1, 0, 1, 2]);
    // Segments keep apart even where labels are not known.
    expect(new Set(matchedLabels([NaN, NaN, NaN], [0, 1, 2])).size).toBe(3);
  });
});

describe("ticks", () => {
  const value = fc.double({ min: -1e6, max: 1e6, noNaN: true, noDefaultInfinity: true });

  it("stand at both ends of every axis, in order, and hold the data", () => {
    fc.assert(fc.property(value, value, (a, b) => {
      const [low, high] = [Math.min(a, b), Math.max(a, b)];
      const positive = [Math.exp(low / 1e5), Math.exp(high / 1e5)] as const;
      const cases = [
        [linearTicks(low, high), low, high],
        [exactTicks(low, high), low, high],
        [logTicks(...positive), ...positive],
      ] as const;
      for (const [{ domain, ticks }, from, to] of cases) {
        expect([ticks[0], ticks.at(-1)]).toEqual([...domain]);
        expect(domain[0]).toBeLessThan(domain[1]);
        const slack = 1e-6 * (domain[1] - domain[0]);
        expect(domain[0] - slack).toBeLessThanOrEqual(from);
        expect(domain[1] + slack).toBeGreaterThanOrEqual(to);
        expect(ticks.every((tick, i) => i === 0 || tick > ticks[i - 1]!)).toBe(true);
        expect(ticks.length).toBeLessThanOrEqual(9);
      }
    }));
  });

  it("are round", () => {
    expect(linearTicks(0, 1).ticks).toEqual([0, 0.2, 0.4, 0.6, 0.8, 1]);
    expect(linearTicks(-0.3, 0.3).ticks).toEqual([-0.4, -0.2, 0, 0.2, 0.4]);
    expect(exactTicks(0, 7500, 4).ticks).toEqual([0, 2000, 4000, 6000, 7500]);
    expect(logTicks(0.06, 1.7).ticks).toEqual([0.05, 0.1, 0.2, 0.5, 1, 2]);
    expect(logTicks(1e-7, 0.5).ticks.slice(0, 2)).toEqual([1e-7, 1e-5]);
  });
});

describe("charts", () => {
  const line = (slope: number) =>
    Array.from({ length: 40 }, (_, i) => ({ x: 25 * (i + 1), y: slope * (0.05 + i / 1000) }));
  const options = {
    title: "Loss <of> all",
    series: [{ name: "a & b", points: line(1) }, { name: "c", points: line(2) }],
    note: "n = 3 seeds; band: lowest to highest seed",
  };

  it("say what is drawn, its value at the end, and how many runs there are", () => {
    const texts = textsOf(chart(options).text);
    expect(texts).toContain("Loss <of> all");
    expect(texts).toContain("a & b: 0.089 at the end");
    expect(texts).toContain(options.note);
    // Numbers that are read are not rounded with the coordinates.
    expect(texts).toEqual(expect.arrayContaining(["0.05", "0.15", "25", "1,000"]));
  });

  it("show the last fifth on an axis of its own", () => {
    const texts = textsOf(chart({ ...options, zoom: true, domain: [0, 1000] }).text);
    expect(texts.filter((text) => text === "800")).not.toHaveLength(0);
    expect(texts).toContain("step, last fifth");
  });

  it("show it where lines end close together on the whole axis, by themselves", () => {
    const falling = (end: number) =>
      Array.from({ length: 100 }, (_, i) => ({ x: i, y: end + 5 * Math.exp(-i / 8) }));
    const series = [{ name: "a", points: falling(0.1) }, { name: "b", points: falling(0.12) }];
    const shows = (more: object) =>
      textsOf(chart({ title: "loss", series, zoom: "auto", ...more }).text).includes(
        "step, last fifth",
      );
    expect(shows({})).toBe(true);
    // A logarithmic axis has spread these ends, and a line that goes on falling has no others.
    const straight = [{ name: "a", points: falling(0.1).map(({ x }) => ({ x, y: 100 - x })) }];
    expect(shows({ series: straight, logarithmic: true })).toBe(false);
    expect(shows({ series: [{ name: "a", points: falling(0.1).slice(0, 4) }] })).toBe(false);
    expect(shows({ zoom: false })).toBe(false);
  });

  it("dash the lines for which there is no colour of their own", () => {
    const series = Array.from({ length: 2 * lineColors.length + 1 }, (_, i) => ({
      name: `line ${i}`,
      points: line(i + 1),
    }));
    const keys = chart({ title: "many", series }).text.match(
      /<line [^>]*stroke-width="2.5"[^>]*>/g,
    )!;
    const looks = keys.map((key) => key.replace(/ [xy][12]="[^"]*"/g, ""));
    expect(looks).toHaveLength(series.length);
    expect(new Set(looks).size).toBe(series.length);
    expect(looks.slice(0, lineColors.length).every((look) => !look.includes("dasharray"))).toBe(
      true,
    );
  });

  it("keep what is in a grid in one legend and one last line", () => {
    const row = [options.series, options.series].map((series) => ({ title: "loss", series }));
    const { text } = chartGrid({
      heads: ["left", "right"],
      rows: [row],
      legend: [{ name: "a & b" }, { name: "c" }],
      note: options.note,
    });
    const texts = textsOf(text);
    expect(texts.filter((found) => found === "a & b")).toHaveLength(1);
    expect(texts).toEqual(expect.arrayContaining(["left", "right", options.note]));
  });

  it("are files for pages, slides and papers", async () => {
    const files = new Map(
      await figureFiles("loss", chart(options), [["a"], ["1 ± 2"]], ["note_1"]),
    );
    expect([...files.keys()]).toEqual(["loss.svg", "loss.png", "loss.md", "loss.tex"]);
    const png = files.get("loss.png") as Uint8Array;
    expect(dpi(png)).toBe(300);
    expect(decode(png).width).toBe(Math.round(440 * 300 / 96));
    expect(files.get("loss.svg")).toContain('fill="#fff"');
    expect(files.get("loss.tex")).toContain("1 $\\pm$ 2");
    expect(files.get("loss.tex")).toContain("% note\\_1");
  });

  it("have their colours without a page, too", async () => {
    const { bytes } = await svgToPng(standaloneSvg(chart(options)));
    const { data, channels } = decode(bytes);
    const wanted = lineColors.slice(0, 2).map((hex) => parseInt(hex.slice(1), 16));
    const seen = new Set<number>();
    for (let p = 0; p < data.length; p += channels) {
      seen.add((data[p]! << 16) | (data[p + 1]! << 8) | data[p + 2]!);
    }
    for (const color of wanted) expect(seen.has(color)).toBe(true);
  });
});

describe("curves", () => {
  it("of seeds have their mean, and a band from the lowest to the highest", () => {
    const curves = [[1, 2, NaN], [3, 6, 5]].map((ys) => ys.map((y, x) => ({ x, y })));
    const { points, band } = seedSeries("k", curves);
    expect(points.map(({ y }) => y)).toEqual([2, 4, 5]);
    expect(band).toEqual([{ x: 0, low: 1, high: 3 }, { x: 1, low: 2, high: 6 }, {
      x: 2,
      low: 5,
      high: 5,
    }]);
    expect(seedSeries("k", [curves[0]!]).band).toBeUndefined();
  });

  it("keep their last point when they are thinned, and their mean when they are smoothed", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 50 }), (n, most) => {
        const points = Array.from({ length: n }, (_, x) => ({ x, y: 3 }));
        const some = thin(points, most);
        expect(some.length).toBeLessThanOrEqual(most + 1);
        expect(some.at(-1)).toBe(points.at(-1));
        expect(smooth(points, most).every(({ y }) => Math.abs(y - 3) < 1e-12)).toBe(true);
      }),
    );
  });
});
