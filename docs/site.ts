/**
 * Writes the documentation site to docs/api: reference pages of every entry of deno.json, and the guides. `deno doc` makes all
 * pages. It knows modules only, so each guide is given to it as the comment of a module that exports nothing.
 *
 * Run it with `deno task doc`.
 */
import { dirname, join, posix, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import manifest from "../deno.json" with { type: "json" };

const root = fileURLToPath(new URL("../", import.meta.url));

/** A guide: a page of Markdown in the repository, and its name on the site. */
export interface Guide {
  /** Its path from the root of the repository. */
  readonly path: string;
  /** Its name on the site, `guides/howto/primitive`. */
  readonly name: string;
}

/** The guides, in the order in which the front page lists them. */
export function guides(): Guide[] {
  const first = ["docs/nested.md", "docs/implicit.md", "docs/slate.md", "docs/architecture.md"];
  const found = ["CONTRIBUTING.md", "CHANGELOG.md", ...markdownIn("docs")];
  const paths = [...first, ...found.filter((path) => !first.includes(path))];
  return paths.map((path) => ({ path, name: nameOf(path) }));
}

function markdownIn(folder: string): string[] {
  const entries = [...Deno.readDirSync(join(root, folder))].sort((a, b) =>
    a.name < b.name ? -1 : 1
  );
  return entries.flatMap(({ name, isDirectory }) => {
    const path = `${folder}/${name}`;
    if (isDirectory) return path === "docs/api" ? [] : markdownIn(path);
    return name.endsWith(".md") ? [path] : [];
  });
}

const nameOf = (path: string) =>
  `guides/${path.replace(/^docs\//, "").replace(/\.md$/, "").toLowerCase()}`;

/**
 * The text of a page for the site, where `from` is the folder of its page there. Links between pages lead to pages of the
 * site, pictures to their copies; links to sources become the names of the files.
 */
export function textFor(path: string, from: string): string {
  const known = new Map(guides().map((guide) => [guide.path, guide.name]));
  const text = Deno.readTextFileSync(join(root, path));
  return text.replace(/(!?)\[([^\]]*)\]\(([^)\s]+)\)/g, (whole, picture, words, target: string) => {
    if (/^[a-z]+:/.test(target) || target.startsWith("#")) return whole;
    const [file = "", anchor] = target.split("#");
    const to = posix.normalize(posix.join(posix.dirname(path), file));
    const up = posix.relative(from, ".") || ".";
    if (picture) return `![${words}](${up}/figures/${posix.basename(to)})`;
    const name = known.get(to);
    if (name === undefined) return words.includes("`") ? words : `${words} (\`${to}\`)`;
    return `[${words}](${up}/${name}/index.html${anchor === undefined ? "" : `#${anchor}`})`;
  });
}

/** A module whose comment is a page. */
function asModule(page: string, code: string): string {
  // A comment must not end early, and words at the start of a line are no tags.
  const lines = page.replaceAll("*/", "*\\/").split("\n").map((line) =>
    ` * ${line.replace(/^@/, "\\@")}`.trimEnd()
  );
  return ["/**", ...lines, " *", " * @module", " */", code, ""].join("\n");
}

