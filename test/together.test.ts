/** Files that share a process change nothing that the next one would see. */
import { globSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { TestProjectInlineConfiguration } from "vitest/config";
import config from "../vitest.config.ts";
import { together } from "./support/tier.ts";

const files = together.flatMap((pattern) => globSync(pattern)).toSorted();

test("every pattern has files", () => {
  expect(together.filter((pattern) => globSync(pattern).length === 0)).toEqual([]);
});

test.each([
  ["replaces a module", /\bvi\.(?:mock|doMock|resetModules|stubGlobal|stubEnv|useFakeTimers)\(/],
  ["sets an environment variable", /\bprocess\.env\[[^\]]+\] *(?:\?\?)?= |\bdelete process\.env/],
  ["changes what is global", /\bprocess\.chdir\(|\bglobalThis(?:\.\w+|\[[^\]]+\]) *= /],
  ["opens and closes backends", /\bcloseBackend\(|\bsetBackend\(\)/],
])("no file of theirs %s", (_, change) => {
  expect(files.filter((file) => change.test(readFileSync(file, "utf8")))).toEqual([]);
});

test("no project has exclusions of its own, by which those of the command line would be lost", () => {
  const projects = config.test?.projects ?? [];
  expect(projects.map((project) => (project as TestProjectInlineConfiguration).test?.exclude))
    .toEqual([undefined, undefined]);
});

test("files that share a process begin on the same backend", () => {
  const [first] = config.test?.projects ?? [];
  expect((first as TestProjectInlineConfiguration).test?.setupFiles).toEqual([
    "test/support/fresh.ts",
  ]);
});
