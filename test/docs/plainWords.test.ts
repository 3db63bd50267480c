/** Doc comments say what a thing is, with a noun or a verb, and do not open with a clause ("What a rule may read."). */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const src = fileURLToPath(new URL("../../src/", import.meta.url));

/** Folders in which some comments are still to be rewritten. */
const unfinished: readonly string[] = [];

const opening =
  /\/\*\*\s*(?:\n\s*\*\s*)?(?:What|Whatever|Whether|Whose|Where|Those|How|Who|Whoever|Which)\b.*/g;

/** The same at the beginning of comments within code. */
const openingWithin =
  /(?<!\/\/.*\n)^\s*\/\/ (?:What|Whatever|Whether|Whose|Those|How|Who|Whoever|Which)\b.*/gm;

/** The comments of each folder that open so, with their places. */
const found = new Map<string, string[]>();
for (const file of readdirSync(src, { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".ts")) continue;
  const folder = file.split("/")[0]!;
  const text = readFileSync(src + file, "utf8");
  for (
    const { 0: comment, index } of [opening, openingWithin].flatMap((p) => [...text.matchAll(p)])
  ) {
    const line = text.slice(0, index).split("\n").length;
    if (!found.has(folder)) found.set(folder, []);
    found.get(folder)!.push(`${file}:${line}: ${comment.replace(/\s+\*?\s*/g, " ")}`);
  }
}

test("an opening clause is recognized", () => {
  expect("/** What a rule reads. */".match(opening)).toHaveLength(1);
  expect("/**\n * How far it is. */".match(opening)).toHaveLength(1);
  expect("/** The distance. Where it is unknown, 0. */".match(opening)).toBeNull();
  expect("x;\n  // What is read.\n".match(openingWithin)).toHaveLength(1);
  expect("x;\n  // The values\n  // Which are read.\n".match(openingWithin)).toBeNull();
});

test("no comment of a finished folder opens with a clause", () => {
  const wrong = [...found].filter(([folder]) => !unfinished.includes(folder));
  expect(wrong.flatMap(([, places]) => places)).toEqual([]);
});

test("a folder that is finished is no longer listed as unfinished", () => {
  expect([...found.keys()].filter((folder) => unfinished.includes(folder)).toSorted())
    .toEqual(unfinished);
});
