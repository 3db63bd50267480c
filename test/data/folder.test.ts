/** A plain folder of images. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { batches, openFolder } from "trilevel/data";
import { failure, jpeg, png, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();

describe("a folder of images", () => {
  it("is read in the order of names, at any depth, PNG and JPEG", async () => {
    const folder = temporary("folder");
    await put(join(folder, "b.png"), png(4, 3, 3, (i) => i));
    await put(join(folder, "a", "z.JPG"), jpeg);
    await put(join(folder, "notes.txt"), "no image");
    await put(join(folder, "half.png.part"), "no image yet");
    const dataset = await openFolder(folder);
    const samples = await Promise.all([0, 1].map((i) => dataset.get(i)));
    expect(samples.map(({ name }) => name)).toEqual(["a/z.JPG", "b.png"]);
    expect(samples.map(({ image }) => image.shape)).toEqual([[11, 13, 3], [3, 4, 3]]);
    expect([...samples[1]!.image.data]).toEqual(Array.from({ length: 36 }, (_, i) => i));
    expect(dataset.schema.image.shape).toEqual([null, null, 3]);
    await dataset.close();

    const sized = await openFolder(folder, { crop: "square", size: [2, 2] });
    expect(sized.schema.image.shape).toEqual([2, 2, 3]);
    for await (const { fields } of batches(sized, { batchSize: 2, epochs: 1 })) {
      expect(fields.image.shape).toEqual([2, 2, 2, 3]);
      expect([...fields.name].sort()).toEqual(["a/z.JPG", "b.png"]);
    }
    await sized.close();
    expect((await openFolder(folder, { recursive: false })).size).toBe(1);
  });

  it("is an error when it has no images, is none, or one of them is broken", async () => {
    const folder = temporary("broken");
    const path = await put(join(folder, "x.png"), png(4, 3, 3, (i) => i).subarray(0, 50));
    const dataset = await openFolder(folder);
    const error = await failure(dataset.get(0));
    expect([error._tag, error.path, error.offset]).toEqual(["TruncatedError", path, 50]);
    await dataset.close();
    expect((await failure(openFolder(path)))._tag).toBe("WrongKindError");
    expect((await failure(openFolder(temporary("nowhere"))))._tag).toBe("MissingFileError");
    await rm(path);
    expect((await failure(openFolder(folder)))._tag).toBe("MissingFileError");
  });
});
