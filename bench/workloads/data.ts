/** What workloads are made of. */
import { dispose, jit, np, type Tensor } from "trilevel";
import { noise } from "../noise.ts";
import type { Work } from "../serve.ts";

/** A tensor of noise in ±scale. */
export function tensor(seed: number, shape: readonly number[], scale = 1): Tensor {
  return np.array(noise(seed, shape.reduce((a, b) => a * b, 1), scale), { shape });
}

/** A large result: one element of it is read, so that copying is not measured. */
export function onArrays(f: (...args: Tensor[]) => Tensor, ...args: Tensor[]): Work {
  const compiled = jit((...args: Tensor[]) => {
    const y = f(...args);
    return [y, np.slice(np.ravel(y), 0)] as const;
  });
  return {
    async call() {
      const results = compiled(...args);
      const value = Number(await results[1].item());
      dispose(results);
      return value;
    },
  };
}
