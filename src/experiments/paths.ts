/**
 * Parameters by their paths. A path names a parameter or all below it: `encoder`, `decoder.layers[0].weight`; `*` stands for
 * one part of it, `**` for any number of parts: `**.bias`.
 */
import { tree } from "../index.ts";

/** The paths of all leaves as names: `encoder.convs[0].bias`. */
export const pathNames = (s: tree.Structure): string[] =>
  tree.paths(s).map((path) => path.replace(/^\./, ""));

const partsOf = (path: string) => path.split(/[.[\]]/).filter((part) => part !== "");

/** True if a parameter has the path, or is below it. */
export function isBelow(path: string, name: string): boolean {
  return matches(partsOf(path), partsOf(name));
}

function matches(
  [first, ...rest]: readonly string[],
  parts: readonly string[],
): boolean {
  if (first === undefined) return true;
  if (first === "**") {
    return matches(rest, parts) || parts.length > 0 && matches(["**", ...rest], parts.slice(1));
  }
  return parts.length > 0 && (first === "*" || first === parts[0]) && matches(rest, parts.slice(1));
}

/** True where parameters are below one of the paths: all if `inside`, or all others. */
export function maskOf(paths: readonly string[], inside: boolean): (params: unknown) => unknown {
  return (params) => {
    const structure = tree.structure(params);
    return tree.unflatten(
      structure,
      pathNames(structure).map((name) => paths.some((path) => isBelow(path, name)) === inside),
    );
  };
}
