/** Studies: which runs they make, that these are found again, and what is told of their results. */
import { readdir, readFile, rm } from "node:fs/promises";
import { Effect } from "effect";
import { describe, expect, it } from "vitest";
import { np } from "trilevel";
import { RunFolder } from "../../src/experiments/runs/folder.ts";
import {
  decodeResults,
  encodeResults,
  type StudyCell,
} from "../../src/experiments/studies/results.ts";
import { standaloneSvg } from "../../src/experiments/report/plots.ts";
import { studies } from "../../src/experiments/studies/index.ts";
import { runStudy } from "../../src/experiments/studies/runStudy.ts";
import {
  drawStudy,
  judgeClaims,
  studyTable,
  tellStudy,
} from "../../src/experiments/studies/tell.ts";
import { Tasks } from "../../src/experiments/tasks/index.ts";
import type { Task } from "../../src/experiments/tasks/task.ts";
import { failure, remember, temporaryFolder, toyConfig, toyTask } from "./support.ts";
import { rates as study } from "./toy.ts";

const folder = temporaryFolder();
const toyBase = () => Effect.promise(() => toyConfig());

/** Runs the study with a toy; gives what it wrote, and what was told on the way. */
async function made(root: string, { seeds = 2, task = toyTask, kinds = [] }: {
  readonly seeds?: number;
  readonly task?: Task;
  readonly kinds?: readonly string[];
} = {}) {
  const display = remember();
  const { results, folder: written } = await Effect.runPromise(
    runStudy(study, { baseOf: toyBase, root: folder(root), display, steps: 4, seeds, kinds }).pipe(
      Effect.provideService(Tasks, [task]),
    ),
  );
  return { results, written, lines: display.lines };
}

const begun = (lines: readonly string[]) => lines.filter((line) => line.startsWith("done after"));

describe("a study", () => {
  it("makes each kind with each seed, once, and goes on where it was ended", async () => {
    const first = await made("rates", { seeds: 1 });
    expect(begun(first.lines)).toHaveLength(2);
    const { results, written, lines } = await made("rates");
    expect(begun(lines)).toHaveLength(2); // the second seed alone
    expect(results.cells.map(({ kind, seed }) => `${kind} ${seed}`))
      .toEqual(["slow 0", "fast 0", "slow 1", "fast 1"]);
    expect(begun((await made("rates")).lines)).toHaveLength(0);
    const files = await readdir(written.path);
    for (const ending of ["svg", "png", "md", "tex", "html"]) {
      expect(files).toContain(`rates.${ending}`);
    }
    const text = await readFile(written.file("results.json"), "utf8");
    expect(await Effect.runPromise(decodeResults(study, text, "it"))).toEqual(results);
    expect(await readFile(written.file("rates.md"), "utf8")).toContain("| slow | 0.01 | 2 |");
    const page = await readFile(written.file("rates.html"), "utf8");
    for (const part of ["Fast is better.", "Every run", "n = 2 seeds"]) {
      expect(page).toContain(part);
    }
  });

  it("measures what the runs have, and no other runs", async () => {
    const { results, written } = await made("rates");
    for (const { kind, seed, measures } of results.cells) {
      const name = (await readdir(written.path)).find((n) => n.startsWith(`${kind}-seed${seed}-`))!;
      const rows = await Effect.runPromise(new RunFolder(written.file(name)).metrics());
      const loss = rows.filter((row) => "loss" in row).at(-1)!["loss"] as number;
      expect(measures["loss"]).toBe(Number(loss.toPrecision(5)));
      const config = JSON.parse(await readFile(written.file(name, "config.json"), "utf8"));
      expect(config.optimizer).toMatchObject({
        clip: 0,
        learningRate: kind === "slow" ? 0.01 : 0.1,
      });
    }
  });

  it("refuses runs that were made from another config", async () => {
    const { written } = await made("other", { seeds: 1, kinds: ["slow"] });
    const name = (await readdir(written.path)).find((n) => n.startsWith("slow-seed0-"))!;
    const run = new RunFolder(written.file(name));
    await Effect.runPromise(run.writeConfig(await toyConfig("name=slow-seed0", "batchSize=1")));
    const error = await failure(
      runStudy(study, {
        baseOf: toyBase,
        root: folder("other"),
        display: remember(),
        steps: 4,
        seeds: 1,
      }).pipe(Effect.provideService(Tasks, [toyTask])),
    );
    expect(String(error)).toContain("batchSize was 1, and is 2 now");
    await rm(written.path, { recursive: true });
  });

  it("counts a run that fails, and goes on", async () => {
    // The rate of fast makes the loss no number; that of slow does not.
    const failing: Task = {
      ...toyTask,
      system: (config) => {
        const system = (toyTask as Task).system(config);
        return Number(config.optimizer.learningRate) < 0.05 ? system : {
          ...system,
          loss: (params, batch, key, at) => {
            const [loss, ...rest] = system.loss(params, batch, key, at);
            return [np.log(loss.sub(1e6)), ...rest];
          },
        };
      },
    };
    const { results } = await made("failing", { seeds: 1, task: failing });
    expect(results.cells.map(({ status }) => status)).toEqual(["finished", "failed"]);
    expect(results.cells[1]!.measures["loss"]).toBeNull();
    expect(tellStudy(study, results)).toContain("(1 failed)");
    const again = await made("failing", { seeds: 1, task: failing });
    expect(again.results).toEqual(results);
  });

  it("has the kinds that it is asked for, and no others", async () => {
    const { results } = await made("some", { seeds: 1, kinds: ["fast"] });
    expect(results.cells.map(({ kind }) => kind)).toEqual(["fast"]);
    expect(tellStudy(study, results)).toContain("Nothing to compare was run.");
    const options = {
      baseOf: toyBase,
      root: folder("none"),
      display: remember(),
      steps: 4,
    };
    const wrong = await failure(runStudy(study, { ...options, seeds: 1, kinds: ["quick"] }));
    expect(String(wrong)).toContain("Choose among: slow, fast");
  });
});

