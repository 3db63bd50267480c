/** `jit`: a function compiled as a whole, once for every kind of arguments. */
import { numberOf } from "../runtime/backend.ts";
import { axisNamesKey } from "../core/axisNames.ts";
import { ArgumentError } from "../core/errors.ts";
import { backendOf, type Runnable } from "../runtime/compiled.ts";
import { compile } from "../runtime/hosted.ts";
import { runsAsItStands } from "../core/jitSwitch.ts";
import { LruCache } from "../core/lru.ts";
import { type Aval, formatAval } from "../core/aval.ts";
import type { Program } from "../core/program.ts";
import { evaluate } from "../core/evaluate.ts";
import { Tensor } from "../core/tensor.ts";
import { assertReachable, currentTrace } from "../core/trace.ts";
import { unscoped } from "../runtime/memory.ts";
import { flatten, formatStructure, leafCount, type Structure, unflatten } from "../core/tree.ts";
import { type AnyFunction, tensorLeaves, traceLeaves } from "../core/function.ts";
import { staticKey } from "./staticKey.ts";
import { count, declareOptions, listOf } from "../options/index.ts";

/** Options of `jit`. */
export interface JitOptions {
  /**
   * Arguments that are no tensors but part of the function. Lists and plain objects are compared by what they hold,
   * functions and other objects by identity.
   */
  staticArgnums?: readonly number[];
  /**
   * Arguments whose memory the call may reuse: they are gone after it. A training step that donates
   * its parameters and optimizer state runs in constant memory.
   */
  donateArgnums?: readonly number[];
  /** The same as `donateArgnums`, in short. */
  donate?: readonly number[];
}

interface Entry {
  readonly program: Program;
  readonly captured: readonly Tensor[];
  readonly output: Structure;
  /** By the number of the backend. */
  readonly compiled: Map<number, Runnable>;
}

// Kinds of arguments for which one function stays compiled: each may hold a model's intermediates.
const limit = 1024;

/** The entries of one function. If they come and go in turn, it is said once. */
function newEntries(): LruCache<Entry> {
  const gone = new LruCache<true>(4 * limit, () => {});
  let said = false;
  return new LruCache<Entry>(limit, (unused, key) => {
    unused.compiled.forEach((c) => c.dispose());
    if (!said && gone.get(key)) {
      said = true;
      console.warn(
        `jit: a function was compiled again and again, since it is called with more than ${limit} kinds of ` +
          "arguments in turn. Pad tensors to a few shapes, and pass numbers as arguments that are not static.",
      );
    }
    gone.add(key, true);
  });
}

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
  // Constants that `f` makes belong to the program, not to the scope of the first call.
  const traced = unscoped(() => traceLeaves(call, structures, avals, "jit"));
  return { ...traced, compiled: new Map() };
}

/**
 * A call within a trace. Tensors are inputs of the function's program; bare numbers, which `f` may use as such, and
 * static arguments are part of it. A program that closes over traced values serves this call only.
 */
function withinTrace(
  f: AnyFunction,
  args: readonly unknown[],
  staticArgnums: readonly number[],
  entries: LruCache<Entry>,
): unknown {
  const parts: unknown[] = [];
  const structures = args.map((arg, i) => {
    const [leaves, structure] = staticArgnums.includes(i) ? [[arg], undefined] : flatten(arg);
    for (const leaf of leaves) parts.push(leaf);
    return structure;
  });
  const inputs = parts.filter(isInput);
  inputs.forEach((x) => assertReachable(x));
  const texts = parts.map((x) => isInput(x) ? formatAval(x.aval) : partKey(x));
  const shape = structures.map((s) => s ? formatStructure(s) : "static");
  const key = `within ${axisNamesKey()} ${shape.join(";")} ${texts.join(";")}`;
  let entry = entries.get(key);
  if (!entry) {
    const fixed = parts.map((x) => isInput(x) ? undefined : { value: x });
    entry = traceWithin(f, fixed, structures, inputs.map((x) => x.aval));
    if (entry.captured.every((x) => x.source.kind !== "traced")) entries.add(key, entry);
  }
  return unflatten(entry.output, evaluate(entry.program, [...entry.captured, ...inputs]));
}

/** Numbers that are known stay numbers. */
function isInput(x: unknown): x is Tensor {
  return x instanceof Tensor && x.source.kind !== "literal";
}

function partKey(x: unknown): string {
  if (!(x instanceof Tensor) || x.source.kind !== "literal") return staticKey(x);
  return `${formatAval(x.aval)}=${staticKey(x.source.value)}`;
}

/** As `traceEntry`, for parts of arguments of which some are fixed; an argument without a structure is one part. */
function traceWithin(
  f: AnyFunction,
  fixed: readonly ({ readonly value: unknown } | undefined)[],
  structures: readonly (Structure | undefined)[],
  avals: readonly Aval[],
): Entry {
  const leaf = { kind: "leaf" } as const;
  const call = (list: readonly Tensor[]) => {
    let next = 0;
    const parts = fixed.map((part) => part ? part.value : list[next++]);
    next = 0;
    return f(
      ...structures.map((s) =>
        s ? unflatten(s, parts.slice(next, next += leafCount(s))) : parts[next++]
      ),
    );
  };
  return traceEntry(call, [undefined], [{ kind: "array", children: avals.map(() => leaf) }], avals);
}

const checkOptions = declareOptions<JitOptions>("jit", ["f"], {
  staticArgnums: listOf(count),
  donateArgnums: listOf(count),
  donate: listOf(count),
});

/**
 * The function `f`, traced and compiled at the first call with arguments of a kind (structure, shapes,
 * element types, static values), and then run as one program. Within other transformations its program,
 * traced once for each kind, becomes part of theirs: the outermost `jit` compiles the whole.
 *
 * The 1024 kinds that were used last stay compiled, as long as the function itself is held: jit once, outside of
 * loops. A function that is called with more kinds in turn is compiled again each time, and a warning says so.
 *
 * Side effects of `f` (logging, random numbers of the host) happen only while it is traced.
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
  const { staticArgnums = [], donateArgnums = [] } = options;
  const donate = [...donateArgnums, ...options.donate ?? []];
  if (donate.some((n) => staticArgnums.includes(n))) {
    throw new ArgumentError(
      "jit: a static argument is donated",
      "donate arguments that are tensors",
    );
  }
  const entries = newEntries();
  return (...args) => {
    if (runsAsItStands()) return f(...args);
    if (currentTrace()) return withinTrace(f, args, staticArgnums, entries) as R; // what f gives
    const isStatic = args.map((_, i) => staticArgnums.includes(i));
    const flat = args.map((arg, i) =>
      isStatic[i] ? undefined : tensorLeaves(arg, `jit: argument ${i}`)
    );
    const leaves = flat.flatMap((part) => part?.[0] ?? []);
    const key = flat.map((part, i) =>
      part
        ? `${formatStructure(part[1])}${part[0].map((x) => formatAval(x.aval)).join()}`
        : staticKey(args[i])
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
    const number = numberOf(backend);
    let compiled = entry.compiled.get(number);
    if (!compiled) entry.compiled.set(number, compiled = compile(entry.program, backend));
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
