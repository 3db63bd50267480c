/** The error that a call throws, to look at. */
import { TrilevelError } from "../../src/core/errors.ts";

/** The library's error; whatever else is thrown is thrown on. */
export function caught(f: () => unknown): TrilevelError {
  try {
    f();
  } catch (error) {
    if (error instanceof TrilevelError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
