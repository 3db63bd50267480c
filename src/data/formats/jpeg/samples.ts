/**
 * Coefficients of a JPEG to samples: dequantization, inverse cosine transform, interpolation, colours.
 *
 * Each step has the integer arithmetic of libjpeg's defaults (the accurate "islow" transform, "fancy"
 * upsampling, 16-bit fixed-point colours), so that pixels agree with those of Pillow, OpenCV and PyTorch's
 * loaders to the last bit, on every machine.
 */

import type { Component } from "./scan.ts";

/** Samples 0 … 255 of one component. */
export interface Plane {
  readonly data: Uint8Array;
  readonly width: number;
  readonly height: number;
  /** From one row to the next. */
  readonly stride: number;
}

const clamp = (x: number) => x < 0 ? 0 : x > 255 ? 255 : x;

/**
 * The samples of a component. The transform is that of Loeffler, Ligtenberg and Moschytz (1989) with 11
 * multiplications, in fixed point with 13 bits, and 2 more bits between columns and rows.
 */
export function inverseTransform(component: Component): Plane {
  const { columns, rows, coefficients, width, height } = component;
  const steps = component.steps!; // latched by its first scan
  const stride = 8 * columns;
  const data = new Uint8Array(stride * 8 * rows);
  const work = new Int32Array(64);
  for (let row = 0, from = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++, from += 64) {
      const to = row * 8 * stride + column * 8;
      let flat = true;
      for (let i = 0; i < 64; i++) {
        const value = coefficients[from + i]!;
        work[i] = value * steps[i]!;
        if (i > 0 && value !== 0) flat = false;
      }
      if (flat) { // what both passes come to when all but the mean is zero
        const value = clamp(((work[0]! + 4) >> 3) + 128);
        for (let y = 0; y < 8; y++) data.fill(value, to + y * stride, to + y * stride + 8);
        continue;
      }
      for (let x = 0; x < 8; x++) transform8(work, x, 8, 11);
      for (let y = 0; y < 8; y++) {
        transform8(work, 8 * y, 1, 18);
        for (let x = 0; x < 8; x++) data[to + y * stride + x] = clamp(work[8 * y + x]! + 128);
      }
    }
  }
  return { data, width, height, stride };
}

// One line of eight, in place; the result is divided by 2^bits and rounded. Constants are times 2¹³.
function transform8(a: Int32Array, at: number, by: number, bits: number): void {
  const [i1, i2, i3, i4] = [at + by, at + 2 * by, at + 3 * by, at + 4 * by];
  const [i5, i6, i7] = [at + 5 * by, at + 6 * by, at + 7 * by];
  const even = (a[i2]! + a[i6]!) * 4433; // .541196100
  const e2 = even - a[i6]! * 15137; // 1.847759065
  const e3 = even + a[i2]! * 6270; // .765366865
  const half = 1 << (bits - 1);
  const e0 = (a[at]! + a[i4]!) * 8192 + half;
  const e1 = (a[at]! - a[i4]!) * 8192 + half;
  const [t10, t13, t11, t12] = [e0 + e3, e0 - e3, e1 + e2, e1 - e2];

  const [o0, o1, o2, o3] = [a[i7]!, a[i5]!, a[i3]!, a[i1]!];
  const z5 = (o0 + o2 + o1 + o3) * 9633; // 1.175875602
  const z1 = (o0 + o3) * -7373; // .899976223
  const z2 = (o1 + o2) * -20995; // 2.562915447
  const z3 = (o0 + o2) * -16069 + z5; // 1.961570560
  const z4 = (o1 + o3) * -3196 + z5; // .390180644
  const t0 = o0 * 2446 + z1 + z3; // .298631336
  const t1 = o1 * 16819 + z2 + z4; // 2.053119869
  const t2 = o2 * 25172 + z2 + z3; // 3.072711026
  const t3 = o3 * 12299 + z1 + z4; // 1.501321110

  a[at] = (t10 + t3) >> bits;
  a[i7] = (t10 - t3) >> bits;
  a[i1] = (t11 + t2) >> bits;
  a[i6] = (t11 - t2) >> bits;
  a[i2] = (t12 + t1) >> bits;
  a[i5] = (t12 - t1) >> bits;
  a[i3] = (t13 + t0) >> bits;
  a[i4] = (t13 - t0) >> bits;
}

