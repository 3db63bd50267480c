/**
 * The texts of errors are sentences: what was expected and what was found, so that a reader need not guess what is wrong with
 * the value that is shown.
 */
import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const verbs = new RegExp(
  "\\b(?:" +
    "(?:is|are|was|were|be|has|have|must|cannot|can|may|would|does|do|did|expected|got|found|" +
    "asks?|became|begins?|belongs?|breaks|calls?|changes?|claims?|closes|comes?|contains?|covers?|differs?|died|" +
    "drive|ends?|exists?|fails?|failed|fill|fits?|gave|made|meet|follows?|gives?|given|grows?|holds?|inflates?|keeps?|" +
    "knows?|lacks?|makes?|names?|needs?|points?|reads?|refuses|runs?|returns?|returned|says?|share|starts?|" +
    "stands?|takes?|uses?|writes?)" +
    ")\\b",
);

/** Files whose texts are still to be rewritten. */
const unfinished: readonly string[] = [];

/** The first argument of a call whose parenthesis opens before `start`, without what templates insert. */
function firstArgument(text: string, start: number): string {
  let words = "";
  let depth = 0;
  for (let at = start; at < text.length; at++) {
    const c = text[at]!;
    if (c === '"' || c === "'" || c === "`") {
      let end = at + 1;
      words += " ";
      for (; text[end] !== c; end++) {
        if (text[end] === "\\") end++;
        else if (c === "`" && text.startsWith("${", end)) {
          words += " _ ";
          for (let braces = 0; end < text.length; end++) {
            if (text[end] === "{") braces++;
            if (text[end] === "}" && --braces === 0) break;
          }
        } else words += text[end];
      }
      at = end;
    } else if ("([{".includes(c)) depth++;
    else if (")]}".includes(c) && depth-- === 0) break;
    else if (c === "," && depth === 0) break;
  }
  return words;
}

const texts = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts") && !unfinished.includes(file))
  .flatMap((file) => {
    const text = readFileSync(`src/${file}`, "utf8");
    return [...text.matchAll(/\bnew (?!Internal|Type|Range)\w+Error\(/g)].map((call) => {
      const line = text.slice(0, call.index).split("\n").length;
      return {
        place: `src/${file}:${line}`,
        words: firstArgument(text, call.index + call[0].length),
      };
    });
  })
  // The others are composed of texts that stand elsewhere.
  .filter(({ words }) => (words.replaceAll(/\w+:/g, "").match(/[a-zA-Z]{2,}/g) ?? []).length > 3)
  .filter(({ words }) => !/^\s*_\s+_\s/.test(words));

test("the errors of all folders are found", () => {
  expect(texts.length).toBeGreaterThan(400);
});

test("every text of an error has a verb: it is more than the value that is wrong", () => {
  expect(texts.filter(({ words }) => !verbs.test(words))).toEqual([]);
});

test("a text says that something is not a tensor, and does not say that it is no tensor", () => {
  const odd = /(?<!\bthere )\b(?:is|are|was|were) no\b/i;
  expect(texts.filter(({ words }) => odd.test(words))).toEqual([]);
});
