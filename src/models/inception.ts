/**
 * The features of FID (Heusel et al., 2017): Inception v3 (Szegedy et al., 2016) as it was trained for TensorFlow, up to the
 * last pooling. It differs from torchvision's in its average pools, which leave padding out of the mean, and in its last
 * block, whose pool takes the maximum.
 *
 * Weights are the user's, under the names that PyTorch gives them; no widths are written here, since they are those of the
 * weights.
 */
import { ArgumentError, type Tensor } from "../public.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import { requireShape } from "../options/index.ts";
import { jit } from "../transforms/index.ts";

/** Arrays by name, such as a safetensors file holds. */
export type NamedArrays = {
  readonly [name: string]: {
    readonly shape: readonly number[];
    readonly data: ArrayLike<number>;
  };
};

/** A convolution without bias, batch normalization by its running statistics, and ReLU. */
type Conv = (
  name: string,
  x: Tensor,
  options?: { readonly stride?: number; readonly padding?: number | readonly [number, number] },
) => Tensor;

/** The constant in the roots of batch normalization. */
const EPSILON = 1e-3;
/** Height and width of images. */
const SIDE = 299;

/**
 * A function from images in [0, 1], [batch, height, width, 3], to the features of FID, [batch, 2048]. Images are resized to
 * 299×299 as pytorch-fid does it. With them {@linkcode frechetDistance} computes pytorch-fid's FID; give
 * {@linkcode frechetReport} the name "FID" only if the weights are those of FID.
 *
 * @param weights arrays with the names of pytorch-fid's state dict (`Conv2d_1a_3x3.conv.weight`,
 * `Conv2d_1a_3x3.bn.running_mean`, …); others, such as those of the classifier, are left alone. Networks of other widths
 * work, too, and give as many features as their last block has channels.
 * @throws ArgumentError when arrays are missing, or are not of one network; ShapeError for images of other axes.
 *
 * ```ts
 * import { inceptionFeatures } from "trilevel/models";
 * try {
 *   inceptionFeatures({});
 * } catch (error) {
 *   console.assert(String(error).includes("Conv2d_1a_3x3.conv.weight"));
 * }
 * ```
 */
export function inceptionFeatures(weights: NamedArrays): (images: Tensor) => Tensor {
  const missing = convNames.flatMap((name) =>
    parts.map((part) => `${name}.${part}`).filter((array) => !Object.hasOwn(weights, array))
  );
  if (missing.length > 0) {
    const more = missing.length === 1 ? "" : ` and ${missing.length - 1} more`;
    throw new ArgumentError(
      `inceptionFeatures: the weights have no array ${missing[0]}${more}`,
      "give those of pytorch-fid's Inception network, by the names of its state dict",
    );
  }
  const convs = new Map(convNames.map((name) => [name, folded(name, weights)] as const));
  const conv: Conv = (name, x, { stride = 1, padding = 0 } = {}) => {
    const params = convs.get(name)!; // every name is in the list: a test goes through all
    const [out, inputs, ...kernel] = params.weight.shape as [number, number, number, number];
    if (x.shape.at(-1) !== inputs) {
      throw new ArgumentError(
        `inceptionFeatures: ${name} takes ${inputs} channels, but gets ${x.shape.at(-1)}`,
        "give all arrays of one network",
      );
    }
    return nn.relu(nn.conv({ in: inputs, out, kernel, stride, padding }).apply(params, x));
  };
  return jit((images: Tensor) => {
    const hint = "give images in [0, 1] with channels last, in a batch";
    requireShape("inceptionFeatures: the images are", images, [
      "batch",
      "height",
      "width",
      3,
    ], hint);
    const y = trunk(conv, nn.resize(images, [SIDE, SIDE]).mul(2).sub(1));
    return np.mean(y, { axis: [1, 2] });
  });
}

function trunk(conv: Conv, images: Tensor): Tensor {
  let x = conv("Conv2d_1a_3x3", images, { stride: 2 });
  x = conv("Conv2d_2a_3x3", x);
  x = conv("Conv2d_2b_3x3", x, { padding: 1 });
  x = np.maxPool(x, [3, 3], { strides: 2 });
  x = conv("Conv2d_3b_1x1", x);
  x = conv("Conv2d_4a_3x3", x);
  x = np.maxPool(x, [3, 3], { strides: 2 });
  for (const name of ["5b", "5c", "5d"]) x = small(within(conv, name), x);
  x = halving(within(conv, "6a"), x);
  for (const name of ["6b", "6c", "6d", "6e"]) x = long(within(conv, name), x);
  x = halvingLong(within(conv, "7a"), x);
  x = wide(within(conv, "7b"), x, averaged);
  return wide(within(conv, "7c"), x, (y) => np.maxPool(y, [3, 3], { strides: 1, padding: around }));
}

/** The convolutions of one block by the names of its branches. */
const within = (conv: Conv, block: string): Conv => (name, x, options) =>
  conv(`Mixed_${block}.branch${name}`, x, options);

const around = [[1, 1], [1, 1]] as const;
const averaged = (x: Tensor) =>
  np.avgPool(x, [3, 3], { strides: 1, padding: around, countIncludePad: false });
const joined = (...branches: Tensor[]) => np.concatenate(branches, { axis: -1 });

const rows = { padding: [3, 0] } as const;
const columns = { padding: [0, 3] } as const;

