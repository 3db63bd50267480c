/**
 * Builds the live page into dist/page: static files, which work from any host. Run it with `deno task page`, which also
 * serves them; `deno task page --build` only writes them.
 */
import { cp, mkdir, rm } from "node:fs/promises";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { filesIn, isolation, serve } from "./serve.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const sources = join(root, "src", "page");
const runtime = join(root, "node_modules", "onnxruntime-web", "dist");

/** Writes the page to a folder, of which nothing else is kept. */
export async function buildPage(target: string): Promise<void> {
  await rm(target, { recursive: true, force: true });
  await mkdir(join(target, "onnxruntime"), { recursive: true });
  await build({
    entryPoints: ["main", "worker", "cellWorker"].map((name) => join(sources, `${name}.ts`)),
    bundle: true,
    splitting: true,
    minify: true,
    // Error messages name functions.
    keepNames: true,
    format: "esm",
    target: "es2023",
    platform: "browser",
    outdir: target,
    logLevel: "error",
  });
  const copied = [
    ...["index.html", "style.css", "weights.safetensors"].map((
      name,
    ) => [join(sources, name), name]),
    [join(root, "node_modules", "uplot", "dist", "uPlot.min.css"), "uPlot.min.css"],
    ...["mjs", "wasm"].map((ending) => `ort-wasm-simd-threaded.${ending}`)
      .map((name) => [join(runtime, name), join("onnxruntime", name)]),
  ] as const;
  await Promise.all(copied.map(([from, name]) => cp(from!, join(target, name!))));
}

if (import.meta.main) {
  const target = join(root, "dist", "page");
  await buildPage(target);
  console.log(`the page is in ${relative(Deno.cwd(), target)}`);
  if (!Deno.args.includes("--build")) {
    const { url } = await serve(filesIn(target), isolation, 8080).catch(() =>
      serve(filesIn(target), isolation)
    );
    console.log(`look at it on ${url}`);
  }
}
