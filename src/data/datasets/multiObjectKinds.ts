/**
 * The contents of the multi-object datasets: the types of their samples, and the features of their records.
 */

import type { NdArray } from "../ndarray.ts";

/** Objects Room: 64×64, 4 background entities first. */
export type ObjectsRoomSample = {
  /** `[64, 64, 3]` */
  readonly image: NdArray<Uint8Array>;
  /** `[entities, 64, 64, 1]` */
  readonly mask: NdArray<Uint8Array>;
};

/** Tetrominoes: 35×35, 3 objects. Mind that `x` counts rows and `y` columns. */
export type TetrominoesSample = {
  /** `[35, 35, 3]` */
  readonly image: NdArray<Uint8Array>;
  /** `[4, 35, 35, 1]` */
  readonly mask: NdArray<Uint8Array>;
  /** Position in pixels, `[4]`: the row. */
  readonly x: NdArray<Float32Array>;
  /** Position in pixels, `[4]`: the column. */
  readonly y: NdArray<Float32Array>;
  /** The index of the tetromino and its rotation, `[4]`. */
  readonly shape: NdArray<Float32Array>;
  /** RGB in [0, 1], `[4, 3]`. */
  readonly color: NdArray<Float32Array>;
  /** 1 for entities that exist, `[4]`. */
  readonly visibility: NdArray<Float32Array>;
};

/** Multi-dSprites: 64×64; grey when binarized. */
export type MultiDspritesSample = TetrominoesSample & {
  /** Radians, `[entities]`. */
  readonly orientation: NdArray<Float32Array>;
  /** `[entities]` */
  readonly scale: NdArray<Float32Array>;
};

/** CLEVR with masks: 240×320, up to 10 objects; attributes are codes, 0 where there is no object. */
export type ClevrWithMasksSample = {
  /** `[240, 320, 3]` */
  readonly image: NdArray<Uint8Array>;
  /** `[11, 240, 320, 1]` */
  readonly mask: NdArray<Uint8Array>;
  /** World coordinate, `[11]`. */
  readonly x: NdArray<Float32Array>;
  /** World coordinate, `[11]`. */
  readonly y: NdArray<Float32Array>;
  /** World coordinate, upwards, `[11]`. */
  readonly z: NdArray<Float32Array>;
  /** Column, row and depth, `[11, 3]`. */
  readonly pixelCoords: NdArray<Float32Array>;
  /** Degrees, `[11]`. */
  readonly rotation: NdArray<Float32Array>;
  /** Code, `[11]`. */
  readonly size: NdArray<Uint8Array>;
  /** Code, `[11]`. */
  readonly material: NdArray<Uint8Array>;
  /** Code, `[11]`. */
  readonly shape: NdArray<Uint8Array>;
  /** Code, `[11]`. */
  readonly color: NdArray<Uint8Array>;
  /** 1 for entities that exist, `[11]`. */
  readonly visibility: NdArray<Float32Array>;
};

/** Any of them. */
export type MultiObjectSample = { readonly [name: string]: NdArray };
/** A length that is fixed, or that the first record of a file decides. */
type Length = number | "entities" | "channels";

/** A feature of a record. */
export interface FeatureSpec {
  readonly kind: "bytes" | "float";
  readonly shape: readonly Length[];
  /** The feature's name in the file, where it differs. */
  readonly from?: string;
}

/** A dataset. */
export interface Kind {
  readonly name: string;
  readonly features: { readonly [field: string]: FeatureSpec };
  readonly backgrounds: number;
  /** True if further features mean that the file is another dataset. */
  readonly exact?: boolean;
}

const image = (height: number, width: number, channels: Length = 3): FeatureSpec => ({
  kind: "bytes",
  shape: [height, width, channels],
});
const mask = (height: number, width: number): FeatureSpec => ({
  kind: "bytes",
  shape: ["entities", height, width, 1],
});
const factor: FeatureSpec = { kind: "float", shape: ["entities"] };
const attribute: FeatureSpec = { kind: "bytes", shape: ["entities"] };

export const objectsRoom: Kind = {
  name: "Objects Room",
  features: { image: image(64, 64), mask: mask(64, 64) },
  backgrounds: 4,
  exact: true,
};
export const tetrominoes: Kind = {
  name: "Tetrominoes",
  features: {
    image: image(35, 35),
    mask: mask(35, 35),
    x: factor,
    y: factor,
    shape: factor,
    color: { kind: "float", shape: ["entities", 3] },
    visibility: factor,
  },
  backgrounds: 1,
};
export const multiDsprites: Kind = {
  name: "Multi-dSprites",
  features: {
    image: image(64, 64, "channels"),
    mask: { kind: "bytes", shape: [64, 64, "entities", 1] }, // transposed below
    x: factor,
    y: factor,
    shape: factor,
    color: { kind: "float", shape: ["entities", "channels"] },
    visibility: factor,
    orientation: factor,
    scale: factor,
  },
  backgrounds: 1,
};
export const clevrWithMasks: Kind = {
  name: "CLEVR with masks",
  features: {
    image: image(240, 320),
    mask: mask(240, 320),
    x: factor,
    y: factor,
    z: factor,
    pixelCoords: { kind: "float", shape: ["entities", 3], from: "pixel_coords" },
    rotation: factor,
    size: attribute,
    material: attribute,
    shape: attribute,
    color: attribute,
    visibility: factor,
  },
  backgrounds: 1,
};
