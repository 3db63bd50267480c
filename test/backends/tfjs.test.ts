/** Tensors change hands between Trilevel and tfjs: the same memory on webgpu, copies elsewhere. */
import "@tensorflow/tfjs-backend-cpu";
import * as tf from "@tensorflow/tfjs-core";
import { afterAll, describe, expect, test } from "vitest";
import { fromTfjs, toTfjs } from "../../src/tfjs/index.ts";
import "../../src/backends/index.ts";
import type { BackendName } from "../../src/core/source.ts";
import { currentBackend, setBackend } from "../../src/runtime/choice.ts";
import { bufferOf } from "../../src/runtime/execute.ts";
import type { WebGpuBuffer } from "../../src/backends/webgpu/memory.ts";
import { aval } from "../../src/core/aval.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { tensorFromHost } from "../../src/runtime/memory.ts";
import * as lax from "../../src/primitives/index.ts";
import { DTypeError } from "../../src/core/errors.ts";
import { webgpuPresent } from "../support/webgpu.ts";

const present = await webgpuPresent();
const names: BackendName[] = present ? ["webgpu", "reference"] : ["reference"];

const place = (data: Float32Array | Int32Array | Uint8Array | Uint32Array, shape: number[]) => {
  const dtype = data instanceof Float32Array
    ? "float32"
    : data instanceof Int32Array
    ? "int32"
    : data instanceof Uint32Array
    ? "uint32"
    : "bool";
  return tensorFromHost(data, aval(shape, dtype), currentBackend());
};

describe.each(names)("on %s", (name) => {
  test("there and back, through work on both sides", async () => {
    await setBackend(name);
    const x = place(new Float32Array([1, 2, 3, 4, 5, 6]), [2, 3]);
    const y = await toTfjs(lax.mul(x, x));
    await tf.setBackend(name === "webgpu" ? "webgpu" : "cpu");
    const z = tf.transpose(tf.add(y, tf.scalar(1)));
    const back = await fromTfjs(z);
    expect(back.shape).toEqual([3, 2]);
    expect([...await lax.neg(back).data()]).toEqual([-2, -17, -5, -26, -10, -37]);
    expect([...await y.data()]).toEqual([1, 4, 9, 16, 25, 36]);
  });

  test("integers, booleans, scalars, and nothing", async () => {
    await setBackend(name);
    for (
      const x of [
        place(new Int32Array([1, -2]), [2]),
        place(new Uint8Array([1, 0, 1]), [3]),
        place(new Float32Array([7]), []),
        place(new Float32Array(0), [0, 2]),
      ]
    ) {
      const there = await toTfjs(x);
      expect([...await there.data()].map(Number)).toEqual([...await x.data()]);
      const back = await fromTfjs(there);
      expect([back.dtype, back.shape]).toEqual([x.dtype, x.shape]);
      expect([...await back.data()]).toEqual([...await x.data()]);
    }
  });

  test("types that one of them lacks", async () => {
    await setBackend(name);
    await expect(toTfjs(place(new Uint32Array(2), [2]))).rejects.toThrow(DTypeError);
  });
});

describe.skipIf(!present)("without a copy", () => {
  afterAll(() => setBackend("reference"));

  test("memory is freed when both have let go", async () => {
    await setBackend("webgpu");
    const x = place(new Float32Array([1, 2]), [2]);
    const buffer = bufferOf(x) as WebGpuBuffer;
    const y = await toTfjs(x);
    x.dispose();
    expect(buffer.freed).toBe(false);
    expect([...await y.data()]).toEqual([1, 2]);
    y.dispose();
    expect(buffer.freed).toBe(true);
  });

  test("a tensor of tfjs stays while ours lives, and is the same buffer", async () => {
    await setBackend("webgpu");
    await tf.setBackend("webgpu");
    const y = tf.square(tf.tensor([3, 4]));
    const x: Tensor = await fromTfjs(y);
    y.dispose();
    const again = await toTfjs(x);
    expect([...await lax.add(x, x).data()]).toEqual([18, 32]);
    again.dispose();
    x.dispose();
  });
});
