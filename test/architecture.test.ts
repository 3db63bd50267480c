/** The house keeps its arrows: what each folder of `src` may import, as DESIGN says it. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const src = fileURLToPath(new URL("../src/", import.meta.url));

const core = ["core"];
const instructions = [...core, "primitives"];
// The check of options: it needs errors and tensors, and every folder with functions for users needs it.
const arrays = [...instructions, "options", "numpy", "random"];
const programs = [...arrays, "control", "solvers", "transforms"];
const layers = [...programs, "nn", "optim", "metrics"];

/** For each folder, those that it may import beside itself. */
const arrows: Record<string, readonly string[]> = {
  core: [],
  options: core,
  primitives: core,
  compiler: instructions,
  backends: [...instructions, "compiler"],
  numpy: arrays,
  random: arrays,
  control: programs,
  solvers: programs,
  transforms: programs,
  linalg: programs,
  nn: layers,
  optim: layers,
  metrics: layers,
  nested: layers,
  models: [...layers, "nested"],
  data: layers,
  // It looks at the names that there are.
  lint: [...layers, "tree.ts"],
  // The last in the row is a user: it may import the public face, and what the package says of itself.
  experiments: [...layers, "nested", "models", "data", "backends", "index.ts", ".."],
};

/** Single files that look further down, since showing what is there is their purpose. */
const exceptions: Record<string, readonly string[]> = {
  "transforms/explain.ts": ["compiler"],
  "transforms/toOnnx.ts": ["backends"],
};

/** Packages from outside, and who may import them. */
const packages: readonly [RegExp, folders: readonly string[]][] = [
  [/^@tensorflow\//, ["backends", "data", "experiments"]],
  [/^(onnxruntime|webgpu)/, ["backends"]],
  [/^node:/, ["backends", "data", "metrics", "experiments"]],
  [/./, ["data", "experiments"]], // effect, immer, decoders: never in the library itself
];

interface Import {
  readonly file: string;
  readonly folder: string;
  readonly target: string;
}

const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((f) =>
  f.endsWith(".ts")
);
const texts = new Map(files.map((file) => [file, readFileSync(join(src, file), "utf8")]));

/** Comments hold examples, which import as users do. */
const withoutComments = (text: string) =>
  text.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");

const imports: readonly Import[] = files.filter((f) => f.includes("/")).flatMap((file) => {
  const statements = withoutComments(texts.get(file)!)
    .matchAll(/^(?:import|export)\s(?:[^;"]*?\sfrom\s)?"([^"]+)"|\bimport\(\s*"([^"]+)"/gm);
  return [...statements].map((match) => ({
    file,
    folder: file.split("/")[0]!,
    target: match[1] ?? match[2]!,
  }));
});

const folderOf = ({ file, target }: Import) =>
  relative(".", join(dirname(file), target)).split("/")[0]!;
const show = ({ file, target }: Import) => `${file} imports ${target}`;

test("every folder has its place", () => {
  const folders = new Set(files.filter((f) => f.includes("/")).map((f) => f.split("/")[0]!));
  expect([...folders].filter((f) => !(f in arrows))).toEqual([]);
  expect(imports.length).toBeGreaterThan(500);
});

describe.each(Object.entries(arrows))("%s", (folder, allowed) => {
  const mine = imports.filter((i) => i.folder === folder);

  test("imports only what stands below it", () => {
    const inside = mine.filter((i) => i.target.startsWith("."));
    const wrong = inside.filter((i) =>
      ![folder, ...allowed, ...exceptions[i.file] ?? []].includes(folderOf(i))
    );
    expect(wrong.map(show)).toEqual([]);
  });

  test("imports only the packages that it may", () => {
    const outside = mine.filter((i) => !/^(\.|trilevel)/.test(i.target));
    const wrong = outside.filter((i) => {
      const [, folders] = packages.find(([pattern]) => pattern.test(i.target))!;
      return !folders.includes(folder);
    });
    expect(wrong.map(show)).toEqual([]);
  });
});

test("files are short (a warning, not a failure)", () => {
  const long = [...texts].map(([file, text]) => ({ file, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > 400);
  for (const { file, lines } of long) console.warn(`src/${file} has ${lines} lines: two files?`);
});
