/** `toStableHlo`: any traced function as StableHLO, for XLA. */
import { traceFunction } from "../core/function.ts";
import { inlineCalls } from "../core/inline.ts";
import { eliminateDeadCode } from "../core/program.ts";
import { programText } from "./stableHlo/program.ts";

/**
 * The text of a StableHLO module that computes `f` for arguments like these: the inputs of its function `main` are the
 * leaves of the arguments in order, the outputs those of the result. What `f` closes over becomes part of the module.
 * XLA runs it on CPUs, GPUs and TPUs, in any number: called inside `jax.jit` with a batch that is sharded, its
 * partitioner inserts the communication.
 *
 * Loops become `while`, choices `case`, rules of one's own are inlined, random bits are integer arithmetic and so the same
 * everywhere. Functions that StableHLO lacks (`erf`, `asin`, …) are operations of CHLO, which XLA expands.
 *
 * ```ts
 * import { grad, np, type Tensor, toStableHlo } from "trilevel";
 * const text = await toStableHlo(grad((x: Tensor) => np.sin(x).sum()), np.zeros([3]));
 * console.assert(text.includes("stablehlo.cosine"));
 * ```
 *
 * @throws BackendError when the function shows values to the host.
 */
export async function toStableHlo<A extends unknown[]>(
  f: (...args: A) => unknown,
  ...examples: A
): Promise<string> {
  const { program, captured } = traceFunction(f, examples, "toStableHlo");
  const constants = await Promise.all(captured.map((x) => x.data()));
  return programText(eliminateDeadCode(inlineCalls(program)), constants, "trilevel");
}
