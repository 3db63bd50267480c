/** The library in a browser: a bundle of it loads there, and computes the same on every backend. */
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as Trilevel from "../../src/index.ts";
import type * as Models from "../../src/models/index.ts";
import { type Files, isolation, serve, type Server } from "../../package/serve.ts";
import { browserPath, openBrowser, openPage } from "../support/browser.ts";

declare global {
  var trilevel: typeof Trilevel;
  var models: typeof Models;
  var wrong: () => Trilevel.Tensor;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const runtime = ["mjs", "wasm"].map((ending) => `onnxruntime/ort-wasm-simd-threaded.${ending}`);
const map = { imports: { "onnxruntime-web/": "./onnxruntime/" } };
const page = `<!doctype html><link rel="icon" href="data:,">
  <script type="importmap">${
  JSON.stringify(map)
}</script><script type="module" src="stdin.js"></script>`;

/** All of the library as global objects, in modules that are loaded when they are needed. */
async function bundle(): Promise<ReadonlyMap<string, Uint8Array | string>> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import * as all from "trilevel";
        import * as models from "trilevel/models";
        Object.assign(globalThis, { trilevel: all, models });
        globalThis.wrong = function usersOwn() { return all.np.matmul(all.np.ones([2, 3]), all.np.ones([2, 3])); };`,
      resolveDir: root,
    },
    bundle: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    outdir: "/",
    write: false,
  });
  const copied = runtime.map(async (path) => {
    const file = path.replace("onnxruntime", `${root}/node_modules/onnxruntime-web/dist`);
    return [path, await readFile(file)] as const;
  });
  return new Map<string, Uint8Array | string>([
    ["", page],
    ...outputFiles.map(({ path, contents }) => [path.slice(1), contents] as const),
    ...await Promise.all(copied),
  ]);
}

describe.skipIf(!browserPath)("in a browser", () => {
  let files: ReadonlyMap<string, Uint8Array | string>;
  let browser: Browser;
  const servers: Server[] = [];
  beforeAll(async () => {
    files = await bundle();
    browser = await openBrowser(browserPath!);
  });
  afterAll(async () => {
    await browser?.close();
    await Promise.all(servers.map((s) => s.close()));
  });

  async function loaded(given: Files = (path) => Promise.resolve(files.get(path)), headers = {}) {
    const server = await serve(given, headers);
    servers.push(server);
    const watched = await openPage(browser, server.url);
    await watched.page.waitForFunction(() => "models" in globalThis);
    return watched;
  }

  test("webgpu and the reference compute a gradient", async () => {
    const { page, problems } = await loaded();
    const found = await page.evaluate(async () => {
      const { backend, grad, np, setBackend } = trilevel;
      const loss = (w: Trilevel.Tensor, x: Trilevel.Tensor) => np.sum(np.tanh(np.matmul(x, w)));
      const results: [string, number[]][] = [];
      for (const name of ["reference", "webgpu"] as const) {
        await setBackend(name);
        const gradient = grad(loss)(np.array([[1], [-0.5]]), np.array([[0.5, 1], [2, 3]]));
        results.push([backend(), [...await gradient.data()]]);
      }
      return results;
    });
    // x·w is 0 and 0.5, where tanh has the slopes 1 and 1 - tanh(0.5)².
    const slope = 1 - Math.tanh(0.5) ** 2;
    expect(found.map(([name]) => name)).toEqual(["reference", "webgpu"]);
    for (const [, [first, second]] of found) {
      expect(first).toBeCloseTo(0.5 + 2 * slope, 6);
      expect(second).toBeCloseTo(1 + 3 * slope, 6);
    }
    expect(problems).toEqual([]);
  });

  test("onnx computes the gradients of slot attention and object discovery", async () => {
    const { page, problems } = await loaded();
    const [right, found] = await page.evaluate(async () => {
      const { grad, np, random, setBackend, tree, unrolled } = trilevel;
      const slots = models.slotAttention({
        ...{ slots: 3, inputSize: 6, slotSize: 8, mlpHidden: 12 },
        adjoint: unrolled(),
      });
      const discovery = models.objectDiscovery({
        ...{ resolution: [8, 8], slots: 3, slotSize: 8, mlpHidden: 12, start: "learned" },
        encoder: { channels: 8, kernel: 3, strides: [2, 1] },
        decoder: { kind: "pixel", channels: 8, layers: 2 },
      });
      const key = random.key;
      const ofSlots = () => {
        const inputs = random.normal(key(1), [2, 16, 6]);
        const loss = (p: Models.SlotAttentionParams) =>
          np.sum(np.square(slots.apply(p, inputs, key(2)).slots));
        return grad(loss)(slots.init(key(0)));
      };
      const ofDiscovery = () => {
        const image = random.uniform(key(1), [2, 8, 8, 3]);
        const loss = (p: Models.DiscoveryParams) => discovery.loss(p, image, null)[0];
        return grad(loss)(discovery.init(key(0)));
      };
      const results: number[][][] = [];
      for (const name of ["reference", "onnx"] as const) {
        await setBackend(name);
        const leaves = [ofSlots(), ofDiscovery()].map((gradient) =>
          tree.leaves(gradient) as Trilevel.Tensor[]
        );
        const values = leaves.map(async (all) =>
          (await Promise.all(all.map(async (x) => [...await x.data()]))).flat()
        );
        results.push(await Promise.all(values));
      }
      return results;
    });
    right!.forEach((gradient, i) => {
      const largest = Math.max(...gradient.map(Math.abs));
      const off = Math.max(...gradient.map((x, j) => Math.abs(x - found![i]![j]!)));
      expect(gradient.length).toBeGreaterThan(500);
      expect(off / largest).toBeLessThan(64 * 2 ** -24);
    });
    expect(problems).toEqual([]);
  });

  test("without a GPU the choice is onnx, in one line, and the next one where its file is missing", async () => {
    const choose = async () => {
      const sum = await trilevel.np.ones([4]).sum().item();
      return [sum, trilevel.backend()];
    };
    const { page, problems } = await loaded();
    const lines: string[] = [];
    page.on("console", (message) => lines.push(message.text()));
    expect(await page.evaluate(choose)).toEqual([4, "onnx"]);
    expect(lines).toEqual(['Trilevel computes on the backend "onnx", because no GPU answers.']);
    expect(problems).toEqual([]);

    const without = await loaded((path) =>
      Promise.resolve(runtime.includes(path) ? undefined : files.get(path))
    );
    expect(await without.page.evaluate(choose)).toEqual([4, "reference"]);
    const ours = without.problems.filter((text) => text.includes("Trilevel"));
    expect(ours).toHaveLength(1);
    expect(ours[0]).toMatch(/computes on the backend "reference", because "onnx" did not open/);
  });

  test("pages that may share memory between threads use several", async () => {
    const { page, problems } = await loaded(undefined, isolation);
    const found = await page.evaluate(async () => {
      await trilevel.setBackend("onnx");
      return await trilevel.np.matmul(trilevel.np.ones([300, 300]), trilevel.np.ones([300, 300]))
        .sum().item();
    });
    expect(found).toBe(300 ** 3);
    const cores = await page.evaluate(() => navigator.hardwareConcurrency);
    expect(page.workers()).toHaveLength(Math.min(4, cores) - 1);
    expect(problems).toEqual([]);
  });

  test("an error names the line of the user's code in the bundle", async () => {
    const { page } = await loaded();
    const [told, stack] = await page.evaluate(() => {
      try {
        wrong();
        return ["", ""];
      } catch (error) {
        return [`${error}`, `${(error as Error).stack}`];
      }
    });
    const line = /usersOwn.*?\((http\S+)\)/.exec(stack)?.[1];
    expect(line).toBeDefined();
    expect(told).toContain(`  at ${line}\n`);
  });
});
