/** How random programs nest: a block of them becomes a function, transformed, looped over or branched on. */
import type { Shape } from "../../../src/core/aval.ts";
import type { Tensor } from "../../../src/core/tensor.ts";
import { cond, foriLoop, map, scan, switchCase, whileLoop } from "../../../src/control/index.ts";
import * as lax from "../../../src/primitives/index.ts";
import { forward } from "../../../src/solvers/index.ts";
import { neumann, oneStep, unrolled } from "../../../src/implicit/adjoint.ts";
import { checkpoint, savePolicies } from "../../../src/transforms/checkpoint.ts";
import { customJvp } from "../../../src/transforms/customJvp.ts";
import { customVjp } from "../../../src/transforms/customVjp.ts";
import { fixedPointIteration } from "../../../src/implicit/fixedPoint.ts";
import { grad } from "../../../src/transforms/grad.ts";
import { hvp, jacfwd, jacrev } from "../../../src/transforms/jacobian.ts";
import { jit } from "../../../src/transforms/jit.ts";
import { jvp } from "../../../src/transforms/jvp.ts";
import { linearize, linearTranspose } from "../../../src/transforms/linearize.ts";
import { vjp } from "../../../src/transforms/vjp.ts";
import { vmap } from "../../../src/transforms/vmap.ts";
import { inShape, mean } from "./parts.ts";

/** What a nested step works with. */
export interface Scene {
  readonly x: Tensor;
  /** Another value, of any shape. */
  readonly y: Tensor;
  readonly c: number;
  /** Whole numbers from 0 to 9, on which branches and loops may depend. */
  readonly wholes: Tensor;
  /** The block as a function that closes over all values so far. */
  readonly open: (...xs: Tensor[]) => Tensor;
  /** The block as a function of its arguments alone. */
  readonly closed: (...xs: Tensor[]) => Tensor;
  /** The block as `open`, with other whole numbers, in one axis. */
  readonly deciding: (wholes: Tensor, ...xs: Tensor[]) => Tensor;
}

const bounded = (x: Tensor) => lax.tanh(x);
/** The block as a step from a value to another of its shape. */
const step = (f: (...xs: Tensor[]) => Tensor, shape: Shape) => (...xs: Tensor[]) =>
  bounded(inShape(f(...xs), shape));
const pick = (wholes: Tensor, c: number) => {
  const at = Math.floor((c + 1) / 2 * (wholes.size - 1));
  return lax.reshape(lax.slice(wholes, { start: [at], limit: [at + 1], strides: [1] }), []);
};
/** Numbers that are positive where a whole number is above a limit, and zero or negative where it is not. */
const positiveAbove = (x: Tensor, k: Tensor, limit: number) => {
  const sign = lax.convert(lax.sub(k, lax.fullLike(k, limit)), x.dtype);
  return lax.mul(
    lax.add(lax.logistic(x), lax.fullLike(x, 0.5)),
    lax.broadcast(sign, x.shape, []),
  );
};
/** Defined for positive numbers alone: elsewhere it, or its derivative, is infinite or NaN. */
const partial = (u: Tensor, c: number) => {
  if (c < -0.5) return lax.sqrt(u);
  if (c < 0) return lax.log(u);
  return c < 0.5 ? lax.div(lax.fullLike(u, 1), u) : lax.pow(u, lax.fullLike(u, -0.5));
};
const policies = [undefined, ...Object.values(savePolicies)];
/** Up to four of a value's elements: Jacobians are as wide as their argument. */
const few = (x: Tensor) => inShape(x, [Math.min(4, x.size)]);
const batch = (x: Tensor) => x.ndim === 0 ? lax.broadcast(x, [2], []) : x;

