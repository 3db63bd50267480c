/** Going on with a run: what is compared, what is refused, and that a refusal changes nothing. */
import { createHash } from "node:crypto";
import { readdir, readFile, rename, rm, stat, truncate, utimes, writeFile } from "node:fs/promises";
import process from "node:process";
import { Effect } from "effect";
import { describe, expect, it, vi } from "vitest";
import { Tasks } from "../../src/experiments/tasks/index.ts";
import { listTable } from "../../src/experiments/report/compare.ts";
import { writeReport } from "../../src/experiments/report/report.ts";
import { train, type TrainOptions } from "../../src/experiments/train/runner.ts";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import { RunFolder } from "../../src/experiments/runs/folder.ts";
import { CurrentProcesses, lockRun, type Processes } from "../../src/experiments/runs/lock.ts";
import { listRuns, openRun } from "../../src/experiments/runs/open.ts";
import { failure as failureOf, remember, temporaryFolder, toyConfig, toyTask } from "./support.ts";

// Most of the time of so short a run.
vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));

const folder = temporaryFolder();
const toys = Effect.provideService(Tasks, [toyTask]);
const run = <A, E>(effect: Effect.Effect<A, E>) => Effect.runPromise(toys(effect));
const failure = <A, E>(effect: Effect.Effect<A, E>) => failureOf(toys(effect));
const now = new Date("2030-01-02T03:04:05Z");

const options = (root: string, more: Partial<TrainOptions> = {}): TrainOptions => ({
  root: folder(root),
  display: remember(),
  ...more,
});

/** A run of four steps, with checkpoints at 2 and 4. */
const trained = async (root: string) => run(train(await toyConfig(), options(root)));

/** Goes on with a run as its config.json says; gives what was told. */
async function resume(where: RunFolder, more: Partial<TrainOptions> = {}, ...overrides: string[]) {
  const display = remember();
  const config = await toyConfig(...overrides);
  await run(train(config, options("resumed", { resume: where, display, ...more })));
  return display.lines.join("\n");
}
const refused = async (where: RunFolder, ...overrides: string[]) =>
  failure(train(await toyConfig(...overrides), options("resumed", { resume: where })));

/** The digests of all files of a run. */
async function contents(where: RunFolder) {
  const names = (await readdir(where.path, { recursive: true })).sort();
  return await Promise.all(names.map(async (name) => {
    if ((await stat(where.file(name))).isDirectory()) return [name];
    return [name, createHash("sha256").update(await readFile(where.file(name))).digest("hex")];
  }));
}

/** Expects a refusal that leaves every file as it was; gives its message. */
async function refusedUnchanged(where: RunFolder, ...overrides: string[]) {
  const before = await contents(where);
  const { message } = await refused(where, ...overrides);
  expect(await contents(where)).toEqual(before);
  return message;
}

const rowsOf = async (where: RunFolder) =>
  (await run(where.metrics())).map(({ step, loss }) => [step, loss]);
const checkpointOf = async (where: RunFolder) => (await run(latestCheckpoint(where))).checkpoint!;

