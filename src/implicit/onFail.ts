/** The treatment of runs in which some samples have not converged. */
import type { HostCallback } from "../core/program.ts";
import { BackendError } from "../core/errors.ts";
import type { Tensor } from "../core/tensor.ts";
import * as lax from "../primitives/index.ts";
import { FixedPointStatus } from "../solvers/iterate.ts";

/** Has the host look at how samples ended. */
export function watch(
  name: string,
  onFail: "status" | "warn" | "throw" | undefined,
  status: Tensor,
): void {
  if (onFail === "throw") lax.callback([status], lookers(name).refuse, true);
  if (onFail === "warn") lax.callback([status], lookers(name).warn);
}

// One function for all iterations of a name, so that equal programs stay equal.
const known = new Map<string, { readonly refuse: HostCallback; readonly warn: HostCallback }>();

function lookers(name: string) {
  let found = known.get(name);
  if (!found) {
    found = {
      refuse([values]) {
        const failure = failureOf(name, values!);
        if (failure) throw new BackendError(failure, hint);
      },
      warn([values]) {
        const failure = failureOf(name, values!);
        if (failure) console.warn(`${failure}; ${hint}`);
      },
    };
    known.set(name, found);
  }
  return found;
}

const hint =
  'raise the number of steps, damp the solver, loosen the tolerance, or read stats with onFail: "status"';

function failureOf(name: string, status: ArrayLike<number | bigint>): string | undefined {
  const failed = Array.from(status).filter((s) => Number(s) !== FixedPointStatus.converged);
  if (failed.length === 0) return undefined;
  return `${name}: ${failed.length} of ${status.length} samples did not converge`;
}
