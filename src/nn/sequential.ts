/** Layers one after another. */
import { ArgumentError, type Tensor } from "../public.ts";
import { describeTree } from "../options/index.ts";
import * as random from "../random/index.ts";
import { requireParamsList } from "./checks.ts";
import type { Activation, Layer, ParamsOf } from "./layer.ts";

/** A layer from tensor to tensor, or a function without parameters. */
export type Stage = Layer<unknown> | Activation;

/** The parameters of stages: null for functions. */
export type StageParams<S extends readonly Stage[]> = {
  readonly [I in keyof S]: S[I] extends Activation ? null : ParamsOf<S[I]>;
};

/**
 * Layers and functions applied one after another; the parameters are the list of theirs.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const net = nn.sequential(nn.linear({ in: 3, out: 8 }), nn.relu, nn.linear({ in: 8, out: 1 }));
 * const params = net.init(random.key(0));
 * console.assert(params[0].weight.shape.join() === "8,3" && params[1] === null);
 * console.assert(net.apply(params, np.ones([5, 3])).shape.join() === "5,1");
 * ```
 *
 * @throws ArgumentError for what is neither layer nor function; TreeError for parameters of another number of stages.
 */
export function sequential<const S extends readonly Stage[]>(
  ...stages: S
): Layer<StageParams<S>> {
  const wrong = stages.findIndex((s) => typeof s !== "function" && typeof s?.apply !== "function");
  if (wrong >= 0) {
    throw new ArgumentError(
      `nn.sequential: stage ${wrong} is ${describeTree(stages[wrong])}`,
      "give layers and functions one by one: nn.sequential(layer, nn.relu), or nn.sequential(...list)",
    );
  }
  return {
    init(key) {
      const keys = random.split(key, stages.length);
      // One entry for each stage, in order: what a mapped tuple type says.
      return stages.map((stage, i) =>
        typeof stage === "function" ? null : stage.init(keys[i]!)
      ) as unknown as StageParams<S>;
    },
    apply(params, x: Tensor) {
      requireParamsList("nn.sequential", params, stages.length);
      return stages.reduce<Tensor>(
        (y, stage, i) => typeof stage === "function" ? stage(y) : stage.apply(params[i], y),
        x,
      );
    },
  };
}