describe("a config that was changed", () => {
  const fields = [
    ["optimizer.learningRate=0.02", /optimizer.learningRate was 0.01, and is 0.02 now/],
    ["seed=3", /seed was 0, and is 3 now/],
    ["batchSize=3", /batchSize was 2, and is 3 now/],
    ['optimizer.frozen=["scale"]', /optimizer.frozen was \[\]/],
    ["backend=onnx", /backend was reference, and is onnx now/],
  ] as const;

  it("is told field by field and refused, unless that is accepted", async () => {
    const where = await trained("changed");
    for (const [field, expected] of fields) {
      const message = await refusedUnchanged(where, field, "steps=6");
      expect(message).toMatch(expected);
      expect(message).toMatch(/--accept-changes/);
    }
    const told = await resume(where, { acceptChanges: true }, fields[0][0], "steps=6");
    expect(told).toMatch(/changed: optimizer.learningRate was 0.01, and is 0.02 now/);
    expect((await checkpointOf(where)).progress.step).toBe(6);
  });

  it("is no matter where it does not enter the parameters", async () => {
    const where = await trained("free");
    await resume(where, {}, "steps=6", "log.panelImages=3", "name=other");
    expect((await checkpointOf(where)).maker.config.name).toBe("other");
  });

  it("is told also when another version made the checkpoint", async () => {
    const where = await trained("version");
    const { differences } = await import("../../src/experiments/runs/resume.ts");
    const { maker } = await checkpointOf(where);
    expect(differences({ ...maker, version: "0.0.9" }, maker).map(({ text }) => text).join())
      .toMatch(/version of Trilevel was 0.0.9/);
    expect(differences(maker, maker)).toEqual([]);
  });

  it("is in the checkpoint where config.json is gone; one that is no JSON is told", async () => {
    const where = await trained("gone");
    await writeFile(where.file("config.json"), "{");
    const { message } = await failure(openRun(folder("gone"), "latest"));
    expect(message).toMatch(/config.json is not JSON/);
    await rm(where.file("config.json"));
    const { config, warnings } = await run(openRun(folder("gone"), "latest"));
    expect(config).toEqual(await toyConfig());
    expect(warnings.join()).toMatch(/config inside step-00000004.safetensors/);
  });
});

describe("the number of steps", () => {
  it("cannot fall below those made, and config.json stays as it was", async () => {
    const where = await trained("shorter");
    const message = await refusedUnchanged(where, "steps=2");
    expect(message).toMatch(/has already made 4 steps, more than the 2 that are asked for/);
  });

  it("may grow after the end: the bits are those of a run that was as long from the start", async () => {
    const where = await trained("longer");
    await resume(where, {}, "steps=7");
    const whole = await run(train(await toyConfig("steps=7"), options("longer")));
    expect((await checkpointOf(where)).tensors).toEqual((await checkpointOf(whole)).tensors);
    const steps = (rows: (readonly unknown[])[]) => rows.filter(([, loss]) => loss !== undefined);
    expect(steps(await rowsOf(where))).toEqual(steps(await rowsOf(whole)));
  });
});

describe("checkpoints that are lost", () => {
  it("are no reason to begin again: that is refused, and everything is kept", async () => {
    const where = await trained("none");
    await rm(where.file("checkpoints"), { recursive: true });
    expect(await refusedUnchanged(where)).toMatch(/metrics.jsonl has rows of steps made/);
    await rm(where.file("metrics.jsonl"));
    expect(await refusedUnchanged(where)).toMatch(/summary.json tells of step 4/);
    await rm(where.file("summary.json"));
    await resume(where);
    expect((await checkpointOf(where)).progress.step).toBe(4);
  });

  it("are told one by one where all are damaged", async () => {
    const where = await trained("all");
    for (const name of await readdir(where.file("checkpoints"))) {
      await truncate(where.file("checkpoints", name), 100);
    }
    const message = await refusedUnchanged(where);
    expect(message).toMatch(/step-00000004.safetensors cannot be read: .*\n.*step-00000002/);
  });

  it("are replaced by the best one where that is newer, which then counts as one of them", async () => {
    const where = await trained("best");
    const names = (await readdir(where.file("checkpoints"))).filter((name) => /^step/.test(name));
    const { tensors } = await checkpointOf(where);
    await rename(
      where.file("checkpoints", "step-00000004.safetensors"),
      where.file("checkpoints", "best.safetensors"),
    );
    await writeFile(where.file("checkpoints", "step-00000004.safetensors"), "");
    expect(await resume(where)).toMatch(/passed over for best.safetensors/);
    expect((await checkpointOf(where)).tensors).toEqual(tensors);
    expect(await readdir(where.file("checkpoints"))).toEqual(expect.arrayContaining(names));
  });

  it("are kept aside under another name, and do not count among those to keep", async () => {
    const where = await trained("aside");
    const last = where.file("checkpoints", "step-00000004.safetensors");
    const [whole, rows] = [await checkpointOf(where), await rowsOf(where)];
    await truncate(last, 1000);
    const told = await resume(where, {}, "log.keep=1");
    expect(told).toMatch(/inside its header. It is passed over for step-00000002.safetensors/);
    expect(told).toMatch(/going on from step 2/);
    const names = await readdir(where.file("checkpoints"));
    expect(names).toContain("step-00000004.safetensors.damaged");
    expect((await stat(last + ".damaged")).size).toBe(1000);
    expect((await checkpointOf(where)).tensors).toEqual(whole.tensors);
    expect(await rowsOf(where)).toEqual(rows);
  });
});

