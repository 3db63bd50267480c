/** Activations made of logarithms and exponentials, without overflow and without lost digits. */
import { ArgumentError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { axes, axis as axisKind, boolean, declareOptions, describeTree } from "../options/index.ts";

/**
 * `log σ(x) = -log(1 + e⁻ˣ)`.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.logSigmoid(np.array(-1000)).item() === -1000);
 * ```
 */
export function logSigmoid(x: Tensor): Tensor {
  return np.negative(np.softplus(np.negative(x)));
}

/**
 * `x tanh(log(1 + eˣ))` (Misra, 2019).
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(Math.abs(await nn.mish(np.array(1)).item() - 0.8651) < 1e-4);
 * ```
 */
export function mish(x: Tensor): Tensor {
  return x.mul(np.tanh(np.softplus(x)));
}

const checkGlu = declareOptions<{ readonly axis?: number }>("nn.glu", ["x"], { axis: axisKind });

/**
 * The gated linear unit `a σ(b)` (Dauphin et al., 2017): `a` and `b` are the halves of `x` along an axis, the
 * last unless given.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.glu(np.array([4, 0])).item() === 2);
 * ```
 *
 * @throws ArgumentError when the axis has an odd size.
 */
export function glu(x: Tensor, options: { readonly axis?: number } = {}): Tensor {
  checkGlu(options);
  const { axis = -1 } = options;
  const size = x.shape.at(axis);
  if (size !== undefined && size % 2 !== 0) {
    throw new ArgumentError(
      `nn.glu: axis ${axis} of ${describeTree(x)} has the odd size ${size}`,
      "give twice as many channels as are wanted: the second half gates the first",
    );
  }
  const [value, gate] = np.split(x, 2, { axis });
  return value!.mul(np.sigmoid(gate!));
}

/**
 * `log(1 - e⁻ˣ)` for positive `x`: by `expm1` below log 2 and by `log1p` above, each where it keeps its
 * digits (Mächler, 2012). Its derivative is `1 / (eˣ - 1)`.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(Math.abs(await nn.log1mexp(np.array(Math.LN2)).item() + Math.LN2) < 1e-6);
 * ```
 */
export function log1mexp(x: Tensor): Tensor {
  const small = np.less(x, Math.LN2);
  // Either piece sees its own numbers only: the derivative of the other would be 0 · ∞.
  const near = np.where(small, x, Math.LN2);
  const far = np.where(small, Math.LN2, x);
  return np.where(
    small,
    np.log(np.negative(np.expm1(np.negative(near)))),
    np.log1p(np.negative(np.exp(np.negative(far)))),
  );
}

/** Options of {@link logmeanexp}. */
export interface LogmeanexpOptions {
  /** An axis, or several; all unless given. */
  readonly axis?: number | readonly number[];
  /** If true, the axes stay, with size 1. Default false. */
  readonly keepdims?: boolean;
}

const checkLogmeanexp = declareOptions<LogmeanexpOptions>("nn.logmeanexp", ["x"], {
  axis: axes,
  keepdims: boolean,
});

/**
 * `log mean eˣ`, without overflow: the bound of importance-weighted autoencoders, say.
 *
 * ```ts
 * import { nn, np } from "trilevel";
 * console.assert(await nn.logmeanexp(np.array([1000, 1000])).item() === 1000);
 * ```
 */
export function logmeanexp(x: Tensor, options: LogmeanexpOptions = {}): Tensor {
  checkLogmeanexp(options);
  const total = np.logsumexp(x, options);
  return total.sub(Math.log(x.size / total.size));
}