/** Those that differentiate: they may stand inside each other only so often. */
export const derivatives: Readonly<Record<string, (scene: Scene) => Tensor>> = {
  grad: ({ x, open }) => bounded(grad((z: Tensor) => mean(open(z)))(x)),
  vjp: ({ x, y, open }) => {
    const [value, pullback] = vjp((z: Tensor) => open(z), x);
    return bounded(pullback(inShape(y, value.shape))[0]);
  },
  jvp: ({ x, y, open }) => bounded(jvp((z: Tensor) => open(z), [x], [inShape(y, x.shape)])[1]),
  linearize: ({ x, y, open }) => {
    const [value, lin] = linearize((z: Tensor) => open(z), x);
    return lax.add(bounded(value), bounded(lin(inShape(y, x.shape))));
  },
  jacfwd: ({ x, open }) =>
    bounded(jacfwd((z: Tensor) => inShape(open(lax.mul(x, inShape(z, x.shape))), [3]))(few(x))),
  jacrev: ({ x, open }) =>
    bounded(jacrev((z: Tensor) => inShape(open(lax.mul(x, inShape(z, x.shape))), [2]))(few(x))),
  linearTranspose: ({ x, y, open }) => {
    const [value, lin] = linearize((z: Tensor) => open(z), x);
    return bounded(linearTranspose((dx: Tensor) => lin(dx), x)(inShape(y, value.shape))[0]);
  },
  hvp: ({ x, y, open }) => bounded(hvp((z: Tensor) => mean(open(z)), [x], [inShape(y, x.shape)])),
};

/** Those that push tangents forwards. */
export const forwards: ReadonlySet<string> = new Set([
  "jvp",
  "linearize",
  "hvp",
  "jacfwd",
  "linearTranspose",
]);

/** Those that have no forward derivative. */
export const reverseOnly: ReadonlySet<string> = new Set(["customVjp", "customVjpOfZeros"]);

