/** Checkpoints: exact, whole or not there, and the one before when the last is damaged. */
import { mkdir, readdir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { Effect } from "effect";
import { beforeAll, describe, expect, it } from "vitest";
import { np, random, setBackend, type Tensor } from "trilevel";
import { readTree, restore } from "../../src/experiments/train/device.ts";
import {
  bestCheckpoint,
  type Checkpoint,
  decodeCheckpoint,
  encodeCheckpoint,
  latestCheckpoint,
  makerOf,
  readCheckpoint,
  saveCheckpoint,
} from "../../src/experiments/runs/checkpoint.ts";
import { decodeSafetensors, encodeSafetensors } from "../../src/safetensors/format.ts";
import { RunFolder } from "../../src/experiments/runs/folder.ts";
import { failure, temporaryFolder, tinyConfig } from "./support.ts";

const folder = temporaryFolder();
const run = Effect.runPromise;
const progress = (step: number) => ({ step, seconds: 1, best: null, sinceBest: 0, results: {} });

const makeState = () => ({
  params: { layers: [{ weight: random.normal(random.key(3), [2, 3]), bias: null }] },
  key: random.key(7),
  step: np.array(new Int32Array([5]), { shape: [1] }),
  flags: np.array([true, false]),
});

const maker = makerOf(await tinyConfig(), "reference");
const save = async (where: RunFolder, step: number, best = false) =>
  run(saveCheckpoint(where, await readTree(makeState()), progress(step), maker, { keep: 2, best }));

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
    await save(where, 5);
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
      await save(where, step);
      if (step === 2) await save(where, step, true);
    }
    expect((await readdir(where.file("checkpoints"))).sort()).toEqual([
      "best.safetensors",
      "step-00000003.safetensors",
      "step-00000004.safetensors",
    ]);
    expect((await run(bestCheckpoint(where))).checkpoint.progress.step).toBe(2);
  });

  it("leave nothing partial behind when they cannot be written", async () => {
    const where = await newRun("unwritable");
    await writeFile(where.file("checkpoints"), "a file where a folder should be");
    const tensors = await readTree(makeState());
    const error = await failure(saveCheckpoint(where, tensors, progress(1), maker, { keep: 2 }));
    expect(error._tag).toBe("FileError");
    expect(await readdir(where.path)).toEqual(["checkpoints", "metrics.jsonl"]);
  });

  it("fall back to the one before when the last is cut short", async () => {
    const where = await newRun("damaged");
    for (const step of [1, 2]) await save(where, step);
    const last = where.file("checkpoints", "step-00000002.safetensors");
    await truncate(last, (await readFile(last)).length - 3);
    const { checkpoint, damaged } = await run(latestCheckpoint(where));
    expect(checkpoint!.progress.step).toBe(1);
    expect(damaged).toHaveLength(1);
    expect(damaged[0]!.error.message).toContain("cut short");
    expect((await failure(readCheckpoint(last)))._tag).toBe("CheckpointError");
  });

  it("are refused by another model, which is told what differs", async () => {
    const where = await newRun("other");
    await save(where, 1);
    const { checkpoint } = await run(latestCheckpoint(where));
    const other = { ...makeState(), key: np.zeros([2]), extra: np.zeros([1]) };
    const error = await failure(restore(checkpoint!, other));
    expect(error.message).toContain("extra is missing");
    expect(error.message).toContain("key is uint32[2], not float32[2]");
  });
});

/** Numbers that look random and are the same every time. */
function generator(seed: number) {
  let state = seed;
  return (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** What reading a checkpoint gives for bytes on the disk: it, or why not. */
function reading(bytes: Uint8Array, name = "step-00000004.safetensors"): Checkpoint | string {
  try {
    return decodeCheckpoint(bytes, name);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message;
  }
}

describe("a damaged checkpoint", () => {
  const made = async () => encodeCheckpoint(await readTree(makeState()), progress(4), maker);

  it("is refused wherever a byte is changed, inserted, removed or repeated", async () => {
    const bytes = await made();
    const below = generator(1);
    const edits: ((at: number) => Uint8Array)[] = [
      (at) => bytes.with(at, bytes[at]! ^ (1 << below(8))),
      (at) => bytes.with(at, (bytes[at]! + 1 + below(255)) % 256),
      (at) => bytes.slice(0, at),
      (at) => Uint8Array.from([...bytes.slice(0, at), below(256), ...bytes.slice(at)]),
      (at) => Uint8Array.from([...bytes.slice(0, at), ...bytes.slice(at + 1 + below(16))]),
      (at) => Uint8Array.from([...bytes, ...bytes.slice(0, at + 1)]),
      (at) => bytes.map((byte, i) => i < at || i > at + 64 || byte === 255 ? byte : 255),
    ];
    let tried = 0;
    for (const edit of edits) {
      for (let n = 0; n < 120; n++) {
        const edited = edit(below(bytes.length));
        if (`${edited}` === `${bytes}`) continue; // zeros over zeros
        tried++;
        expect(typeof reading(edited), `edit ${edits.indexOf(edit)}, try ${n}`).toBe("string");
      }
    }
    expect(tried).toBeGreaterThan(700);
  });

  it("is refused when a number or a name of the header is another one", async () => {
    const text = new TextDecoder("latin1").decode(await made());
    const edits: [RegExp, string][] = [
      [/step\\":4/, 'step\\":9'],
      [/best\\":null/, 'best\\":1111'],
      [/"F64"/, '"F32"'],
      [/\[2,3\]/, "[3,2]"],
      [/weight/, "weighs"],
      [/"reference"/, '"reverence"'],
      [/learningRate\\":0.01/, 'learningRate\\":0.02'],
      [/checkpoint-2/, "checkpoint-3"],
    ];
    for (const [pattern, replacement] of edits) {
      expect(text, String(pattern)).toMatch(pattern);
      const edited = Uint8Array.from(
        text.replace(pattern, replacement),
        (c) => c.charCodeAt(0),
      );
      expect(typeof reading(edited), String(pattern)).toBe("string");
    }
  });

  it("is refused under the name of another step", async () => {
    const bytes = await made();
    expect(reading(bytes)).toMatchObject({ progress: progress(4), maker });
    expect(reading(bytes, "runs/step-1/checkpoints/step-00000009.safetensors"))
      .toMatch(/holds step 4, but its name says 9/);
    expect(reading(bytes, "runs/step-9/best.safetensors")).toMatchObject({ maker });
  });

  it("is passed over, whatever is damaged, for the newest whole one, which may be the best", async () => {
    const where = await newRun("passed");
    for (const step of [1, 2]) await save(where, step);
    const last = where.file("checkpoints", "step-00000002.safetensors");
    const bytes = await readFile(last);
    const name = bytes.indexOf("weight");
    await writeFile(last, bytes.with(name, bytes[name]! ^ 2));
    const passed = await run(latestCheckpoint(where));
    expect(passed.checkpoint!.progress.step).toBe(1);
    expect(passed.damaged.map(({ error }) => error.message).join()).toMatch(/digest/);
    await save(where, 3, true);
    expect((await run(latestCheckpoint(where))).checkpoint!.progress.step).toBe(3);
    await rename(last, where.file("checkpoints", "best.safetensors"));
    const { checkpoint, damaged } = await run(bestCheckpoint(where));
    expect([checkpoint.progress.step, damaged.length]).toEqual([1, 1]);
  });
});