describe("files that a run can do without", () => {
  const damages = ["", "{", "null", "[]", "7", '{"status":"<script>","step":1}', "\xff\xfe"];
  it.each(damages)("stop neither resuming nor listing when they hold %j", async (text) => {
    const where = await trained("dispensable");
    for (const name of ["summary.json", "environment.json", "report.html"]) {
      await writeFile(where.file(name), text, "latin1");
    }
    await rm(where.file("panels"), { recursive: true, force: true });
    expect(await run(listTable(folder("dispensable")))).toMatch(/toy-\S+ +unknown/);
    await resume(where, {}, "steps=5");
    expect((await run(where.summary())).value).toMatchObject({ status: "finished", step: 5 });
    expect((await run(where.environments())).value).toHaveLength(1);
    const kept = await readdir(where.path);
    expect(kept.includes("environment.json.damaged")).toBe(text !== "[]");
  });

  it("cannot put markup into the report", async () => {
    const where = await trained("markup");
    const evil = "<script>alert(1)</script>";
    const summary = {
      status: evil,
      step: evil,
      results: { mse: evil, psnr: evil },
      message: evil,
    };
    for (const part of ["status", "step", "results", "message"]) {
      const good = { status: "failed", step: 4, results: {}, message: "" };
      await writeFile(
        where.file("summary.json"),
        JSON.stringify({ ...good, [part]: summary[part as keyof typeof summary] }),
      );
      await writeFile(where.file("environment.json"), JSON.stringify([{ cpu: evil }]));
      await writeFile(where.file("panels", "constructor-00000004.png"), evil);
      await run(writeReport(where, await toyConfig("data.source=folder", "data.path=" + evil)));
      const page = await readFile(where.file("report.html"), "utf8");
      expect(page).not.toMatch(/<script/i);
      expect(page).toContain("&#60;script&#62;");
    }
  });
});

describe("metrics", () => {
  it("that cannot be read are moved to a file of their own", async () => {
    const where = await trained("lines");
    const rows = await rowsOf(where);
    const text = await readFile(where.file("metrics.jsonl"), "latin1");
    const lines = text.trimEnd().split("\n");
    const bad = ['{"step":1,"lo', "\0\0\0\0", '{"loss":1}', '{"step":2,"loss":"high"}', "\xff"];
    const mixed = [bad[0], ...lines.slice(0, 2), ...bad.slice(1, 4), ...lines.slice(2), bad[4]];
    await writeFile(where.file("metrics.jsonl"), mixed.join("\n"), "latin1");
    const told = await resume(where, {}, "steps=4");
    expect(told).toMatch(/5 lines of metrics.jsonl cannot be read/);
    expect(await rowsOf(where)).toEqual(rows);
    expect(await readFile(where.file("metrics.damaged.jsonl"), "latin1")).toBe(
      bad.join("\n") + "\n",
    );
  });

  it("whose last line feed is lost are not glued to the next row", async () => {
    const where = await trained("glued");
    const { size } = await stat(where.file("metrics.jsonl"));
    await truncate(where.file("metrics.jsonl"), size - 1);
    const rows = await rowsOf(where);
    await resume(where, {}, "steps=5");
    expect((await rowsOf(where)).slice(0, rows.length)).toEqual(rows);
    expect((await rowsOf(where)).some(([step]) => step === 5)).toBe(true);
  });

  it("that are gone are told", async () => {
    const where = await trained("missing");
    await rm(where.file("metrics.jsonl"));
    expect(await resume(where, {}, "steps=5")).toMatch(/no row for 4 steps of 4/);
  });
});

