/** Training runs from beginning to end: what they leave behind, how they resume, how they fail. */
import { readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Effect, Exit, Fiber } from "effect";
import { describe, expect, it, vi } from "vitest";
import type { BackendName } from "trilevel";
import { readTfRecords } from "trilevel/data";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import type { ExperimentConfig } from "../../src/experiments/schema.ts";
import { evaluateRun, renderRun } from "../../src/experiments/train/evaluateRun.ts";
import { train, type TrainOptions } from "../../src/experiments/train/runner.ts";
import type { RunFolder } from "../../src/experiments/runs/folder.ts";
import { openRun } from "../../src/experiments/runs/open.ts";
import { full } from "../support/tier.ts";
import { webgpuPresent } from "../support/webgpu.ts";
import { failure, remember, temporaryFolder, tinyConfig } from "./support.ts";

const folder = temporaryFolder();
const run = Effect.runPromise;
const options = (name: string): TrainOptions => ({ root: folder(name), display: remember() });
const trainTiny = (name: string, config: ExperimentConfig, more: Partial<TrainOptions> = {}) =>
  run(train(config, { ...options(name), ...more }));

/** The bits of the latest checkpoint, and the rows that do not depend on the clock. */
async function outcome(where: RunFolder) {
  const { checkpoint } = await run(latestCheckpoint(where));
  const rows = (await run(where.metrics())).map((row) => {
    const { step, loss, gradientNorm } = row;
    return { step, loss, gradientNorm, fgAri: row["validation/fgAri"] };
  });
  return { tensors: checkpoint!.tensors, rows };
}

const available: readonly BackendName[] = full && await webgpuPresent()
  ? ["reference", "onnx", "webgpu"]
  : ["reference", "onnx"];

vi.mock("../../src/experiments/train/memory.ts", async (load) => ({
  ...await load<object>(),
  collectGarbage: () => {},
}));
// Seconds each, but minutes where several things share the machine.
vi.setConfig({ testTimeout: 180_000 });

describe("a run", () => {
  it.each(available)("takes 20 steps on %s", async (backend) => {
    const config = await tinyConfig("steps=20", `backend=${backend}`, "log.evaluateEvery=20");
    const where = await trainTiny(`twenty-${backend}`, config);
    const rows = (await run(where.metrics())).filter((row) => row["loss"] !== undefined);
    expect(rows.map(({ step }) => step)).toEqual(Array.from({ length: 20 }, (_, i) => i + 1));
    const losses = rows.map((row) => Number(row["loss"]));
    expect(losses.every(Number.isFinite)).toBe(true);
    const mean = (part: number[]) => part.reduce((a, b) => a + b) / part.length;
    expect(mean(losses.slice(-5))).toBeLessThan(mean(losses.slice(0, 5)));
    expect((await run(where.summary())).value?.status).toBe("finished");
  });

  it.skipIf(available.length < 2)("begins alike on every backend", async () => {
    const curves = await Promise.all(available.map(async (backend) => {
      const { folder: where } = await run(openRun(folder(`twenty-${backend}`), "latest"));
      return (await run(where.metrics())).slice(0, 3).map((row) => Number(row["loss"]));
    }));
    for (const curve of curves) {
      curve.forEach((loss, i) => expect(loss / curves[0]![i]!).toBeCloseTo(1, 3));
    }
  });

  it("leaves everything behind, and can be scored and drawn again", async () => {
    const where = await trainTiny("whole", await tinyConfig());
    const names = await readdir(where.path);
    for (
      const name of [
        "config.json",
        "environment.json",
        "metrics.jsonl",
        "report.html",
        "summary.json",
      ]
    ) expect(names).toContain(name);
    expect((await readdir(where.file("checkpoints"))).sort()).toEqual([
      "best.safetensors",
      "step-00000008.safetensors",
      "step-00000012.safetensors",
    ]);
    const panels = await readdir(where.file("panels"));
    expect(panels).toContain("reconstruction-00000002.png");
    expect(panels).toContain("masks-00000012.png");
    const { results } = (await run(where.summary())).value!;
    for (const name of ["fgAri", "mse", "spectralNorm", "firstStepSeconds", "firstPanelSeconds"]) {
      expect(Number.isFinite(results[name]), name).toBe(true);
    }
    const opened = await run(openRun(folder("whole"), "latest"));
    const { scores } = await run(evaluateRun(opened));
    expect(scores["fgAri"]).toBeCloseTo(results["best"]!, 10);
    const drawn = await run(renderRun(opened));
    expect(drawn.filter((path) => path.endsWith("report.html"))).toHaveLength(1);
    expect(drawn.filter((path) => /panels\/\w+-\d+\.png$/.test(path))).toHaveLength(4);
    for (const path of drawn) expect((await stat(path)).size, path).toBeGreaterThan(0);
  });

  it("writes events that a TFRecord reader accepts", async () => {
    const { folder: where } = await run(openRun(folder("whole"), "latest"));
    const [name] = (await readdir(where.path)).filter((name) => name.startsWith("events."));
    const texts: string[] = [];
    for await (const { bytes } of readTfRecords(where.file(name!))) {
      texts.push(new TextDecoder("latin1").decode(bytes));
    }
    expect(texts[0]).toContain("brain.Event:2");
    for (const tag of ["loss", "validation/fgAri", "reconstruction", "PNG"]) {
      expect(texts.some((text) => text.includes(tag)), tag).toBe(true);
    }
  });

  it("has a report that needs nothing else", async () => {
    const { folder: where } = await run(openRun(folder("whole"), "latest"));
    const html = await readFile(where.file("report.html"), "utf8");
    expect(html).toContain("<svg");
    expect(html).toContain("data:image/png;base64,");
    expect(html).toContain("Jacobian norm");
    expect(html).toContain("slotSize");
    const links = [...html.matchAll(/(?:src|href)="([^"]*)"|url\(([^)]*)\)|@import/g)]
      .map(([all, link]) => link ?? all);
    expect(links.filter((link) => !link.startsWith("data:"))).toEqual([]);
  });

  it("predicts properties", async () => {
    const config = await tinyConfig(
      "model.task=properties",
      "data.source=clevr",
      "data.resolution=16",
      "data.scenes=12",
      "data.evaluate=2",
      "steps=3",
    );
    const { results } = (await run((await trainTiny("properties", config)).summary())).value!;
    expect(results["ap"]).toBeGreaterThanOrEqual(0);
  });
});

