/** `jit`: a function compiled as a whole, once for every kind of arguments. */
import type { Backend } from "../core/backend.ts";
import { ArgumentError } from "../core/errors.ts";
import { backendOf, Compiled } from "../core/execute.ts";
import { LruCache } from "../core/lru.ts";
import { type Aval, formatAval, type Program } from "../core/program.ts";
import { Tensor } from "../core/tensor.ts";
import { currentTrace } from "../core/trace.ts";
import { unscoped } from "../core/memory.ts";
import { formatStructure, type Structure, unflatten } from "../core/tree.ts";
import { type AnyFunction, tensorLeaves, traceLeaves } from "../core/function.ts";
import { count, declareOptions, listOf } from "../options/index.ts";

/** Options of `jit`. */
export interface JitOptions {
  /** Arguments that are no tensors but part of the function: compared by identity. */
  staticArgnums?: readonly number[];
  /**
   * Arguments whose memory the call may reuse: they are gone after it. A training step that donates
   * its parameters and optimizer state runs in constant memory.
   */
  donate?: readonly number[];
}

interface Entry {
  readonly program: Program;
  readonly captured: readonly Tensor[];
  readonly output: Structure;
  readonly compiled: Map<Backend, Compiled>;
}

const objects = new WeakMap<object, number>();
let objectCount = 0;

/** A text that two values share only if they are the same value. */
function identity(value: unknown): string {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") {
    if (typeof value === "symbol") {
      throw new ArgumentError("jit: a static argument is a symbol", "give a string or an object");
    }
    // Lengths keep texts apart that contain what separates them.
    const text = Object.is(value, -0) ? "-0" : String(value);
    return `${typeof value}${text.length}:${text}`;
  }
  if (value instanceof Tensor) {
    throw new ArgumentError(
      `jit: a static argument is ${formatAval(value.aval)}`,
      "leave tensors out of staticArgnums: static arguments are compared by identity, and none is the same twice",
    );
  }
  let number = objects.get(value);
  if (number === undefined) objects.set(value, number = objectCount++);
  return `#${number}`;
}

// Kinds of arguments for which one function stays compiled: each may hold a model's intermediates.
const limit = 128;

/**
 * Traces `f` for arguments of a kind: static ones are themselves, the others are trees of these structures and
 * types. The program remembers the functions that were running when it was traced, and they what they close
 * over: none of them may close over the arguments, or the first call's would live as long as the program.
 */
function traceEntry(
  f: AnyFunction,
  statics: readonly ({ readonly value: unknown } | undefined)[],
  structures: readonly Structure[],
  avals: readonly Aval[],
): Entry {
  const call = (...given: unknown[]) => {
    let next = 0;
    return f(...statics.map((fixed) => fixed ? fixed.value : given[next++]));
  };
  // Constants that `f` makes are the program's, whatever scope the first call is in.
  const traced = unscoped(() => traceLeaves(call, structures, avals, "jit"));
  return { ...traced, compiled: new Map() };
}

const checkOptions = declareOptions<JitOptions>("jit", ["f"], {
  staticArgnums: listOf(count),
  donate: listOf(count),
});

/**
 * The function `f`, traced and compiled at the first call with arguments of a kind (structure, shapes,
 * element types, static values), and from then on run as one program. Within other transformations it
 * is `f` itself: the outermost `jit` compiles the whole.
 *
 * The 128 kinds that were used last stay compiled, as long as the function itself is held: jit once, outside of
 * loops.
 *
 * What `f` does beside computing (logging, random numbers of the host) happens while it is traced only.
 * Tensors that `f` closes over are read at every call; they must not be disposed.
 *
 * ```ts
 * import { grad, jit, np, type Tensor } from "trilevel";
 * const slope = jit(grad((x: Tensor) => np.tanh(x).sum()));
 * console.assert((await slope(np.zeros([2])).data())[0] === 1);
 * const scaled = jit((x: Tensor, n: number) => x.mul(n), { staticArgnums: [1] });
 * console.assert(await scaled(np.array(2), 3).item() === 6);
 * ```
 */
export function jit<A extends unknown[], R>(
  f: (...args: A) => R,
  options: JitOptions = {},
): (...args: A) => R {
  checkOptions(options);
  const { staticArgnums = [], donate = [] } = options;
  if (donate.some((n) => staticArgnums.includes(n))) {
    throw new ArgumentError(
      "jit: a static argument is donated",
      "donate arguments that are tensors",
    );
  }
  const entries = new LruCache<Entry>(
    limit,
    (unused) => unused.compiled.forEach((c) => c.dispose()),
  );
  return (...args) => {
    if (currentTrace()) return f(...args);
    const isStatic = args.map((_, i) => staticArgnums.includes(i));
    const flat = args.map((arg, i) =>
      isStatic[i] ? undefined : tensorLeaves(arg, `jit: argument ${i}`)
    );
    const leaves = flat.flatMap((part) => part?.[0] ?? []);
    const key = flat.map((part, i) =>
      part
        ? `${formatStructure(part[1])}${part[0].map((x) => formatAval(x.aval)).join()}`
        : identity(args[i])
    ).join(";");
    const entry = entries.get(key) ?? entries.add(
      key,
      traceEntry(
        f,
        args.map((arg, i) => isStatic[i] ? { value: arg } : undefined),
        flat.flatMap((part) => part ? [part[1]] : []),
        leaves.map((x) => x.aval),
      ),
    );
    const inputs = [...entry.captured, ...leaves];
    const backend = backendOf(inputs);
    let compiled = entry.compiled.get(backend);
    if (!compiled) entry.compiled.set(backend, compiled = new Compiled(entry.program, backend));
    const donated = new Set<number>();
    let position = entry.captured.length;
    flat.forEach((part, i) =>
      part?.[0].forEach(() => {
        if (donate.includes(i)) donated.add(position);
        position++;
      })
    );
    return unflatten<R>(entry.output, compiled.run(inputs, donated));
  };
}
