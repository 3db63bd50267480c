/** What the webgpu backend makes of whole programs: right values, few kernels, little memory, loud errors. */
import { afterAll, describe, expect, test } from "vitest";
import { errorOf } from "../../src/backends/webgpu/device.ts";
import { WebGpuBackend } from "../../src/backends/webgpu/index.ts";
import type { DeviceBuffer } from "../../src/runtime/backend.ts";
import { currentBackend } from "../../src/runtime/choice.ts";
import { BackendError } from "../../src/core/errors.ts";
import { aval } from "../../src/core/aval.ts";
import type { Program } from "../../src/core/program.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { jit, np, setBackend, type Tensor } from "../../src/index.ts";
import * as lax from "../../src/primitives/index.ts";
import { agree } from "../support/agree.ts";
import { newDevice, webgpuPresent } from "../support/webgpu.ts";
import { examples, inputsOf, programOf } from "./webgpuPrograms.ts";

const present = await webgpuPresent();
const f32 = (...shape: number[]) => aval(shape, "float32");

const targets = {
  "as the device is": {},
  "for a GPU": { software: false },
  "with few buffers": { maxBuffers: 5, software: false },
} as const;

describe.skipIf(!present).each(Object.entries(targets))("programs %s", async (_, target) => {
  const backend = present ? new WebGpuBackend(await newDevice(), target) : undefined;
  afterAll(() => backend?.close());
  test.each([...examples])("$name", async (example) => {
    await agree(backend!, programOf(example), inputsOf(example));
  });
});

