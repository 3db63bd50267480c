/** Hyperparameters as part of the state, where they can be read and changed between steps. */
import { ArgumentError, type Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { nearest } from "../options/index.ts";
import { requireState } from "./checks.ts";
import { floatType, increment, zeroCount } from "./leaves.ts";
import type { Schedule } from "./schedules.ts";
import type { GradientTransformation } from "./transformation.ts";

/** Hyperparameters by name: numbers, or schedules. */
export type Hyperparams = { readonly [name: string]: number | Schedule };

/** Their values. */
export type HyperparamValues<H> = { readonly [K in keyof H]: Tensor };

/** The state of {@link injectHyperparams}. */
export interface InjectState<H, Inner> {
  /** The number of updates so far, int32. */
  readonly count: Tensor;
  /** The values of the last update; replace one to change it from the next update on. */
  readonly hyperparams: HyperparamValues<H>;
  /** The state of the inner transformation. */
  readonly inner: Inner;
}

/** The values, of which a name that is not there throws instead of being undefined. */
function named<V extends object>(values: V): V {
  return new Proxy(values, {
    get(target, name) {
      if (typeof name === "symbol" || Object.hasOwn(target, name)) return Reflect.get(target, name);
      const known = Object.keys(target);
      const near = nearest(name, known);
      throw new ArgumentError(
        `optim.injectHyperparams: no hyperparameter is named \`${name}\``,
        `${near === undefined ? "" : `did you mean \`${near}\`? `}there are { ${
          known.join(", ")
        } }`,
      );
    },
  });
}

/**
 * The transformation that `make` returns for hyperparameters, with their values kept in the state: a
 * compiled step need not be compiled again when they change.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.injectHyperparams(
 *   { learningRate: 0.1 },
 *   ({ learningRate }) => optim.sgd(learningRate),
 * );
 * const state = optimizer.init(np.zeros([1]));
 * const faster = { ...state, hyperparams: { learningRate: np.array(1) } };
 * const [u] = optimizer.update(np.ones([1]), faster);
 * console.assert(await u.item() === -1);
 * ```
 */
export function injectHyperparams<const H extends Hyperparams, Inner>(
  hyperparams: H,
  make: (values: HyperparamValues<H>) => GradientTransformation<Inner>,
): GradientTransformation<InjectState<H, Inner>> {
  const valuesAt = (count: Tensor, of: unknown, kept?: HyperparamValues<H>) => {
    const dtype = floatType(of);
    const entries = Object.entries(hyperparams).map(([name, value]) => {
      if (typeof value === "function") return [name, value(count, dtype)];
      return [name, kept?.[name] ?? np.full([], value, { dtype })];
    });
    return Object.fromEntries(entries) as HyperparamValues<H>; // one value for every name
  };
  return {
    init(params) {
      const count = zeroCount();
      const values = valuesAt(count, params);
      return { count, hyperparams: values, inner: make(named(values)).init(params) };
    },
    update(updates, state, params, extra) {
      requireState("injectHyperparams", state, ["count", "hyperparams", "inner"]);
      const values = valuesAt(state.count, updates, state.hyperparams);
      const [updated, inner] = make(named(values)).update(updates, state.inner, params, extra);
      return [updated, { count: increment(state.count), hyperparams: values, inner }];
    },
  };
}
