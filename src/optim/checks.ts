/** Checks of the arguments of an update: states, and trees that must have the same structure. */
import { ArgumentError, ShapeError, Tensor, TreeError } from "../public.ts";
import { requireFields, requireList } from "../options/treeChecks.ts";
import { describeTree } from "../options/index.ts";
import { difference, flatten, paths } from "../tree.ts";

const call = "const [updates, next] = optimizer.update(gradients, state, params)";
const state = `give the state second, as init or the last update returned it: ${call}`;

/** Throws a TreeError unless a state has the fields of those that a transformation makes. */
export function requireState(name: string, given: unknown, fields: readonly string[]): void {
  requireFields(`optim.${name}: the state is`, given, fields, state);
}

/** Throws a TreeError unless there is a state for each part of a transformation. */
export function requireStates(name: string, given: unknown, count: number): void {
  requireList(`optim.${name}: the state is`, given, count, state);
}

/** Throws unless gradients are like what a state keeps for them: without the check, one that broadcasting stretches would give no error. */
export function requireGradients(name: string, gradients: unknown, kept: unknown): void {
  requireAlike(
    `optim.${name}: the gradients differ from the parameters that init was given`,
    gradients,
    kept,
    "give gradients of the same parameters; valueAndGrad returns [value, gradients]",
  );
}

/** Throws unless updates are like the parameters that they are for. */
export function requireUpdates(name: string, updates: unknown, params: unknown): void {
  requireAlike(
    `optim.${name}: the updates differ from the parameters`,
    updates,
    params,
    `give updates and parameters of one model, each alone: ${call}`,
  );
}

/** Throws a TreeError or a ShapeError that names the first place at which two trees of tensors differ. */
function requireAlike(what: string, given: unknown, expected: unknown, hint: string): void {
  const [leaves, structure] = flatten(given);
  const [models, model] = flatten(expected);
  const found = difference(structure, model);
  if (found !== undefined) throw new TreeError(`${what} ${found}`, hint);
  const wrong = leaves.findIndex((leaf, i) => shapeOf(leaf) !== shapeOf(models[i]));
  if (wrong < 0) return;
  const path = paths(structure)[wrong] || "the root";
  throw new ShapeError(
    `${what} at ${path}: ${describeTree(leaves[wrong])} against ${describeTree(models[wrong])}`,
    hint,
  );
}

/** The shape of a tensor as text, which nothing else has. */
function shapeOf(leaf: unknown): string | undefined {
  return leaf instanceof Tensor ? leaf.shape.join() : undefined;
}

/** Throws an ArgumentError unless the value is a transformation; `optim.adam` without a call is a function instead. */
export function requireTransformation(name: string, given: unknown): void {
  const { update } = Object(given) as { update?: unknown };
  if (typeof update === "function") return;
  throw new ArgumentError(
    `optim.${name}: the transformation is ${describeTree(given)}`,
    `give one that is made, optim.${name}(optim.adam(1e-3), …)`,
  );
}
