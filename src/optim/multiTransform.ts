/** Different optimizers for different parameters. */
import { ArgumentError } from "../public.ts";
import { flatten, flattenUpTo, unflatten } from "../tree.ts";
import { requireState } from "./checks.ts";
import { byLabel, type Labels, onlyWhere } from "./labels.ts";
import type { GradientTransformation, StateOf } from "./transformation.ts";

/** One state for every label. */
export type MultiState<T> = { readonly [K in keyof T]: StateOf<T[K]> };

/**
 * Applies to each parameter the transformation of its label. Labels follow the containers of the
 * parameters as far as they need to, or come from a function of the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.multiTransform(
 *   { fast: optim.sgd(1), slow: optim.sgd(0.1) },
 *   { encoder: "slow", head: { w: "fast", b: "slow" } },
 * );
 * const p = { encoder: [np.ones([1])], head: { w: np.ones([1]), b: np.ones([1]) } };
 * const [u] = optimizer.update(p, optimizer.init(p), p);
 * console.assert(await u.head.w.item() === -1);
 * ```
 *
 * @throws ArgumentError for a label without a transformation; TreeError when labels do not follow the
 * parameters.
 */
export function multiTransform<
  const T extends { readonly [label: string]: GradientTransformation },
>(
  transformations: T,
  labels: Labels<keyof T & string>,
): GradientTransformation<MultiState<T>> {
  const names = Object.keys(transformations);
  const labelsOf = (params: unknown): unknown[] => {
    const found = byLabel(labels, params, "multiTransform: labels");
    const wrong = found.find((label) => !names.includes(label as string));
    if (wrong === undefined) return found;
    throw new ArgumentError(
      `multiTransform: the label ${String(wrong)} has no transformation`,
      `use one of ${names.join(", ")}`,
    );
  };
  return {
    init(params) {
      const of = labelsOf(params);
      return Object.fromEntries(
        names.map((name) => [name, transformations[name]!.init(only(params, of, name))]),
      ) as MultiState<T>; // one state for every label
    },
    update(updates, state, params, extra) {
      requireState("multiTransform", state, names);
      const [leaves, structure] = flatten(updates);
      const of = labelsOf(updates);
      const results = names.map((name) => {
        const own = params === undefined ? undefined : only(params, of, name);
        return transformations[name]!.update(only(updates, of, name), state[name], own, extra);
      });
      const parts = results.map(([u]) => flattenUpTo(structure, u, "multiTransform"));
      const merged = leaves.map((_, i) => parts[names.indexOf(of[i] as string)]![i]);
      const states = Object.fromEntries(names.map((name, i) => [name, results[i]![1]]));
      return [unflatten(structure, merged), states as MultiState<T>];
    },
  };
}

/** The tree with the leaves of other labels absent. */
const only = <S>(tree: S, labels: readonly unknown[], name: string): S =>
  onlyWhere(tree, labels.map((label) => label === name));

/**
 * One optimizer for each top-level key of the parameters.
 *
 * ```ts
 * import { np, optim } from "trilevel";
 * const optimizer = optim.perSubtree({ dvae: optim.adam(3e-4), slots: optim.setToZero() });
 * const p = { dvae: np.ones([2]), slots: { w: np.ones([2]) } };
 * const [u] = optimizer.update(p, optimizer.init(p), p);
 * console.assert(await np.sum(u.slots.w).item() === 0);
 * ```
 *
 * @throws ArgumentError for a key without an optimizer.
 */
export function perSubtree<const T extends { readonly [key: string]: GradientTransformation }>(
  transformations: T,
): GradientTransformation<MultiState<T>> {
  return multiTransform(
    transformations,
    (params) => Object.fromEntries(Object.keys(Object(params)).map((key) => [key, key])),
  );
}
