/**
 * The real Schur form of a general matrix: balanced, reduced to Hessenberg form by reflections, and then to blocks of
 * one or two rows by the QR algorithm with Francis's double shift (Golub and Van Loan, "Matrix computations", 7.4 and
 * 7.5). The QR algorithm is one loop, each step of which is one reflection of a sweep, so that matrices of a batch
 * may need different numbers of sweeps.
 */
import { literal, type Tensor } from "../../core/tensor.ts";
import { traceClosed } from "../../core/trace.ts";
import * as lax from "../../primitives/index.ts";
import { frexp, ldexp } from "../floatParts.ts";
import { diagonalOf, forRows, identityLike, outer, rowAt, transposed } from "./matrices.ts";

const c = lax.fullLike;
const spread = (x: Tensor, n: number) => lax.broadcast(x, [n], []);
const sum = (x: Tensor) => lax.reduceSum(x, x.shape.map((_, axis) => axis));
const any = (x: Tensor) => lax.reduceOr(x, [0]);
const times = (a: Tensor, b: Tensor) =>
  lax.dot(a, b, { lhsContract: [a.ndim - 1], rhsContract: [0], lhsBatch: [], rhsBatch: [] });
const rowNumbers = (n: number) => lax.iota([n], "int32", 0);
/** The element of a vector with this number. */
const elementAt = (x: Tensor, k: Tensor) => rowAt(x, k);
const entryAt = (x: Tensor, i: Tensor, j: Tensor) => elementAt(rowAt(x, i), j);
const plus = (k: Tensor, n: number) => lax.add(k, c(k, n));
/** The largest of row numbers for which a condition holds; -1 if there is none. */
const lastWhere = (holds: Tensor) => {
  const index = rowNumbers(holds.size);
  return lax.reduceMax(lax.select(holds, index, c(index, -1)), [0]);
};

/** The most steps of the QR algorithm: it took less than 3 n² on all of some thousand matrices, permutations included. */
const mostSteps = (n: number) => 4 * n * n + 10 * n;
/** The number of sweeps without a smaller block after which shifts are chosen in another way. */
const patience = 7;

/**
 * The Schur form `T` of a matrix scaled by a power of two, and its `exponent`; with `Q`, unless only eigenvalues are
 * wanted: `D⁻¹ A D = 2^exponent Q T Qᵀ`, with the diagonal D of the balancing. Everything is NaN if the algorithm does not end, as
 * with a matrix that is not finite.
 */
export function schur(
  a: Tensor,
  withVectors: boolean,
): { t: Tensor; q: Tensor | undefined; balance: Tensor; exponent: Tensor } {
  const [, exponent] = frexp(lax.reduceMax(lax.abs(a), [0, 1]));
  const scaled = ldexp(a, lax.neg(exponent));
  const [balanced, balance] = balancedForm(scaled);
  const [h, start] = hessenberg(balanced!, withVectors);
  const [t, q] = francis(h!, start);
  return { t: t!, q, balance: balance!, exponent };
}

/**
 * `D⁻¹ A D` with powers of two (but for rounding) on the diagonal of D, which bring the sums of rows and columns nearer to each other
 * (Parlett and Reinsch, 1969): eigenvalues of a graded matrix then keep their digits.
 */
