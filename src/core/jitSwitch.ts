/** The switch by which compiling is turned off: see `disableJit`. */
import { currentTrace } from "./trace.ts";

let disabled = false;

/** Runs `f` with compiling turned off. */
export function withoutJit<R>(f: () => R): R {
  const outer = disabled;
  disabled = true;
  try {
    return f();
  } finally {
    disabled = outer;
  }
}

/** True if a function that would be compiled is to run as it stands, one operation after the other. */
export function runsAsItStands(): boolean {
  return disabled && !currentTrace();
}
