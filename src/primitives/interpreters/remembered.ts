/**
 * A cache of what was derived from a program. Rules of loops and branches derive their programs more than
 * once, first to find out which outputs depend on what: without this, work would multiply with every level of nesting.
 */
import type { Program } from "../../core/program.ts";

/** Results of `derive` for programs, computed once for each key and kept as long as the program. */
export class Remembered<R> {
  readonly #known = new WeakMap<Program, Map<string, R>>();

  /** The result for a program and a key that says what else it depends on. */
  of(program: Program, key: string, derive: () => R): R {
    let known = this.#known.get(program);
    if (!known) this.#known.set(program, known = new Map());
    let found = known.get(key);
    if (found === undefined) known.set(key, found = derive());
    return found;
  }
}

/** Flags as text; those that are left out are false. */
export function flagsKey(flags: readonly boolean[]): string {
  const last = flags.lastIndexOf(true);
  return flags.slice(0, last + 1).map((f) => f ? "1" : "0").join("");
}
