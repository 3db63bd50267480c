/**
 * Colours that people with protanopia and deuteranopia tell apart as well, in lines and in labels; a test measures how
 * far any two of them are from each other as such eyes see them.
 */

/** Lines on white, in hexadecimal. */
export const lineColors = [
  "#3474de",
  "#e87500",
  "#18694a",
  "#e62b6f",
  "#4a317c",
  "#86979d",
] as const;

/** Lines of the same hues on a dark page. */
export const darkLineColors = [
  "#87befe",
  "#ffb133",
  "#277911",
  "#ce818d",
  "#745cc1",
  "#f4f6f8",
] as const;

/** A colour, RGB in [0, 1]. */
export type Rgb = readonly [number, number, number];

/** The background in maps of labels: almost black, so that black pixels of images are not taken for it. */
export const labelBackground: Rgb = [0.08, 0.08, 0.1];

const labels = [
  "#44c3fb",
  "#d55e00",
  "#ecfc25",
  "#5106e9",
  "#a6fad5",
  "#8d0805",
  "#487cfa",
  "#146a4c",
  "#ac9f84",
  "#b8effb",
  "#877983",
  "#534760",
] as const;

/** The colours of labels; further labels repeat them. */
export const labelColors: readonly Rgb[] = labels.map(rgb);

/** The colour of a label, a whole number. */
export const labelColor = (label: number): Rgb => labelColors[label % labelColors.length]!;

/** `#rrggbb` as numbers in [0, 1]. */
export function rgb(hex: string): Rgb {
  const part = (i: number) => parseInt(hex.slice(i, i + 2), 16) / 255;
  return [part(1), part(3), part(5)];
}
