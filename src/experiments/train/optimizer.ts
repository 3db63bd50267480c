/**
 * The optimizer of each parameter: the config's for all but those of groups, which have their own, and those that are
 * frozen, which stay as they are. Paths are those of `paths.ts`.
 */
import { optim, type Tensor, tree } from "../../index.ts";
import { makeOptimizer } from "../optimizer.ts";
import { isBelow, pathNames } from "../paths.ts";
import type { OptimizerConfig } from "../schema.ts";
import type { ParameterGroup } from "../tasks/task.ts";

/** The transformation for all parameters, each by the first of `frozen` and `groups` that it is below. */
export function grouped(
  transformation: optim.GradientTransformation,
  frozen: readonly string[],
  groups: { readonly [name: string]: ParameterGroup } = {},
): optim.GradientTransformation {
  // Names of the task's own cannot be those of the two parts that there always are.
  const parts = Object.entries(groups).map(([name, group]) => [`group ${name}`, group] as const);
  if (frozen.length === 0 && parts.length === 0) return transformation;
  const labelOf = (name: string) =>
    below(frozen, name)
      ? "frozen"
      : parts.find(([, { paths }]) => below(paths, name))?.[0] ?? "trained";
  return optim.multiTransform<{ readonly [label: string]: optim.GradientTransformation }>(
    {
      trained: transformation,
      frozen: optim.setToZero(),
      ...Object.fromEntries(parts.map(([name, group]) => [name, group.transformation])),
    },
    (params) => {
      const [, structure] = tree.flatten(params);
      return tree.unflatten(structure, pathNames(structure).map(labelOf));
    },
  );
}

/** True for a parameter of this name that is one of the paths or below one. */
const below = (paths: readonly string[], name: string) => paths.some((path) => isBelow(path, name));

/** Zero gradients for parameters that are frozen, so that nothing that looks at the whole gradient sees theirs. */
export function withoutFrozen(frozen: readonly string[]): optim.GradientTransformation {
  if (frozen.length === 0) return optim.identity();
  return optim.freeze((params: unknown) => {
    const [, structure] = tree.flatten(params);
    return tree.unflatten(structure, pathNames(structure).map((name) => below(frozen, name)));
  });
}

/** The leaves of each group, and of `rest`, the parameters without one. */
export function leavesByGroup(
  params: unknown,
  groups: { readonly [name: string]: ParameterGroup },
): { readonly [group: string]: readonly Tensor[] } {
  const [leaves, structure] = tree.flatten(params);
  const found: { [group: string]: Tensor[] } = {};
  for (const [i, name] of pathNames(structure).entries()) {
    const group = Object.keys(groups).find((key) => below(groups[key]!.paths, name)) ?? "rest";
    (found[group] ??= []).push(leaves[i] as Tensor); // parameters are trees of tensors
  }
  return found;
}

/** The groups of a config, by name: what they leave out is as for all other parameters. */
export function configGroups(
  { groups, ...main }: OptimizerConfig,
): { readonly [name: string]: ParameterGroup } {
  return Object.fromEntries(
    Object.entries(groups).map(([name, { paths, ...own }]) => [
      name,
      { paths, ...makeOptimizer({ ...main, ...own }, `optimizer.groups.${name}`) },
    ]),
  );
}
