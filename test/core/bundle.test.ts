/** In a minified bundle, errors keep their names and point at the user's code. */
import { build } from "esbuild";
import { expect, test } from "vitest";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import manifest from "../../deno.json" with { type: "json" };

const script = `
import { jit, np, setBackend } from "trilevel";
await setBackend("reference");
function mistake(x) { return np.reshape(x, [5]); /* the user's line */ }
const attempts = {
  direct: () => mistake(np.ones([3])),
  traced: () => jit(mistake)(np.ones([3])),
  option: () => np.sum(np.ones([3]), { axes: 0 }), // the option's line
};
const told = {};
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    attempt();
  } catch (error) {
    told[name] = [error.name, error._tag, error.message.split("\\n")[1]];
  }
}
globalThis.told = told;
`;

for (const minify of [false, true]) {
  test(`a bundle, minified: ${minify}`, async () => {
    const root = new URL("../../", import.meta.url).pathname;
    const { outputFiles } = await build({
      stdin: { contents: script, resolveDir: root, loader: "ts" },
      alias: { trilevel: new URL(manifest.imports.trilevel, new URL(root, "file://")).pathname },
      bundle: true,
      minify,
      format: "esm",
      platform: "browser",
      write: false,
    });
    const text = outputFiles[0]!.text;
    const folder = await mkdtemp(join(tmpdir(), "trilevel-bundle-"));
    const path = join(folder, "bundle.mjs");
    await writeFile(path, text);
    try {
      await import(/* @vite-ignore */ pathToFileURL(path).href);
    } finally {
      await rm(folder, { recursive: true });
    }
    const { told } = globalThis as unknown as { told: Record<string, [string, string, string]> };
    const lines = text.split("\n");
    const source = (at: string) => {
      const [line, column] = at.split(":").slice(-2).map(Number) as [number, number];
      return lines[line - 1]!.slice(column - 1, column + 60);
    };
    const [direct, traced, option] = [told["direct"]!, told["traced"]!, told["option"]!];
    expect(direct.slice(0, 2)).toEqual(["ShapeError", "ShapeError"]);
    expect(source(direct[2])).toMatch(/^(np\d*\.)?\w*reshape\w*|^\w+\(\w+, ?\[5\]\)/);
    expect(traced[2]).toBe(direct[2]);
    expect(option.slice(0, 2)).toEqual(["ArgumentError", "ArgumentError"]);
    expect(source(option[2])).toMatch(/axes: ?0/);
  });
}
