/**
 * Functions that are undefined for some of their arguments, and control flow that sees to it that they are never
 * asked there: what batches of elements that take different ways are tested with.
 */
import {
  type Adjoint,
  checkpoint,
  cond,
  customJvp,
  customVjp,
  fixedPointIteration,
  foriLoop,
  implicit,
  jit,
  jvp,
  neumann,
  np,
  oneStep,
  phantom,
  scan,
  switchCase,
  type Tensor,
  unrolled,
  vjp,
  vmap,
  whileLoop,
} from "trilevel";

/** A function of an element and of a parameter that all elements share, both scalars. */
export type Scalar = (v: Tensor, w: Tensor) => Tensor;

/** Defined for v > 0 and w > 0; their value or derivative at v = 0 or v = -1.5 is infinite or NaN. */
export const partials: Readonly<Record<string, Scalar>> = {
  sqrt: (v, w) => np.sqrt(v.mul(w)),
  log: (v, w) => np.log(v.mul(w)),
  reciprocal: (v, w) => np.divide(w, v),
  power: (v, w) => np.power(v, w),
  negativePower: (v, w) => np.power(v, -1.5).mul(w),
  norm: (v, w) => np.sqrt(np.square(np.maximum(v, 0)).mul(w)),
  overflow: (v, w) => np.exp(v.mul(-800)).add(v).mul(w),
  acosh: (v, w) => np.arccosh(v.mul(w).add(1)),
  logOfShared: (v, w) => np.log(v.add(w).sub(w)).mul(w),
};

/** Control flow around a partial function, defined everywhere. */
export type Flow = (p: Scalar) => Scalar;

const positive = (v: Tensor) => v.greater(0);
const linear: Scalar = (v, w) => v.mul(w);
const branching: Flow = (p) => (x, w) => cond(positive(x), (v) => p(v, w), (v) => v.mul(w), x);

/** Adds p of y, y - 1, y - 2, … as long as they are positive. */
const descending = (p: Scalar, options: { maxSteps?: number }): Scalar => (x, w) =>
  whileLoop(
    ([y]: readonly [Tensor, Tensor]) => positive(y),
    ([y, s]) => [y.sub(1), s.add(p(y, w))] as const,
    [x, x.mul(w)] as const,
    options,
  )[1];

const withAdjoint = (adjoint: Adjoint): Flow => (p) => (x, w) =>
  fixedPointIteration((z: Tensor, a: Tensor) =>
    np.cos(z).mul(0.3).add(
      cond(positive(a), (v) => np.tanh(p(v, w)), (v) => v.mul(w), a).mul(z),
    ), { adjoint, maxSteps: 12, onFail: "status" })(np.multiply(x, 0).add(0.2), x).value;

