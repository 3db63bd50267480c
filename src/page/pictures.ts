/// <reference lib="dom" />
/** Arrays as pictures on canvases. */
import { resolution, slotCount } from "./protocol.ts";

/** The colours of slots: four of Okabe and Ito's, which colour-blind people tell apart. */
export const slotColours = ["#e69f00", "#56b4e9", "#009e73", "#cc79a7"] as const;

type Rgb = readonly [red: number, green: number, blue: number];

const rgbOf = (hex: string): Rgb => {
  const n = Number.parseInt(hex.slice(1), 16);
  return [n >> 16 & 255, n >> 8 & 255, n & 255];
};
const slotRgb = slotColours.map(rgbOf);

/** The context of a canvas, which is small and read again and again. */
export function contextOf(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  return canvas.getContext("2d", { willReadFrequently: true })!; // no canvas has another one
}

/** Draws what `at` says of each pixel, in 0 … 255. */
function fill(canvas: HTMLCanvasElement, size: number, at: (pixel: number) => Rgb): void {
  if (canvas.width !== size) canvas.width = canvas.height = size;
  const context = contextOf(canvas);
  const image = context.createImageData(size, size);
  for (let i = 0; i < size * size; i++) image.data.set([...at(i), 255], 4 * i);
  context.putImageData(image, 0, 0);
}

/** Draws an image of a list, [n, height, width, 3], from 0 to 1. */
export function drawImage(canvas: HTMLCanvasElement, images: Float32Array, n = 0): void {
  const start = n * 3 * resolution ** 2;
  const level = (i: number) => 255 * images[start + i]!;
  fill(canvas, resolution, (i) => [level(3 * i), level(3 * i + 1), level(3 * i + 2)]);
}

/** The image on a canvas, [height, width, 3], from 0 to 1. */
export function readImage(canvas: HTMLCanvasElement): Float32Array {
  const { data } = contextOf(canvas).getImageData(0, 0, resolution, resolution);
  return Float32Array.from(
    { length: 3 * resolution ** 2 },
    (_, i) => data[4 * Math.floor(i / 3) + i % 3]! / 255,
  );
}

/** Colours each pixel by the slots that share in it, from masks [slots, height, width]. */
export function drawObjects(canvas: HTMLCanvasElement, masks: Float32Array): void {
  const area = resolution ** 2;
  fill(canvas, resolution, (i) => mix((slot) => masks[slot * area + i]!));
}

function mix(share: (slot: number) => number): Rgb {
  const sum: [number, number, number] = [0, 0, 0];
  for (const [slot, colour] of slotRgb.entries()) {
    colour.forEach((c, k) => sum[k]! += share(slot) * c);
  }
  return sum;
}

/** Draws the part of an image that a slot explains: its picture where its mask is, and grey elsewhere. */
export function drawPart(
  canvas: HTMLCanvasElement,
  images: Float32Array,
  masks: Float32Array,
  slot: number,
): void {
  const area = resolution ** 2;
  const level = (i: number, channel: number) => {
    const share = masks[slot * area + i]!;
    return share * 255 * images[3 * (slot * area + i) + channel]! + (1 - share) * 127;
  };
  fill(canvas, resolution, (i) => [level(i, 0), level(i, 1), level(i, 2)]);
}

/** Draws where a slot looks, in its colour, from attention [steps, places, slots]. */
export function drawAttention(
  canvas: HTMLCanvasElement,
  attention: Float32Array,
  steps: number,
  step: number,
  slot: number,
): void {
  const places = attention.length / (steps * slotCount);
  const colour = slotRgb[slot]!;
  fill(canvas, Math.sqrt(places), (i) => {
    const share = attention[(step * places + i) * slotCount + slot]!;
    return [share * colour[0], share * colour[1], share * colour[2]];
  });
}