function balancedForm(a: Tensor): Tensor[] {
  const n = a.shape[0]!;
  const rounds = 4;
  const ones = lax.full([n], 1, a.dtype);
  return forRows(rounds * n, [a, ones], (step, x, d) => {
    const k = lax.rem(step, c(step, n));
    const own = lax.eq(rowNumbers(n), spread(k, n));
    const without = (v: Tensor) => sum(lax.select(own, c(v, 0), lax.abs(v)));
    const row = without(rowAt(x!, k));
    const column = without(rowAt(transposed(x!), k));
    const both = lax.and(lax.gt(row, c(row, 0)), lax.gt(column, c(column, 0)));
    const ratio = lax.select(both, lax.div(row, column), c(row, 1));
    const factor = lax.exp(
      lax.mul(lax.round(lax.mul(lax.log(ratio), c(ratio, 0.5 / Math.LN2))), c(ratio, Math.LN2)),
    );
    const after = lax.add(lax.mul(column, factor), lax.div(row, factor));
    const helps = lax.lt(after, lax.mul(lax.add(row, column), c(row, 0.95)));
    const chosen = lax.select(lax.and(both, helps), factor, c(factor, 1));
    const by = lax.select(own, spread(chosen, n), ones);
    const columns = lax.mul(x!, lax.broadcast(by, x!.shape, [1]));
    return [lax.div(columns, lax.broadcast(by, x!.shape, [0])), lax.mul(d!, by)];
  });
}

/** `x - τ (v vᵀ)` applied to rows, and to columns: a reflection of both. */
function reflectBoth(x: Tensor, v: Tensor, tau: Tensor): Tensor {
  const by = lax.mul(v, spread(tau, v.size));
  const rows = lax.sub(x, outer(by, times(v, x)));
  return lax.sub(rows, outer(times(rows, v), by));
}

const reflectColumns = (x: Tensor, v: Tensor, tau: Tensor) =>
  lax.sub(x, outer(times(x, v), lax.mul(v, spread(tau, v.size))));

/**
 * The reflection `1 - τ v vᵀ` that turns a vector, of which elements before k are not looked at, to the k-th axis;
 * τ is 0 where there is nothing to do. The vector must have no element larger than about 1.
 */
function reflection(x: Tensor, k: Tensor): [v: Tensor, tau: Tensor] {
  const n = x.size;
  const index = rowNumbers(n);
  const pivot = elementAt(x, k);
  const below = lax.select(lax.gt(index, spread(k, n)), x, c(x, 0));
  // Squares of tiny elements would vanish.
  const largest = lax.max(lax.abs(pivot), lax.reduceMax(lax.abs(below), [0]));
  const unit = lax.select(lax.eq(largest, c(largest, 0)), c(largest, 1), largest);
  const small = lax.div(below, spread(unit, n));
  const first = lax.div(pivot, unit);
  const rest = sum(lax.mul(small, small));
  const nothing = lax.eq(rest, c(rest, 0));
  const length = lax.sqrt(lax.add(lax.mul(first, first), rest));
  const beta = lax.select(lax.ge(first, c(first, 0)), lax.neg(length), length);
  const one = c(beta, 1);
  const tau = lax.div(lax.sub(beta, first), lax.select(nothing, one, beta));
  const divisor = lax.select(nothing, one, lax.sub(first, beta));
  const v = lax.select(
    lax.eq(index, spread(k, n)),
    c(x, 1),
    lax.div(small, spread(divisor, n)),
  );
  return [v, lax.select(nothing, c(tau, 0), tau)];
}

/** `Qᵀ A Q` without elements below the first subdiagonal, and Q if wanted. */
function hessenberg(a: Tensor, withVectors: boolean): Tensor[] {
  const n = a.shape[0]!;
  const start = withVectors ? [a, identityLike(a)] : [a];
  return forRows(Math.max(0, n - 2), start, (k, x, q) => {
    const [v, tau] = reflection(rowAt(transposed(x!), k), plus(k, 1));
    const reflected = reflectBoth(x!, v, tau);
    const column = lax.broadcast(lax.eq(rowNumbers(n), spread(k, n)), [n, n], [1]);
    const below = lax.gt(lax.iota([n, n], "int32", 0), lax.broadcast(plus(k, 1), [n, n], []));
    const clean = lax.select(lax.and(column, below), c(reflected, 0), reflected);
    return q === undefined ? [clean] : [clean, reflectColumns(q, v, tau)];
  });
}

