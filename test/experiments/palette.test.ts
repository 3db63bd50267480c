/**
 * Colours as people with protanopia and deuteranopia see them: the matrices of Machado, Oliveira and Fernandes (2009) at
 * full severity, applied to linear RGB, and the colour difference CIEDE2000 (Sharma, Wu and Dalal, 2005).
 */
import { expect, it } from "vitest";
import {
  darkLineColors,
  labelBackground,
  labelColors,
  lineColors,
  type Rgb,
  rgb,
} from "../../src/experiments/display/palette.ts";
import { style } from "../../src/experiments/report/style.ts";

const visions: { readonly [name: string]: readonly (readonly number[])[] } = {
  "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  protanopia: [
    [0.152286, 1.052583, -0.204868],
    [0.114503, 0.786281, 0.099216],
    [-0.003882, -0.048116, 1.051998],
  ],
  deuteranopia: [
    [0.367322, 0.860646, -0.227968],
    [0.280085, 0.672501, 0.047413],
    [-0.011820, 0.042940, 0.968881],
  ],
};
const toXyz = [
  [0.4124564, 0.3575761, 0.1804375],
  [0.2126729, 0.7151522, 0.0721750],
  [0.0193339, 0.1191920, 0.9503041],
];

const times = (matrix: readonly (readonly number[])[], v: readonly number[]) =>
  matrix.map((row) => row.reduce((sum, a, i) => sum + a * v[i]!, 0));
const linear = (color: readonly number[]) =>
  color.map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);

type Lab = readonly [L: number, a: number, b: number];

function labOf(color: Rgb, vision: string): Lab {
  const seen = times(visions[vision]!, linear(color)).map((c) => Math.min(1, Math.max(0, c)));
  const white = times(toXyz, [1, 1, 1]);
  const [x, y, z] = times(toXyz, seen).map((c, i) => {
    const t = c / white[i]!;
    return t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 * t + 16) / 116;
  }) as [number, number, number];
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

const degrees = (radians: number) => (radians * 180 / Math.PI + 360) % 360;
const cos = (angle: number) => Math.cos(angle * Math.PI / 180);
const sin = (angle: number) => Math.sin(angle * Math.PI / 180);

function ciede2000([L1, a1, b1]: Lab, [L2, a2, b2]: Lab): number {
  const root = (c: number) => Math.sqrt(c ** 7 / (c ** 7 + 25 ** 7));
  const G = 0.5 * (1 - root((Math.hypot(a1, b1) + Math.hypot(a2, b2)) / 2));
  const [A1, A2] = [a1 * (1 + G), a2 * (1 + G)];
  const [C1, C2] = [Math.hypot(A1, b1), Math.hypot(A2, b2)];
  const [h1, h2] = [degrees(Math.atan2(b1, A1)), degrees(Math.atan2(b2, A2))];
  const grey = C1 * C2 === 0;
  const turn = h2 - h1;
  const dh = grey ? 0 : turn > 180 ? turn - 360 : turn < -180 ? turn + 360 : turn;
  const dH = 2 * Math.sqrt(C1 * C2) * sin(dh / 2);
  const [L, C] = [(L1 + L2) / 2, (C1 + C2) / 2];
  const sum = h1 + h2;
  const h = grey
    ? sum
    : Math.abs(turn) <= 180
    ? sum / 2
    : sum < 360
    ? sum / 2 + 180
    : sum / 2 - 180;
  const T = 1 - 0.17 * cos(h - 30) + 0.24 * cos(2 * h) + 0.32 * cos(3 * h + 6) -
    0.2 * cos(4 * h - 63);
  const [SC, SH] = [1 + 0.045 * C, 1 + 0.015 * C * T];
  const SL = 1 + 0.015 * (L - 50) ** 2 / Math.sqrt(20 + (L - 50) ** 2);
  const RT = -sin(60 * Math.exp(-(((h - 275) / 25) ** 2))) * 2 * root(C);
  const [l, c, H] = [(L2 - L1) / SL, (C2 - C1) / SC, dH / SH];
  return Math.sqrt(l ** 2 + c ** 2 + H ** 2 + RT * c * H);
}

it("the colour difference is that of the published pairs", () => {
  const pairs: readonly (readonly [Lab, Lab, number])[] = [
    [[50, 2.6772, -79.7751], [50, 0, -82.7485], 2.0425],
    [[50, 2.5, 0], [50, 0, -2.5], 4.3065],
    [[50, 2.5, 0], [73, 25, -18], 27.1492],
    [[60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644],
    [[2.0776, 0.0795, -1.135], [0.9033, -0.0636, -0.5514], 0.9082],
  ];
  for (const [a, b, expected] of pairs) expect(ciede2000(a, b)).toBeCloseTo(expected, 4);
});

/** The least difference of any two colours. */
function least(colors: readonly Rgb[], vision: string): number {
  const labs = colors.map((color) => labOf(color, vision));
  return Math.min(...labs.flatMap((a, i) => labs.slice(i + 1).map((b) => ciede2000(a, b))));
}

it.each(Object.keys(visions))("any two colours differ by at least 15: %s", (vision) => {
  expect(least(lineColors.map(rgb), vision)).toBeGreaterThanOrEqual(15);
  expect(least(darkLineColors.map(rgb), vision)).toBeGreaterThanOrEqual(15);
  expect(least([labelBackground, ...labelColors], vision)).toBeGreaterThanOrEqual(15);
});

it("the measure finds fault with colours that only some people tell apart", () => {
  const before = ["#3b7dd8", "#d9822b", "#2a9d77", "#c2456b", "#8a63c9", "#7a7f87"].map(rgb);
  expect(least(before, "all colours")).toBeGreaterThan(15);
  expect(least(before, "deuteranopia")).toBeLessThan(5);
});

it("lines stand out from the page, 3 to 1 at least", () => {
  const luminance = (hex: string) => times(toXyz, linear(rgb(hex)))[1]!;
  const contrast = (a: string, b: string) => {
    const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
    return (high + 0.05) / (low + 0.05);
  };
  const papers = [...style.matchAll(/--raised: (#\w{6})/g)].map(([, hex]) => hex!);
  expect(papers).toHaveLength(2);
  for (const color of lineColors) {
    expect(contrast(color, "#ffffff")).toBeGreaterThanOrEqual(3);
    expect(contrast(color, papers[0]!)).toBeGreaterThanOrEqual(3);
  }
  for (const color of darkLineColors) {
    expect(contrast(color, papers[1]!)).toBeGreaterThanOrEqual(3);
  }
});
