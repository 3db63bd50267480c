/** The house keeps its arrows: which folders of `src` each folder imports, and that no import leads in a circle. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";

const src = fileURLToPath(new URL("../src/", import.meta.url));

/**
 * For each folder, and each file beside the folders, all that it imports. An arrow that nothing uses any more is an
 * error, too.
 */
const arrows: Record<string, readonly string[]> = {
  // The base of all errors: a leaf that everything may import.
  errors: [],
  core: ["errors"],
  runtime: ["core"],
  options: ["errors", "core"],
  primitives: ["core"],
  compiler: ["core", "primitives"],
  backends: ["core", "runtime", "primitives", "compiler"],
  // The language that users write.
  numpy: ["core", "runtime", "options", "primitives"],
  random: ["core", "options", "primitives", "numpy"],
  control: ["core", "options", "primitives"],
  // Functions of functions, and views of programs.
  transforms: ["core", "runtime", "options", "primitives"],
  solvers: ["core", "options", "primitives", "numpy", "control", "transforms"],
  implicit: [
    "core",
    "runtime",
    "options",
    "primitives",
    "random",
    "control",
    "transforms",
    "solvers",
  ],
  inspect: ["core", "runtime", "options", "primitives", "compiler", "backends", "transforms"],
  // What users could write themselves imports what they can import: never core, compiler or primitives.
  "public.ts": ["core", "runtime", "backends", "numpy"],
  "tree.ts": ["core", "numpy"],
  // The entry of arrays alone.
  "numpy.ts": ["backends", "numpy"],
  nn: ["public.ts", "options", "numpy", "random", "control"],
  optim: ["public.ts", "tree.ts", "options", "numpy", "random", "control", "transforms", "solvers"],
  metrics: ["errors", "options"],
  nested: [
    "public.ts",
    "tree.ts",
    "options",
    "numpy",
    "random",
    "control",
    "transforms",
    "solvers",
    "implicit",
    "optim",
  ],
  models: [
    "public.ts",
    "tree.ts",
    "options",
    "numpy",
    "random",
    "control",
    "transforms",
    "solvers",
    "implicit",
    "nn",
    "optim",
    "nested",
  ],
  data: ["errors", "options"],
  safetensors: ["public.ts", "options", "data"],
  tfjs: ["public.ts", "core", "runtime", "backends"],
  "index.ts": [
    "public.ts",
    "tree.ts",
    "core",
    "runtime",
    "compiler",
    "backends",
    "numpy",
    "random",
    "control",
    "transforms",
    "solvers",
    "implicit",
    "inspect",
    "nn",
    "optim",
    "metrics",
    "nested",
  ],
  // A plugin of linters: it asks the library which names exist.
  lint: ["tree.ts", "options", "numpy", "random", "nn", "optim", "metrics"],
  // Node's prompt with all names, `npx trilevel`.
  "bin.ts": ["index.ts", "models", "safetensors"],
  // The live page is a program for browsers.
  page: ["index.ts", "models", "data", "safetensors"],
  // Experiments also read what the package says of itself (`..`).
  experiments: [
    "errors",
    "index.ts",
    "options",
    "metrics",
    "models",
    "data",
    "safetensors",
    "..",
  ],
};

