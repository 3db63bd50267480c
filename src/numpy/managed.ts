/**
 * Ownership of results. A function of the array language, called while no program is being traced,
 * frees the tensors it made on the way; the caller owns what it returns, and nothing else.
 */
import { unseenScope } from "../core/memory.ts";
import { Tensor } from "../core/tensor.ts";
import { currentTrace } from "../core/trace.ts";

// Functions call each other: only the outermost cleans up, so that the cost is paid once.
let running = false;

/** The function, with its intermediates freed when it returns. */
export function managed<F extends (...args: never[]) => unknown>(f: F): F {
  const wrapped = (...args: Parameters<F>): unknown => {
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
