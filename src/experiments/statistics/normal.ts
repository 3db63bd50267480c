/** The normal distribution, for the intervals of the bootstrap. */

/**
 * The probability Φ(x) that a standard normal variable is at most `x`: ½ + φ(x) Σ x^(2k+1) / (1·3·…·(2k+1)), and far from 0
 * the continued fraction of Mills' ratio, 1 − Φ(x) = φ(x) / (x + 1/(x + 2/(x + 3/…))).
 */
export function normalCdf(x: number): number {
  const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  if (Math.abs(x) < 4) {
    let [term, sum] = [x, x];
    for (let k = 1; Math.abs(term) > 1e-17 * Math.abs(sum); k++) {
      term *= x * x / (2 * k + 1);
      sum += term;
    }
    return 0.5 + density * sum;
  }
  const far = Math.abs(x);
  let ratio = far;
  for (let k = 60; k > 0; k--) ratio = far + k / ratio;
  return x > 0 ? 1 - density / ratio : density / ratio;
}

/** The x below which a standard normal variable lies with probability `p`, by bisection; infinite at 0 and 1. */
export function normalQuantile(p: number): number {
  if (p <= 0 || p >= 1) return p <= 0 ? -Infinity : Infinity;
  let [low, high] = [-40, 40];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (normalCdf(middle) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}
