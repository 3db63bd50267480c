/** Pages of documentation name files, links and commands that exist. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import manifest from "../../deno.json" with { type: "json" };

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => readFileSync(join(root, path), "utf8");

/** The pages, as paths from the root of the repository. */
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith(".md")),
  ...readdirSync(join(root, "docs"), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".md") && !name.startsWith("api/"))
    .map((name) => `docs/${name}`),
];

const topFolders = ["src", "test", "docs", "examples", "bench"];

/**
 * Paths that a text names. They begin at the root of the repository, or at a top folder; `<name>` stands for a name of the
 * reader's choice, and `*` for any part of a name.
 */
function pathsIn(text: string): string[] {
  const pattern = new RegExp(
    String.raw`(?<![\w./-])(?:${topFolders.join("|")})\/[\w.*<>/-]*[\w*>/]`,
    "g",
  );
  return [...text.matchAll(pattern)].map(([path]) => path);
}

/** Tells whether a path exists; of a path with a placeholder, the folder before it. */
function exists(path: string): boolean {
  if (path === "docs/api") return true; // generated, and not kept
  const fixed = path.split("<")[0]!;
  if (!fixed.includes("*")) return existsSync(join(root, fixed));
  const names = new RegExp(
    `^${fixed.replaceAll(".", "\\.").replaceAll("*", "[^/]*").replace(/\/$/, "")}(/|$)`,
  );
  const folder = fixed.split("*")[0]!.replace(/[^/]*$/, "");
  if (!existsSync(join(root, folder))) return false;
  return readdirSync(join(root, folder), { recursive: true, encoding: "utf8" })
    .some((name) => names.test(folder + name));
}

const withoutCode = (text: string) => text.replace(/^```[^]*?^```$/gm, "");

/** The anchors of a page's headings, as GitHub makes them. */
function anchorsOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    heading!.toLowerCase().replace(/[^\p{L}\p{N} _-]/gu, "").replaceAll(" ", "-")
  );
}

test("the pages are found", () => {
  for (const page of ["README.md", "docs/nested.md"]) expect(pages).toContain(page);
});

describe.each(pages)("%s", (page) => {
  const text = read(page);

  test("names files that exist", () => {
    expect(pathsIn(text).filter((path) => !exists(path))).toEqual([]);
  });

  test("links to files and headings that exist", () => {
    const links = [...withoutCode(text).matchAll(/\]\(([^)\s]+)\)/g)].map(([, target]) => target!)
      .filter((target) => !/^[a-z]+:/.test(target));
    const broken = links.filter((target) => {
      const [file, anchor] = target.split("#");
      const path = file ? join(dirname(page), file) : page;
      if (!existsSync(join(root, path))) return true;
      return anchor !== undefined && path.endsWith(".md") &&
        !anchorsOf(read(path)).includes(anchor);
    });
    expect(broken).toEqual([]);
  });

  test("gives commands that exist", () => {
    const tasks = [...text.matchAll(/\bdeno(?:@[\d.]+)? task (?!…)([\w:]+)/g)].map(([, name]) =>
      name!
    );
    expect(tasks.filter((name) => !(name in manifest.tasks))).toEqual([]);
  });
});

test("code that a guide quotes is in the example that runs", () => {
  const files = readdirSync(join(root, "test/docs")).filter((name) => name.endsWith(".ts"));
  const examples = files.map((name) => read(`test/docs/${name}`)).join("\n");
  const quoted = pages.filter((page) => page.startsWith("docs/howto/"))
    .flatMap((page) => [...read(page).matchAll(/^```ts ignore\n([^]*?)^```$/gm)]);
  expect(quoted.length).toBeGreaterThan(0);
  expect(quoted.map(([, code]) => code!).filter((code) => !examples.includes(code))).toEqual([]);
});

test("a wrong path, link or placeholder is found", () => {
  expect(pathsIn("see `src/core/no.ts`, src/nested/*.ts and test/<name>.")).toEqual([
    "src/core/no.ts",
    "src/nested/*.ts",
    "test/<name>",
  ]);
  expect(exists("src/core/no.ts")).toBe(false);
  expect(exists("src/nowhere/<name>.ts")).toBe(false);
  expect(exists("src/nested/*.ts")).toBe(true);
  expect(exists("src/nested/zz*.ts")).toBe(false);
  expect(anchorsOf("# CLEVR, and `its` mirror\n")).toEqual(["clevr-and-its-mirror"]);
});
