/** The axes of enclosing `vmap`s that have a name, while their functions are being traced. */
import { ArgumentError } from "./errors.ts";

let scope: ReadonlyMap<string, number> = new Map();

/** Runs `f` inside an axis of this name and size. */
export function withAxisName<R>(name: string, size: number, f: () => R): R {
  return within(new Map([...scope, [name, size]]), f);
}

/** The function, which finds the axes that are in scope now, whenever it is called. */
export function keepingAxisNames<A extends unknown[], R>(f: (...args: A) => R): (...args: A) => R {
  const axes = scope;
  return (...args) => within(axes, () => f(...args));
}

/** The names and sizes in scope as text: what a traced function may depend on. */
export function axisNamesKey(): string {
  return JSON.stringify([...scope]);
}

/** The size of an axis in scope. */
export function axisSizeOf(name: string, by: string): number {
  const size = scope.get(name);
  if (size !== undefined) return size;
  const known = [...scope.keys()].map((axis) => `"${axis}"`).join(", ");
  throw new ArgumentError(
    `${by}: no axis is named "${name}" here`,
    known
      ? `axes with a name are ${known}`
      : `call it inside a function given to vmap with a name: vmap(f, { axisName: "${name}" })`,
  );
}

function within<R>(axes: ReadonlyMap<string, number>, f: () => R): R {
  const outer = scope;
  scope = axes;
  try {
    return f();
  } finally {
    scope = outer;
  }
}
