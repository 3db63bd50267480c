/**
 * More than there is: one error that says so and what to do, and work goes on after it. The sizes are beyond what
 * any engine gives one array, so that nothing is really taken.
 */
import { describe, expect, test } from "vitest";
import { BackendError, grad, jit, np, setBackend, type Tensor } from "trilevel";
import { webgpuPresent } from "../support/webgpu.ts";

const names = ["reference", "onnx", ...await webgpuPresent() ? ["webgpu" as const] : []] as const;

const long = () => np.ones([1_000_000]);
const outer = (x: Tensor) => np.outer(x, x);
const cases: Record<string, () => Tensor> = {
  "a tensor of zeros": () => np.zeros([1_000_000, 1_000_000]),
  "more elements than numbers count": () => np.zeros([1e9, 1e9]),
  "an eager product": () => outer(long()),
  "a compiled product": () => jit(outer)(long()),
  "what a gradient needs on the way": () =>
    grad((x: Tensor) => np.sum(np.sort(np.sin(outer(x)), { axis: 0 })))(long()),
};

describe.each(names)("on %s", (name) => {
  test.each(Object.entries(cases))("%s", async (_, make) => {
    await setBackend(name);
    // Where runs begin at once, the call throws; else the result rejects.
    const error = await Promise.resolve().then(() => make().data()).catch((e) => e);
    expect(error).toBeInstanceOf(BackendError);
    expect(error.message).toMatch(
      /\d+ bytes[\s\S]*outOfMemory\.test\.ts:\d+[\s\S]*(smaller batches|another backend)/,
    );
    expect(await np.array([1, 2]).mul(3).array()).toEqual([3, 6]);
  });
});
