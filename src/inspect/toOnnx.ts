/** `toOnnx`: any traced function as an ONNX model. */
import { encodeProgram } from "../backends/onnx/encode.ts";
import { traceFunction } from "../core/function.ts";
import { inlineCalls } from "../core/inline.ts";
import { BackendError } from "../core/errors.ts";
import { eliminateDeadCode, type Program, subprograms } from "../core/program.ts";

/**
 * The bytes of an ONNX model that computes `f` for arguments like these: inputs `arg0`, `arg1` … are the leaves of
 * the arguments in order, outputs `out0` … those of the result. What `f` closes over becomes part of the model.
 * Gradients, vectorized and solved functions export like any other.
 *
 * ```ts
 * import { grad, np, type Tensor, toOnnx } from "trilevel";
 * const bytes = await toOnnx(grad((x: Tensor) => np.sin(x).sum()), np.zeros([3]));
 * console.assert(bytes.length > 0);
 * ```
 *
 * @throws BackendError naming what ONNX cannot express.
 */
export async function toOnnx<A extends unknown[]>(
  f: (...args: A) => unknown,
  ...examples: A
): Promise<Uint8Array> {
  const { program, captured } = traceFunction(f, examples, "toOnnx");
  const constants = await Promise.all(captured.map((x) => x.data()));
  const pure = eliminateDeadCode(inlineCalls(program));
  refuseHost(pure);
  return encodeProgram(pure, constants);
}

/** Throws where a program, at any depth, needs the host. */
function refuseHost(program: Program): void {
  for (const { primitive, params } of program.equations) {
    if (primitive.host || primitive.effect) {
      throw new BackendError(
        `toOnnx: "${primitive.name}" calls the host, which an exported program cannot do`,
        "leave out debug.print, debug.callback, errorIf and pureCallback in the function to export",
      );
    }
    subprograms(params).forEach(refuseHost);
  }
}
