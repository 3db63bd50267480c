/**
 * Diagnostics of a level: the objective along the iteration, how strongly a step contracts, and how far the
 * gradient that an adjoint gives is from the exact one. The residual before each step is in `stats.trace` of `infer`.
 */

import { ArgumentError, type Tensor } from "../public.ts";
import { flatten, map } from "../tree.ts";
import * as np from "../numpy/index.ts";
import { declareOptions, integer, key as keyKind, oneOf, size } from "../options/index.ts";
import { adjointKind } from "../implicit/options.ts";
import {
  type Adjoint,
  implicit,
  jacobianSpectralNorm,
  jacobianSpectralRadius,
} from "../implicit/index.ts";
import { grad, vjp } from "../transforms/index.ts";
import { at, infer, type InferOptions, inferOptions } from "./infer.ts";
import { type Level, mapLeaves, splitStep } from "./level.ts";

const checkObjectiveTrace = declareOptions<Pick<InferOptions, "steps" | "noise">>(
  "objectiveTrace",
  ["level"],
  { steps: inferOptions.steps, noise: oneOf("fresh", "fixed") },
);

/**
 * The function `(w, x, key) => L` that gives the level's objective at λ₀ … λ_T, on a new first axis: has the iteration
 * climbed, and has it climbed enough?
 *
 * @throws ArgumentError when the level has no objective.
 */
export function objectiveTrace<W, X, Z, Y>(
  level: Level<W, X, Z, Y>,
  options: Pick<InferOptions, "steps" | "noise">,
): (w: W, x: X, key: Tensor) => Tensor {
  checkObjectiveTrace(options);
  const { steps, noise = "fresh" } = options;
  const objective = level.objective?.bind(level);
  if (!objective) {
    throw new ArgumentError(
      "objectiveTrace: the level has no objective",
      "give the level a function objective(w, z, x, at)",
    );
  }
  return (w, x, key) => {
    const measured = (z: Z, t: Tensor) =>
      objective(w, z, x, at(noise === "fixed" ? np.zerosLike(t) : t, key));
    const seen: Level<W, X, Z, Tensor> = {
      init: (...args) => level.init(...args),
      step(w, z, x, place) {
        return [splitStep(z, level.step(w, z, x, place))[0], objective(w, z, x, place)] as const;
      },
    };
    const { value, ys } = infer(seen, { steps, noise, collect: "all" })(w, x, key);
    return np.concatenate([
      ys,
      np.expandDims(measured(value, np.array(steps, { dtype: "int32" })), 0),
    ]);
  };
}

/** Options of {@link contraction}. */
export interface ContractionOptions {
  /** Iterations of the power method. Defaults: those of `jacobianSpectralNorm` and `jacobianSpectralRadius`. */
  readonly steps?: number;
  /** The axis of every leaf of λ that counts samples, which then have numbers of their own. */
  readonly batchAxis?: number;
  /** The random start of the power method. */
  readonly key?: Tensor;
}

const checkContraction = declareOptions<ContractionOptions>("contraction", ["level"], {
  steps: size,
  batchAxis: integer,
  key: keyKind,
});

/**
 * The function `(w, z, x, key) => { norm, radius }` that measures how a step changes small differences at λ = z: the spectral norm
 * of J = ∂step/∂λ bounds how much one step stretches them, the spectral radius is the rate at which the iteration
 * converges near a fixed point (below 1: it does).
 */
export function contraction<W, X, Z, Y>(
  level: Level<W, X, Z, Y>,
  options: ContractionOptions = {},
): (w: W, z: Z, x: X, key: Tensor) => { norm: Tensor; radius: Tensor } {
  checkContraction(options);
  return (w, z, x, key) => {
    const place = at(np.array(0, { dtype: "int32" }), key);
    const step = (z: Z) => splitStep(z, level.step(w, z, x, place))[0];
    return {
      norm: jacobianSpectralNorm(step, z, options),
      radius: jacobianSpectralRadius(step, z, options),
    };
  };
}

/** Options of {@link adjointError}: those of `infer`, and the adjoint to compare with. */
export interface AdjointErrorOptions extends Omit<InferOptions<"last">, "collect" | "noise"> {
  /** The adjoint that is taken for right. Default `implicit()`, which is exact at a fixed point. */
  readonly exact?: Adjoint;
}

const { collect: _collect, noise: _noise, ...shared } = inferOptions; // a fixed point is looked at
const checkAdjointError = declareOptions<AdjointErrorOptions>("adjointError", ["level", "loss"], {
  ...shared,
  exact: adjointKind,
});

