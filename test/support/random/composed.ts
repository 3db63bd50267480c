/** Instructions of random programs that are several: what the array language makes of them. */
import { associativeScan } from "../../../src/control/index.ts";
import type { Tensor } from "../../../src/core/tensor.ts";
import * as np from "../../../src/numpy/index.ts";
import * as lax from "../../../src/primitives/index.ts";
import {
  along,
  apart,
  fill,
  inShape,
  mean,
  type Operations,
  scaled,
  shifted,
  withAxis,
} from "./parts.ts";

/** Normalizations, products, solvers, windows. */
export const composed: Operations = {
  softmax: (x, y, c) =>
    lax.mul(np.softmax(withAxis(x), { axis: along(withAxis(x), c) }), withAxis(y)),
  logSumExp: (x, _, c) => x.ndim === 0 ? x : scaled(np.logsumexp(x, { axis: along(x, c) }), 0.3),
  normalize: (x) => {
    const a = withAxis(x);
    const centred = np.subtract(a, np.mean(a, { axis: -1, keepdims: true }));
    return np.divide(centred, np.sqrt(np.add(np.var(a, { axis: -1, keepdims: true }), 0.5)));
  },
  longMean: (x, _, c) => {
    // 10⁴ to 10⁵ terms far from zero, in rows or in columns. They are not linear in the offset, which a compiler
    // would take out of the sum.
    const n = Math.round(10 ** (4 + Math.abs(c)) / 2);
    const axis = c > 0 ? 0 : 1;
    const shape = axis === 0 ? [n, 2] : [2, n];
    const i = lax.iota(shape, "int32", axis);
    const wave = lax.convert(lax.rem(lax.mul(i, fill(i, 29)), fill(i, 1000)), x.dtype);
    const values = lax.broadcast(inShape(x, [2]), shape, [1 - axis]);
    const far = shifted(lax.add(lax.tanh(values), scaled(wave, 1e-3)), 1000);
    const terms = lax.sqrt(shifted(lax.mul(far, far), 1));
    return shifted(mean(terms, [axis]), -1000.5);
  },
  product: (x, _, c) => {
    const a = np.add(1, np.multiply(lax.tanh(withAxis(x)), 0.2));
    return c > 0 ? np.prod(a, { axis: -1 }) : np.cumprod(a, { axis: along(a, c) });
  },
  solve: (x, y) => {
    const a = np.add(np.multiply(np.eye(3), 4), lax.tanh(inShape(x, [3, 3])));
    return np.multiply(np.linalg.solve(a, inShape(y, [3, 2])), 2);
  },
  einsum: (x, y) =>
    scaled(np.einsum("bij,bkj->ikb", inShape(x, [2, 3, 2]), inShape(y, [2, 2, 2])), 0.5),
  conv2d: (x, y, c) =>
    scaled(
      lax.conv(inShape(x, [1, 2, 3, 4]), inShape(y, [2, c > 0 ? 2 : 1, 2, 2]), {
        strides: [1, c > 0.5 ? 2 : 1],
        padding: [[1, 1], [0, 1]],
        lhsDilation: [c < 0 ? 2 : 1, 1],
        rhsDilation: [1, c < -0.5 ? 2 : 1],
        groups: c > 0 ? 1 : 2,
      }),
      0.3,
    ),
  pool: (x, _, c) => {
    const a = inShape(x, [1, 4, 4, 1]);
    const strides = [c > 0 ? 2 : 1, 1];
    return Math.abs(c) > 0.5
      ? shifted(scaled(np.maxPool(lax.add(a, apart(a)), [2, 2], { strides }), 0.05), -3)
      : np.avgPool(a, [2, 2], { strides });
  },
  running: (x, y, c) => {
    const a = lax.tanh(inShape(x, [5]));
    const b = inShape(y, [5]);
    // y₁ = a₁y₀ + b₁, y₂ = a₂y₁ + b₂, …
    const [, all] = associativeScan(
      ([a1, b1]: readonly [Tensor, Tensor], [a2, b2]: readonly [Tensor, Tensor]) =>
        [lax.mul(a1, a2), lax.add(lax.mul(b1, a2), b2)] as const,
      [a, b] as const,
      { reverse: c > 0 },
    );
    return lax.tanh(all);
  },
};
