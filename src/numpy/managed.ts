/**
 * What all functions of the array language have in common. Results have an owner: a function, called
 * while no program is being traced, frees the tensors it made on the way; the caller owns what it
 * returns, and nothing else. Options are looked at: what is none would change nothing, in silence.
 */
import { unseenScope } from "../core/memory.ts";
import { type Examples, optionsCheck, type OptionsOf } from "../core/options.ts";
import { Tensor } from "../core/tensor.ts";
import { currentTrace } from "../core/trace.ts";

/** How a function is called without options, `np.take(x, indices)`, and all it has, by example. */
type Options<O> = [O] extends [never] ? []
  : [call: `${string}(${string})`, known: Examples<O>];

// Functions call each other: only the outermost cleans up, so that the cost is paid once.
let running = false;

/**
 * The function, with its intermediates freed when it returns. One that takes options, last, says how it is
 * called without, and gives all of them by example, so that they can be looked at.
 */
export function managed<F extends (...args: never[]) => unknown>(
  f: F,
  ...options: Options<OptionsOf<F>>
): F {
  const check = options[0] === undefined ? undefined : lastOf(options[0], options[1]!);
  const wrapped = (...args: Parameters<F>): unknown => {
    check?.(args);
    if (running || currentTrace()) return f(...args);
    running = true;
    try {
      return unseenScope(() => handOver(f(...args), args));
    } finally {
      running = false;
    }
  };
  // The wrapper takes what `f` takes, and gives what it gives.
  return wrapped as F;
}

/** What looks at the options behind the operands that a call names. */
function lastOf(call: string, known: object): (args: readonly unknown[]) => void {
  const [name, operands] = call.split(/[(.)]/).slice(-3);
  const check = optionsCheck(name!, call, known);
  const place = operands!.split(",").length;
  return (args) => check(args[place]);
}

/** An argument that is handed through is shared, not handed over: both sides may dispose of theirs. */
function handOver(result: unknown, args: readonly unknown[]): unknown {
  const taken = new Set(args.flat());
  const own = (x: unknown): unknown => {
    if (!(x instanceof Tensor)) return x;
    if (taken.has(x)) return x.alias();
    taken.add(x);
    return x;
  };
  return Array.isArray(result) ? result.map(own) : own(result);
}