/** The subdiagonal, with 0 in front of it: the k-th element connects row k with the one before. */
export function subdiagonal(x: Tensor): Tensor {
  const [row, column] = [0, 1].map((axis) => lax.iota(x.shape, "int32", axis)) as [Tensor, Tensor];
  const inside = lax.eq(row, plus(column, 1));
  return lax.reduceSum(lax.select(inside, x, c(x, 0)), [1]);
}

/** The elements of a vector one place further on, behind a 0. */
const shifted = (x: Tensor) =>
  lax.slice(lax.pad(x, { low: [1], high: [0], interior: [0] }), {
    start: [0],
    limit: [x.size],
    strides: [1],
  });

/** True at rows that end three connected ones: their block has to be reduced further. */
function openRows(x: Tensor): Tensor {
  const sub = subdiagonal(x);
  const connected = lax.ne(sub, c(sub, 0));
  const whole = lax.convert(connected, "int32");
  const before = shifted(whole);
  return lax.and(connected, lax.ne(before, c(before, 0)));
}

/** The matrix with 0 on the subdiagonal where what stands there is lost in rounding beside the diagonal. */
function deflated(x: Tensor): Tensor {
  const epsilon = x.dtype === "float64" ? 2 ** -53 : 2 ** -24;
  const diagonal = lax.abs(diagonalOf(x));
  const neighbours = lax.add(diagonal, shifted(diagonal));
  // Beside zeros, what is lost beside the whole matrix, whose largest element was scaled to about 1.
  const room = lax.max(lax.mul(neighbours, c(neighbours, epsilon)), c(neighbours, epsilon ** 2));
  const sub = subdiagonal(x);
  const lost = lax.le(lax.abs(sub), room);
  const [row, column] = [0, 1].map((axis) => lax.iota(x.shape, "int32", axis)) as [Tensor, Tensor];
  const places = lax.and(
    lax.eq(row, plus(column, 1)),
    lax.broadcast(lost, x.shape, [0]),
  );
  return lax.select(places, c(x, 0), x);
}

/** A Hessenberg matrix, and Q if given, reduced to blocks of one or two rows. */
function francis(h: Tensor, q: Tensor | undefined): Tensor[] {
  const n = h.shape[0]!;
  if (n < 3) return q === undefined ? [deflated(h)] : [deflated(h), q];
  const int = (value: number) => literal(value, "int32");
  // Matrix, place of the reflection (-1 between sweeps), first and last row of the block, sweeps on it.
  const init = [deflated(h), int(-1), int(0), int(0), int(0), ...(q === undefined ? [] : [q])];
  const avals = init.map((x) => ({ ...x.aval, weak: false }));
  const results = lax.whileLoop(init, {
    condition: traceClosed((x, k) => [lax.or(any(openRows(x!)), lax.ge(k!, c(k!, 0)))], avals),
    body: traceClosed((...state) => step(...state as StepState), avals),
    conditionConsts: 0,
    bodyConsts: 0,
    maxSteps: mostSteps(n),
  });
  const [t, k, , , , vectors] = results as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor?];
  const total = sum(t);
  const failed = lax.or(lax.or(any(openRows(t)), lax.ge(k, c(k, 0))), lax.ne(total, total));
  const sound = (x: Tensor) => lax.select(lax.broadcast(failed, x.shape, []), c(x, NaN), x);
  return vectors === undefined ? [sound(t)] : [sound(t), sound(vectors)];
}

type StepState = [x: Tensor, k: Tensor, low: Tensor, high: Tensor, sweeps: Tensor, q?: Tensor];

