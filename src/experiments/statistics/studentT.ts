/** Student's t distribution, for the intervals of few seeds. */
import { gammaln } from "simple-statistics";

/**
 * The probability that t is at most `x`, for any number of degrees of freedom ν above 0:
 * 1 − ½ I(ν / (ν + x²); ν/2, ½) for x ≥ 0.
 */
export function studentTCdf(x: number, degrees: number): number {
  const tail = 0.5 * incompleteBeta(degrees / (degrees + x * x), degrees / 2, 0.5);
  return x < 0 ? tail : 1 - tail;
}

/** The x below which t lies with probability `p`, found by bisection. */
export function studentTQuantile(p: number, degrees: number): number {
  if (p < 0.5) return -studentTQuantile(1 - p, degrees);
  let [low, high] = [0, 1];
  while (studentTCdf(high, degrees) < p) [low, high] = [high, 2 * high];
  for (let i = 0; i < 80; i++) {
    const middle = (low + high) / 2;
    if (studentTCdf(middle, degrees) < p) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** The regularised incomplete beta function I(x; a, b): its continued fraction, DLMF 8.17.22, by Lentz's method. */
function incompleteBeta(x: number, a: number, b: number): number {
  if (x <= 0 || x >= 1) return Math.max(0, Math.min(1, x));
  // The fraction converges quickly below the mean; I(x; a, b) = 1 − I(1 − x; b, a) covers the rest.
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(1 - x, b, a);
  const front = Math.exp(
    a * Math.log(x) + b * Math.log1p(-x) + gammaln(a + b) - gammaln(a) - gammaln(b),
  );
  const tiny = 1e-300;
  const away = (value: number) => Math.abs(value) < tiny ? tiny : value;
  let [c, d, fraction] = [1, 0, 1];
  for (let i = 0; i < 10_000; i++) {
    const m = i >> 1;
    const numerator = i === 0
      ? 1
      : i % 2 === 0
      ? (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
      : -((a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + numerator * d);
    c = away(1 + numerator / c);
    fraction *= c * d;
    if (Math.abs(1 - c * d) < 1e-15) break;
  }
  return (front * (fraction - 1)) / a;
}
