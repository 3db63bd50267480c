/**
 * The picture of a stage. A pixel is the mean of many rays where the picture bends, at edges of solids, shadows and
 * reflections; of one ray elsewhere (adaptive sampling, as Whitted, 1980, has it); and of its neighbours where these are
 * alike.
 */

import { aim, type Camera, makeRay, type View } from "./camera.ts";
import { ALL_POINTS } from "./lamp.ts";
import type { Light } from "./shade.ts";
import type { Stage } from "./stage.ts";
import { makeTracer } from "./trace.ts";

/** A pixel that differs by more from the mean of its neighbours takes many rays; in steps of 255. */
const BEND = 8;
/** A pixel whose neighbours differ by more from one another takes a ray; in steps of 255. */
const ALIKE = 8;

/**
 * RGB, `[height, width, 3]`.
 *
 * @param masks which body is seen at each pixel's centre: where neighbours differ there is an edge.
 * @param supersample points per pixel along each axis where they are needed; with 1, every pixel is one ray.
 */
export function paint(
  stage: Stage,
  camera: Camera,
  view: View,
  masks: Uint8Array,
  supersample: number,
): Uint8Array {
  const { height, width, top, left, stepX, stepY } = view;
  const { trace } = makeTracer(stage);
  const ray = makeRay();
  const light: Light = new Float64Array(3);
  const values = new Float32Array(height * width * 3);
  /** Adds a share of what is seen at a point of the picture to a pixel. */
  const look = (pixel: number, column: number, row: number, phase: number, share: number) => {
    aim(ray, camera, left + column * stepX, top + row * stepY);
    trace(light, ray, phase);
    addEncoded(values, 3 * pixel, light, share);
  };
  const lookOnce = (column: number, row: number) =>
    look(row * width + column, column + 0.5, row + 0.5, ALL_POINTS, 1);
  const lookOften = (column: number, row: number) => {
    const pixel = row * width + column;
    values.fill(0, 3 * pixel, 3 * pixel + 3);
    for (let n = 0; n < supersample ** 2; n++) {
      const i = n % supersample;
      const j = (n - i) / supersample;
      const x = column + (i + 0.5) / supersample;
      const y = row + (j + 0.5) / supersample;
      look(pixel, x, y, i % 2 + 2 * (j % 2), 1 / supersample ** 2);
    }
  };
  const each = (visit: (column: number, row: number, pixel: number) => void) => {
    for (let row = 0, pixel = 0; row < height; row++) {
      for (let column = 0; column < width; column++, pixel++) visit(column, row, pixel);
    }
  };
  if (supersample === 1) each(lookOnce);
  else {
    const inside = (column: number, row: number) =>
      column > 0 && row > 0 && column < width - 1 && row < height - 1;
    // Every other pixel of every other row, edges of solids, and the rim; then whatever lies between unlike ones.
    const edges = new Uint8Array(masks.length);
    each((column, row, pixel) => {
      if (inside(column, row) && isEdge(masks, pixel, width)) edges[pixel] = 1;
      if (edges[pixel]) lookOften(column, row);
      else if (!inside(column, row) || row % 2 + column % 2 === 0) lookOnce(column, row);
    });
    each((column, row, pixel) => {
      if (!inside(column, row) || row % 2 + column % 2 === 0 || edges[pixel]) return;
      // Pixels that are already traced lie to its left and right, above and below it, or at its corners.
      const a = row % 2 === 0 ? 1 : column % 2 === 0 ? width : width + 1;
      const b = row % 2 === 0 ? 1 : column % 2 === 0 ? width : width - 1;
      if (alike(values, pixel, a) && alike(values, pixel, b)) average(values, pixel, a, b);
      else lookOnce(column, row);
    });
    const bent = new Uint8Array(masks.length);
    each((column, row, pixel) => {
      if (!inside(column, row) || edges[pixel]) return;
      if (bends(values, pixel, 1) || bends(values, pixel, width)) bent[pixel] = 1;
    });
    each((column, row, pixel) => {
      if (bent[pixel]) lookOften(column, row);
    });
  }
  const image = new Uint8Array(values.length);
  for (let i = 0; i < image.length; i++) image[i] = Math.round(values[i]!);
  return image;
}

/** True if a pixel is not of the same body as those beside, above and below it. */
function isEdge(masks: Uint8Array, pixel: number, width: number): boolean {
  const label = masks[pixel];
  return label !== masks[pixel - 1] || label !== masks[pixel + 1] ||
    label !== masks[pixel - width] || label !== masks[pixel + width];
}

/** True if the pixels `step` before and after one are nearly of one colour. */
function alike(values: Float32Array, pixel: number, step: number): boolean {
  for (let c = 0; c < 3; c++) {
    const difference = values[3 * (pixel - step) + c]! - values[3 * (pixel + step) + c]!;
    if (Math.abs(difference) > ALIKE) return false;
  }
  return true;
}

/** Gives a pixel the mean of those `a` and `b` before and after it. */
function average(values: Float32Array, pixel: number, a: number, b: number): void {
  for (let c = 0, at = 3 * pixel; c < 3; c++, at++) {
    const sum = values[at - 3 * a]! + values[at + 3 * a]! + values[at - 3 * b]! +
      values[at + 3 * b]!;
    values[at] = sum / 4;
  }
}

/** True if a pixel and those `step` before and after it lie on no straight line. */
function bends(values: Float32Array, pixel: number, step: number): boolean {
  for (let c = 0; c < 3; c++) {
    const mean = (values[3 * (pixel - step) + c]! + values[3 * (pixel + step) + c]!) / 2;
    if (Math.abs(values[3 * pixel + c]! - mean) > BEND) return true;
  }
  return false;
}

/** 255 times the sRGB curve at equal steps of linear light. */
const CURVE = Float64Array.from({ length: 4097 }, (_, i) => {
  const x = i / 4096;
  return 255 * (x <= 0.0031308 ? 12.92 * x : 1.055 * x ** (1 / 2.4) - 0.055);
});

/**
 * Adds a share of linear light, by the sRGB curve, to 0 … 255. Averaging afterwards keeps highlights from eating
 * edges.
 */
function addEncoded(values: Float32Array, at: number, light: Light, share: number): void {
  for (let c = 0; c < 3; c++) {
    const x = Math.min(light[c]!, 1) * 4096;
    const i = Math.min(Math.floor(x), 4095);
    values[at + c]! += share * (CURVE[i]! + (x - i) * (CURVE[i + 1]! - CURVE[i]!));
  }
}
