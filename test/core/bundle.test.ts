/** In a minified bundle, errors keep their names and point at the user's code; what nobody imports is not in it. */
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

/** The files of the library that a script's bundle holds something of, below `src`. */
async function filesOf(contents: string): Promise<string[]> {
  const root = new URL("../../", import.meta.url);
  const alias = Object.entries(manifest.imports)
    .map(([name, path]) => [name, new URL(path, root).pathname] as const)
    .toSorted(([a], [b]) => b.length - a.length); // the longest name that fits is meant
  const { metafile } = await build({
    stdin: { contents, resolveDir: root.pathname, loader: "ts" },
    alias: Object.fromEntries(alias),
    absWorkingDir: root.pathname,
    bundle: true,
    minify: true,
    format: "esm",
    platform: "browser",
    write: false,
    metafile: true,
  });
  return Object.values(metafile.outputs).flatMap(({ inputs }) =>
    Object.entries(inputs)
      .filter(([path, { bytesInOutput }]) => path.startsWith("src/") && bytesInOutput > 0)
      .map(([path]) => path.slice("src/".length))
  ).sort();
}

const body = "export const f = grad((x) => np.sum(x));";

test("a bundle holds no folder that nobody imports", async () => {
  const files = await filesOf(`import { grad, np } from "trilevel"; ${body}`);
  expect(files).toContain("numpy/reductions.ts");
  const folders = new Set(files.map((path) => path.split("/")[0]!));
  for (
    const other of ["random", "nn", "optim", "models", "metrics", "nested", "solvers", "implicit"]
  ) {
    expect([...folders]).not.toContain(other);
  }
});

test("a bundle of `trilevel/numpy` holds no function that nobody imports, apart from what methods are made of", async () => {
  const imports = 'import { grad } from "trilevel"; import * as np from "trilevel/numpy";';
  const files = (await filesOf(`${imports} ${body}`)).filter((path) => path.startsWith("numpy/"));
  const methods = (await filesOf('import "trilevel/numpy";')).filter((path) =>
    path.startsWith("numpy/")
  );
  expect(files).toEqual(methods);
  // One more function brings its own files, and no others.
  const more = await filesOf(`${imports} ${body} export const g = np.linalg.eigh;`);
  const added = more.filter((path) => path.startsWith("numpy/") && !files.includes(path));
  expect(added).toContain("numpy/linalg/eigh.ts");
  expect(added.filter((path) => /fft|sets|histograms|polynomials|padding/.test(path))).toEqual([]);
});
