import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { coveragePage } from "../docs/coverage.ts";

it("docs/coverage.md is what `deno task coverage` writes", () => {
  const page = readFileSync(new URL("../docs/coverage.md", import.meta.url), "utf8");
  expect(page).toBe(coveragePage());
});
