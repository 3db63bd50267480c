/** Kernels that are compiled aside: whatever is asked for meanwhile comes out as if they had been there. */
import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { WebGpuBackend } from "../../src/backends/webgpu/index.ts";
import type { WebGpuBuffer } from "../../src/backends/webgpu/memory.ts";
import { setBackend } from "../../src/runtime/choice.ts";
import { aval } from "../../src/core/aval.ts";
import type { Program } from "../../src/core/program.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { jit, np, type Tensor } from "../../src/index.ts";
import { toTfjs } from "../../src/tfjs/index.ts";
import * as lax from "../../src/primitives/index.ts";
import { dawn } from "../support/dawn.ts";
import { newDevice, webgpuPresent } from "../support/webgpu.ts";
import { runs } from "../support/tier.ts";

const present = await webgpuPresent();
const size = 4;
const f32 = aval([size], "float32");

/** A device that compiles aside when it is told to. */
class Held {
  /** Compiles one of those asked for, or refuses to. */
  readonly waiting: ((refuse?: boolean) => void)[] = [];

  constructor(readonly device: GPUDevice) {
    device.createComputePipelineAsync = (descriptor) =>
      new Promise((resolve, reject) => {
        this.waiting.push((refuse = false) =>
          refuse ? reject(new Error("refused")) : resolve(device.createComputePipeline(descriptor))
        );
      });
  }

  /** Compiles all that is asked for, the last first. */
  release(): void {
    while (this.waiting.length > 0) this.waiting.pop()!();
  }
}

const open = async () => {
  const held = new Held(await newDevice());
  return { held, backend: new WebGpuBackend(held.device, { asyncPipelines: true }) };
};

/** A program whose kernel no other has: `x·scale + 1`, and in reverse. */
const affine = (scale: number): Program =>
  traceClosed((x) => {
    const y = lax.add(lax.mul(x!, lax.fullLike(x!, scale)), lax.fullLike(x!, 1));
    const [apart] = lax.barrier([y]);
    return [apart!, lax.reverse(apart!, [0])];
  }, [f32]);
const afterwards = (scale: number, x: readonly number[]) => {
  const y = x.map((v) => v * scale + 1);
  return [y, y.toReversed()];
};