/**
 * A plane at `h` × `v` times its size, cut to `[height, width]`. Doubling interpolates with weights 3/4 and
 * 1/4 (triangle filter), in either direction or both; larger factors, and planes of one or two columns that are
 * doubled in width, repeat samples, as in libjpeg.
 */
export function upsample(
  plane: Plane,
  h: number,
  v: number,
  [height, width]: readonly [number, number],
): Uint8Array {
  const out = new Uint8Array(height * width);
  const smooth = h <= 2 && v <= 2 && h * v > 1 && (h === 1 || plane.width > 2);
  if (!smooth) {
    for (let y = 0, to = 0; y < height; y++) {
      const row = Math.floor(y / v) * plane.stride;
      for (let x = 0; x < width; x++) out[to++] = plane.data[row + Math.floor(x / h)]!;
    }
    return out;
  }
  const { data, stride, width: columns } = plane;
  const line = new Int32Array(columns); // vertically weighted sums, times 4 where v is 2
  for (let y = 0; y < height; y++) {
    const row = Math.floor(y / v);
    const near = row * stride;
    if (v === 1) { for (let x = 0; x < columns; x++) line[x] = data[near + x]!; }
    else {
      const other = y % 2 === 0 ? Math.max(0, row - 1) : Math.min(plane.height - 1, row + 1);
      for (let x = 0; x < columns; x++) line[x] = 3 * data[near + x]! + data[other * stride + x]!;
    }
    const start = y * width;
    if (h === 1) {
      const bias = y % 2 === 0 ? 1 : 2;
      for (let x = 0; x < width; x++) out[start + x] = (line[x]! + bias) >> 2;
      continue;
    }
    // Rounding alternates, so that halves do not drift in one direction.
    const [shift, left, right] = v === 1 ? [2, 1, 2] : [4, 8, 7];
    for (let x = 0; x < width; x++) {
      const column = x >> 1;
      const side = x % 2 === 0 ? column - 1 : column + 1;
      const other = side < 0 || side >= columns ? column : side;
      out[start + x] = (3 * line[column]! + line[other]! + (x % 2 === 0 ? left : right)) >> shift;
    }
  }
  return out;
}

/** The meaning of the components of a JPEG. */
export type ColourSpace = "grey" | "rgb" | "ycc" | "cmyk" | "ycck";

/** Planes of equal size to pixels, one channel for grey and three for colours. */
export function toPixels(planes: readonly Uint8Array[], space: ColourSpace): Uint8Array {
  if (space === "grey") return planes[0]!;
  const [first, second, third, fourth] = planes as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  const out = new Uint8Array(3 * first.length);
  for (let i = 0, to = 0; i < first.length; i++, to += 3) {
    let [r, g, b] = [first[i]!, second[i]!, third[i]!];
    if (space === "ycc" || space === "ycck") { // JFIF 1.02: full range, times 2¹⁶
      const [y, blue, red] = [r, g - 128, b - 128];
      r = clamp(y + ((91881 * red + 32768) >> 16)); // 1.402
      g = clamp(y + ((-22554 * blue - 46802 * red + 32768) >> 16)); // .34414, .71414
      b = clamp(y + ((116130 * blue + 32768) >> 16)); // 1.772
    }
    if (space === "cmyk" || space === "ycck") {
      // Adobe writes inks inverted, which others follow: 255 is no ink. In YCCK, the colours are those of CMY.
      const key = fourth[i]!;
      const ink = (x: number) => {
        const product = (space === "ycck" ? x : 255 - x) * key + 128;
        return key - ((product + (product >> 8)) >> 8);
      };
      [r, g, b] = [ink(r), ink(g), ink(b)];
    }
    out[to] = r;
    out[to + 1] = g;
    out[to + 2] = b;
  }
  return out;
}
