/** Features of images that need no training: a fixed random network, for the Fréchet distance where Inception is not there. */
import type { Tensor } from "../public.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import { count, declareOptions, requireShape, size } from "../options/index.ts";
import * as random from "../random/index.ts";
import { jit } from "../transforms/index.ts";

/** Options of {@link randomFeatures}. */
export interface RandomFeaturesOptions {
  /** Decides the network; 0. */
  readonly seed?: number;
  /** The channels of the last layer, whose mean and deviation over the image are features; 32. */
  readonly channels?: number;
  /** The channels of images; 3. */
  readonly imageChannels?: number;
}

const checkOptions = declareOptions<RandomFeaturesOptions>("randomFeatures", [], {
  seed: count,
  channels: size,
  imageChannels: size,
});

/**
 * A function from images, [batch, height, width, channels], to features, [batch, 2 · channels]: three 3×3 convolutions of
 * stride 2 with orthogonal weights and ReLU, and the mean and the standard deviation of each channel over the image. The
 * same seed gives the same network everywhere. Distances of these features are "FD-random", not FID.
 *
 * ```ts
 * import { randomFeatures } from "trilevel/models";
 * import { frechetReport } from "trilevel/metrics";
 * import { random } from "trilevel";
 * const features = randomFeatures({ channels: 2 });
 * const real = await features(random.uniform(random.key(0), [40, 8, 8, 3])).data();
 * const dark = await features(random.uniform(random.key(1), [40, 8, 8, 3]).mul(0.5)).data();
 * const { distance, floor } = frechetReport(real, dark, 4, "FD-random");
 * console.assert(distance > floor);
 * ```
 *
 * @throws ShapeError for images of other axes or channels.
 */
export function randomFeatures(options: RandomFeaturesOptions = {}): (images: Tensor) => Tensor {
  checkOptions(options);
  const { seed = 0, channels = 32, imageChannels = 3 } = options;
  const convs = [imageChannels, channels, channels].map((from) =>
    nn.conv({
      in: from,
      out: channels,
      kernel: 3,
      stride: 2,
      padding: 1,
      bias: false,
      weightInit: nn.initializers.orthogonal(Math.SQRT2), // ReLU halves the variance
    })
  );
  return jit((images: Tensor) => {
    const hint = "give images with channels last, in a batch";
    const form = ["batch", "height", "width", imageChannels] as const;
    requireShape("randomFeatures: the images are", images, form, hint);
    const keys = random.split(random.key(seed), convs.length);
    const y = convs.reduce(
      (x, conv, i) => nn.relu(conv.apply(conv.init(keys[i]!), x)),
      images.mul(2).sub(1),
    );
    const moments = [np.mean(y, { axis: [1, 2] }), np.std(y, { axis: [1, 2] })];
    return np.concatenate(moments, { axis: -1 });
  });
}