/** 35×35: windows of 1, 5, and 3 twice. */
function small(conv: Conv, x: Tensor): Tensor {
  const five = conv("5x5_2", conv("5x5_1", x), { padding: 2 });
  const double = conv("3x3dbl_2", conv("3x3dbl_1", x), { padding: 1 });
  return joined(
    conv("1x1", x),
    five,
    conv("3x3dbl_3", double, { padding: 1 }),
    conv("_pool", averaged(x)),
  );
}

/** From 35×35 to 17×17. */
function halving(conv: Conv, x: Tensor): Tensor {
  const double = conv("3x3dbl_2", conv("3x3dbl_1", x), { padding: 1 });
  return joined(
    conv("3x3", x, { stride: 2 }),
    conv("3x3dbl_3", double, { stride: 2 }),
    np.maxPool(x, [3, 3], { strides: 2 }),
  );
}

/** 17×17: windows of 7 along one axis after the other. */
function long(conv: Conv, x: Tensor): Tensor {
  const seven = conv("7x7_3", conv("7x7_2", conv("7x7_1", x), columns), rows);
  const double = conv("7x7dbl_3", conv("7x7dbl_2", conv("7x7dbl_1", x), rows), columns);
  return joined(
    conv("1x1", x),
    seven,
    conv("7x7dbl_5", conv("7x7dbl_4", double, rows), columns),
    conv("_pool", averaged(x)),
  );
}

/** From 17×17 to 8×8. */
function halvingLong(conv: Conv, x: Tensor): Tensor {
  const seven = conv("7x7x3_3", conv("7x7x3_2", conv("7x7x3_1", x), columns), rows);
  return joined(
    conv("3x3_2", conv("3x3_1", x), { stride: 2 }),
    conv("7x7x3_4", seven, { stride: 2 }),
    np.maxPool(x, [3, 3], { strides: 2 }),
  );
}

/** 8×8: windows of 3 along both axes, side by side. */
function wide(conv: Conv, x: Tensor, pool: (x: Tensor) => Tensor): Tensor {
  const three = conv("3x3_1", x);
  const double = conv("3x3dbl_2", conv("3x3dbl_1", x), { padding: 1 });
  return joined(
    conv("1x1", x),
    conv("3x3_2a", three, { padding: [0, 1] }),
    conv("3x3_2b", three, { padding: [1, 0] }),
    conv("3x3dbl_3a", double, { padding: [0, 1] }),
    conv("3x3dbl_3b", double, { padding: [1, 0] }),
    conv("_pool", pool(x)),
  );
}

const branches = (blocks: string, names: string) =>
  blocks.split(" ").flatMap((block) =>
    names.split(" ").map((name) => `Mixed_${block}.branch${name}`)
  );

/** The arrays of a convolution and its normalization. */
const parts = ["conv.weight", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"] as const;

/** The names of all convolutions. */
const convNames: readonly string[] = [
  ..."1a_3x3 2a_3x3 2b_3x3 3b_1x1 4a_3x3".split(" ").map((name) => `Conv2d_${name}`),
  ...branches("5b 5c 5d", "1x1 5x5_1 5x5_2 3x3dbl_1 3x3dbl_2 3x3dbl_3 _pool"),
  ...branches("6a", "3x3 3x3dbl_1 3x3dbl_2 3x3dbl_3"),
  ...branches(
    "6b 6c 6d 6e",
    "1x1 7x7_1 7x7_2 7x7_3 7x7dbl_1 7x7dbl_2 7x7dbl_3 7x7dbl_4 7x7dbl_5 _pool",
  ),
  ...branches("7a", "3x3_1 3x3_2 7x7x3_1 7x7x3_2 7x7x3_3 7x7x3_4"),
  ...branches("7b 7c", "1x1 3x3_1 3x3_2a 3x3_2b 3x3dbl_1 3x3dbl_2 3x3dbl_3a 3x3dbl_3b _pool"),
];

/**
 * A convolution with the batch normalization that follows it:
 *
 *     γ (W ∗ x - μ) / √(σ² + ε) + β = (s W) ∗ x + (β - s μ),  s = γ / √(σ² + ε)
 */
function folded(name: string, weights: NamedArrays): { weight: Tensor; bias: Tensor } {
  const array = (part: string) => weights[`${name}.${part}`]!; // none is missing
  const { shape, data } = array("conv.weight");
  const [channels = 0] = shape;
  const [gamma, beta, mean, variance] = parts.slice(1).map((part) => {
    const found = array(part);
    if (shape.length === 4 && found.data.length === channels) return found.data;
    throw new ArgumentError(
      `inceptionFeatures: ${name} has weights of shape [${shape}] and ${part} of [${found.shape}]`,
      "give all arrays of one network",
    );
  }) as [ArrayLike<number>, ArrayLike<number>, ArrayLike<number>, ArrayLike<number>]; // four parts
  const scales = Float64Array.from(
    { length: channels },
    (_, c) => gamma[c]! / Math.sqrt(variance[c]! + EPSILON),
  );
  const each = data.length / channels;
  const weight = new Float32Array(data.length);
  for (let i = 0; i < weight.length; i++) weight[i] = scales[Math.floor(i / each)]! * data[i]!;
  const bias = Float32Array.from(scales, (scale, c) => beta[c]! - scale * mean[c]!);
  return { weight: np.array(weight, { shape: [...shape] }), bias: np.array(bias) };
}
