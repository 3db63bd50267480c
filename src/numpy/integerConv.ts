/** Convolution of integers, whose sums must be exact: what backends have for it computes in floats. */
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";
import { indexTuples } from "./parts.ts";

/** As `lax.conv`: one product of matrices for each place in the filter. */
export function integerConv(
  x: Tensor,
  w: Tensor,
  { strides, padding, lhsDilation, rhsDilation, groups }: Parameters<typeof lax.conv>[2],
): Tensor {
  // Negative padding cuts off.
  const around = lax.pad(x, {
    low: [0, 0, ...padding.map(([low]) => Math.max(low, 0))],
    high: [0, 0, ...padding.map(([, high]) => Math.max(high, 0))],
    interior: [0, 0, ...lhsDilation.map((d) => d - 1)],
  });
  const cuts = [[0, 0], [0, 0], ...padding] as const;
  const padded = lax.slice(around, {
    start: cuts.map(([low]) => Math.max(-low, 0)),
    limit: around.shape.map((n, i) => n - Math.max(-cuts[i]![1], 0)),
    strides: around.shape.map(() => 1),
  });
  const [batch, channels] = x.shape as [number, number];
  const [out, inside, ...window] = w.shape as [number, number, ...number[]];
  const space = window.map((size, i) => {
    const reach = size === 0 ? 0 : (size - 1) * rhsDilation[i]! + 1;
    return Math.max(0, Math.floor((padded.shape[i + 2]! - reach) / strides[i]!) + 1);
  });
  const none = lax.full([groups, batch, ...space, out / groups], 0, x.dtype);
  const products = indexTuples(window).map((place) => {
    const start = place.map((q, i) => q * rhsDilation[i]!);
    const seen = lax.slice(padded, {
      start: [0, 0, ...start],
      limit: [batch, channels, ...start.map((s, i) => s + (space[i]! - 1) * strides[i]! + 1)],
      strides: [1, 1, ...strides],
    });
    const weights = lax.slice(w, {
      start: [0, 0, ...place],
      limit: [out, inside, ...place.map((q) => q + 1)],
      strides: w.shape.map(() => 1),
    });
    return lax.dot(
      lax.reshape(seen, [batch, groups, inside, ...space]),
      lax.reshape(weights, [groups, out / groups, inside]),
      { lhsContract: [2], rhsContract: [2], lhsBatch: [1], rhsBatch: [0] },
    );
  });
  const sum = space.includes(0) ? none : products.reduce((a, b) => lax.add(a, b), none);
  const order = [1, 0, sum.ndim - 1, ...space.map((_, i) => i + 2)];
  return lax.reshape(lax.transpose(sum, order), [batch, out, ...space]);
}
