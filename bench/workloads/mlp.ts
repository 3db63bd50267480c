/** (b): a step of Adam on an MLP 784-256-10, batch 64. */
import { jit, nn, np, optim, type Tensor, valueAndGrad } from "trilevel";
import type { Work } from "../serve.ts";
import { tensor } from "./data.ts";

/** The work of one call: a step, from the parameters that the last one left. */
export function mlp(): Work {
  const model = nn.mlp({ sizes: [784, 256, 10] });
  const optimizer = optim.adam(1e-3);
  const x = tensor(0, [64, 784]);
  const labels = np.array(Int32Array.from({ length: 64 }, (_, i) => i % 10), { shape: [64] });
  let params: readonly nn.LinearParams[] = [
    { weight: tensor(1, [256, 784], 1 / 28), bias: np.zeros([256]) },
    { weight: tensor(2, [10, 256], 1 / 16), bias: np.zeros([10]) },
  ];
  let state = optimizer.init(params);
  const loss = (p: typeof params) => nn.crossEntropy(model.apply(p, x), labels);
  const step = jit((p: typeof params, s: typeof state) => {
    const [value, gradient] = valueAndGrad(loss)(p);
    const [updates, next] = optimizer.update(gradient, s, p);
    return [value, optim.applyUpdates(p, updates), next] as const;
  }, { donate: [0, 1] });
  return {
    async call() {
      let value: Tensor;
      [value, params, state] = step(params, state);
      const result = Number(await value.item());
      value.dispose();
      return result;
    },
  };
}
