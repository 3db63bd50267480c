/** Exported files are what the model computes, in forms that NumPy and PyTorch read. */
import { readdir, readFile } from "node:fs/promises";
import { Effect } from "effect";
import { decode } from "fast-png";
import { unzipSync } from "fflate";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { np, random, tree } from "trilevel";
import { objectDiscovery } from "trilevel/models";
import { discovery, openRun as openWithModel } from "trilevel/experiments";
import { parseNpyHeader } from "../../src/data/formats/npy.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { openRun } from "../../src/experiments/runs/open.ts";
import { decodeSafetensors } from "../../src/safetensors/format.ts";
import { openExamples } from "../../src/experiments/train/examples.ts";
import { type ExportOptions, exportRun, torchName } from "../../src/experiments/train/exportRun.ts";
import { train } from "../../src/experiments/train/runner.ts";
import fixtures from "../fixtures/slot-attention.json" with { type: "json" };
import { failure, remember, temporaryFolder, tinyConfig } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));
vi.setConfig({ testTimeout: 180_000 });

const folder = temporaryFolder();
const run = Effect.runPromise;
let trained: RunFolder;

beforeAll(async () => {
  trained = await run(
    train(await tinyConfig("steps=2", "log.checkpointEvery=2"), {
      root: folder("runs"),
      display: remember(),
    }),
  );
}, 180_000);

const exported = (options: Partial<ExportOptions>) =>
  openRun(folder("runs"), trained.path).pipe(
    Effect.flatMap((found) => exportRun(found, { outputs: {}, ...options })),
  );

function parseNpy(bytes: Uint8Array) {
  const header = parseNpyHeader(bytes, "a test");
  const body = Uint8Array.from(bytes.subarray(header.dataOffset));
  return { shape: [...header.shape], data: new Float32Array(body.buffer) };
}

/** What the model makes of the validation images, with the keys of an evaluation. */
async function byHand() {
  const { model, params, config } = await openWithModel(trained.path, { task: discovery });
  const images = await run(Effect.scoped(Effect.gen(function* () {
    const { validation } = yield* openExamples(discovery as never, config);
    return yield* Effect.promise(() =>
      Promise.all(Array.from({ length: 6 }, (_, i) => validation!.get(i)))
    );
  })));
  const image = np.stack(images.map((sample) => {
    const { data, shape } = sample["image"] as { data: Float32Array; shape: number[] };
    return np.array(data, { shape });
  }));
  return model.apply(params, image, random.foldIn(random.key(1), 0));
}

describe("export", () => {
  it("writes arrays that are what the model computes", async () => {
    const lines = await run(exported({
      outputs: {
        masks: folder("out", "masks.npy"),
        slots: folder("out", "slots.npz"),
        attention: folder("out", "attention.safetensors"),
      },
    }));
    expect(lines).toHaveLength(3);
    expect(lines[0]).toContain("masks: float32 [6,3,16,16] in ");
    const { masks, slots, attention } = await byHand();
    const npy = parseNpy(await readFile(folder("out", "masks.npy")));
    expect(npy.shape).toEqual([6, 3, 16, 16]);
    const expectSame = async (
      found: ArrayLike<number>,
      expected: { data(): Promise<ArrayLike<number>> },
    ) => {
      const data = await expected.data();
      expect(found.length).toBe(data.length);
      for (let i = 0; i < found.length; i++) expect(found[i]).toBeCloseTo(data[i]!, 5);
    };
    await expectSame(npy.data, masks);
    const npz = unzipSync(await readFile(folder("out", "slots.npz")));
    expect(Object.keys(npz)).toEqual(["slots.npy"]);
    await expectSame(parseNpy(npz["slots.npy"]!).data, slots);
    const { tensors } = decodeSafetensors(await readFile(folder("out", "attention.safetensors")));
    expect(tensors["attention"]!.shape).toEqual([6, 3, 8, 8]);
    await expectSame(tensors["attention"]!.data, np.swapaxes(attention, 1, 2));
  });

  it("draws label maps whose pixels are numbers of slots, and maps in gray", async () => {
    await run(exported({
      count: 2,
      outputs: {
        masks: folder("png"),
        attention: folder("maps"),
        reconstruction: folder("images"),
      },
    }));
    expect((await readdir(folder("png"))).sort()).toEqual([
      "00000-colors.png",
      "00000.png",
      "00001-colors.png",
      "00001.png",
    ]);
    expect((await readdir(folder("maps"))).sort()).toHaveLength(6);
    expect((await readdir(folder("images"))).sort()).toEqual(["00000.png", "00001.png"]);
    const { masks } = await byHand();
    const expected = await np.argmax(masks, { axis: 1 }).data();
    const labels = decode(await readFile(folder("png", "00001.png")));
    expect([labels.width, labels.height, labels.channels]).toEqual([16, 16, 1]);
    expect([...labels.data]).toEqual([...expected.slice(256, 512)]);
  });

  it("writes weights under PyTorch's names", async () => {
    await run(exported({ weights: folder("out", "weights.safetensors") }));
    const { tensors, metadata } = decodeSafetensors(
      await readFile(folder("out", "weights.safetensors")),
    );
    expect(metadata).toEqual({ run: trained.name, step: "2" });
    expect(tensors["slot_attention.gru.weight_ih"]!.shape).toEqual([24, 8]);
    expect(tensors["encoder.convs.0.weight"]!.shape).toEqual([4, 3, 3, 3]);
    // The names that a module of PyTorch gives, as its state_dict has them.
    const { params } = fixtures.cases.vanilla;
    const model = objectDiscovery({
      slots: 3,
      slotSize: 6,
      mlpHidden: 8,
      resolution: [8, 8],
      encoder: { channels: 4, kernel: 3, strides: [2, 1] },
      decoder: { kind: "broadcast", channels: 4, strides: [2, 2] },
    });
    const paths = tree.paths(tree.structure(model.init(random.key(0))));
    const names = paths.map((path) => torchName(path.slice(1))).sort();
    expect(names).toEqual(Object.keys(params).sort());
  });

  it("refuses what cannot be written, in words", async () => {
    const told = async (options: Partial<ExportOptions>) =>
      (await failure(exported(options))).message;
    expect(await told({})).toContain("No output was requested");
    expect(await told({ outputs: { slots: folder("slots") } })).toMatch(
      /--slots: expected a file that ends in .npy or .npz or .safetensors/,
    );
    expect(await told({ weights: folder("weights.pt") })).toContain("--weights: expected a file");
    expect(await told({ outputs: { depth: folder("depth.npy") } })).toContain(
      'has no output "depth"',
    );
  });
});