describe.skipIf(!present)("webgpu", async () => {
  const backend: WebGpuBackend = present ? new WebGpuBackend(await newDevice()) : undefined!;
  afterAll(() => backend?.close());

  const upload = (data: number[], shape = [data.length]) =>
    backend.upload(new Float32Array(data), f32(...shape));
  const values = async (buffer: DeviceBuffer, size: number) => [
    ...await backend.download(buffer, f32(size)),
  ];

  test.each(examples.filter((e) => e.dispatches !== undefined))(
    "$name takes $dispatches dispatches",
    (example) => {
      const executable = backend.compile(programOf(example));
      expect(executable.dispatches).toBeLessThanOrEqual(example.dispatches!);
      executable.dispose();
    },
  );

  test.each([...examples])("kernels of $name are not too long to compile", (example) => {
    const executable = backend.compile(programOf(example));
    expect(Math.max(0, ...executable.kernels.map((k) => k.length))).toBeLessThan(100_000);
    executable.dispose();
  });

  test("intermediates share memory", () => {
    const program = traceClosed((x) => {
      let y = x!;
      for (let i = 0; i < 50; i++) {
        y = lax.dot(y, x!, { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] });
      }
      return [y];
    }, [f32(64, 64)]);
    const executable = backend.compile(program);
    expect(executable.dispatches).toBe(50);
    expect(executable.blockBytes).toBe(2 * 64 * 64 * 4);
    expect(executable.neededBytes).toBe(2 * 64 * 64 * 4);
    executable.dispose();
  });

  test("devices of the user's come one after the other", async () => {
    const sums = [];
    for (const device of [await newDevice(), await newDevice()]) {
      await setBackend(new WebGpuBackend(device));
      const x = np.arange(4);
      sums.push(await np.sum(x.mul(x)).item());
    }
    expect(sums).toEqual([14, 14]);
  });

  test("a donated input's memory becomes an output's", async () => {
    const program = traceClosed((x) => {
      const [y] = lax.barrier([lax.reverse(x!, [0])]);
      return [lax.reverse(lax.mul(y!, y!), [0])];
    }, [f32(4)]);
    const executable = backend.compile(program);
    const x = upload([1, 2, 3, 4]);
    const [y] = executable.run([x], new Set([0]));
    expect((y as typeof x).gpu).toBe(x.gpu);
    expect(await values(y!, 4)).toEqual([1, 4, 9, 16]);
    backend.free(y!);
  });

  test("an input that is read late is not overwritten, donated or not", async () => {
    const program = traceClosed((x) => [lax.reverse(x!, [0]), lax.add(x!, x!)], [f32(4)]);
    const executable = backend.compile(program);
    const outputs = executable.run([upload([1, 2, 3, 4])], new Set([0]));
    expect(await values(outputs[0]!, 4)).toEqual([4, 3, 2, 1]);
    expect(await values(outputs[1]!, 4)).toEqual([2, 4, 6, 8]);
  });

  test("a value asked for is the one at that time, whatever comes after", async () => {
    const program = traceClosed((x) => [lax.add(x!, x!)], [f32(2)]);
    const executable = backend.compile(program);
    const x = upload([1, 2]);
    const [y] = executable.run([x]);
    const early = values(y!, 2);
    backend.free(y!);
    const others = Array.from({ length: 10 }, () => executable.run([upload([9, 9])])[0]!);
    expect(await early).toEqual([2, 4]);
    expect(await values(others[3]!, 2)).toEqual([18, 18]);
  });

  test("runs share a submission, unless they are large or something else comes between", async () => {
    const chain = (length: number) =>
      backend.compile(traceClosed((x) => {
        let y = [x!];
        for (let i = 0; i < length; i++) y = lax.barrier([lax.reverse(y[0]!, [0])]);
        return y;
      }, [f32(2)]));
    const { queue } = backend.device;
    const { submit } = queue;
    let submissions = 0;
    queue.submit = (commands) => {
      submissions++;
      return submit.call(queue, commands);
    };
    const count = async (f: () => DeviceBuffer) => {
      submissions = 0;
      const result = f();
      await Promise.resolve();
      const found = submissions;
      expect(await values(result, 2)).toEqual([1, 2]);
      return found;
    };
    try {
      const [x, twice] = [upload([1, 2]), chain(2)];
      const rounds = (n: number, between = () => {}) => () => {
        let y: DeviceBuffer = x;
        for (let i = 0; i < n; i++) {
          [y] = twice.run([y]) as [DeviceBuffer];
          between();
        }
        return y;
      };
      expect(await count(rounds(10))).toBe(1);
      expect(await count(rounds(3, () => upload([0, 0])))).toBe(3);
      const long = chain(100);
      let done = 0;
      await count(() => {
        const [y] = long.run([x]) as [DeviceBuffer];
        done = submissions;
        return y;
      });
      expect(done).toBe(1);
    } finally {
      queue.submit = submit;
    }
  });

  test("runs of one program do not disturb each other", async () => {
    const program = traceClosed((x) => [lax.cumsum(lax.sin(x!), 0), lax.reduceSum(x!, [0])], [
      f32(3),
    ]);
    const executable = backend.compile(program);
    const runs = [1, 2, 3].map((k) => executable.run([upload([k, k, k])]));
    const sums = await Promise.all(runs.map(([, s]) => values(s!, 1)));
    expect(sums).toEqual([[3], [6], [9]]);
  });

  test("kernels of one text are compiled once", () => {
    const program = (): Program => traceClosed((x) => [lax.tanh(x!)], [f32(5)]);
    const [a, b] = [backend.compile(program()), backend.compile(program())];
    expect(a.kernels).toEqual(b.kernels);
  });

  test("what does not fit is refused by name", () => {
    const small = new WebGpuBackend(backend.device, { maxBytes: 1024 });
    const program = traceClosed((x) => [lax.exp(x!)], [f32(20, 20)]);
    expect(() => small.compile(program)).toThrow(BackendError);
    expect(() => small.compile(program)).toThrow(/float32\[20,20\] needs 1600 bytes/);
  });

  test("a loop without a bound is refused, with the hint", () => {
    const condition = traceClosed((c) => [lax.lt(c!, lax.fullLike(c!, 1))], [f32()]);
    const body = traceClosed((c) => [c!], [f32()]);
    const program = traceClosed((x) =>
      lax.whileLoop([x!], {
        condition,
        body,
        conditionConsts: 0,
        bodyConsts: 0,
        maxSteps: undefined,
      }), [f32()]);
    expect(() => backend.compile(program)).toThrow(/maxSteps/);
  });

  test("a lost device fails everything after it", async () => {
    const lost = new WebGpuBackend(await newDevice());
    const program = traceClosed((x) => [lax.exp(x!)], [f32(2)]);
    const executable = lost.compile(program);
    const x = lost.upload(new Float32Array(2), f32(2));
    lost.device.destroy();
    await lost.device.lost;
    await Promise.resolve();
    expect(() => executable.run([x])).toThrow(/device was lost/);
    await expect(lost.download(x, f32(2))).rejects.toThrow(BackendError);
  });

  test("an error for want of memory says so, and what to do", () => {
    const error = errorOf(new GPUOutOfMemoryError("no room"));
    expect(error.message).toMatch(/out of memory: no room[\s\S]*smaller batches/);
  });

  test("an invalid command fails the results it should have made", async () => {
    const broken = new WebGpuBackend(await newDevice());
    const program = traceClosed((x) => [lax.exp(x!)], [f32(2)]);
    const executable = broken.compile(program);
    const x = broken.upload(new Float32Array(2), f32(2));
    x.gpu.destroy();
    const [y] = executable.run([x]);
    const [z] = executable.run([y!]);
    await expect(broken.download(y!, f32(2))).rejects.toThrow(/WebGPU/);
    await expect(broken.download(z!, f32(2))).rejects.toThrow(/WebGPU/);
    // Others are not concerned.
    const [sound] = executable.run([broken.upload(new Float32Array(2), f32(2))]);
    expect([...await broken.download(sound!, f32(2))]).toEqual([1, 1]);
    expect(broken.failed).toBe(false);
    broken.close();
  });

  test("a lost device is replaced when the backend is set again", async () => {
    await setBackend(new WebGpuBackend(await newDevice()));
    const x = np.ones([2]);
    await x.data();
    const lost = currentBackend() as WebGpuBackend; // it was set above
    lost.device.destroy();
    await lost.device.lost;
    await Promise.resolve();
    await expect((async () => await x.add(1).data())()).rejects.toThrow(
      /device was lost[\s\S]*other backends still work[\s\S]*setBackend\("webgpu"\)/,
    );
    await setBackend("reference");
    expect([...await np.ones([2]).add(1).data()]).toEqual([2, 2]);
    await setBackend("webgpu");
    expect(currentBackend()).not.toBe(lost);
    const double = jit((y: Tensor) => y.mul(2));
    expect([...await double(np.ones([2]).add(1)).data()]).toEqual([4, 4]);
    expect(() => x.add(np.ones([2]))).toThrow(/lost|two backends/);
  });
});