/** Packages from outside, and the folders that may import them. */
const packages: readonly [RegExp, folders: readonly string[]][] = [
  [/^@tensorflow\//, ["tfjs"]],
  [/^(onnxruntime|webgpu)/, ["backends"]],
  [/^node:/, ["backends", "bin.ts", "data", "metrics", "experiments"]],
  [/^(uplot|sucrase)$/, ["page"]],
  [/./, ["data", "experiments"]], // effect, immer, decoders: never in the library itself
];

const files = readdirSync(src, { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"));
const texts = new Map(files.map((file) => [file, readFileSync(join(src, file), "utf8")]));

/** Comments hold examples, which import as users do. */
const withoutComments = (text: string) =>
  text.replace(/\/\*[^]*?\*\//g, "").replace(/^\s*\/\/.*$/gm, "");

interface Import {
  readonly file: string;
  readonly target: string;
}

/** All imports, those of types, too. */
const imports: readonly Import[] = files.flatMap((file) =>
  [
    ...withoutComments(texts.get(file)!).matchAll(
      /^(?:import|export)\s(?:[^;"]*?\sfrom\s)?"([^"]+)"|\bimport\(\s*"([^"]+)"/gm,
    ),
  ].map((match) => ({ file, target: match[1] ?? match[2]! }))
);
const inside = imports.filter(({ target }) => target.startsWith("."))
  .map(({ file, target }) => ({ file, target: normalize(join(dirname(file), target)) }));

const roomOf = (file: string) => file.split("/")[0]!;

/** The folders that two files do not share: `backends/onnx/lower` and `backends/onnx/simd`. */
function siblings({ file, target }: Import): Import {
  const [a, b] = [file.split("/"), target.split("/")];
  let depth = 0;
  while (a[depth] === b[depth]) depth++;
  return { file: a.slice(0, depth + 1).join("/"), target: b.slice(0, depth + 1).join("/") };
}

/** The circles of a graph: sets of nodes each of which leads to each other. */
function circles(edges: readonly Import[]): string[][] {
  const next = new Map<string, Set<string>>();
  for (const { file, target } of edges) {
    if (file === target) continue;
    if (!next.has(file)) next.set(file, new Set());
    next.get(file)!.add(target);
  }
  const reach = (from: string): Set<string> => {
    const seen = new Set<string>();
    const open = [from];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      for (const to of next.get(node) ?? []) {
        if (!seen.has(to)) open.push(to);
        seen.add(to);
      }
    }
    return seen;
  };
  const reached = new Map([...next.keys()].map((node) => [node, reach(node)]));
  const inCircle = [...reached].filter(([node, seen]) => seen.has(node)).map(([node]) => node);
  const sets = inCircle.map((node) =>
    inCircle.filter((other) => reached.get(node)!.has(other) && reached.get(other)!.has(node))
  );
  return [...new Map(sets.map((set) => [set.join(), set])).values()];
}

describe("no import leads in a circle", () => {
  test("circles are found", () => {
    const edges = ["ab", "bc", "ca", "cd", "de", "ed", "ef"].map(([file, target]) => ({
      file: file!,
      target: target!,
    }));
    expect(circles(edges)).toEqual([["a", "b", "c"], ["d", "e"]]);
  });

  test("file by file", () => {
    expect(inside.length).toBeGreaterThan(1500);
    expect(circles(inside)).toEqual([]);
  });

  test("folder by folder, at every depth", () => {
    // A file beside folders is their entry, or what they share: only folders among themselves count.
    const isFolder = (path: string) => !path.endsWith(".ts");
    const between = inside.map(siblings).filter((i) => isFolder(i.file) && isFolder(i.target));
    expect(circles(between)).toEqual([]);
  });
});

test("every folder imports what is written here", () => {
  const actual: Record<string, Set<string>> = {};
  for (const file of files) actual[roomOf(file)] ??= new Set();
  for (const { file, target } of inside) {
    if (roomOf(file) !== roomOf(target)) actual[roomOf(file)]!.add(roomOf(target));
  }
  const sorted = (from: Record<string, Iterable<string>>) =>
    Object.fromEntries(Object.entries(from).map(([folder, to]) => [folder, [...to].sort()]));
  expect(sorted(actual)).toEqual(sorted(arrows));
});

test.each(Object.keys(arrows))("%s imports only the packages that it may", (folder) => {
  const outside = imports.filter((i) =>
    roomOf(i.file) === folder && !/^(\.|trilevel)/.test(i.target)
  );
  const wrong = outside.filter(({ target }) => {
    const [, folders] = packages.find(([pattern]) => pattern.test(target))!;
    return !folders.includes(folder);
  });
  expect(wrong.map(({ file, target }) => `${file} imports ${target}`)).toEqual([]);
});

test("modules that tests replace exist", () => {
  const tests = fileURLToPath(new URL(".", import.meta.url));
  const replaced = readdirSync(tests, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.ts"))
    .flatMap((file) =>
      [...readFileSync(join(tests, file), "utf8").matchAll(/\bvi\.mock\(\s*"(\.[^"]+)"/g)]
        .map(([, target]) => join(tests, dirname(file), target!))
    );
  expect(replaced.length).toBeGreaterThan(10);
  expect([...new Set(replaced)].filter((path) => !existsSync(path))).toEqual([]);
});

test("files are short (a warning, not a failure)", () => {
  const long = [...texts].map(([file, text]) => ({ file, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > 400);
  for (const { file, lines } of long) console.warn(`src/${file} has ${lines} lines: two files?`);
});