/** Flows with derivatives of every kind. */
export const flows: Readonly<Record<string, Flow>> = {
  "cond that closes over the parameter": branching,
  "cond of operands": (p) => (x, w) => cond(positive(x), p, linear, x, w),
  "cond that closes over the element": (p) => (x, w) =>
    cond(positive(x), () => p(x, w), () => x.mul(w)),
  "switchCase": (p) => (x, w) =>
    switchCase(
      positive(x).astype("int32").add(positive(x.sub(1)).astype("int32")),
      [linear, p, (v, w) => p(v.sub(1), w)],
      x,
      w,
    ),
  "cond in cond": (p) => (x, w) =>
    cond(
      positive(x),
      (v) => cond(positive(v.sub(1)), (u) => p(u.sub(1), w), (u) => p(u, w).mul(2), v),
      (v) => v.mul(w),
      x,
    ),
  "cond on a partial value": (p) => (x, w) =>
    cond(
      positive(x),
      (v) => {
        const y = p(v, w);
        return cond(positive(y), (u) => p(u, w), (u) => u.mul(v), y);
      },
      (v) => v.mul(w),
      x,
    ),
  "whileLoop": (p) => descending(p, { maxSteps: 5 }),
  "whileLoop with an element of its own": (p) => (x, w) =>
    whileLoop(
      ([i]: readonly [Tensor, Tensor]) => positive(x.sub(i)),
      ([i, s]) => [i.add(1), s.add(p(x.sub(i), w))] as const,
      [np.multiply(x, 0), w] as const,
      { maxSteps: 5 },
    )[1],
  "foriLoop to a bound": (p) => (x, w) =>
    foriLoop(
      0,
      np.ceil(x).astype("int32"),
      (i: Tensor, s: Tensor) => s.add(p(x.sub(i.astype(x.dtype)), w)),
      x,
      { maxSteps: 5 },
    ),
  "cond in foriLoop": (p) => (x, w) =>
    foriLoop(0, 3, (_, y: Tensor) => branching(p)(y, w).sub(0.75), x),
  "cond in scan": (p) => (x, w) =>
    np.sum(
      scan(
        (c: Tensor, s: Tensor) => [branching(p)(c.add(s), w).sub(0.5), c.mul(s)],
        x,
        np.stack([x.mul(-0.8), x.mul(0.5), x.mul(2)]),
      )[1],
    ),
  "scan in cond": (p) => (x, w) =>
    cond(
      positive(x),
      (v) => foriLoop(0, 3, (i, s: Tensor) => s.add(p(v.add(i.astype(v.dtype)), w)), v),
      (v) => v.mul(w),
      x,
    ),
  "whileLoop in cond": (p) => (x, w) =>
    cond(positive(x.add(1)), (v) => descending(p, { maxSteps: 5 })(v, w), (v) => v.mul(w), x),
  "cond in whileLoop": (p) => (x, w) =>
    descending(
      (y, u) => cond(positive(y.sub(1)), (v) => p(v.sub(1), u), (v) => p(v, u), y),
      { maxSteps: 5 },
    )(x, w),
  "vmap in cond": (p) => (x, w) =>
    cond(
      positive(x),
      (v) => np.sum(vmap((u: Tensor) => p(u, w))(np.stack([v, v.mul(2)]))),
      (v) => v.mul(w),
      x,
    ),
  "cond in vmap": (p) => (x, w) =>
    np.sum(vmap((u: Tensor) => branching(p)(u, w))(np.stack([x, x.mul(-1), x.sub(1)]))),
  "whileLoop in vmap": (p) => (x, w) =>
    np.sum(
      vmap((u: Tensor) => descending(p, { maxSteps: 5 })(u, w))(np.stack([x, x.sub(1), x.neg()])),
    ),
  "checkpoint in cond": (p) => branching(checkpoint(p)),
  "checkpoint of cond": (p) => checkpoint(branching(p)),
  "checkpoint of whileLoop": (p) => checkpoint(descending(p, { maxSteps: 5 })),
  "jit in cond": (p) => branching(jit(p)),
  "jit of whileLoop": (p) => jit(descending(p, { maxSteps: 5 })),
  "customJvp in cond": (p) => (x, w) =>
    cond(positive(x), customJvp(p, ([v, u], [dv, du]) => jvp(p, [v, u], [dv, du])), linear, x, w),
  "unrolled fixed point": withAdjoint(unrolled()),
  "fixed point with oneStep": withAdjoint(oneStep()),
  "fixed point with neumann": withAdjoint(neumann({ terms: 3 })),
  "fixed point with phantom": withAdjoint(phantom({ terms: 3, damping: 0.5 })),
  "fixed point with implicit": withAdjoint(implicit()),
};

/** Flows without a forward derivative. */
export const reverseFlows: Readonly<Record<string, Flow>> = {
  "customVjp in cond": (p) => (x, w) => {
    const custom = customVjp(
      p,
      (v, u) => [p(v, u), [v, u] as const],
      ([v, u]: readonly [Tensor, Tensor], ct: Tensor) => vjp(p, v, u)[1](ct),
    );
    return cond(positive(x), custom, linear, x, w);
  },
  "customVjp in whileLoop": (p) => {
    const custom = customVjp(
      p,
      (v, u) => [p(v, u), [v, u] as const],
      ([v, u]: readonly [Tensor, Tensor], ct: Tensor) => vjp(p, v, u)[1](ct),
    );
    return descending(custom, { maxSteps: 5 });
  },
};

/** Flows without a reverse derivative. */
export const forwardFlows: Readonly<Record<string, Flow>> = {
  "whileLoop without a bound": (p) => descending(p, {}),
  "foriLoop to a bound": (p) => (x, w) =>
    foriLoop(
      0,
      np.ceil(x).astype("int32"),
      (i: Tensor, s: Tensor) => s.add(p(x.sub(i.astype(x.dtype)), w)),
      x,
    ),
};
