/** Everything that compiled code depends on besides its program: the compiler, its place, and the machine. */
import { host } from "./host.ts";

/** The folders of `src` that have a say in what a program becomes. */
const folders = ["core", "primitives", "compiler", "backends/onnx"];

let sources: string | undefined;

/**
 * All of that as text; `more` is part of it.
 *
 * @throws where the files of Trilevel are not those that run: in a bundle, or when they have changed since.
 */
export function setting(...more: readonly unknown[]): string {
  const { os, process: { platform, arch, versions } } = host();
  sources ??= hashSources();
  const processor = os.cpus().map((c) => c.model);
  return JSON.stringify([sources, platform, arch, versions, processor, ...more]);
}

function hashSources(): string {
  const { crypto, fs, path, url } = host();
  const here = path.dirname(url.fileURLToPath(import.meta.url));
  const src = path.resolve(here, "../../..");
  if (path.relative(src, here) !== path.join("backends", "onnx", "cache")) {
    throw new Error("the files of Trilevel are bundled, so that nothing tells its versions apart");
  }
  const hash = crypto.createHash("sha256");
  for (const folder of folders) {
    const root = path.join(src, folder);
    for (const name of fs.readdirSync(root, { recursive: true, encoding: "utf8" }).sort()) {
      if (!/\.[jt]s$/.test(name)) continue;
      const file = path.join(root, name);
      if (fs.statSync(file).mtimeMs > performance.timeOrigin) {
        throw new Error(`${file} has changed since the process started`);
      }
      const bytes = fs.readFileSync(file);
      hash.update(`${folder}/${name} ${bytes.length}\n`).update(bytes);
    }
  }
  return hash.digest("hex");
}
