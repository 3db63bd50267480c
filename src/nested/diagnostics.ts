/**
 * Diagnostics of a level: the objective along the iteration, how strongly a step contracts, and how far the
 * gradient that an adjoint gives is from the exact one. The residual before each step is in `stats.trace` of `infer`.
 */

import { ArgumentError, type Tensor } from "../public.ts";
import { flatten } from "../tree.ts";
import * as np from "../numpy/index.ts";
import { declareOptions, integer, key as keyKind, oneOf, size } from "../options/index.ts";
import { adjointKind } from "../implicit/options.ts";
import {
  type Adjoint,
  implicit,
  jacobianSpectralNorm,
  jacobianSpectralRadius,
} from "../implicit/index.ts";
import { grad } from "../transforms/index.ts";
import { at, infer, type InferOptions, inferOptions } from "./infer.ts";
import { type Level, splitStep } from "./level.ts";

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
      return np.concatenate(flatten(slopes)[0].map((g) => np.ravel(g as Tensor))); // a tree of tensors
    };
    const [a, b] = [gradient(own.adjoint ?? exact), gradient(exact)];
    const [lengthA, lengthB] = [np.linalg.norm(a), np.linalg.norm(b)];
    return { cosine: np.sum(a.mul(b)).div(lengthA.mul(lengthB)), ratio: lengthA.div(lengthB) };
  };
}