/** One reflection of a sweep. */
function step(...[x, k, low, high, sweeps, q]: StepState): Tensor[] {
  const n = x.shape[0]!;
  const index = rowNumbers(n);
  const begins = lax.lt(k, c(k, 0));
  const choose = (now: Tensor, otherwise: Tensor) => lax.select(begins, now, otherwise);
  const last = lastWhere(openRows(x));
  const sub = subdiagonal(x);
  const heads = lax.and(lax.eq(sub, c(sub, 0)), lax.le(index, spread(last, n)));
  const first = lastWhere(heads);
  const same = lax.and(lax.eq(first, low), lax.eq(last, high));
  const sweep = choose(lax.select(same, plus(sweeps, 1), c(sweeps, 0)), sweeps);
  const [from, to] = [choose(first, low), choose(last, high)];
  const at = choose(from, k);

  const column = rowAt(transposed(x), lax.max(plus(at, -1), c(at, 0)));
  const given = lax.select(spread(begins, n), firstColumn(x, from, to, sweep), column);
  const end = lax.min(plus(at, 2), to);
  const inside = lax.and(lax.ge(index, spread(at, n)), lax.le(index, spread(end, n)));
  const [v, tau] = reflection(lax.select(inside, given, c(given, 0)), at);
  const reflected = reflectBoth(x, v, tau);
  // In the column before the reflection, only the first of its rows is left.
  const behind = lax.and(
    lax.broadcast(lax.eq(index, spread(plus(at, -1), n)), [n, n], [1]),
    lax.broadcast(lax.and(inside, lax.gt(index, spread(at, n))), [n, n], [0]),
  );
  const clean = lax.select(
    lax.and(behind, lax.broadcast(lax.not(begins), [n, n], [])),
    c(x, 0),
    reflected,
  );
  const over = lax.ge(at, plus(to, -1));
  return [
    lax.select(lax.broadcast(over, [n, n], []), deflated(clean), clean),
    lax.select(over, c(at, -1), plus(at, 1)),
    from,
    to,
    sweep,
    ...(q === undefined ? [] : [reflectColumns(q, v, tau)]),
  ];
}

/**
 * The first column of `(H - μ₁)(H - μ₂)`, in a vector, with the eigenvalues μ of the last two rows of the block. After
 * several sweeps without progress, shifts are around the last row, at the distance of the last subdiagonal elements
 * (EISPACK's `hqr`): symmetric patterns, such as permutations, would otherwise stay what they are.
 */
function firstColumn(x: Tensor, from: Tensor, to: Tensor, sweep: Tensor): Tensor {
  const n = x.shape[0]!;
  const [next, third, before] = [plus(from, 1), plus(from, 2), plus(to, -1)];
  const corner = entryAt(x, to, to);
  const [trace, determinant] = shifts();
  const [head, side] = [entryAt(x, from, from), entryAt(x, next, from)];
  const top = lax.add(
    lax.add(lax.mul(head, lax.sub(head, trace)), determinant),
    lax.mul(entryAt(x, from, next), side),
  );
  const middle = lax.mul(side, lax.sub(lax.add(head, entryAt(x, next, next)), trace));
  const bottom = lax.mul(side, entryAt(x, third, next));
  const index = rowNumbers(n);
  const put = (value: Tensor, at: Tensor) =>
    lax.select(lax.eq(index, spread(at, n)), spread(value, n), lax.full([n], 0, x.dtype));
  return [put(top, from), put(middle, next), put(bottom, third)].reduce(lax.add);

  function shifts(): [trace: Tensor, determinant: Tensor] {
    const [a, b] = [entryAt(x, before, before), entryAt(x, before, to)];
    const side = entryAt(x, to, before);
    const usual = [
      lax.add(a, corner),
      lax.sub(lax.mul(a, corner), lax.mul(b, side)),
    ] as const;
    const size = lax.add(lax.abs(side), lax.abs(entryAt(x, before, plus(to, -2))));
    const width = lax.mul(size, c(size, 1.5));
    const other = [
      lax.add(width, lax.mul(corner, c(corner, 2))),
      lax.add(lax.mul(size, size), lax.mul(corner, lax.add(width, corner))),
    ] as const;
    const waited = lax.eq(lax.rem(sweep, c(sweep, patience)), c(sweep, patience - 1));
    return [lax.select(waited, other[0], usual[0]), lax.select(waited, other[1], usual[1])];
  }
}
