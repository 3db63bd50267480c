/** Garbage, collected on purpose. */
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/**
 * Collects what nobody holds. A picture leaves tens of MiB behind, and steps of training so little that V8 would not
 * look for thousands of them: the process would grow with every picture.
 */
export const collectGarbage: () => void = runInNewContext("gc");
