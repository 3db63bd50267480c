/** What is told of several runs: their folders are written here, nothing is trained. */
import { Effect } from "effect";
import { expect, it } from "vitest";
import { readFile } from "node:fs/promises";
import { compareRuns } from "../../src/experiments/report/compare.ts";
import { latexTable, markdownTable, textTable } from "../../src/experiments/report/tables.ts";
import { seedTable } from "../../src/experiments/report/seeds.ts";
import { RunFolder } from "../../src/experiments/runs/folder.ts";
import { listRuns } from "../../src/experiments/runs/open.ts";
import { temporaryFolder, toyConfig } from "./support.ts";

const folder = temporaryFolder();

/** A finished run with this FG-ARI. */
async function finished(root: string, fgAri: number, ...overrides: string[]): Promise<string> {
  const config = await toyConfig(...overrides);
  const run = new RunFolder(folder(root, `${config.name}-20260101-00000${config.seed}`));
  await Effect.runPromise(Effect.gen(function* () {
    yield* run.writeConfig(config);
    yield* run.writeSummary({ status: "finished", step: 4, results: { fgAri, mse: 0.5 } });
    yield* run.appendRows([{ step: 1, loss: 2 }, { step: 4, loss: 1, "validation/fgAri": fgAri }]);
  }));
  return run.path;
}

it("runs of a study are found, and grouped though each has a name of its own", async () => {
  // Known by hand: the sample deviation of 0.5, 0.6, 0.7 is 0.1; the population's would be 0.082.
  for (const [seed, low, high] of [[0, 0.5, 0.8], [1, 0.6, 0.85], [2, 0.7, 0.9]] as const) {
    await finished("study", low, `name=vanilla-3-seed${seed}`, `seed=${seed}`);
    await finished(
      "study",
      high,
      `name=implicit-3-seed${seed}`,
      `seed=${seed}`,
      "model.iterations=3",
    );
  }
  const names = await Effect.runPromise(listRuns(folder("study")));
  expect(names).toHaveLength(6);
  const text = await Effect.runPromise(seedTable(folder("study"), names));
  expect(text).toContain("| vanilla-3, model.iterations=2 | 4 | 3 | 0.60 ± 0.10 |");
  expect(text).toContain("| implicit-3, model.iterations=3 | 4 | 3 | 0.850 ± 0.050 |");
  expect(text).toContain("standard deviation of the sample");
  expect(text).toContain("| vanilla-3 | 1 | 0.600 |"); // every seed's value
  // A comparison has a column for each kind, with its mean, not one for each run.
  const page = folder("compare.html");
  const compared = await Effect.runPromise(compareRuns(folder("study"), names, page, "bootstrap"));
  expect(compared).toMatch(/FG-ARI +0\.850 ± 0\.050 +0\.60 ± 0\.10/);
  expect(compared).toMatch(/seeds +0, 1, 2 +0, 1, 2/);
  expect(compared).toMatch(/95 % bootstrap interval −0\.28\d* to −0\.21/);
  expect(await readFile(page, "utf8")).toContain("0.850 ± 0.050");
  // The differences are 0.3, 0.25, 0.2: their interval excludes 0 whichever kind comes first.
  expect(text).toMatch(/FG-ARI: implicit-3 is better, by 3 paired seeds/);
});

it("tables are read by terminals, Markdown and LaTeX, whatever is in them", () => {
  const rows = [["kind", "a|b"], ["x_1 & 50%", "0.5 ± 0.1"]];
  expect(textTable(rows)).toBe("kind       a|b\nx_1 & 50%  0.5 ± 0.1");
  expect(markdownTable(rows)).toBe("| kind | a\\|b |\n| --- | --- |\n| x_1 & 50% | 0.5 ± 0.1 |");
  expect(latexTable(rows)).toContain("  x\\_1 \\& 50\\% & 0.5 $\\pm$ 0.1 \\\\\n");
  expect(latexTable([["\\input{x}", "#~^$"]])).toContain(
    "\\textbackslash{}input\\{x\\} & \\#\\textasciitilde{}\\textasciicircum{}\\$ \\\\",
  );
  expect(latexTable([["−1 ± β"]])).toContain("$-$1 $\\pm$ $\\beta$");
  expect(latexTable([["“‖x‖²”"]])).toContain("``$\\|$x$\\|$$^2$''");
});
