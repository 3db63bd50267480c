/** `checkpointName`: the identity, by which a policy of `checkpoint` finds a value. It is gone once derivatives are made. */
import type { Params, Primitive, Program } from "../../core/program.ts";
import type { Tensor } from "../../core/tensor.ts";
import { bind, traceClosed } from "../../core/trace.ts";

/** Parameters of `checkpointName`: the name, and the identity. */
export interface NameParams extends Params {
  readonly name: string;
  readonly program: Program;
}

const checkpointNamePrimitive: Primitive<NameParams> = {
  name: "checkpointName",
  ownWeakness: true,
  abstractEval: ([x]) => [x],
  // The value has the name, not its tangent.
  jvp: ([x], [dx], { name }) => ({ outputs: [checkpointName(x, name)], tangents: [dx] }),
  transpose: (cotangents) => [cotangents[0]],
  batch: ([x], [batched], { name }) => ({
    outputs: [checkpointName(x, name)],
    batched: [batched],
  }),
  inline: ({ program }) => program,
};

/** The same value, which has a name from now on. */
export function checkpointName(x: Tensor, name: string): Tensor {
  const program = traceClosed((y) => [y!], [x.aval]);
  return bind(checkpointNamePrimitive, [x], { name, program })[0];
}
