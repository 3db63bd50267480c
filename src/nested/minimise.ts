/** `minimise`: a level whose step descends its objective (Eq. 4 of nested optimization). */
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { applyUpdates, type GradientTransformation } from "../optim/index.ts";
import { callable, declareOptions, required } from "../options/index.ts";
import { optimizerKind } from "../solvers/descent.ts";
import { argmin, unrolled } from "../implicit/index.ts";
import { valueAndGrad, vmap } from "../transforms/index.ts";
import {
  at,
  defaultNoise,
  infer,
  type InferOptions,
  inferOptions,
  type Inferred,
} from "./infer.ts";
import type { At, Level } from "./level.ts";

/** Options of {@link minimise}: those of `infer`, where λ begins, and how it descends. */
export interface MinimiseOptions<W, X, Z, Collect extends "last" | "all" = "last" | "all">
  extends Omit<InferOptions<Collect>, "solver" | "finalStep"> {
  /** The first λ, from weights, datum and a random key. */
  readonly init: (w: W, x: X, key: Tensor) => Z;
  /** Any optimizer of `optim`. It sees λ as the user's tree; with `batchAxis`, one sample at a time. */
  readonly optimizer: GradientTransformation;
}

const { solver: _solver, finalStep: _finalStep, ...shared } = inferOptions;
const checkOptions = declareOptions<MinimiseOptions<never, never, unknown>>(
  "minimise",
  ["objective"],
  {
    init: required(callable("(w, x, key) => np.zeros([3])")),
    optimizer: required(optimizerKind),
    ...shared,
  },
);

/**
 * The function `(w, x, key) => { value, each, ys, stats }` that minimizes an objective in λ for a datum x, by any optimizer:
 *
 *     λ*(w, x) = argmin_λ L(w, λ, x)
 *
 * The objective gives a number, or one for each sample. With `collect: "last"` and fixed noise this is `argmin`, with all
 * its adjoints; with fresh noise or `collect: "all"`, the steps are taken one by one, and differentiated through.
 * Stochastic variational inference is `minimise` of the negative ELBO.
 *
 * ```ts
 * import { implicit, minimise, np, optim, random, type Tensor } from "trilevel";
 * // The minimum of (λ - x)² + w λ² is x / (1 + w).
 * const objective = (w: Tensor, z: Tensor, x: Tensor) =>
 *   np.square(z.sub(x)).add(w.mul(np.square(z)));
 * const solve = minimise(objective, {
 *   init: (_, x) => np.zerosLike(x),
 *   optimizer: optim.adam(0.1),
 *   steps: 300,
 *   adjoint: implicit(),
 * });
 * const { value } = solve(np.array(1), np.array(3), random.key(0));
 * console.assert(Math.abs(await value.item() - 1.5) < 1e-3);
 * ```
 *
 * @throws ArgumentError for bad options, and for options that contradict each other.
 */
export function minimise<W, X, Z>(
  objective: (w: W, z: Z, x: X, at: At) => Tensor,
  options: MinimiseOptions<W, X, Z, "last">,
): (w: W, x: X, key: Tensor) => Inferred<Z, null, "last">;
/** With `collect: "all"`, all iterates. */
export function minimise<W, X, Z>(
  objective: (w: W, z: Z, x: X, at: At) => Tensor,
  options: MinimiseOptions<W, X, Z, "all"> & { readonly collect: "all" },
): (w: W, x: X, key: Tensor) => Inferred<Z, null, "all">;
export function minimise<W, X, Z>(
  objective: (w: W, z: Z, x: X, at: At) => Tensor,
  options: MinimiseOptions<W, X, Z>,
): (w: W, x: X, key: Tensor) => Inferred<Z, null, "last" | "all"> {
  checkOptions(options);
  const { init, optimizer, ...own } = options;
  const { adjoint = unrolled(), noise = defaultNoise(own) } = own;
  const total = (w: W, z: Z, x: X, at: At) => np.sum(objective(w, z, x, at));
  if (own.collect === "all" || noise === "fresh") {
    const level = descent({ init, objective: total }, optimizer, own.batchAxis);
    const all = own.collect === "all";
    // All iterates are taken from the loop in any case: an optimizer's state may hold infinities, at which a fixed-point
    // iteration would end.
    const run = infer(
      level,
      { ...own, collect: "all" } as InferOptions<"all"> & { collect: "all" },
    );
    return (w, x, key) => {
      const { value, each, ys, stats } = run(w, x, key);
      return { value: value.z, each: all ? each.z : null, ys, stats };
    };
  }
  const { collect: _collect, noise: _noise, ...limits } = own;
  return (w, x, key) => {
    const place = at(np.array(0, { dtype: "int32" }), key);
    const solve = argmin((z: Z) => total(w, z, x, place), {
      atol: 0,
      rtol: 0,
      ...limits,
      optimizer,
      adjoint,
    });
    const { value, stats } = solve(init(w, x, key));
    return { value, each: null, ys: null, stats };
  };
}

/** λ, and what the optimizer remembers. */
type Descent<Z> = { readonly z: Z; readonly state: unknown };

/** The level whose step is an update of the optimizer, with the gradient of the objective at λ. */
function descent<W, X, Z>(
  { init, objective }: Required<Pick<Level<W, X, Z>, "init" | "objective">>,
  optimizer: GradientTransformation,
  batchAxis: number | undefined,
): Level<W, X, Descent<Z>> {
  const apart = batchAxis !== undefined;
  const axes = [batchAxis ?? 0, 0, batchAxis ?? 0] as const;
  const start = apart ? vmap(optimizer.init, { inAxes: [batchAxis] }) : optimizer.init;
  return {
    init(w, x, key) {
      const z = init(w, x, key);
      return { z, state: start(z) };
    },
    step(w, { z, state }, x, at) {
      const valueFn = (z: Z) => objective(w, z, x, at);
      const [value, slope] = valueAndGrad(valueFn)(z);
      const update = (g: Z, s: unknown, z: Z): [Z, unknown] =>
        optimizer.update(g, s, z, apart ? {} : { value, grad: slope, valueFn });
      const each = apart ? vmap(update, { inAxes: axes, outAxes: [batchAxis, 0] }) : update;
      const [updates, next] = each(slope as Z, state, z);
      return { z: applyUpdates(z, updates), state: next };
    },
  };
}
