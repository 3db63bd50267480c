/** Batch normalization, with its running statistics as an explicit state. */
import { ArgumentError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import {
  boolean,
  declareOptions,
  fraction,
  nonNegative,
  required,
  size as sizeKind,
} from "../options/index.ts";
import { requireInput, requireParams } from "./checks.ts";
import { initial, type NormOptions, type NormParams, scaled, standardize } from "./norm.ts";

/** The running statistics of {@link batchNorm}, one number for each channel. */
export type BatchStats = {
  /** Zeros at first. */
  readonly mean: Tensor;
  /** Ones at first. */
  readonly variance: Tensor;
};

/** Options of {@link batchNorm}. */
export interface BatchNormOptions extends NormOptions {
  /** The size of the last axis. */
  readonly channels: number;
  /** The weight of a new batch in the running statistics; 0.1 as in PyTorch. Flax's momentum is 1 minus it. */
  readonly momentum?: number;
}

/** A layer whose statistics are carried from call to call. */
export interface BatchNorm {
  /** The scale and the offset. */
  init(key: Tensor): NormParams;
  /** The running statistics before the first batch. */
  initStats(): BatchStats;
  /** The normalized input, and the next statistics: with `training` those of the batch come in. */
  apply(
    params: NormParams,
    stats: BatchStats,
    x: Tensor,
    options: { readonly training: boolean },
  ): [y: Tensor, stats: BatchStats];
}

const checkOptions = declareOptions<BatchNormOptions>("nn.batchNorm", [], {
  channels: required(sizeKind),
  momentum: fraction,
  eps: nonNegative,
  affine: boolean,
});
const checkApply = declareOptions<{ readonly training: boolean }>(
  "nn.batchNorm.apply",
  ["params", "stats", "x"],
  { training: required(boolean) },
);

/**
 * Batch normalization (Ioffe & Szegedy, 2015) of [batch, …space, channels], as PyTorch's: in training by mean
 * and variance over all axes but the last, which also come into the running statistics
 * (`r ← (1 - momentum) r + momentum · batch`, with the unbiased variance); in evaluation by the running ones.
 * Nothing is kept inside the layer: statistics go in and come out, so that it runs under `jit` and `grad`.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const norm = nn.batchNorm({ channels: 2 });
 * const params = norm.init(random.key(0));
 * const x = random.normal(random.key(1), [8, 2]);
 * const [y, stats] = norm.apply(params, norm.initStats(), x, { training: true });
 * console.assert(Math.abs(await np.mean(y).item()) < 1e-6);
 * const [z] = norm.apply(params, stats, x, { training: false });
 * console.assert(z.shape.join() === "8,2");
 * ```
 *
 * @throws ShapeError when the input has other channels; ArgumentError for a training batch of one element per
 * channel, which has no variance; TreeError for parameters or statistics without their fields.
 */
export function batchNorm(options: BatchNormOptions): BatchNorm {
  checkOptions(options);
  const { channels, momentum = 0.1, eps = 1e-5, affine = true } = options;
  return {
    init: () => initial([channels], affine),
    initStats: () => ({ mean: np.zeros([channels]), variance: np.ones([channels]) }),
    apply(params, stats, x, given) {
      checkApply(given);
      requireParams("nn.batchNorm", params, ["weight", "bias"]);
      requireParams("nn.batchNorm: of the statistics", stats, ["mean", "variance"]);
      requireInput("nn.batchNorm: the input is", x, ["batch", "…", channels]);
      if (!given.training) {
        return [scaled(standardize(x, { ...stats, epsilon: eps }), params), stats];
      }
      const count = x.size / channels;
      if (count < 2) {
        throw new ArgumentError(
          `nn.batchNorm: a batch with ${count} element for each channel has no variance`,
          "train with larger batches, or normalize by nn.layerNorm or nn.groupNorm",
        );
      }
      const axis = x.shape.map((_, i) => i).slice(0, -1);
      const mean = np.mean(x, { axis });
      const variance = np.mean(np.square(x.sub(mean)), { axis });
      const moved = (running: Tensor, batch: Tensor) =>
        running.mul(1 - momentum).add(batch.mul(momentum));
      return [scaled(standardize(x, { mean, variance, epsilon: eps }), params), {
        mean: moved(stats.mean, mean),
        variance: moved(stats.variance, variance.mul(count / (count - 1))),
      }];
    },
  };
}