/** Lets all that can go on do so; reading takes some milliseconds. */
const turn = (milliseconds = 0) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe.skipIf(!present)("kernels compiled aside", async () => {
  const { held, backend } = present ? await open() : { held: undefined!, backend: undefined! };
  afterAll(() => backend?.close());
  const upload = (data: readonly number[]) => backend.upload(Float32Array.from(data), f32);
  const read = async (buffer: WebGpuBuffer) => [...await backend.download(buffer, f32)];

  test("those of a program are asked for together, and nothing runs before the last is there", async () => {
    const program = affine(2);
    const executable = backend.compile(program);
    expect(held.waiting.length).toBe(new Set(executable.kernels).size);
    expect(held.waiting.length).toBeGreaterThan(1);
    const outputs = executable.run([upload([1, 2, 3, 4])]) as WebGpuBuffer[];
    let done = false;
    const values = Promise.all(outputs.map(read)).finally(() => done = true);
    while (held.waiting.length > 0) {
      await turn(30);
      expect(done).toBe(false);
      held.waiting.pop()!();
    }
    expect(await values).toEqual([[3, 5, 7, 9], [9, 7, 5, 3]]);
  });

  test("one that is refused is compiled where it is used", async () => {
    const [y] = backend.compile(affine(3)).run([upload([1, 2, 3, 4])]) as WebGpuBuffer[];
    held.waiting.forEach((go) => go(true));
    held.waiting.length = 0;
    expect(await read(y!)).toEqual([4, 7, 10, 13]);
  });

  test("data belongs to the caller again at once", async () => {
    const executable = backend.compile(affine(4));
    executable.run([upload([0, 0, 0, 0])]);
    const data = Float32Array.of(1, 2, 3, 4);
    const [y] = executable.run([backend.upload(data, f32)]) as WebGpuBuffer[];
    data.fill(9);
    held.release();
    expect(await read(y!)).toEqual([5, 9, 13, 17]);
  });

  test("any order of work", async () => {
    let scale = 100; // every program of every run is new
    type Act = "compile" | "run" | "donate" | "free" | "read" | "dispose" | "release" | "trim";
    const act = fc.tuple(
      fc.constantFrom<Act>(
        ...["compile", "run", "run", "donate", "free", "read"] as const,
        ...["read", "dispose", "release", "trim"] as const,
      ),
      fc.nat(),
      fc.nat(),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 60 }), async (acts) => {
        const programs: { executable: ReturnType<typeof backend.compile>; scale: number }[] = [];
        const alive: { buffer: WebGpuBuffer; values: readonly number[] }[] = [];
        const reads: Promise<void>[] = [];
        const one = <T>(list: T[], n: number): T | undefined => list[n % list.length];
        const take = <T>(list: T[], n: number) => list.splice(n % Math.max(1, list.length), 1)[0];
        for (const [kind, n, m] of acts) {
          if (alive.length < 2) {
            const values = Array.from({ length: size }, (_, i) => (n + i) % 100);
            alive.push({ buffer: upload(values), values });
          }
          switch (kind) {
            case "compile":
              scale = scale % 1000 + 1;
              programs.push({ executable: backend.compile(affine(scale)), scale });
              break;
            case "run":
            case "donate": {
              const program = one(programs, n);
              if (!program) break;
              const donated = kind === "donate";
              const x = donated ? take(alive, m)! : one(alive, m)!;
              const small = x.values.map((v) => v % 64); // exact
              if (x.values.some((v, i) => v !== small[i])) {
                if (donated) alive.push(x);
                break;
              }
              const outputs = program.executable.run(
                [x.buffer],
                new Set(donated ? [0] : []),
              ) as WebGpuBuffer[];
              const right = afterwards(program.scale, x.values);
              outputs.forEach((buffer, i) => alive.push({ buffer, values: right[i]! }));
              break;
            }
            case "free":
              backend.free(take(alive, n)!.buffer);
              break;
            case "read": {
              const { buffer, values } = one(alive, n)!;
              reads.push(read(buffer).then((found) => expect(found).toEqual(values)));
              break;
            }
            case "dispose":
              take(programs, n)?.executable.dispose();
              break;
            case "release":
              take(held.waiting, n)?.();
              if (m % 2) await turn();
              break;
            case "trim":
              backend.queue.pool.trim();
          }
        }
        alive.forEach(({ buffer, values }) =>
          reads.push(read(buffer).then((found) => expect(found).toEqual(values)))
        );
        held.release();
        await Promise.all(reads);
        alive.forEach(({ buffer }) => backend.free(buffer));
        programs.forEach(({ executable }) => executable.dispose());
      }),
      { numRuns: runs(40), seed: 7 },
    );
  });
});

describe.skipIf(!present)("others on the device", () => {
  test("tfjs is given what is finished, and from then on nothing waits", async () => {
    const { backend, held } = await open();
    await setBackend(backend);
    const y = jit((x: Tensor) => np.add(np.multiply(x, x), 1))(np.arange(4));
    expect(backend.queue.line.busy).toBe(true);
    const given = toTfjs(y);
    held.release();
    const there = await given;
    await tf.setBackend("webgpu");
    expect([...await tf.add(there, there).data()]).toEqual([2, 4, 10, 20]);
    const z = jit((x: Tensor) => np.sum(np.exp(np.zerosLike(x))))(y);
    expect(held.waiting.length).toBeGreaterThan(0); // and nobody compiles it
    expect(backend.queue.line.busy).toBe(false);
    expect(await z.item()).toBe(4);
  });
});

// SwiftShader compiles large kernels beside one another far more slowly than in turn: small ones have to do.
describe.skipIf(!dawn)("Dawn", () => {
  test("compiles aside", async () => {
    const backend = new WebGpuBackend(dawn!.backend.device, { asyncPipelines: true });
    const executable = backend.compile(affine(5));
    const x = backend.upload(Float32Array.of(1, 2, 3, 4), f32);
    const outputs = [...executable.run([x]), ...executable.run([x])];
    expect(backend.queue.line.busy).toBe(true);
    const values = await Promise.all(outputs.map((y) => backend.download(y, f32)));
    const [there, back] = afterwards(5, [1, 2, 3, 4]);
    expect(values.map((v) => [...v])).toEqual([there, back, there, back]);
  });
});