describe("a resumed run", () => {
  it("is bit for bit the run that was never interrupted", async () => {
    const whole = await outcome(
      (await run(openRun(folder("whole"), "latest"))).folder,
    );
    const half = await trainTiny("half", await tinyConfig("steps=7"));
    const resumed = await trainTiny("half", await tinyConfig(), { resume: half });
    const { tensors, rows } = await outcome(resumed);
    expect(tensors).toEqual(whole.tensors);
    // The short run was also scored at its own end.
    expect(rows.filter(({ step, loss }) => step !== 7 || loss !== undefined)).toEqual(whole.rows);
  });

  it("removes what a killed one was writing", async () => {
    const where = await trainTiny("killed", await tinyConfig("steps=2"));
    const cut = ["metrics.jsonl.partial-1", "checkpoints/step-00000003.safetensors.partial-2"];
    for (const name of cut) await writeFile(where.file(name), "half of");
    await trainTiny("killed", await tinyConfig("steps=4"), { resume: where });
    const names = await readdir(where.path, { recursive: true });
    expect(names.filter((name) => name.includes("partial"))).toEqual([]);
    expect(names).toContain(join("checkpoints", "step-00000004.safetensors"));
  });

  it("goes on after an interruption, which saves and tells how", async () => {
    const config = await tinyConfig("steps=100000", "log.evaluateEvery=100000");
    const display = remember();
    await new Promise<void>((resolve) => {
      const update = ({ step }: { step: number }) => {
        // From outside of the fiber, as a signal would.
        if (step === 6) {
          setTimeout(() => Effect.runPromise(Fiber.interrupt(fiber)).then(() => resolve()));
        }
      };
      const fiber = Effect.runFork(
        train(config, { root: folder("stopped"), display: { ...display, update } }),
      );
    });
    expect(display.lines.at(-1)).toContain("task train resume tiny-");
    const { folder: where } = await run(openRun(folder("stopped"), "latest"));
    const { status, step } = (await run(where.summary())).value!;
    expect(status).toBe("interrupted");
    const { checkpoint } = await run(latestCheckpoint(where));
    expect(checkpoint!.progress.step).toBe(step);
    expect((await run(where.metrics())).filter((row) => "loss" in row)).toHaveLength(step);
    const longer = await tinyConfig(`steps=${step + 2}`);
    await trainTiny("stopped", longer, { resume: where });
    expect((await run(latestCheckpoint(where))).checkpoint!.progress.step).toBe(step + 2);
    // It is a longer run now, and has nothing left to do.
    const { config: known } = await run(openRun(folder("stopped"), "latest"));
    expect(known.steps).toBe(step + 2);
    const again = remember();
    await trainTiny("stopped", known, { resume: where, display: again });
    expect(again.lines.join("\n")).toContain(`all ${step + 2} steps were made`);
  });
});

describe("a run that fails", () => {
  it("names the operation that made a NaN and keeps the last good checkpoint", async () => {
    const good = await trainTiny("nan", await tinyConfig("steps=4"));
    const config = await tinyConfig("optimizer.learningRate=1e30", "optimizer.warmup=0");
    const error = await failure(
      train(config, { ...options("nan"), resume: good, acceptChanges: true }),
    );
    expect(error._tag).toBe("NumericsError");
    expect(error.message).toMatch(/(loss|gradientNorm|residual) is (NaN|-?Infinity)/);
    expect(error.message).toContain("step-00000004.safetensors");
    expect(error.message).toMatch(/gives NaN|overflowed/);
    const { status, message } = (await run(good.summary())).value!;
    expect([status, message]).toEqual(["failed", error.message]);
    const { checkpoint } = await run(latestCheckpoint(good));
    expect(checkpoint!.progress.step).toBe(4);
  });

  it("says where data is missing", async () => {
    const config = await tinyConfig("data.source=clevr-files", "data.path=/nowhere");
    const exit = await Effect.runPromiseExit(train(config, options("missing")));
    expect(Exit.isFailure(exit)).toBe(true);
    expect((await failure(train(config, options("missing"))))._tag).toBe("DatasetError");
    expect(await readdir(folder("missing"))).toEqual([]);
  });
});