it("the page of results says what the committed results say, and shows their picture", async () => {
  const docs = new URL("../../docs/", import.meta.url);
  const read = (name: string) => readFile(new URL(name, docs), "utf8");
  const made = await readdir(new URL("results/", docs));
  for (const study of studies) {
    if (!made.includes(`${study.name}.json`)) {
      expect(await read("results.md")).toContain(`| \`deno task study ${study.name}\` |`);
      continue;
    }
    const path = `results/${study.name}.json`;
    const committed = await Effect.runPromise(decodeResults(study, await read(path), path));
    expect(await read("results.md")).toContain(tellStudy(study, committed));
    const picture = standaloneSvg(drawStudy(study, committed));
    expect(await read(`figures/${study.name}.svg`)).toBe(picture);
  }
});

describe("results", () => {
  const cell = (kind: string, seed: number, loss: number): StudyCell => ({
    kind,
    seed,
    status: "finished",
    measures: { loss },
    curves: { loss: [[1, 2], [4, loss]] },
  });
  const results = (...cells: StudyCell[]) => ({ study: "rates", steps: 4, machine: "none", cells });
  const both = (slow: readonly number[], fast: readonly number[]) =>
    results(...slow.map((x, i) => cell("slow", i, x)), ...fast.map((x, i) => cell("fast", i, x)));

  it("agree with a claim, contradict it, or do not decide", () => {
    const verdict = (slow: readonly number[], fast: readonly number[]) =>
      judgeClaims(study, both(slow, fast))[0]!;
    expect(verdict([1, 1.1, 1.2], [0.5, 0.6, 0.7]).verdict).toBe("The runs agree, at every place.");
    expect(verdict([0.5, 0.6, 0.7], [1, 1.1, 1.2]).verdict)
      .toBe("The runs say the opposite, at every place.");
    const open = verdict([0.5, 0.9, 0.7], [0.8, 0.6, 0.5]);
    expect(open.verdict).toBe("Not decided by these seeds, at any place.");
    expect(open.places[0]).toContain("here, loss: not decided by 3 paired seeds");
  });

  it("are drawn with a band and a last line, and in a table", () => {
    const found = both([1, 2], [3, 4]);
    const { text } = drawStudy(study, found);
    expect(text).toContain("n = 2 seeds of each kind");
    expect(text.match(/aria-label="area"/g)).toHaveLength(2);
    expect(studyTable(study, found)).toEqual([
      ["kind", "rate", "n", "loss"],
      ["slow", "0.01", "2", "1.50 ± 0.71"],
      ["fast", "0.1", "2", "3.50 ± 0.71"],
    ]);
  });

  it("are read back as they were, and refused where they are of something else", async () => {
    const found = both([1, 2], [3, 4]);
    expect(await Effect.runPromise(decodeResults(study, encodeResults(found), "it"))).toEqual(
      found,
    );
    const message = async (text: string) => String(await failure(decodeResults(study, text, "it")));
    expect(await message("{")).toContain('it holds no results of the study "rates"');
    expect(await message(encodeResults({ ...found, study: "others" }))).toContain(
      'the study "others"',
    );
    expect(await message(encodeResults(results(cell("new", 0, 1))))).toContain('no kind "new"');
  });
});
