/** The library in a browser: a bundle of it loads there, and computes the same on every backend. */
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type * as Trilevel from "../../src/index.ts";
import {
  browserPath,
  type Files,
  openBrowser,
  openPage,
  serve,
  type Server,
  type Watched,
} from "../support/browser.ts";

declare global {
  var trilevel: typeof Trilevel;
  var wrong: () => Trilevel.Tensor;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

/** All of the library as one global object, in modules that are loaded when they are needed. */
async function bundle(): Promise<Files> {
  const { outputFiles } = await build({
    stdin: {
      contents: `import * as all from "trilevel";
        globalThis.trilevel = all;
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
  const files = new Map(outputFiles.map(({ path, contents }) => [path.slice(1), contents]));
  const page =
    '<!doctype html><link rel="icon" href="data:,"><script type="module" src="stdin.js"></script>';
  return (path) => Promise.resolve(path === "" ? page : files.get(path));
}

describe.skipIf(!browserPath)("in a browser", () => {
  let server: Server;
  let browser: Browser;
  let watched: Watched;
  beforeAll(async () => {
    server = await serve(await bundle());
    browser = await openBrowser(browserPath!);
    watched = await openPage(browser, server.url);
    await watched.page.waitForFunction(() => "trilevel" in globalThis);
  });
  afterAll(async () => {
    await browser?.close();
    await server?.close();
  });

  test.each(["reference", "webgpu"] as const)("%s computes a gradient", async (name) => {
    const found = await watched.page.evaluate(async (name) => {
      const { backend, grad, np, setBackend } = trilevel;
      await setBackend(name);
      const loss = (w: Trilevel.Tensor, x: Trilevel.Tensor) => np.sum(np.tanh(np.matmul(x, w)));
      const gradient = grad(loss)(np.array([[1], [-0.5]]), np.array([[0.5, 1], [2, 3]]));
      return { backend: backend(), gradient: [...await gradient.data()] };
    }, name);
    // x is [0.5, 1] and [2, 3], x·w is 0 and 0.5: the slopes of tanh are 1 and 1 - tanh(0.5)².
    const slope = 1 - Math.tanh(0.5) ** 2;
    expect(found.backend).toBe(name);
    expect(found.gradient[0]).toBeCloseTo(0.5 + 2 * slope, 6);
    expect(found.gradient[1]).toBeCloseTo(1 + 3 * slope, 6);
    expect(watched.problems).toEqual([]);
  });

  test("an error names the line of the user's code in the bundle", async () => {
    const [told, stack] = await watched.page.evaluate(() => {
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
