/**
 * Eigenvalues and eigenvectors of symmetric matrices: Householder reflections to tridiagonal form, then implicit QL steps
 * (Golub & Van Loan, Matrix Computations, §8.3). Both work along rows, as arrays are stored.
 */

/** A decomposition A = Vᵀ diag(values) V. */
interface Eigen {
  readonly values: Float64Array;
  /** Eigenvectors as rows, shape [n, n]; empty where only values were asked for. */
  readonly vectors: Float64Array;
}

/** The decomposition of a symmetric matrix, [n, n] row by row. NaN in it makes values NaN. */
export function symmetricEigen(
  matrix: Float64Array,
  n: number,
  { vectors }: { readonly vectors: boolean },
): Eigen {
  const { diagonal, beside, reflections } = tridiagonal(matrix.slice(), n);
  const rows = vectors ? basis(reflections, n) : new Float64Array(0);
  implicitQl(diagonal, beside, rows, n);
  return { values: diagonal, vectors: rows };
}

/** A reflection I - v vᵀ of the entries from `first` on. */
interface Reflection {
  readonly first: number;
  readonly v: Float64Array;
}

/** Makes a matrix tridiagonal by reflections from both sides; it is overwritten. */
function tridiagonal(a: Float64Array, n: number) {
  const reflections: Reflection[] = [];
  const diagonal = new Float64Array(n);
  const beside = new Float64Array(n); // between k and k + 1
  const w = new Float64Array(n);
  for (let k = 0; k < n; k++) {
    diagonal[k] = a[k * n + k]!;
    const first = k + 1;
    const size = n - first;
    if (size === 0) break;
    const v = a.slice(k * n + first, (k + 1) * n);
    const norm = Math.sqrt(dot(v, v));
    const alpha = v[0]! > 0 ? -norm : norm; // away from v, so that nothing cancels
    beside[k] = size === 1 ? v[0]! : alpha;
    if (size === 1 || norm === 0) continue;
    v[0]! -= alpha;
    const scale = Math.sqrt(2 / dot(v, v));
    for (let i = 0; i < size; i++) v[i]! *= scale;
    // (I - v vᵀ) A (I - v vᵀ) = A - v wᵀ - w vᵀ, w = A v - ½ (vᵀ A v) v
    for (let i = 0; i < size; i++) {
      const at = (first + i) * n + first;
      let sum = 0;
      for (let j = 0; j < size; j++) sum += a[at + j]! * v[j]!;
      w[i] = sum;
    }
    let half = 0;
    for (let i = 0; i < size; i++) half += w[i]! * v[i]! / 2;
    for (let i = 0; i < size; i++) w[i]! -= half * v[i]!;
    for (let i = 0; i < size; i++) {
      const at = (first + i) * n + first;
      const [vi, wi] = [v[i]!, w[i]!];
      for (let j = 0; j < size; j++) a[at + j]! -= vi * w[j]! + wi * v[j]!;
    }
    reflections.push({ first, v });
  }
  return { diagonal, beside, reflections };
}

/** The product of the reflections, transposed: row i is the i-th vector of the tridiagonal basis. */
function basis(reflections: readonly Reflection[], n: number): Float64Array {
  const q = new Float64Array(n * n);
  for (let i = 0; i < n; i++) q[i * n + i] = 1;
  // Qᵀ = H_m … H_1, from the last on: all before are the identity outside their own rows and columns.
  for (const { first, v } of [...reflections].reverse()) {
    // (Qᵀ H)[i, :] = Qᵀ[i, :] - (Qᵀ[i, :] · v) vᵀ
    for (let i = first; i < n; i++) {
      const at = i * n + first;
      let sum = 0;
      for (let j = 0; j < v.length; j++) sum += q[at + j]! * v[j]!;
      for (let j = 0; j < v.length; j++) q[at + j]! -= sum * v[j]!;
    }
  }
  return q;
}

/** Makes a tridiagonal matrix diagonal; rotations act on pairs of rows of `q`, too. */
function implicitQl(
  d: Float64Array,
  e: Float64Array,
  q: Float64Array,
  n: number,
): void {
  for (let l = 0; l < n; l++) {
    for (let tries = 0; tries < 60; tries++) {
      // The block from l on ends where an entry beside the diagonal is lost in rounding.
      let m = l;
      while (
        m < n - 1 && Math.abs(e[m]!) > Number.EPSILON * (Math.abs(d[m]!) + Math.abs(d[m + 1]!))
      ) m++;
      if (m === l) break;
      // Wilkinson's shift.
      const g = (d[l + 1]! - d[l]!) / (2 * e[l]!);
      let x = d[m]! - d[l]! + e[l]! / (g + Math.sign(g || 1) * Math.hypot(g, 1));
      let [s, c, p] = [1, 1, 0];
      let i = m - 1;
      for (; i >= l; i--) {
        const f = s * e[i]!;
        const b = c * e[i]!;
        const r = Math.hypot(f, x);
        e[i + 1] = r;
        if (r === 0) {
          d[i + 1]! -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = x / r;
        const y = d[i + 1]! - p;
        const z = (d[i]! - y) * s + 2 * c * b;
        p = s * z;
        d[i + 1] = y + p;
        x = c * z - b;
        if (q.length > 0) rotateRows(q, n, i, s, c);
      }
      if (i >= l) continue;
      d[l]! -= p;
      e[l] = x;
      e[m] = 0;
    }
  }
}

/** Rotates rows i and i + 1. */
function rotateRows(q: Float64Array, n: number, i: number, s: number, c: number): void {
  for (let j = i * n, k = j + n; j < (i + 1) * n; j++, k++) {
    const upper = q[j]!;
    const lower = q[k]!;
    q[k] = s * upper + c * lower;
    q[j] = c * upper - s * lower;
  }
}

function dot(x: Float64Array, y: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i]! * y[i]!;
  return sum;
}
