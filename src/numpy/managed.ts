/**
 * Wraps every function of the array language. Results have an owner: a function, called
 * while no program is being traced, frees its intermediate tensors; the caller owns the tensors that it
 * returns, and nothing else. The argument behind the operands is checked, since misspelt options would
 * otherwise be ignored silently.
 */
import "../runtime/execute.ts"; // Functions of the array language compute at once.
import { internalScope } from "../runtime/memory.ts";
import { Tensor } from "../core/tensor.ts";
import { currentTrace } from "../core/trace.ts";
import type { Check, OptionsOf } from "../options/index.ts";

/** The check of a function's options; one without options may declare its operands. */
type Taken<O> = [O] extends [never] ? [taken?: Check<never>] : [taken: Check<O>];

// Functions call each other: only the outermost cleans up, so that the cost is paid once.
let running = false;

/** The function, with its intermediates freed when it returns, and what it is given last looked at. */
export function managed<F extends (...args: never[]) => unknown>(
  f: F,
  ...[taken]: Taken<OptionsOf<F>>
): F {
  const place = taken === undefined ? Infinity : taken.declaration.operands.length;
  const wrapped = (...args: Parameters<F>): unknown => {
    if (args.length > place) taken!(args[place], args);
    if (running || currentTrace()) return f(...args);
    running = true;
    try {
      return internalScope(() => handOver(f(...args), args));
    } finally {
      running = false;
    }
  };
  // The wrapper takes what `f` takes, and gives what it gives.
  return wrapped as F;
}

/** As {@link managed}, for a function whose options cannot be left out. */
export function managedWithOptions<Operands extends readonly unknown[], O extends object, R>(
  f: (...args: [...Operands, O]) => R,
  check: Check<O>,
): (...args: [...Operands, O]) => R {
  const place = check.declaration.operands.length;
  const checked = (...args: [...Operands, O]): R => {
    check(args[place], args);
    return f(...args);
  };
  // The options are checked above, because `managed` allows that they are left out.
  return (managed as (f: typeof checked) => typeof checked)(checked);
}

/** An argument that is handed through is shared, not handed over: both sides may dispose of theirs. */
function handOver(result: unknown, args: readonly unknown[]): unknown {
  const taken = new Set(args.flat().flatMap((x) => isParts(x) ? Object.values(x) : [x]));
  const own = (x: unknown): unknown => {
    if (x instanceof Tensor) {
      if (taken.has(x)) return x.alias();
      taken.add(x);
      return x;
    }
    if (Array.isArray(x)) return x.map(own);
    if (isParts(x)) return Object.fromEntries(Object.entries(x).map(([name, y]) => [name, own(y)]));
    return x;
  };
  return own(result);
}

/** True of a pair `{ re, im }`, and of options. */
const isParts = (x: unknown): x is object =>
  typeof x === "object" && x !== null && !(x instanceof Tensor) && !Array.isArray(x);
