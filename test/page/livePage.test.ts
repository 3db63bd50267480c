/// <reference lib="dom" />
/** The live page in a browser: it shows trained slots, learns, obeys its switches, takes images, and hands out files. */
import { mkdtempSync, rmSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InferenceSession, Tensor as OnnxTensor } from "onnxruntime-node";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildPage } from "../../package/page.ts";
import { filesIn, serve, type Server } from "../../package/serve.ts";
import { torchName } from "../../src/experiments/train/exportRun.ts";
import { modelOf } from "../../src/page/model.ts";
import { nameOf, readWeights } from "../../src/page/weights.ts";
import { load } from "../../src/safetensors/index.ts";
import { evalShape, np, random, setBackend, tree } from "../../src/index.ts";
import { browserPath, openBrowser, openPage } from "../support/browser.ts";

/** Machines under load are slow. */
const patience = { timeout: 110_000 };
const settings = { adjoint: "oneStep", solver: "forward", iterations: 3 } as const;

test("weights have the names that training gives them, and fit into the page", async () => {
  const shapes = evalShape(() => modelOf(settings).init(random.key(0)));
  const paths = tree.paths(tree.structure(shapes));
  const file = new URL("../../src/page/weights.safetensors", import.meta.url);
  const bytes = await readFile(file);
  const { tensors } = await load(new Uint8Array(bytes));
  expect(paths.map(nameOf)).toEqual(paths.map((path) => torchName(path.replace(/^\./, ""))));
  expect(Object.keys(tensors).sort()).toEqual(paths.map(nameOf).sort());
  expect(bytes.length).toBeLessThan(300_000);
});

describe.skipIf(!browserPath)("the live page", () => {
  let folder: string;
  let server: Server;
  let browser: Browser;
  let page: Page;
  let problems: readonly string[];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "trilevel-page-"));
    await buildPage(folder);
    server = await serve(filesIn(folder));
    browser = await openBrowser(browserPath!);
    ({ page, problems } = await openPage(browser, server.url));
  });
  afterAll(async () => {
    expect(problems).toEqual([]);
    await browser?.close();
    await server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const status = async () => (await page.textContent("#status")) ?? "";
  const says = (pattern: RegExp) =>
    page.waitForFunction(
      (source) => new RegExp(source).test(document.getElementById("status")!.textContent ?? ""),
      pattern.source,
    );
  const pixels = (id: string) =>
    page.evaluate((id) => {
      const canvas = document.getElementById(id) as HTMLCanvasElement;
      return [
        ...canvas.getContext("2d", { willReadFrequently: true })!.getImageData(
          0,
          0,
          canvas.width,
          canvas.height,
        ).data,
      ];
    }, id);
  const steps = async () => Number(/Step (\d+)/.exec(await status())?.[1] ?? 0);
  const loss = async () => Number(/loss ([\d.]+)/.exec(await status())?.[1]);

  test("trained slots explain the image", async () => {
    await says(/Computing on onnx/);
    const [image, reconstruction] = [await pixels("image"), await pixels("reconstruction")];
    const squares = image.map((x, i) => ((x - reconstruction[i]!) / 255) ** 2);
    const error = squares.reduce((sum, x) => sum + x, 0) / squares.length;
    // Images without their mean have about 0.04.
    expect(error).toBeLessThan(0.02);
    const before = await pixels("objects");
    await page.fill("#iteration", "0");
    await page.waitForFunction(() => document.getElementById("shown")!.textContent === "0");
    await expect.poll(() => pixels("objects"), patience).not.toEqual(before);
  });

  test("it learns from scratch, and goes on when the adjoint is switched", async () => {
    await page.click("#scratch");
    await says(/Step \d/);
    const first = await loss();
    await expect.poll(steps, patience).toBeGreaterThan(25);
    expect(await loss()).toBeLessThan(0.8 * first);
    await page.selectOption("#adjoint", "unrolled");
    const then = await steps();
    await expect.poll(steps, patience).toBeGreaterThan(then + 5);
    expect(await loss()).toBeLessThan(0.8 * first);
    await page.click("#train");
    expect(await page.textContent("#train")).toBe("Train");
  });

  test("an image is dropped, drawn on, and explained", async () => {
    const before = await pixels("reconstruction");
    await page.evaluate(async () => {
      const own = document.createElement("canvas");
      own.width = own.height = 64;
      own.getContext("2d", { willReadFrequently: true })!.fillRect(0, 0, 64, 64);
      const blob = await new Promise<Blob>((resolve) => own.toBlob((made) => resolve(made!)));
      const files = new DataTransfer();
      files.items.add(new File([blob], "black.png", { type: "image/png" }));
      document.getElementById("image")!.dispatchEvent(
        new DragEvent("drop", { dataTransfer: files, bubbles: true }),
      );
    });
    await expect.poll(async () => (await pixels("image")).slice(0, 4), patience).toEqual([
      0,
      0,
      0,
      255,
    ]);
    await expect.poll(() => pixels("reconstruction"), patience).not.toEqual(before);
    await page.focus("#image");
    await page.keyboard.press("Space");
    const [red, green] = (await pixels("image")).slice(4 * (16 * 32 + 16));
    expect(red).toBeGreaterThan(2 * green!);
  });

  test("the code cell gives a fixed point, gradients, and errors in words", async () => {
    await page.fill(
      "#code",
      "const step = (w: Tensor, z: Tensor, x: Tensor): Tensor => z.mul(w).add(x);\n" +
        "const w = np.array(0.5), z0 = np.array(0), x = np.array(3);",
    );
    await page.click("#run");
    // z = w z + x has z* = x / (1 - w) = 6, and dz*/dw = x / (1 - w)² = 12.
    await page.waitForSelector("#result table");
    const result = await page.textContent("#result");
    expect(result).toContain("z* = 6.00000");
    expect(result).toMatch(/implicit \(exact\)\s*12\.0000/);
    expect(result).toMatch(/one step\s*6\.00000/);
    await page.fill("#code", "const step = 3;");
    await page.click("#run");
    await page.waitForSelector("#result .problem");
    expect(await page.textContent("#result")).toMatch(/a cell defines step/);
  });

  test("weights and the model are exported", async () => {
    const exported = async (id: string) => {
      const download = page.waitForEvent("download");
      await page.click(id);
      return new Uint8Array(await readFile(await (await download).path()));
    };
    const weights = await exported("#safetensors");
    const session = await InferenceSession.create(await exported("#onnx"));
    const image = Float32Array.from({ length: 3 * 32 ** 2 }, (_, i) => Math.sin(i / 100));
    const { out0 } = await session.run({ arg0: new OnnxTensor("float32", image, [1, 32, 32, 3]) });
    await setBackend("reference");
    const model = modelOf({ ...settings, adjoint: "unrolled" }); // as the page was left
    const params = readWeights(weights, evalShape(model.init, random.key(0)));
    const seen = model.apply(params, np.array(image, { shape: [1, 32, 32, 3] }), null);
    const [right, found] = [await seen.reconstruction.data(), out0!.data as Float32Array];
    expect(found.length).toBe(right.length);
    found.forEach((x, i) => expect(Math.abs(x - right[i]!)).toBeLessThan(1e-4));
    expect(await page.getAttribute("#status", "class")).toBe("");
  });
});
