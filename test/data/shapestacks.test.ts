/** ShapeStacks, written here and genuine. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openShapeStacks } from "trilevel/data";
import { describeGenuine, failure, png, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();

describe("ShapeStacks", () => {
  const environment = "env_ccs-easy-h=3-vcom=0-vpsf=0-v=7";
  const fallen = "env_ccs-easy-h=3-vcom=2-vpsf=0-v=1";
  const file = (kind: string, env: string, camera: number, suffix = "png") =>
    `recordings/${env}/${kind}-w=0-f=0-l=0-c=original-cam_${camera}-mono-0.${suffix}`;
  // Full colours of labels 0 … 4 at three tenths, and one soft edge between black and green.
  const colours = [[0, 0, 0], [0, 76, 0], [76, 0, 0], [76, 76, 0], [0, 0, 76], [0, 48, 0]];
  const vseg = png(3, 2, 3, (i) => colours[Math.floor(i / 3)]![i % 3]!);

  it("snaps colours to labels, and knows what stands", async () => {
    const root = temporary("stacks");
    for (const [env, cameras] of [[environment, [1, 2]], [fallen, [1]]] as const) {
      for (const camera of cameras) {
        await put(join(root, file("rgb", env, camera)), png(3, 2, 3, (i) => camera + i));
        await put(join(root, file("vseg", env, camera)), vseg);
        await put(join(root, file("depth", env, camera)), png(3, 2, 1, () => 0));
      }
    }
    await put(join(root, "splits/easy/train.txt"), `${environment}\n`);
    const dataset = await openShapeStacks(root);
    expect(dataset.size).toBe(3);
    const samples = await Promise.all([0, 1, 2].map((i) => dataset.get(i)));
    expect(samples.map(({ stable }) => stable.data[0])).toEqual([1, 1, 0]);
    expect(samples.map(({ camera }) => camera)).toEqual([1, 2, 1]);
    expect(samples[1]!.image.data[0]).toBe(2);
    expect(samples[0]!.masks.shape).toEqual([2, 3]);
    expect([...samples[0]!.masks.data]).toEqual([0, 1, 2, 3, 4, 1]);
    await dataset.close();

    const split = { name: "easy", part: "train" } as const;
    expect((await openShapeStacks(root, { split })).size).toBe(2);
    const without = await openShapeStacks(root, { masks: "none", size: [4, 4] });
    expect((await without.get(0)).masks).toEqual({ data: new Uint8Array(16), shape: [4, 4] });
    await without.close();
    expect((await failure(openShapeStacks(root, { split: { name: "easy", part: "test" } })))._tag)
      .toBe("MissingFileError");
    await rm(join(root, file("vseg", fallen, 1)));
    const error = await failure(openShapeStacks(root));
    expect(error.path).toBe(join(root, file("rgb", fallen, 1)));
  });

  it("refuses a segmentation of another size than its picture", async () => {
    const root = temporary("stacks-sizes");
    await put(join(root, file("rgb", environment, 1)), png(4, 2, 3, (i) => i));
    await put(join(root, file("vseg", environment, 1)), vseg);
    await using dataset = await openShapeStacks(root, { size: [8, 8] });
    const error = await failure(dataset.get(0));
    expect(error._tag).toBe("CorruptError");
    expect(error.message).toMatch(/4×2 pixels, .*vseg.* says 3×2/);
  });

  it("prefers instance segmentations, and label maps to colours", async () => {
    const root = temporary("stacks-iseg");
    await put(join(root, file("rgb", environment, 1)), png(3, 1, 3, (i) => i));
    await put(join(root, file("vseg", environment, 1)), png(3, 1, 3, () => 0));
    await put(join(root, file("iseg", environment, 1)), png(3, 1, 3, () => 0));
    const map = png(3, 1, 4, (i) => (i % 4 === 3 ? 255 : 32 * (1 + Math.floor(i / 4))));
    await put(join(root, file("iseg", environment, 1, "map")), map);
    const dataset = await openShapeStacks(root);
    expect([...(await dataset.get(0)).masks.data]).toEqual([1, 2, 3]);
    await dataset.close();
    await put(join(root, "splits/all/eval.txt"), `${environment}\n${fallen}\n`);
    const split = { name: "all", part: "eval" } as const;
    const error = await failure(openShapeStacks(root, { split }));
    expect(error.path).toBe(join(root, "recordings", fallen));
  });
});

describeGenuine("shapestacks", (root) => {
  it("has one falling stack from two sides, all four labels in view", async () => {
    const dataset = await openShapeStacks(root);
    expect(dataset.size).toBe(2);
    for (let i = 0; i < 2; i++) {
      const { image, masks, stable, camera } = await dataset.get(i);
      expect([image.shape, masks.shape]).toEqual([[224, 224, 3], [224, 224]]);
      expect([stable.data[0], camera]).toEqual([0, i + 1]);
      const counts = new Array<number>(8).fill(0);
      for (const label of masks.data) counts[label]!++;
      expect(counts.slice(1, 5).every((count) => count > 200)).toBe(true);
      expect(counts.slice(5)).toEqual([0, 0, 0]);
      expect(counts[0]! / masks.data.length).toBeGreaterThan(0.9);
    }
    await dataset.close();
  });
});
