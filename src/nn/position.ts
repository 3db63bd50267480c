/** Embeddings of positions, added to the features at each position. */
import { ShapeError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  declareOptions,
  finite,
  oneOf,
  pairOf,
  required,
  size as sizeKind,
} from "../options/index.ts";
import { requireInput, requireParams } from "./checks.ts";
import type { EmbeddingParams } from "./embedding.ts";
import { initializerKind, initKinds } from "./kinds.ts";
import { type Initializer, normal } from "./initializers.ts";
import type { Layer } from "./layer.ts";
import { affine, affineParams, type InitOptions, type LinearParams } from "./linear.ts";

/** Options of {@link learnedPosition}. */
export interface LearnedPositionOptions {
  /** The number of positions. */
  readonly length: number;
  /** The size of a vector. */
  readonly size: number;
  /** Normal with deviation 0.02 unless given. */
  readonly weightInit?: Initializer;
}

const checkLearned = declareOptions<LearnedPositionOptions>("nn.learnedPosition", [], {
  length: required(sizeKind),
  size: required(sizeKind),
  weightInit: initializerKind,
});

/**
 * A learned vector for each position of a sequence, added: […, n, size], n ≤ length.
 *
 * @throws ShapeError for vectors of another size, and sequences that are too long.
 */
export function learnedPosition(options: LearnedPositionOptions): Layer<EmbeddingParams> {
  checkLearned(options);
  const { length, size, weightInit = normal(0.02) } = options;
  return {
    init: (key) => ({ weight: weightInit(key, [length, size]) }),
    apply(params, x) {
      requireParams("nn.learnedPosition", params, ["weight"]);
      requireInput("nn.learnedPosition: the input is", x, ["…", "n", size]);
      const n = x.shape.at(-2)!;
      if (n > length) {
        throw new ShapeError(
          `nn.learnedPosition: a sequence of ${n} is longer than the ${length} positions`,
          "give a greater length",
        );
      }
      return x.add(np.slice(params.weight, [0, n]));
    },
  };
}

/** The least and the greatest coordinate of a grid: those of its first and last row and column. */
export type Coordinates = readonly [least: number, greatest: number];

/**
 * The coordinates of a grid from four sides, [height, width, 4]: y and x, from the least to the greatest, and
 * both the other way round; [y, x, 1 - y, 1 - x] from 0 to 1 unless given. From two sides, [height, width, 2]: y and x.
 */
export function softGrid(
  height: number,
  width: number,
  [least, greatest]: Coordinates = [0, 1],
  sides: 2 | 4 = 4,
): Tensor {
  const along = (n: number) => np.linspace(least, greatest, n);
  const [y, x] = np.meshgrid([along(height), along(width)], {
    indexing: "ij",
  }) as [Tensor, Tensor]; // two vectors, two grids
  const grid = np.stack([y, x], { axis: -1 });
  if (sides === 2) return grid;
  return np.concatenate([grid, np.subtract(least + greatest, grid)], { axis: -1 });
}

/** Options of {@link softPosition}. */
export interface SoftPositionOptions extends InitOptions {
  /** The channels of the input. */
  readonly size: number;
  /** The least and the greatest coordinate; 0 and 1 unless given. */
  readonly coordinates?: Coordinates;
  /** The sides from which places are counted: 4 (the default), or 2, as SAVi. */
  readonly sides?: 2 | 4;
}

const checkSoft = declareOptions<SoftPositionOptions>("nn.softPosition", [], {
  size: required(sizeKind),
  coordinates: pairOf(finite),
  sides: oneOf(2, 4),
  ...initKinds,
});

/**
 * Slot attention's position embedding (Locatello et al., 2020): a linear map of {@link softGrid}, added
 * to […, height, width, size].
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const layer = nn.softPosition({ size: 16 });
 * const y = layer.apply(layer.init(random.key(0)), np.zeros([1, 8, 8, 16]));
 * console.assert(y.shape.join() === "1,8,8,16");
 * ```
 *
 * @throws ShapeError for vectors of another size; TreeError for parameters without weight and bias.
 */
export function softPosition(options: SoftPositionOptions): Layer<LinearParams> {
  checkSoft(options);
  const { size, coordinates, sides = 4 } = options;
  return {
    init: (key) => affineParams(key, [size, sides], options),
    apply(params, x) {
      requireParams("nn.softPosition", params, ["weight", "bias"]);
      requireInput("nn.softPosition: the input is", x, ["…", "height", "width", size]);
      const [height, width] = x.shape.slice(-3) as [number, number];
      const grid = softGrid(height, width, coordinates, sides);
      return x.add(affine(params, np.astype(grid, x.dtype), "nn.softPosition", "the grid"));
    },
  };
}

/**
 * Sines and cosines of falling frequencies (Vaswani et al., 2017), [length, size]:
 * `sin(n / 10000^(2i/size))` and the cosine, in turns.
 */
export function sinusoidalPosition(length: number, size: number): Tensor {
  const data = new Float64Array(length * size);
  for (let n = 0; n < length; n++) {
    for (let c = 0; c < size; c++) {
      const angle = n / 10000 ** (2 * Math.floor(c / 2) / size);
      data[n * size + c] = c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return np.array(data, { shape: [length, size] });
}