/** The others. */
export const wrappers: Readonly<Record<string, (scene: Scene) => Tensor>> = {
  jit: ({ x, y, open }) => jit(open)(x, y),
  checkpoint: ({ x, open, c }) => {
    const policy = policies[Math.floor((c + 1) / 2 * 3.99)];
    return checkpoint(open, policy ? { policy } : {})(x);
  },
  vmap: ({ x, open, c }) => vmap((z: Tensor) => open(z), { outAxes: c > 0 ? 0 : -1 })(batch(x)),
  vmapOfTwo: ({ x, y, wholes, open }) => {
    const a = batch(x);
    const n = a.shape[0]!;
    const f = (z: Tensor, w: Tensor, k: Tensor) => {
      const chosen = cond(lax.gt(k, lax.fullLike(k, 4)), lax.sin, lax.tanh, w);
      return open(z, chosen);
    };
    return vmap(f, { inAxes: [0, 1, 0] })(a, inShape(y, [2, n]), inShape(wholes, [n]));
  },
  vmapOfWholes: ({ x, wholes, deciding, c }) => {
    const f = (z: Tensor, ks: Tensor) => deciding(ks, z);
    const rows = lax.reshape(inShape(wholes, [8]), [2, 4]);
    return vmap(f, { inAxes: [null, c > 0 ? 0 : 1] })(
      x,
      c > 0 ? rows : lax.transpose(rows, [1, 0]),
    );
  },
  vmapOfBranches: ({ x, wholes, open, c }) => {
    const a = batch(x);
    const f = (z: Tensor, k: Tensor) =>
      switchCase(
        lax.sub(k, lax.fullLike(k, 3)), // below 0, in range, and above the last
        [bounded, (v) => step(open, z.shape)(partial(v, c)), (v) => lax.sin(partial(v, -c))],
        positiveAbove(z, k, 3),
      );
    return vmap(f)(a, inShape(wholes, [a.shape[0]!]));
  },
  vmapOfLoops: ({ x, wholes, open, c }) => {
    const a = batch(x);
    const f = (z: Tensor, k: Tensor) =>
      whileLoop(
        ([n]: readonly [Tensor, Tensor]) => lax.gt(n, lax.fullLike(n, 4)),
        ([n, v]) =>
          [
            lax.sub(n, lax.fullLike(n, 2)),
            step(open, z.shape)(partial(positiveAbove(v, n, 4), c)),
          ] as const,
        [k, z] as const,
        { maxSteps: 4 },
      )[1];
    return vmap(f)(a, inShape(wholes, [a.shape[0]!]));
  },
  map: ({ x, open }) => map((z: Tensor) => open(z), batch(x)),
  scan: ({ x, y, open, c }) => {
    const next = step(open, x.shape);
    const [last, all] = scan(
      (carry: Tensor, s: Tensor) => [next(carry, s), carry],
      x,
      inShape(y, [3, 2]),
      { reverse: c > 0, unroll: Math.abs(c) > 0.5 ? 2 : 1 },
    );
    return lax.add(last, mean(all, [0]));
  },
  scanOfWholes: ({ x, wholes, deciding }) => {
    type Carry = { z: Tensor; n: Tensor };
    const [{ z }, steps] = scan(
      ({ z, n }: Carry, k: Tensor) => {
        const ks = lax.rem(lax.add(wholes, inShape(k, wholes.shape)), lax.fullLike(wholes, 10));
        const next = bounded(inShape(deciding(ks, z), x.shape));
        return [{ z: next, n: lax.add(n, k) }, { n, k: mean(next) }];
      },
      { z: x, n: pick(wholes, 0) },
      inShape(wholes, [3]),
    );
    const count = lax.convert(lax.reduceMax(steps.n, [0]), x.dtype);
    return lax.add(z, inShape(lax.mul(mean(steps.k), lax.tanh(count)), x.shape));
  },
  foriLoop: ({ x, open }) =>
    foriLoop(0, 3, (i: Tensor, z: Tensor) => {
      const count = lax.broadcast(lax.convert(i, x.dtype), x.shape, []);
      return step(open, x.shape)(z, lax.mul(count, lax.fullLike(x, 0.3)));
    }, x),
  whileLoop: ({ x, wholes, open, c }) => {
    const limit = pick(wholes, c);
    const [, last] = whileLoop(
      ([n]: readonly [Tensor, Tensor]) => lax.lt(n, limit),
      ([n, z]) => [lax.add(n, lax.fullLike(n, 2)), step(open, x.shape)(z)] as const,
      [lax.fullLike(limit, 1), x] as const,
      { maxSteps: 4 },
    );
    return last;
  },
  cond: ({ x, y, wholes, open, c }) => {
    const k = pick(wholes, c);
    return cond(
      lax.gt(k, lax.fullLike(k, 4)),
      step(open, x.shape),
      (z: Tensor, w: Tensor) => lax.mul(lax.sin(z), inShape(w, x.shape)),
      x,
      y,
    );
  },
  switchCase: ({ x, y, open, wholes, c }) => {
    const branches = [step(open, x.shape), lax.sin, (z: Tensor) => lax.mul(z, inShape(y, x.shape))];
    const k = pick(wholes, c);
    return switchCase(lax.sub(k, lax.fullLike(k, 3)), branches, x);
  },
  fixedPoint: ({ x, y, open, c }) => {
    // A contraction, whatever the block is.
    const f = (z: Tensor, a: Tensor) =>
      lax.add(lax.mul(z, lax.fullLike(z, 0.25)), inShape(lax.tanh(open(a)), x.shape));
    const adjoint = c > 0.3 ? neumann({ terms: 3 }) : c < -0.3 ? unrolled() : oneStep();
    const options = { solver: forward(), adjoint, maxSteps: 4, atol: 0, rtol: 0 };
    return fixedPointIteration(f, options)(lax.tanh(inShape(y, x.shape)), x).value;
  },
  customJvp: ({ x, y, closed }) =>
    customJvp(
      (a: Tensor, b: Tensor) => closed(a, b),
      ([a, b], [da, db]) => jvp((u: Tensor, v: Tensor) => closed(u, v), [a, b], [da, db]),
    )(x, y),
  customVjp: ({ x, y, closed }) =>
    customVjp(
      (a: Tensor, b: Tensor) => closed(a, b),
      (a, b) => [closed(a, b), { a, b }],
      ({ a, b }: { a: Tensor; b: Tensor }, ct: Tensor) =>
        vjp((u: Tensor, v: Tensor) => closed(u, v), a, b)[1](ct),
    )(x, y),
  customVjpOfZeros: ({ x, y, wholes, closed }) =>
    customVjp(
      (a: Tensor, b: Tensor, _: Tensor) => closed(a, b),
      (a, b, ks) => [
        closed(a.value, b.value),
        { a: a.value, b: b.perturbed ? b.value : null, other: b.value, ks: ks.value },
      ],
      ({ a, b, other }: { a: Tensor; b: Tensor | null; other: Tensor }, ct) => {
        if (ct === null) return [null, null, null];
        if (b === null) return [vjp((u: Tensor) => closed(u, other), a)[1](ct)[0], null, null];
        return [...vjp((u: Tensor, v: Tensor) => closed(u, v), a, b)[1](ct), null];
      },
      { symbolicZeros: true },
    )(x, y, wholes),
};
