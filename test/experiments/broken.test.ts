/** A folder of one's own: it is looked at without a config, and its broken files are left out and named. */
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { Effect } from "effect";
import { encode } from "fast-png";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { discovery } from "../../src/experiments/tasks/discovery.ts";
import { Tasks } from "../../src/experiments/tasks/index.ts";
import type { InspectOptions } from "../../src/experiments/tasks/task.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { failure, remember, temporaryFolder, toyConfig, toyTask } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const run = Effect.runPromise;
const images = () => folder("images");

/** 12 images of 8×8 and of 12×8, one of them cut short, and a text that is called an image. */
beforeAll(async () => {
  await mkdir(images());
  for (let i = 0; i < 12; i++) {
    const [width, height] = [i < 9 ? 8 : 12, 8];
    const data = Uint8Array.from({ length: width * height * 3 }, (_, n) => (n * 7 + 31 * i) % 256);
    const bytes = encode({ width, height, channels: 3, data });
    await writeFile(folder("images", `image-${String(i).padStart(2, "0")}.png`), bytes);
  }
  const cut = (await readFile(folder("images", "image-03.png"))).subarray(0, 60);
  await writeFile(folder("images", "image-03.png"), cut);
  await writeFile(folder("images", "notes.png"), "no image at all");
});

const config = (...overrides: string[]) =>
  toyConfig("data.source=folder", `data.path=${images()}`, "data.scenes=50", ...overrides);
const trained = async (root: string, ...overrides: string[]) => {
  const display = remember();
  const effect = train(await config(...overrides), { root: folder(root), display })
    .pipe(Effect.provideService(Tasks, [toyTask]));
  return { effect, lines: display.lines };
};

describe("data.onBroken", () => {
  it("stops at the first broken file unless told otherwise, and says what would go on", async () => {
    const { message } = await failure((await trained("stop")).effect);
    expect(message).toContain("image-03.png");
    expect(message).toContain("--set data.onBroken=skip");
  });

  it("leaves broken files out, counts and names them, in the report as well, and from the cache", async () => {
    for (const root of ["skip", "again"]) {
      const { effect, lines } = await trained(root, "data.onBroken=skip");
      const where = await run(effect);
      const told = lines.filter((line) => line.startsWith("left out 2 files that cannot be read"));
      expect(told).toHaveLength(2); // at the beginning and at the end
      expect(told[0]).toMatch(/image-03.png: .*\n.*notes.png: /);
      expect(lines.join("\n")).toContain("8 images to train on, 1 to validate on, 2 to test with");
      const { broken } = (await run(where.summary())).value!;
      expect(broken!.map(({ name }) => name.split("/").at(-1))).toEqual([
        "image-03.png",
        "notes.png",
      ]);
      const report = await readFile(where.file("report.html"), "utf8");
      expect(report).toContain("Files left out: 2");
      expect(report).toContain("notes.png");
    }
  });

  it("refuses a folder of nothing else, and sources of one file", async () => {
    await mkdir(folder("bad"));
    await writeFile(folder("bad", "a.png"), "no image");
    const { message } = await failure(
      (await trained("none", "data.onBroken=skip", `data.path=${folder("bad")}`)).effect,
    );
    expect(message).toContain("none of 1 files can be read");
    await rm(folder("bad"), { recursive: true });
    await expect(config("data.onBroken=skip", "data.source=tetrominoes-file")).rejects.toThrow(
      'data.onBroken: "tetrominoes-file" is one file',
    );
  });
});

describe("inspect", () => {
  const look = async (path: string, options: Partial<InspectOptions> = {}) => {
    const found = await run(discovery.inspect!(path, { resolution: 8, ...options }));
    return {
      ...found,
      facts: new Map(found.facts.filter(([label]) => label !== "")),
      all: found.facts,
    };
  };

  it("tells sizes, crops, distortions and broken files without a config", async () => {
    const { facts, all, panel: { heads, rows } } = await look(images());
    expect(facts.get("source")).toContain("folder");
    expect(facts.get("images")).toBe("13");
    expect(facts.get("sizes")).toBe("8×8 (8), 12×8 (3)");
    expect(facts.get("segmented")).toBe("no");
    expect(facts.get("as trained")).toBe(
      "8×8 to 8×8: nothing is cut off, the proportions stay\n" +
        "12×8 to 8×8: 33 % of it is cut off, the proportions stay",
    );
    expect(facts.get("broken")).toBe("2");
    expect(all.filter(([label]) => label === "").map(([, text]) => text.replace(/.*images./, "")))
      .toEqual([expect.stringContaining("image-03.png: "), expect.stringContaining("notes.png: ")]);
    expect(facts.get("to train")).toContain("data.onBroken=skip");
    expect(heads[0]).toBe("image-00.png");
    expect(rows.map((row) => row.length)).toEqual([8]);
    expect(rows[0]![0]).toMatchObject({ width: 8, height: 8 });
    const squeezed = await look(images(), { crop: "none", resolution: [4, 8] });
    expect(squeezed.facts.get("as trained")).toContain("squeezed to 50 % of its height");
  });

  it("refuses what it does not know", async () => {
    const told = async (path: string, options: Partial<InspectOptions>) =>
      (await failure(discovery.inspect!(path, { resolution: 8, ...options }))).message;
    expect(await told(images(), { source: "imagenet" })).toContain('found "imagenet"');
    expect(await told(images(), { crop: "oval" })).toContain('found "oval"');
    expect(await told(folder("nowhere"), {})).toContain("there is no such file");
  });
});
