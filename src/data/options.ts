/** Declares the options of readers and generators, as everywhere in the library but with an error class of data. */
import {
  boolean,
  type Check,
  count,
  declareOptions,
  either,
  type Kind,
  kind,
  listOf,
  nested,
  oneOf,
  pairOf,
  positive,
  size,
  type Spec,
} from "../options/index.ts";
import { OptionError } from "./errors.ts";
import { defaultLimits, type Limits } from "./limits.ts";

/** The check of a function's options, which throws an OptionError. */
export function dataOptions<O extends object>(
  name: string,
  operands: readonly string[],
  spec: Spec<NoInfer<O>>,
): Check<O> {
  return declareOptions<O>(name, operands, spec, (what, hint) => new OptionError(what, { hint }));
}

/** Some limits, by their names. */
export const limitsKind: Kind<Partial<Limits>> = kind(
  `an object of numbers named ${Object.keys(defaultLimits).join(", ")}`,
  `{ ${Object.keys(defaultLimits)[0]} : 1e9 }`,
  (value) =>
    nested().accepts(value) &&
    Object.entries(Object(value)).every(([name, limit]) =>
      Object.hasOwn(defaultLimits, name) && (limit === undefined || positive.accepts(limit))
    ),
);

/** A part of a picture, in pixels. */
export interface Box {
  /** The first row. */
  readonly top: number;
  /** The first column. */
  readonly left: number;
  /** The number of rows. */
  readonly height: number;
  /** The number of columns. */
  readonly width: number;
}

const box: Kind<Box> = kind(
  "a box { top, left, height, width }",
  "{ top: 0, left: 0, height: 64, width: 64 }",
  (value) =>
    nested().accepts(value) &&
    ["top", "left", "height", "width"].every((side) => Number.isInteger(Object(value)[side])),
);
/** A part of a picture. */
export const boxKind = box;

/** The options of preparing pictures without a choice of channels. */
export const geometryKinds = {
  size: pairOf(size),
  crop: either(oneOf("square", "clevr"), box),
  antialias: boolean,
} as const;

/** The options of preparing pictures. */
export const prepareKinds = { ...geometryKinds, channels: oneOf(1, 3, "file") } as const;

/** The options of reading one image file. */
export const readKinds = { ...prepareKinds, rotate: boolean, limits: limitsKind } as const;
/** The options of readers of image files, which have threads. */
export const imageKinds = { ...readKinds, workers: count } as const;

/** A list of names of fields. */
export const names = listOf(
  kind<string>("the name of a field", '"image"', (value) => typeof value === "string"),
);
