// The Fréchet distance between two sets of feature vectors: FID, once somebody supplies the features
// of an Inception network. Named for what it computes, because with other features it is no FID.

import { MetricError } from "./errors.ts";
import { symmetricEigen } from "./symmetricEigen.ts";

/**
 * Fréchet distance between Gaussians fitted to two sets of features,
 *
 *     d² = ‖μ₁ − μ₂‖² + tr(C₁ + C₂ − 2 (C₁^½ C₂ C₁^½)^½)
 *
 * (Dowson & Landau, 1982; with Inception-v3 pool features it is FID, Heusel et al., 2017), with
 * unbiased covariances. The work is O(features³).
 *
 * @param first shape [samples, features], at least two samples.
 * @param second shape [samples, features], not necessarily as many samples.
 * @throws MetricError when the arrays are no whole number of samples, or fewer than two.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { frechetDistance } from "trilevel/metrics";
 *
 * const shifted = frechetDistance([0, 1, 2], [3, 4, 5], 1);
 * assert.ok(Math.abs(shifted - 9) < 1e-12);
 * ```
 */
export function frechetDistance(
  first: ArrayLike<number>,
  second: ArrayLike<number>,
  features: number,
): number {
  const a = gaussian(first, features);
  const b = gaussian(second, features);
  const root = covarianceRoot(a.covariance, features);
  const product = multiply(multiply(root, b.covariance, features), root, features);
  const { values } = symmetricEigen(product, features, { vectors: false });
  const cross = values.reduce((s, x) => s + squareRoot(x), 0);
  let distance = -2 * cross;
  for (let i = 0; i < features; i++) {
    distance += (a.mean[i]! - b.mean[i]!) ** 2;
    distance += a.covariance[i * features + i]! + b.covariance[i * features + i]!;
  }
  return Math.max(distance, 0);
}

/**
 * The square root of a covariance matrix, symmetric and without negative eigenvalues like the matrix itself, by its
 * eigenvectors: V Λ^½ Vᵀ. Eigenvalues that rounding made negative count as 0.
 *
 * @param matrix shape [features, features], symmetric.
 * @throws MetricError when it has another number of entries.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { covarianceRoot } from "trilevel/metrics";
 * assert.deepEqual([...covarianceRoot([4, 0, 0, 9], 2)], [2, 0, 0, 3]);
 * ```
 */
export function covarianceRoot(matrix: ArrayLike<number>, features: number): Float64Array {
  if (matrix.length !== features ** 2) {
    throw new MetricError(
      `covarianceRoot: ${matrix.length} values do not fill a matrix of ${features} rows and columns`,
      "give the square matrix row by row, and the number of its rows",
    );
  }
  const { values, vectors } = symmetricEigen(Float64Array.from(matrix), features, {
    vectors: true,
  });
  return fromEigen(vectors, values, features);
}

/** A Fréchet distance with what it takes to read it. */
export interface FrechetReport {
  /** The name of the features: "FID" is for those of Inception alone. */
  readonly name: string;
  /** Of the generated samples from the real ones. */
  readonly distance: number;
  /** The distance between every other real sample and the rest: what equal distributions have with so few samples. */
  readonly floor: number;
  /** The numbers of real and of generated samples. */
  readonly samples: readonly [real: number, generated: number];
  /** The number of features of a sample. */
  readonly features: number;
  /** A description of both sets in one line. */
  readonly text: string;
}

/**
 * The {@link frechetDistance} of generated samples from real ones, in a space of features that has a name. Its value
 * depends on the features and on how many samples there are, so it comes with both, and with its floor. With features of a
 * network that is not Inception it has its own name, such as "FD-random" (a fixed random network) or "FD-self" (a
 * classifier that was trained on the same data), and can be compared only with distances of that name.
 *
 * @param real features of real samples, shape [samples, features], at least four samples.
 * @param generated features of generated samples, shape [samples, features], at least two.
 * @throws MetricError when the arrays are no whole number of samples, or too few.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { frechetReport } from "trilevel/metrics";
 * const { distance, floor, text } = frechetReport([0, 1, 2, 3], [5, 6, 7, 8], 1, "FD-random");
 * assert.ok(Math.abs(distance - 25) < 1e-9 && floor > 0);
 * assert.match(text, /^FD-random 25\.0+, floor .*, 4 real and 4 generated samples, 1 features/);
 * ```
 */
export function frechetReport(
  real: ArrayLike<number>,
  generated: ArrayLike<number>,
  features: number,
  name: string,
): FrechetReport {
  const distance = frechetDistance(real, generated, features);
  const samples = [real.length / features, generated.length / features] as const;
  if (samples[0] < 4) {
    throw new MetricError(
      `frechetReport: expected at least 4 real samples, 2 for each half, got ${samples[0]}`,
      "give more samples; ten for each feature make the estimate reliable",
    );
  }
  const half = (parity: number) =>
    Float64Array.from(real).filter((_, i) => Math.floor(i / features) % 2 === parity);
  const floor = frechetDistance(half(0), half(1), features);
  const few = Math.min(...samples) < 10 * features
    ? ", which are few: take 10 for each feature"
    : "";
  const text = `${name} ${distance.toFixed(4)}, floor ${floor.toFixed(4)}, ` +
    `${samples[0]} real and ${samples[1]} generated samples, ${features} features${few}`;
  return { name, distance, floor, samples, features, text };
}

/** Rounding makes the zero eigenvalues of a rank-deficient covariance slightly negative. */
const squareRoot = (x: number) => Math.sqrt(Math.max(x, 0));

function gaussian(samples: ArrayLike<number>, features: number) {
  const count = samples.length / features;
  if (!Number.isInteger(count) || count < 2) {
    throw new MetricError(
      `frechetDistance: ${samples.length} values are not two or more samples of ${features} features`,
      "give all features of the first sample, then those of the next",
    );
  }
  const mean = new Float64Array(features);
  for (let i = 0; i < samples.length; i++) mean[i % features]! += samples[i]! / count;
  const covariance = new Float64Array(features * features);
  for (let s = 0; s < count; s++) {
    for (let i = 0; i < features; i++) {
      const di = (samples[s * features + i]! - mean[i]!) / (count - 1);
      for (let j = 0; j < features; j++) {
        covariance[i * features + j]! += di * (samples[s * features + j]! - mean[j]!);
      }
    }
  }
  return { mean, covariance };
}

function multiply(a: Float64Array, b: Float64Array, n: number): Float64Array {
  const out = new Float64Array(n * n);
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < n; k++) {
      const aik = a[i * n + k]!;
      for (let j = 0; j < n; j++) out[i * n + j]! += aik * b[k * n + j]!;
    }
  }
  return out;
}

/** Vᵀ f(Λ) V, for eigenvectors that are rows of V. */
function fromEigen(vectors: Float64Array, values: Float64Array, n: number): Float64Array {
  const scaled = vectors.map((x, i) => x * squareRoot(values[Math.floor(i / n)]!));
  const transposed = vectors.map((_, i) => vectors[(i % n) * n + Math.floor(i / n)]!);
  return multiply(transposed, scaled, n);
}
