/**
 * Writes the npm package to dist/: JavaScript and declarations from the sources, and a manifest made from package.json.
 * The library itself needs no other package; those of datasets and experiments, ONNX Runtime and tfjs are optional peers.
 *
 * Run it with `deno task build`; `npm pack ./dist` then makes the archive.
 */
import { cp, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { spawnSync } from "node:child_process";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../package.json" with { type: "json" };

const root = fileURLToPath(new URL("../", import.meta.url));

/** The compiled file of a source, as the manifest names it. */
const compiled = (path: string, ending: string) => path.replace(/\.ts$/, ending);

/** The manifest of the package. */
export function packageManifest(): Record<string, unknown> {
  const { name, version, description, license, type, dependencies } = manifest;
  const optional = Object.keys(dependencies).map((name) => [name, { optional: true }]);
  return {
    name,
    version,
    description,
    license,
    type,
    engines: { node: ">=22" },
    bin: { [name]: "./src/bin.js" },
    exports: {
      ...Object.fromEntries(
        Object.entries(manifest.exports).map(([entry, source]) => [
          entry,
          { types: compiled(source, ".d.ts"), default: compiled(source, ".js") },
        ]),
      ),
      "./package.json": "./package.json",
    },
    sideEffects: manifest.sideEffects.map((path) => compiled(path, ".js")),
    files: ["src", "CHANGELOG.md"],
    peerDependencies: dependencies,
    peerDependenciesMeta: Object.fromEntries(optional),
  };
}

/** Runs TypeScript's compiler. */
function compile(target: string): void {
  const config = join(root, "package", "tsconfig.json");
  const tsc = join(root, "node_modules", "typescript", "bin", "tsc");
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...runArguments, tsc, "-p", config, "--outDir", target],
    { encoding: "utf8" },
  );
  if (status !== 0) throw new Error(`the sources do not compile:\n${stdout}${stderr}`);
}

const runArguments = "Deno" in globalThis ? ["run", "-A"] : [];

/** Types of WebGPU, of which TypeScript knows nothing before version 6; where it does, these add nothing. */
const webgpuTypes = ["GPU", "GPUAdapter", "GPUAdapterInfo", "GPUBuffer", "GPUDevice"];

/** Lets declarations that name types of WebGPU find them in every version of TypeScript. */
async function declareWebGpu(target: string): Promise<void> {
  const declared = join(target, "src", "webgpu.d.ts");
  await writeFile(declared, webgpuTypes.map((name) => `interface ${name} {}\n`).join(""));
  const files = await readdir(target, { recursive: true, withFileTypes: true });
  for (const file of files) {
    const path = join(file.parentPath, file.name);
    if (!file.name.endsWith(".d.ts") || path === declared) continue;
    const text = await readFile(path, "utf8");
    if (!/\bGPU(?:[A-Z]\w*)?\b/.test(text.replace(/\/\*[^]*?\*\//g, ""))) continue;
    const reference = relative(dirname(path), declared);
    await writeFile(path, `/// <reference path="${reference}" />\n${text}`);
  }
}

/** Writes the package to a folder, of which nothing else is kept. */
export async function buildPackage(target: string): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await mkdir(target, { recursive: true });
  compile(target);
  await declareWebGpu(target);
  await writeFile(join(target, "package.json"), JSON.stringify(packageManifest(), null, 2) + "\n");
  for (const name of ["README.md", "LICENSE", "CHANGELOG.md", "src/experiments/xla/xla.py"]) {
    await cp(join(root, name), join(target, name));
  }
}

if (import.meta.main) {
  const target = join(root, "dist");
  await buildPackage(target);
  console.log(`the npm package is in ${relative(Deno.cwd(), target) || "."}`);
}
