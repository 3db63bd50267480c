/** COCO in FiftyOne's layout, written here and genuine. */

import { rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openCoco } from "trilevel/data";
import { describeGenuine, failure, jpeg, png, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();

describe("COCO", () => {
  const labels = {
    info: {},
    categories: [{ id: 1, name: "person" }, { id: 18, name: "dog" }],
    images: [
      { id: 7, file_name: "7.jpg", height: 11, width: 13 },
      { id: 3, file_name: "3.png", height: 4, width: 6 },
    ],
    annotations: [
      annotation(1, 3, 18, [[1, 1, 4, 1, 4, 3, 1, 3]]),
      annotation(2, 3, 1, { size: [4, 6], counts: [4, 4, 16] }),
      // 8 outside, 4 inside, 12 outside, in COCO's text
      annotation(3, 3, 1, { size: [4, 6], counts: "84<" }, 1),
    ],
  };
  function annotation(
    id: number,
    image: number,
    category: number,
    segmentation: unknown,
    crowd = 0,
  ) {
    return {
      id,
      image_id: image,
      category_id: category,
      bbox: [1, 2, 3, 4],
      area: 1,
      iscrowd: crowd,
      segmentation,
    };
  }
  const write = async (root: string, contents: unknown = labels) => {
    await put(join(root, "data/7.jpg"), jpeg);
    await put(join(root, "data/3.png"), png(6, 4, 3, (i) => i));
    return await put(join(root, "labels.json"), JSON.stringify(contents));
  };
  const rows = (data: Uint8Array, width: number) =>
    Array.from(
      { length: data.length / width },
      (_, y) => data.subarray(y * width, (y + 1) * width).join(""),
    );

  it("is read with polygons, run lengths and their text", async () => {
    const root = temporary("coco");
    await write(join(root, "validation"));
    const dataset = await openCoco(root, { split: "validation", crowd: true });
    expect(dataset.categories.get(18)).toBe("dog");
    const { image, mask, category, box, crowd, name } = await dataset.get(1);
    expect([name, image.shape, mask.shape]).toEqual(["3.png", [4, 6, 3], [3, 4, 6, 1]]);
    expect(rows(mask.data, 6)).toEqual([
      ...["000000", "011100", "011100", "000000"],
      ...["010000", "010000", "010000", "010000"],
      ...["001000", "001000", "001000", "001000"],
    ]);
    expect([[...category.data], [...crowd.data]]).toEqual([[18, 1, 1], [0, 0, 1]]);
    expect([...box.data.slice(0, 4)]).toEqual([1, 2, 3, 4]);
    const empty = await dataset.get(0);
    expect([empty.mask.shape, empty.box.shape]).toEqual([[0, 11, 13, 1], [0, 4]]);
    await dataset.close();
    const single = await openCoco(join(root, "validation"), { crop: "square", size: [8, 8] });
    expect((await single.get(1)).mask.shape).toEqual([2, 8, 8, 1]);
    await single.close();
  });

  it("is an error when files or labels are missing or wrong", async () => {
    const root = temporary("coco-wrong");
    expect((await failure(openCoco(root)))._tag).toBe("MissingFileError");
    await write(root, [1]);
    expect((await failure(openCoco(root))).message).toContain('no list "images"');
    const bad = (segmentation: unknown) => ({
      ...labels,
      annotations: [annotation(5, 3, 1, segmentation)],
    });
    for (
      const [segmentation, what] of [
        [{ size: [4, 6], counts: [1, 2] }, "annotation 5 covers 3 of 4×6 pixels"],
        [{ size: [6, 4], counts: [24] }, "annotation 5 is 6×4, its image 4×6"],
        [{ size: [4, 6], counts: "8T" }, "annotation 5 breaks off"],
        [[[1, 2, 3]], "annotation 5 is no list of polygons"],
        ["x", "annotation 5 is neither polygons nor run lengths"],
      ] as const
    ) {
      const path = await write(root, bad(segmentation));
      const dataset = await openCoco(root);
      const error = await failure(dataset.get(1));
      expect([error._tag, error.path]).toEqual(["CorruptError", path]);
      expect(error.message).toContain(what);
      await dataset.close();
    }
    await write(root);
    await rm(join(root, "data/7.jpg"));
    expect((await failure(openCoco(root))).path).toBe(join(root, "data/7.jpg"));
  });
});

describeGenuine("coco", (root) => {
  it("has eight photographs whose masks lie in their boxes", async () => {
    const dataset = await openCoco(root);
    expect(dataset.size).toBe(8);
    let [instances, area] = [0, 0];
    for (let i = 0; i < dataset.size; i++) {
      const { image, mask, box } = await dataset.get(i);
      const [height, width] = image.shape as [number, number];
      expect(mask.shape).toEqual([box.shape[0], height, width, 1]);
      instances += box.shape[0]!;
      for (let n = 0; n < box.shape[0]!; n++) {
        const [x, y, w, h] = box.data.subarray(4 * n) as unknown as [
          number,
          number,
          number,
          number,
        ];
        const one = mask.data.subarray(n * height * width, (n + 1) * height * width);
        const inside = [...one.keys()].filter((p) => one[p] === 1);
        expect(inside.length).toBeGreaterThan(0);
        area += inside.length;
        const [columns, lines] = [
          inside.map((p) => p % width),
          inside.map((p) => Math.floor(p / width)),
        ];
        const least = (xs: number[]) => xs.reduce((a, b) => Math.min(a, b));
        const most = (xs: number[]) => xs.reduce((a, b) => Math.max(a, b));
        for (
          const [found, expected] of [
            [least(columns), x],
            [least(lines), y],
            [most(columns) + 1, x + w],
            [most(lines) + 1, y + h],
          ] as const
        ) expect(Math.abs(found - expected)).toBeLessThanOrEqual(1.5);
      }
    }
    // Number and area of all instances as pycocotools has them.
    expect([instances, area]).toEqual([79, 1107696]);
    await dataset.close();
  });
});
