/** `pureCallback`: outputs that a function of the host computes from the values of the inputs. */
import { ArgumentError } from "../core/errors.ts";
import type { HostFunction, Params, Primitive } from "../core/program.ts";
import { type Aval, aval } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind, traceClosed } from "../core/trace.ts";
import { broadcastBatch, reshape } from "./broadcast.ts";
import { scan } from "./control/scan.ts";
import { concatenate, slice } from "./shape.ts";

/** Ways to call a function of the host with a batch. */
export type VmapMethod = "sequential" | "sequentialUnrolled" | "expandDims" | "broadcastAll";

/** Parameters of `pureCallback`: the function of the host, and what it gives. */
export interface PureCallbackParams extends Params {
  /** The function, for the sizes of leading axes. */
  readonly run: (leading: readonly number[]) => HostFunction;
  /** The types of the outputs, without leading axes. */
  readonly results: readonly Aval[];
  /** The leading axes that batches have given. */
  readonly leading: readonly number[];
  readonly vmapMethod: VmapMethod | undefined;
}

export const pureCallbackPrimitive: Primitive<PureCallbackParams> = {
  name: "pureCallback",
  ownWeakness: true,
  host: ({ run, leading }) => run(leading),
  abstractEval: (_, { results, leading }) =>
    results.map(({ shape, dtype }) => aval([...leading, ...shape], dtype)),
  jvp() {
    throw new ArgumentError(
      "pureCallback: a host function has no derivative",
      "give it one with customJvp or customVjp, or call it with stopGradient(x)",
    );
  },
  transpose: null,
  batch(inputs, batched, params, { size }) {
    const { vmapMethod, leading } = params;
    switch (vmapMethod) {
      case undefined:
        throw new ArgumentError(
          "pureCallback: the function is mapped by vmap, but `vmapMethod` does not say how it takes a batch",
          'give { vmapMethod: "sequential" } to call it once for each element, or "expandDims" or "broadcastAll" if it ' +
            "computes whole batches",
        );
      case "sequential":
        return { outputs: oneByOne(inputs, batched, params, size) };
      case "sequentialUnrolled": {
        const each = Array.from({ length: size }, (_, i) =>
          bind(
            pureCallbackPrimitive,
            inputs.map((x, k) => batched[k] ? rowOf(x, i) : x),
            params,
          ));
        if (size === 0) return { outputs: oneByOne(inputs, batched, params, size) };
        const outputs = params.results.map((_, k) =>
          concatenate(each.map((row) => reshape(row[k]!, [1, ...row[k]!.shape])), 0)
        );
        return { outputs };
      }
      case "expandDims":
      case "broadcastAll": {
        const whole = inputs.map((x, k) => {
          if (batched[k]) return x;
          return vmapMethod === "broadcastAll"
            ? broadcastBatch(x, size)
            : reshape(x, [1, ...x.shape]);
        });
        const outputs = bind(pureCallbackPrimitive, whole, {
          ...params,
          leading: [size, ...leading],
        });
        return { outputs: [...outputs] };
      }
    }
  },
};

/** One call for each element of the batch, in a loop. */
function oneByOne(
  inputs: readonly Tensor[],
  batched: readonly boolean[],
  params: PureCallbackParams,
  size: number,
): Tensor[] {
  const shared = inputs.filter((_, k) => !batched[k]);
  const mapped = inputs.filter((_, k) => batched[k]);
  const avals = [
    ...shared.map((x) => x.aval),
    ...mapped.map((x) => ({ ...x.aval, shape: x.shape.slice(1) })),
  ];
  const body = traceClosed((...xs) => {
    let [next, row] = [0, shared.length];
    const operands = batched.map((b) => b ? xs[row++]! : xs[next++]!);
    return [...bind(pureCallbackPrimitive, operands, params)];
  }, avals);
  const loop = { body, consts: shared.length, carry: 0, length: size, reverse: false };
  return scan([...shared, ...mapped], loop);
}

function rowOf(x: Tensor, i: number): Tensor {
  const row = slice(x, {
    start: x.shape.map((_, axis) => axis === 0 ? i : 0),
    limit: x.shape.map((n, axis) => axis === 0 ? i + 1 : n),
    strides: x.shape.map(() => 1),
  });
  return reshape(row, x.shape.slice(1));
}

/** Outputs of a function of the host; see {@link PureCallbackParams}. */
export function pureCallback(xs: readonly Tensor[], params: PureCallbackParams): Tensor[] {
  return [...bind(pureCallbackPrimitive, xs, params)];
}