/**
 * The function `(w, x, key) => { cosine, ratio }` that compares the gradient of `loss(w, λ, x)` in w under an adjoint with the
 * exact one: the cosine of the angle between them, and ‖approximate‖ / ‖exact‖.
 */
export function adjointError<W, X, Z, Y>(
  level: Level<W, X, Z, Y>,
  loss: (w: W, z: Z, x: X) => Tensor,
  options: AdjointErrorOptions,
): (w: W, x: X, key: Tensor) => { cosine: Tensor; ratio: Tensor } {
  checkAdjointError(options);
  const { exact = implicit(), ...own } = options;
  return (w, x, key) => {
    const gradient = (adjoint: Adjoint) => {
      const solve = infer(level, { ...own, noise: "fixed", adjoint });
      const slopes = grad((w: W) => loss(w, solve(w, x, key).value, x))(w);
      return vector(slopes);
    };
    const [a, b] = [gradient(own.adjoint ?? exact), gradient(exact)];
    const [lengthA, lengthB] = [np.linalg.norm(a), np.linalg.norm(b)];
    return { cosine: np.sum(a.mul(b)).div(lengthA.mul(lengthB)), ratio: lengthA.div(lengthB) };
  };
}

const checkAdjointResidual = declareOptions<Omit<InferOptions<"last">, "collect" | "noise">>(
  "adjointResidual",
  ["level", "loss"],
  shared,
);

/**
 * The function `(w, x, key) => r` that tells how well an adjoint solves its linear system. At the λ that is found, with
 * J = ∂step/∂λ and g = ∂loss/∂λ, an exact adjoint is u = Jᵀu + g; of the u in use this gives
 *
 *     r = ‖u − Jᵀu − g‖ / ‖g‖,
 *
 * over all samples: 0 for an exact solution, ‖Jᵀg‖ / ‖g‖ for `oneStep()`, whose u is g.
 *
 * ```ts
 * import { adjointResidual, implicit, type Level, np, oneStep, random, type Tensor } from "trilevel";
 * const level: Level<Tensor, Tensor, Tensor> = {
 *   init: (_w, x) => np.zerosLike(x),
 *   step: (w, z, x) => w.mul(z).add(x), // J = w
 * };
 * const loss = (_w: Tensor, z: Tensor) => np.sum(z);
 * for (const [adjoint, expected] of [[oneStep(), 0.5], [implicit(), 0]] as const) {
 *   const of = adjointResidual(level, loss, { steps: 40, adjoint });
 *   const r = await of(np.array(0.5), np.ones([2]), random.key(0)).item();
 *   console.assert(Math.abs(r - expected) < 1e-5);
 * }
 * ```
 */
export function adjointResidual<W, X, Z, Y>(
  level: Level<W, X, Z, Y>,
  loss: (w: W, z: Z, x: X) => Tensor,
  options: Omit<InferOptions<"last">, "collect" | "noise">,
): (w: W, x: X, key: Tensor) => Tensor {
  checkAdjointResidual(options);
  // A number that is added to every step has the adjoint as its gradient: ∂step/∂b is the identity.
  const moved: Level<W, { readonly x: X; readonly b: Z }, Z> = {
    init: (w, { x }, key) => level.init(w, x, key),
    step: (w, z, { x, b }, place) => sum(splitStep(z, level.step(w, z, x, place))[0], b),
  };
  const solve = infer(moved, { ...options, noise: "fixed" });
  return (w, x, key) => {
    const none = mapLeaves((leaf) => np.zerosLike(leaf), level.init(w, x, key));
    const { value: z } = solve(w, { x, b: none }, key);
    const g = grad((z: Z) => loss(w, z, x))(z);
    const u = grad((b: Z) => np.sum(vector(solve(w, { x, b }, key).value).mul(vector(g))))(none);
    const place = at(np.array(0, { dtype: "int32" }), key);
    const [, pull] = vjp((z: Z) => splitStep(z, level.step(w, z, x, place))[0], z);
    const [carried] = pull(u as Parameters<typeof pull>[0]); // a tree like z
    const left = vector(u).sub(vector(carried)).sub(vector(g));
    return np.linalg.norm(left).div(np.linalg.norm(vector(g)));
  };
}

/** All elements of a tree in one vector. */
const vector = (tree: unknown): Tensor =>
  np.concatenate(flatten(tree)[0].map((leaf) => np.ravel(leaf as Tensor))); // a tree of tensors

const sum = <Z>(a: Z, b: Z): Z => map((x: Tensor, y: Tensor) => x.add(y), a, b) as Z; // a tree like a
