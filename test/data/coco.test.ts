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
        [{ size: [6, 4], counts: [24] }, "annotation 5 is 6×4, but its image is 4×6"],
        [{ size: [4, 6], counts: "8T" }, "annotation 5 breaks off"],
        [[[1, 2, 3]], "annotation 5 is not a list of polygons"],
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

describe("COCO labels that contradict their images or themselves", () => {
  const base = {
    categories: [{ id: 1, name: "person" }],
    images: [{ id: 3, file_name: "3.png", height: 4, width: 6 }],
  };
  const instance = (changes: object = {}) => ({
    ...{ id: 1, image_id: 3, category_id: 1, bbox: [1, 2, 3, 4], iscrowd: 0 },
    ...{ segmentation: [[1, 1, 4, 1, 4, 3]], ...changes },
  });
  const write = async (changes: object, annotation: object = {}) => {
    const root = temporary(crypto.randomUUID());
    await put(join(root, "data/3.png"), png(6, 4, 3, (i) => i));
    const contents = { ...base, annotations: [instance(annotation)], ...changes };
    await put(join(root, "labels.json"), JSON.stringify(contents));
    return root;
  };

  it("name another size than the pixels have: refused, on threads and without", async () => {
    const root = await write({ images: [{ ...base.images[0], height: 6, width: 4 }] });
    for (const workers of [0, 1]) {
      await using dataset = await openCoco(root, { workers, size: [8, 8] });
      const error = await failure(dataset.get(0));
      expect([error._tag, error.path]).toEqual(["CorruptError", join(root, "data/3.png")]);
      expect(error.message).toMatch(/6×4 pixels, .*labels.json says 4×6/);
    }
  });

  it("call a crowd true, as some tools do: a crowd", async () => {
    await using dataset = await openCoco(await write({}, { iscrowd: true }), { crowd: true });
    expect([...(await dataset.get(0)).crowd.data]).toEqual([1]);
    await using without = await openCoco(await write({}, { iscrowd: true }));
    expect((await without.get(0)).mask.shape[0]).toBe(0);
    await using plain = await openCoco(await write({}, { iscrowd: false }));
    expect((await plain.get(0)).mask.shape[0]).toBe(1);
  });

  it.each<readonly [string, object, object, string]>([
    ["a crowd that is a text", {}, { iscrowd: "yes" }, 'iscrowd "yes"'],
    ["a crowd of 2", {}, { iscrowd: 2 }, "iscrowd 2"],
    ["a box of letters", {}, { bbox: ["a", 1, 2, 3] }, "no bbox of four numbers"],
    ["a box of nothing", {}, { bbox: [null, 1, 2, 3] }, "no bbox of four numbers"],
    ["a category between two", {}, { category_id: 1.5 }, "category_id 1.5"],
    ["a height of 0", { images: [{ ...base.images[0], height: 0 }] }, {}, "height 0"],
    ["a width of 1.5", { images: [{ ...base.images[0], width: 1.5 }] }, {}, "width 1.5"],
    ["an id twice", { images: [base.images[0], base.images[0]] }, {}, "same id"],
  ])("have %s: refused", async (_, changes, annotation, what) => {
    const error = await failure(openCoco(await write(changes, annotation)));
    expect(error._tag).toBe("WrongKindError");
    expect(error.message).toContain(what);
  });

  it.each([1e9, 1e300, -1e12])("have a corner at %d: refused before the walk", async (far) => {
    const root = await write({}, { segmentation: [[1, 1, far, 1, 4, 3]] });
    await using dataset = await openCoco(root);
    const error = await failure(dataset.get(0));
    expect(error._tag).toBe("LimitError");
    expect(error.message).toMatch(/annotation 1 has an outline of .* steps.*outline:/s);
  });

  it("have more masks than there is room for: refused before they are made", async () => {
    await using dataset = await openCoco(await write({}), { limits: { maskPixels: 23 } });
    const error = await failure(dataset.get(0));
    expect([error._tag, error.message.includes("maskPixels: 24")]).toEqual(["LimitError", true]);
  });

  it.each([[[["4", "4", 16]]], [[4, 4.5, 15.5]], [[4, -4, 24]], [[4, null, 20]]])(
    "have the run lengths %j: refused",
    async (counts) => {
      const root = await write({}, { segmentation: { size: [4, 6], counts } });
      await using dataset = await openCoco(root);
      expect((await failure(dataset.get(0)))._tag).toBe("CorruptError");
    },
  );
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
