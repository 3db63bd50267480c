/** Colours of surfaces, linear RGB, from the ways in which people name them. */

import type { Vec } from "./vector.ts";

/** Of three numbers 0 … 255 on the sRGB curve. */
export const ofRgb = (rgb: readonly [red: number, green: number, blue: number]): Vec => [
  linear(rgb[0] / 255),
  linear(rgb[1] / 255),
  linear(rgb[2] / 255),
];

/** Of a hue in [0, 1), 0 and 1 being red, a saturation and a value (the greatest of the three, on the sRGB curve). */
export function ofHue(hue: number, saturation: number, value: number): Vec {
  const channel = (offset: number) => {
    const k = (offset + 6 * hue) % 6;
    return linear(value * (1 - saturation * Math.max(0, Math.min(k, 4 - k, 1))));
  };
  return [channel(5), channel(3), channel(1)];
}

const linear = (x: number) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4;