describe("the latest run", () => {
  it("is the one that began last, whatever was touched or renamed since", async () => {
    const first = await trained("latest");
    const second = await trained("latest");
    const time = new Date();
    for (const name of ["config.json", "summary.json"]) await utimes(first.file(name), time, time);
    const opened = async () => (await run(openRun(folder("latest"), "latest"))).folder.path;
    expect(await opened()).toBe(second.path);
    await rename(first.path, folder("latest", "zebra"));
    expect(await opened()).toBe(second.path);
    await writeFile(second.file("environment.json"), "");
    expect(await run(listRuns(folder("latest")))).toHaveLength(2);
    await rm(second.path, { recursive: true });
    expect(await opened()).toBe(folder("latest", "zebra"));
  });
});

describe("a folder", () => {
  /** Processes by their ids; this one has the first. */
  const processes = (
    pid: number,
    alive: ReadonlyMap<number, string>,
    host = "here",
  ): Processes => ({
    host,
    pid,
    startOf: (id) => Promise.resolve(alive.get(id)),
  });
  const hold = (where: RunFolder, as: Processes) =>
    Effect.scoped(
      lockRun(where, now).pipe(Effect.flatMap((told) => Effect.as(Effect.sleep(50), told))),
    ).pipe(Effect.provideService(CurrentProcesses, as));
  const left = (pid: number, started: string, host = "here") =>
    JSON.stringify({ host, pid, started, since: now.toISOString() });
  const locks = async (where: RunFolder) =>
    (await readdir(where.path)).filter((name) => name.startsWith("lock"));
  const newFolder = async (name: string) => {
    const where = new RunFolder(folder(name));
    await run(where.write("config.json", "{}"));
    return where;
  };

  it("is trained in by one process at a time, however many begin together", async () => {
    const where = await newFolder("race");
    const alive = new Map([...Array(8).keys()].map((pid) => [pid + 1, "monday"]));
    for (const old of ["", left(99, "monday")]) {
      if (old !== "") await writeFile(where.file("lock-1.json"), old);
      const exits = await Promise.all(
        [...alive.keys()].map((pid) => Effect.runPromiseExit(hold(where, processes(pid, alive)))),
      );
      expect(exits.filter(({ _tag }) => _tag === "Success").length).toBeLessThanOrEqual(1);
      expect(await locks(where).then((all) => all.filter((name) => name !== "lock-1.json")))
        .toEqual([]);
    }
    await run(hold(where, processes(1, alive)));
    expect(await locks(where)).toEqual([]);
  });

  it("is freed from a process that runs no more, also where its id is used again", async () => {
    const where = await newFolder("stale");
    const me = processes(1, new Map([[1, "monday"], [7, "tuesday"]]));
    for (const [pid, started] of [[6, "monday"], [7, "monday"]] as const) {
      await writeFile(where.file("lock-3.json"), left(pid, started));
      expect((await run(hold(where, me))).join()).toMatch(`process ${pid}`);
      expect(await locks(where)).toEqual([]);
    }
    await writeFile(where.file("lock-3.json"), "{");
    expect((await run(hold(where, me))).join()).toMatch(/killed while it wrote it/);
  });

  it("names the process that has it, and where it cannot be seen", async () => {
    const where = await newFolder("held");
    const me = processes(1, new Map([[1, "monday"], [7, "tuesday"]]));
    await writeFile(where.file("lock-2.json"), left(7, "tuesday"));
    expect((await failure(hold(where, me))).message)
      .toMatch(/Process 7 is training in .*held since 2030-01-02T03:04:05/);
    await writeFile(where.file("lock-2.json"), left(7, "tuesday", "there"));
    expect((await failure(hold(where, me))).message).toMatch(/on there .*delete .*lock-2.json/s);
    expect(await locks(where)).toEqual(["lock-2.json"]);
  });

  it("is known to be held by this process as its system tells", async () => {
    const where = await newFolder("own");
    await run(Effect.scoped(Effect.gen(function* () {
      yield* lockRun(where, now);
      const error = yield* Effect.flip(Effect.scoped(lockRun(where, now)));
      expect(error.message).toMatch(`Process ${process.pid} is training`);
    })));
    expect(await locks(where)).toEqual([]);
  });
});
