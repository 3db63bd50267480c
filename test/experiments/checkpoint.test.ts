/** Checkpoints: exact, whole or not there, and the one before when the last is damaged. */
import { mkdir, readdir, readFile, truncate, writeFile } from "node:fs/promises";
import { Effect } from "effect";
import { beforeAll, describe, expect, it } from "vitest";
import { np, random, setBackend, type Tensor } from "trilevel";
import {
  bestCheckpoint,
  latestCheckpoint,
  readCheckpoint,
  restore,
  saveCheckpoint,
} from "../../src/experiments/checkpoint.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/experiments/safetensors.ts";
import { RunFolder } from "../../src/experiments/store.ts";
import { failure, temporaryFolder } from "./support.ts";

const folder = temporaryFolder();
const run = Effect.runPromise;
const progress = (step: number) => ({ step, seconds: 1, best: null });

const makeState = () => ({
  params: { layers: [{ weight: random.normal(random.key(3), [2, 3]), bias: null }] },
  key: random.key(7),
  step: np.array(new Int32Array([5]), { shape: [1] }),
  flags: np.array([true, false]),
});

async function newRun(name: string): Promise<RunFolder> {
  await mkdir(folder(name), { recursive: true });
  return new RunFolder(folder(name));
}

beforeAll(() => setBackend("reference"));

describe("safetensors", () => {
  const file = {
    tensors: {
      w: { dtype: "float32", shape: [2], data: Float32Array.of(1.5, -2) },
      wide: { dtype: "float32", shape: [1], data: Float64Array.of(0.1) },
      n: { dtype: "int32", shape: [], data: Int32Array.of(-3) },
      none: { dtype: "bool", shape: [0], data: new Uint8Array() },
    },
    metadata: { a: "b" },
  } as const;

  it("keep types, shapes, bits and texts", () => {
    expect(decodeSafetensors(encodeSafetensors(file))).toEqual(file);
  });

  it("have the format's layout", () => {
    const bytes = encodeSafetensors(file);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(header.w).toEqual({ dtype: "F32", shape: [2], data_offsets: [0, 8] });
    expect(header.wide.dtype).toBe("F64");
  });

  it("are refused when cut at any byte, or when something follows", () => {
    const bytes = encodeSafetensors(file);
    for (let end = 0; end < bytes.length; end++) {
      expect(() => decodeSafetensors(bytes.subarray(0, end)), `cut at ${end}`).toThrow();
    }
    expect(() => decodeSafetensors(new Uint8Array([...bytes, 0]))).toThrow(/follow/);
  });
});

describe("checkpoints", () => {
  it("give back every bit, also of the reference's doubles", async () => {
    const where = await newRun("exact");
    const state = makeState();
    await run(saveCheckpoint(where, state, progress(5), { keep: 2 }));
    const { checkpoint } = await run(latestCheckpoint(where));
    const restored = await run(restore(checkpoint!, makeState()));
    const pairs: [Tensor, Tensor][] = [
      [restored.params.layers[0]!.weight, state.params.layers[0]!.weight],
      [restored.key, state.key],
      [restored.step, state.step],
      [restored.flags, state.flags],
    ];
    for (const [after, before] of pairs) {
      expect(after.dtype).toBe(before.dtype);
      expect(await after.data()).toEqual(await before.data());
    }
    expect(checkpoint!.progress).toEqual(progress(5));
  });

  it("keep the last ones and the best", async () => {
    const where = await newRun("keep");
    for (const step of [1, 2, 3, 4]) {
      await run(saveCheckpoint(where, makeState(), progress(step), { keep: 2 }));
      if (step === 2) {
        await run(saveCheckpoint(where, makeState(), progress(step), { keep: 2, best: true }));
      }
    }
    expect((await readdir(where.file("checkpoints"))).sort()).toEqual([
      "best.safetensors",
      "step-00000003.safetensors",
      "step-00000004.safetensors",
    ]);
    expect((await run(bestCheckpoint(where))).progress.step).toBe(2);
  });

  it("leave nothing partial behind when they cannot be written", async () => {
    const where = await newRun("unwritable");
    await writeFile(where.file("checkpoints"), "a file where a folder should be");
    const error = await failure(saveCheckpoint(where, makeState(), progress(1), { keep: 2 }));
    expect(error._tag).toBe("FileError");
    expect(await readdir(where.path)).toEqual(["checkpoints"]);
  });

  it("fall back to the one before when the last is cut short", async () => {
    const where = await newRun("damaged");
    for (const step of [1, 2]) {
      await run(saveCheckpoint(where, makeState(), progress(step), { keep: 2 }));
    }
    const last = where.file("checkpoints", "step-00000002.safetensors");
    await truncate(last, (await readFile(last)).length - 3);
    const { checkpoint, damaged } = await run(latestCheckpoint(where));
    expect(checkpoint!.progress.step).toBe(1);
    expect(damaged).toHaveLength(1);
    expect(damaged[0]!.message).toContain("cut short");
    expect((await failure(readCheckpoint(last)))._tag).toBe("CheckpointError");
  });

  it("are refused by another model, which is told what differs", async () => {
    const where = await newRun("other");
    await run(saveCheckpoint(where, makeState(), progress(1), { keep: 2 }));
    const { checkpoint } = await run(latestCheckpoint(where));
    const other = { ...makeState(), key: np.zeros([2]), extra: np.zeros([1]) };
    const error = await failure(restore(checkpoint!, other));
    expect(error.message).toContain("extra is missing");
    expect(error.message).toContain("key is uint32[2], not float32[2]");
  });
});
