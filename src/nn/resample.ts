/** Images in other sizes: [batch, height, width, channels]. */
import { ShapeError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  declareOptions,
  oneOf,
  pairOf,
  requireArgument,
  size as sizeKind,
} from "../options/index.ts";
import { requireImages } from "./checks.ts";

function sizesOf(name: string, x: Tensor): [number, number, number, number] {
  requireImages(`nn.${name}: the input is`, x, ["batch", "height", "width", "channels"]);
  return [...x.shape] as [number, number, number, number]; // four axes: see above
}

/**
 * Channels become pixels (Shi et al., 2016): [batch, h, w, c r²] → [batch, h r, w r, c], with the channels
 * in PyTorch's order: channel `c r² + i r + j` becomes row `i` and column `j` of the square.
 *
 * @throws ShapeError unless r² divides the channels.
 */
export function pixelShuffle(x: Tensor, factor: number): Tensor {
  const [batch, height, width, channels] = sizesOf("pixelShuffle", x);
  requireArgument("nn.pixelShuffle", "factor", sizeKind, factor, ["x"]);
  const out = channels / factor ** 2;
  if (!Number.isInteger(out)) {
    throw new ShapeError(
      `nn.pixelShuffle: ${channels} channels cannot be split into squares of ${factor}×${factor}`,
      "give a number of channels that is a multiple of the square of the factor",
    );
  }
  const split = np.reshape(x, [batch, height, width, out, factor, factor]);
  const moved = np.transpose(split, [0, 1, 4, 2, 5, 3]);
  return np.reshape(moved, [batch, height * factor, width * factor, out]);
}

/** The interpolation of {@link resize} between pixels. */
export interface ResizeOptions {
  /** `"bilinear"` unless given. */
  readonly method?: "bilinear" | "nearest";
}

const checkResize = declareOptions<ResizeOptions>("nn.resize", ["x", "[height, width]"], {
  method: oneOf("bilinear", "nearest"),
});

/**
 * An image in another size, as PyTorch's `interpolate` (with `align_corners=False`): pixels are areas,
 * and nothing is smoothed when the image shrinks.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * const x = np.array([0, 1]).reshape([1, 1, 2, 1]);
 * const y = nn.resize(x, [1, 4]);
 * console.assert(String(await y.data()) === "0,0.25,0.75,1");
 * ```
 *
 * @throws ShapeError unless it is given [batch, height, width, channels]; ArgumentError for an unknown method.
 */
export function resize(
  x: Tensor,
  size: readonly [height: number, width: number],
  options: ResizeOptions = {},
): Tensor {
  requireArgument("nn.resize", "size", pairOf(sizeKind), size, ["x"]);
  checkResize(options);
  const { method = "bilinear" } = options;
  const [height, width] = size;
  const [, fromHeight, fromWidth] = sizesOf("resize", x);
  const along = method === "nearest" ? nearest : bilinear;
  const rows = fromHeight === height ? x : along(x, 1, height);
  return fromWidth === width ? rows : along(rows, 2, width);
}

function nearest(x: Tensor, axis: 1 | 2, to: number): Tensor {
  const from = x.shape[axis]!;
  // Whole factors are repetitions, whose derivative is a sum: a gather's is a slow scatter.
  if (to % from === 0) return np.repeat(x, to / from, { axis });
  const index = Int32Array.from({ length: to }, (_, i) => Math.floor(i * from / to));
  return np.take(x, np.array(index), { axis, mode: "clip" });
}

/** Every new line is a mean of two old ones: a product with a matrix of two entries a row. */
function bilinear(x: Tensor, axis: 1 | 2, to: number): Tensor {
  const from = x.shape[axis]!;
  const weights = new Float64Array(to * from);
  for (let i = 0; i < to; i++) {
    const at = Math.max(0, (i + 0.5) * from / to - 0.5);
    const low = Math.min(Math.floor(at), from - 1);
    const high = Math.min(low + 1, from - 1);
    weights[i * from + low]! += 1 - (at - low);
    weights[i * from + high]! += at - low;
  }
  const matrix = np.array(weights, { shape: [to, from], dtype: x.dtype });
  return np.einsum(axis === 1 ? "ih,bhwc->biwc" : "iw,bhwc->bhic", matrix, x);
}