/** The front page: README, the guides, and the entries. */
function frontPage(): string {
  const titleOf = (path: string) => Deno.readTextFileSync(join(root, path)).match(/^# (.*)$/m)![1]!;
  return [
    textFor("README.md", "."),
    "## Guides",
    "",
    ...guides().map(({ path, name }) => `- [${titleOf(path)}](./${name}/index.html)`),
    "",
    "## Entries",
    "",
    ...entries().filter(({ name }) => name !== ".").map(({ name, usage }) =>
      `- [\`${usage("…")}\`](${name}/index.html)`
    ),
  ].join("\n");
}

/** A module with reference pages. */
export interface Entry {
  /** Its name on the site, `./nn`. */
  readonly name: string;
  readonly path: string;
  /** The import that its pages show, for one of its names. */
  usage(name: string): string;
}

// In pages of namespaces `deno doc` leaves out names that are exported again by name, so these have pages of their own.
const namespaces = { np: "src/numpy/index.ts", random: "src/random/index.ts", tree: "src/tree.ts" };

/** The modules with reference pages: the entries of deno.json, and the namespaces that users import by name. */
export function entries(): Entry[] {
  // An entry that is a namespace as well has the namespace's pages.
  const own = Object.entries(manifest.imports).filter(([specifier, path]) =>
    specifier !== "trilevel/numpy" && !Object.values(namespaces).includes(path.replace("./", ""))
  );
  return [
    ...own.map(([specifier, path]) => ({
      name: specifier.replace(/^trilevel/, "."),
      path: join(root, path),
      usage: (name: string) => `import { ${name} } from "${specifier}";`,
    })),
    ...Object.entries(namespaces).map(([namespace, path]) => ({
      name: `./${namespace}`,
      path: join(root, path),
      usage: () => `import { ${namespace} } from "trilevel";`,
    })),
  ];
}

/** Writes the site. */
export async function writeSite(output: string): Promise<void> {
  const staging = join(root, ".cache", "site");
  await Deno.remove(staging, { recursive: true }).catch(() => {});
  const write = async (name: string, text: string) => {
    await Deno.mkdir(dirname(join(staging, name)), { recursive: true });
    await Deno.writeTextFile(join(staging, name), text);
  };
  const exports: Record<string, string> = {};
  for (const { name, path } of entries()) {
    if (name === ".") continue;
    const file = `entries/${name.slice(2)}.ts`;
    const target = relative(dirname(join(staging, file)), path);
    const again = /^export default/m.test(await Deno.readTextFile(path))
      ? `export { default } from "${target}";\n`
      : "";
    await write(
      file,
      asModule(commentOf(await Deno.readTextFile(path)), `${again}export * from "${target}";`),
    );
    exports[name] = `./${file}`;
  }
  // The class Tensor gets its methods from another file, which `deno doc` does not follow: their page is linked from its own.
  const methods = 'export type { TensorMethods } from "../../src/numpy/index.ts";';
  await write(
    "index.ts",
    asModule(frontPage(), `export * from "../../src/index.ts";\n${methods}`),
  );
  exports["."] = "./index.ts";
  for (const { path, name } of guides()) {
    await write(`${name}.ts`, asModule(textFor(path, name), "export {};"));
    exports[`./${name}`] = `./${name}.ts`;
  }
  const config = {
    name: "@trilevel/trilevel",
    version: "0.0.0",
    nodeModulesDir: "manual",
    exports,
    imports: Object.fromEntries(
      Object.entries(manifest.imports).map(([specifier, path]) => [specifier, join(root, path)]),
    ),
  };
  await write("deno.json", JSON.stringify(config, null, 2));
  await Deno.remove(output, { recursive: true }).catch(() => {});
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["doc", "--html", "--name=Trilevel", `--output=${output}`, ...Object.values(exports)],
    cwd: staging,
  }).spawn().status;
  if (!success) throw new Error("deno doc failed");
  for (const path of pagesIn(output)) {
    await Deno.writeTextFile(path, corrected(await Deno.readTextFile(path)));
  }
  await Deno.mkdir(join(output, "figures"));
  for (const { name } of Deno.readDirSync(join(root, "docs/figures"))) {
    await Deno.copyFile(join(root, "docs/figures", name), join(output, "figures", name));
  }
}

function pagesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].flatMap(({ name, isDirectory }) => {
    const path = join(folder, name);
    return isDirectory ? pagesIn(path) : name.endsWith(".html") ? [path] : [];
  });
}

/** A page with the imports that users write, and without links to sources, which lead to this machine's files. */
function corrected(page: string): string {
  const known = new Map(entries().map(({ name, usage }) => [name.replace("./", ""), usage]));
  return page.replace(/<a\s+class="sourceButton"[^]*?<\/a>/g, "").replace(
    /import (?:type )?(\{ (?:type )?(\w+) \}|\* as mod|\w+) from &quot;([\w./]+)&quot;;/g,
    (whole, what: string, name: string | undefined, from: string) => {
      const usage = known.get(from);
      if (from.startsWith("guides/")) return "";
      if (!usage) return whole;
      const text = name === undefined
        ? usage("…").replace("{ … }", what.replace("mod", "all"))
        : usage(name);
      return text.replaceAll('"', "&quot;");
    },
  );
}

/** The comment with which a module begins. */
function commentOf(text: string): string {
  const [, comment = ""] = text.match(/^\s*\/\*\*([^]*?)\*\//) ?? [];
  return comment.split("\n").map((line) => line.replace(/^ ?\* ?/, "")).join("\n")
    .replace("@module", "").trim();
}

if (import.meta.main) await writeSite(resolve(root, "docs/api"));
