/**
 * Initializers of parameters: functions from a key and a shape. Shapes are PyTorch's, `[out, in, …window]`,
 * and so the fan-in is the size of all axes but the first, the fan-out that of all but the second.
 *
 * PyTorch's, Keras's and JAX's initializers are one family (see {@link varianceScaling}) with other
 * constants: the functions here have the names and the constants that each gives them.
 */
import { ArgumentError, scope, type Shape, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { declareOptions, finite, oneOf, positive } from "../options/index.ts";
import * as random from "../random/index.ts";

/** Makes a parameter of a shape. */
export type Initializer = (key: Tensor, shape: Shape) => Tensor;

/** The number of inputs that one output sees, and of outputs that one input reaches. */
export function fans(shape: Shape): { readonly fanIn: number; readonly fanOut: number } {
  const [out, inside, ...window] = shape;
  if (out === undefined || inside === undefined) {
    throw new ArgumentError(
      `an initializer that depends on fan-in and fan-out was given the shape [${shape.join(", ")}]`,
      "give at least two axes, out and in; vectors can be uniform, normal, zeros or ones",
    );
  }
  const area = window.reduce((a, b) => a * b, 1);
  return { fanIn: inside * area, fanOut: out * area };
}

/** All zeros. */
export const zeros: Initializer = (_, shape): Tensor => np.zeros(shape);

/** All ones. */
export const ones: Initializer = (_, shape): Tensor => np.ones(shape);

/** The same number everywhere. */
export function constant(value: number): Initializer {
  return (_, shape) => np.full(shape, value);
}

/** Uniform in [-bound, bound). */
export function uniform(bound: number): Initializer {
  return (key, shape) => random.uniform(key, shape, { minval: -bound, maxval: bound });
}

/** Normal with mean 0. */
export function normal(std: number): Initializer {
  return (key, shape) => random.normal(key, shape).mul(std);
}

/** Normal with mean 0, cut at two of the given standard deviations (of before the cut). */
export function truncatedNormal(std: number): Initializer {
  return (key, shape) => random.truncatedNormal(key, -2, 2, shape).mul(std);
}

/** Options of {@link varianceScaling}: the variance that it keeps constant, and the distribution. */
export interface VarianceScalingOptions {
  /** The variance times the fan; 1 unless given. */
  readonly scale?: number;
  /** The fan to divide by; `"fanIn"` by default. */
  readonly mode?: "fanIn" | "fanOut" | "fanAvg";
  /** `"truncatedNormal"` unless given. */
  readonly distribution?: "uniform" | "normal" | "truncatedNormal";
}

const checkScaling = declareOptions<VarianceScalingOptions>("initializers.varianceScaling", [], {
  scale: positive,
  mode: oneOf("fanIn", "fanOut", "fanAvg"),
  distribution: oneOf("uniform", "normal", "truncatedNormal"),
});

// The standard deviation of a standard normal cut at ±2.
const truncatedStd = 0.87962566103423978;

/**
 * Numbers of variance `scale / fan`: a signal keeps its size through layers (Glorot & Bengio, 2010).
 *
 * ```ts
 * import { nn, random } from "trilevel";
 * const he = nn.initializers.varianceScaling({ scale: 2, distribution: "normal" });
 * const w = he(random.key(0), [64, 100]);
 * console.assert(Math.abs(await w.var().item() - 0.02) < 0.003);
 * ```
 *
 * @throws ArgumentError, when called, for shapes of fewer than two axes.
 */
export function varianceScaling(options: VarianceScalingOptions = {}): Initializer {
  checkScaling(options);
  const { scale = 1, mode = "fanIn", distribution = "truncatedNormal" } = options;
  return (key, shape) => {
    const { fanIn, fanOut } = fans(shape);
    const fan = { fanIn, fanOut, fanAvg: (fanIn + fanOut) / 2 }[mode];
    const std = Math.sqrt(scale / fan);
    switch (distribution) {
      case "uniform":
        return uniform(std * Math.sqrt(3))(key, shape);
      case "normal":
        return normal(std)(key, shape);
      case "truncatedNormal":
        return truncatedNormal(std / truncatedStd)(key, shape);
    }
  };
}

/** Options of PyTorch's `kaiming_` initializers. */
export interface KaimingOptions {
  /** The slope of the leaky ReLU that follows on its negative side; 0 unless given. */
  readonly negativeSlope?: number;
  /** The fan whose variance stays constant; `"fanIn"` by default. */
  readonly mode?: "fanIn" | "fanOut";
}

const kaimingKinds = { negativeSlope: finite, mode: oneOf("fanIn", "fanOut") } as const;
const checkKaimingUniform = declareOptions<KaimingOptions>(
  "initializers.kaimingUniform",
  [],
  kaimingKinds,
);
const checkKaimingNormal = declareOptions<KaimingOptions>(
  "initializers.kaimingNormal",
  [],
  kaimingKinds,
);

function kaiming(distribution: "uniform" | "normal", options: KaimingOptions): Initializer {
  const { negativeSlope = 0, mode = "fanIn" } = options;
  return varianceScaling({ scale: 2 / (1 + negativeSlope ** 2), mode, distribution });
}

/** PyTorch's `kaiming_uniform_` (He et al., 2015). */
export function kaimingUniform(options: KaimingOptions = {}): Initializer {
  checkKaimingUniform(options);
  return kaiming("uniform", options);
}

/** PyTorch's `kaiming_normal_`. */
export function kaimingNormal(options: KaimingOptions = {}): Initializer {
  checkKaimingNormal(options);
  return kaiming("normal", options);
}

/** PyTorch's `xavier_uniform_`; with a gain of 1, Keras's `glorot_uniform`. */
export function xavierUniform(gain = 1): Initializer {
  return varianceScaling({ scale: gain ** 2, mode: "fanAvg", distribution: "uniform" });
}

/** PyTorch's `xavier_normal_`. */
export function xavierNormal(gain = 1): Initializer {
  return varianceScaling({ scale: gain ** 2, mode: "fanAvg", distribution: "normal" });
}

/** The weights of PyTorch's linear and convolutional layers: uniform in ±1/√fanIn. */
export const linearDefault: Initializer = kaimingUniform({ negativeSlope: Math.sqrt(5) });

/** Keras's default for dense and convolutional layers. */
export const glorotUniform: Initializer = xavierUniform();

/** Keras's `glorot_normal`, which is truncated. */
export const glorotNormal: Initializer = varianceScaling({ mode: "fanAvg" });

/** Keras's and JAX's `he_normal`, which is truncated. */
export const heNormal: Initializer = varianceScaling({ scale: 2 });

/** Keras's and JAX's `he_uniform`. */
export const heUniform: Initializer = varianceScaling({ scale: 2, distribution: "uniform" });

/** Keras's and JAX's `lecun_normal`, which is truncated: Flax's default. */
export const lecunNormal: Initializer = varianceScaling();

/** Keras's and JAX's `lecun_uniform`. */
export const lecunUniform: Initializer = varianceScaling({ distribution: "uniform" });

/**
 * Matrices with orthonormal rows or columns, whichever are fewer, times a gain (Saxe et al., 2014). Axes
 * but the first count as one. The orthogonal factor of a normal matrix is uniformly distributed among
 * orthogonal ones; Newton and Schulz's iteration `X ← X (3 I - XᵀX) / 2` finds it.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const q = nn.initializers.orthogonal()(random.key(0), [3, 3]);
 * console.assert(await np.allclose(np.matmul(q, q.T), np.eye(3), { atol: 1e-5 }).item() === 1);
 * ```
 */
export function orthogonal(gain = 1): Initializer {
  return (key, shape) => {
    const [rows = 1, ...rest] = shape;
    const columns = rest.reduce((a, b) => a * b, 1);
    // Called eagerly, the iterates would else wait for the garbage collector.
    return scope(() => {
      let x = random.normal(key, [Math.max(rows, columns), Math.min(rows, columns)]);
      // Singular values from 0 to √3 go to 1; small ones first grow by 3/2 a step.
      x = x.div(np.sqrt(np.sum(np.square(x))));
      for (let i = 0; i < 60; i++) {
        x = x.mul(1.5).sub(np.matmul(x, np.matmul(x.T, x)).mul(0.5));
      }
      return np.reshape(rows < columns ? x.T : x, shape).mul(gain);
    });
  };
}
