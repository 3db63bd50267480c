/** `train` and `openRun` in a program: tasks, data and hooks of one's own. */
import { readFile } from "node:fs/promises";
import { describe, expect, it, vi } from "vitest";
import { np, optim, random, setBackend, Tensor, tree } from "trilevel";
import { fromArrays, type NdArray, ndarray } from "trilevel/data";
import { discovery, openRun, type OwnData, type OwnTask, train } from "trilevel/experiments";
import { squares, trainSquares } from "../../examples/ownTask.ts";
import { remember, temporaryFolder, tiny } from "./support.ts";

vi.mock("../../src/experiments/train/memory.ts", async (original) => ({
  ...await original<typeof import("../../src/experiments/train/memory.ts")>(),
  collectGarbage: () => {},
}));
vi.setConfig({ testTimeout: 60_000 });

const folder = temporaryFolder();

type Line = { readonly slope: Tensor };
type Point = { readonly x: number; readonly y: number };
const log = { every: 1, evaluateEvery: 2, panelEvery: 100, firstPanel: 100, checkpointEvery: 1 };

const line: OwnTask<Point, Line> = {
  name: "line",
  init: (key) => ({ slope: random.normal(key, []) }),
  loss: ({ slope }, { x, y }) => np.mean(np.square(x.mul(slope).sub(y))),
};
const points = [1, 2, 3, 4, 5].map((x) => ({ x, y: 3 * x }));
const settled = {
  task: line,
  optimizer: optim.adam(0.1),
  batchSize: 2,
  backend: "reference",
  log,
  display: null,
} as const;
const bits = async (params: object) =>
  await Promise.all(
    tree.leaves(params).map(async (x) => [...await (x as Tensor).data()]), // parameters are tensors
  );
const message = async (promise: Promise<unknown>) =>
  await promise.then(() => "nothing was thrown", (error: Error) => error.message);

describe("the example of a task of one's own", () => {
  it("trains, goes on to the same bits, draws and reports", async () => {
    const display = remember();
    const half = await trainSquares(100, folder("half"), display);
    const resumed = await trainSquares(200, folder("half"), display);
    const whole = await trainSquares(200, folder("whole"), remember());
    expect(resumed.path).toBe(half.path);
    expect(display.lines).toContain("going on from step 100");
    const last = { task: squares, checkpoint: "latest" } as const;
    expect(await bits((await openRun(resumed.path, last)).params)).toEqual(
      await bits((await openRun(whole.path, last)).params),
    );
    const losses = whole.metrics.flatMap(({ loss }) => loss ?? []).map(Number);
    expect(losses).toHaveLength(200);
    expect(losses.at(-1)!).toBeLessThan(losses[0]! / 4);
    expect(whole.summary?.status).toBe("finished");
    for (const key of ["pixels", "loss", "test/pixels", "test/loss"]) {
      expect(whole.summary!.results[key], key).toBeGreaterThan(0);
    }
    const report = await readFile(`${whole.path}/report.html`, "utf8");
    for (const text of ["right pixels", "data:image/png", "Validation loss"]) {
      expect(report).toContain(text);
    }
  });
});

describe("data of one's own", () => {
  const kinds: { readonly [kind: string]: () => OwnData<Point> } = {
    "an array": () => points,
    "a set": () => new Set(points),
    "a function that makes a generator": () =>
      function* () {
        yield* points;
      },
    "a function that makes an asynchronous generator": () =>
      async function* () {
        yield* points;
      },
    "an object with an asynchronous iterator": () => ({
      async *[Symbol.asyncIterator]() {
        yield* points;
      },
    }),
  };

  it.each(Object.entries(kinds))(
    "may be %s, and is gone on with where it was",
    async (kind, data) => {
      const root = folder(kind.replaceAll(" ", "-"));
      const whole = await train({ ...settled, data: data(), steps: 7, root });
      const half = await train({ ...settled, data: data(), steps: 3, root: `${root}-half` });
      const again = { ...settled, data: data(), steps: 7, root: `${root}-half`, resume: half.path };
      expect(await bits((await train(again)).params)).toEqual(await bits(whole.params));
      expect(whole.step).toBe(7);
    },
  );

  it("in its own order gives the batches that are written out by hand", async () => {
    const seen: number[][] = [];
    const task: OwnTask<Point, Line> = {
      ...line,
      loss: (params, batch, key, at) => [line.loss(params, batch, key, at) as Tensor, {
        a: batch.x.slice([0, 1]).reshape([]),
        b: batch.x.slice([1, 2]).reshape([]),
      }],
    };
    const { metrics } = await train({
      ...settled,
      task,
      data: () => points,
      steps: 5,
      root: folder("order"),
    });
    for (const { a, b } of metrics) seen.push([Number(a), Number(b)]);
    expect(seen).toEqual([[1, 2], [3, 4], [1, 2], [3, 4], [1, 2]]);
  });

  it("may be a dataset, trees of arrays of all types, lists, tensors and text", async () => {
    await setBackend("reference");
    const shapes = (node: unknown): unknown =>
      node instanceof Tensor
        ? `${node.dtype}[${node.shape}]`
        : Array.isArray(node)
        ? node.map(shapes)
        : node === null
        ? null
        : Object.fromEntries(Object.entries(node as object).map(([key, x]) => [key, shapes(x)]));
    const datum = {
      image: ndarray(Uint8Array.of(1, 2, 3, 4), [2, 2]),
      nested: [{ w: Float64Array.of(0.5, 1) }, [[1, 2], [3, 4]]] as const,
      tensor: np.array([1, 2, 3]),
      flag: true,
      text: "left",
      nothing: null,
    };
    let structure: unknown;
    await train({
      ...settled,
      task: {
        name: "tree",
        init: () => ({ w: np.ones([]) }),
        loss({ w }: { readonly w: Tensor }, batch) {
          structure = shapes(batch);
          return w.mul(np.sum(batch.nested[0].w)).add(np.sum(batch.tensor));
        },
      },
      data: [datum, datum],
      steps: 1,
      root: folder("tree"),
    });
    expect(structure).toEqual({
      image: "int32[2,2,2]",
      nested: [{ w: "float32[2,2]" }, "float32[2,2,2]"],
      tensor: "float32[2,3]",
      flag: "int32[2]",
      text: null,
      nothing: null,
    });
    const data = fromArrays({
      x: ndarray(Float32Array.of(1, 2), [2]),
      y: ndarray(Float32Array.of(3, 6), [2]),
    });
    type Row = { readonly x: NdArray<Float32Array>; readonly y: NdArray<Float32Array> };
    const onDataset = line as object as OwnTask<Row, Line>; // batches are the same
    const run = await train({ ...settled, task: onDataset, data, steps: 40, root: folder("set") });
    expect(await run.params.slope.item()).toBeGreaterThan(2);
  });

  it("that cannot be used is refused in words", async () => {
    const generator = (function* () {
      yield* points;
    })();
    const cases: [data: unknown, words: string][] = [
      [generator, "data.train can be iterated only once"],
      [{ train: points, validation: generator }, "data.validation can be iterated only once"],
      [7, "expected an array, a dataset, something iterable"],
      [[], "There is no data to train on"],
      [() => 7, "returns a value of type number, which is not iterable"],
      [() => points.slice(0, 1), "An epoch has 1 data, fewer than the 2 of one batch"],
      [[points[0], { x: 1 }], 'Datum 1 of the data has no "y", unlike the first'],
      [[points[0], { ...points[0], z: 1 }], 'Datum 1 of the data has "z", unlike the first'],
      [
        [{ x: [[1, 2], [3]], y: 1 }, points[0]],
        'ragged at "x": it has 3 numbers, and the shape [2,2] has 4',
      ],
    ];
    for (const [data, words] of cases) {
      const root = folder("refused");
      const told = await message(
        train({ ...settled, data: data as OwnData<Point>, steps: 2, root }),
      );
      expect(told, words).toContain(words);
    }
  });
});

describe("hooks", () => {
  it("are called at their moments, with parameters, and may end the run", async () => {
    const calls: string[] = [];
    const run = await train({
      ...settled,
      data: { train: points, validation: points },
      steps: 50,
      root: folder("hooks"),
      hooks: {
        async afterStep({ step, params }) {
          calls.push(`step ${step}`);
          expect((await params.slope.data()).length).toBe(1);
        },
        afterEvaluation({ step, scores, best, stop }) {
          calls.push(`evaluation ${step} ${best}`);
          expect(scores["loss"]).toBeGreaterThan(0);
          if (step === 4) stop();
        },
        afterCheckpoint: ({ step, path }) => void calls.push(`${step} ${path.split("/").at(-1)}`),
      },
    });
    expect(calls).toEqual([
      "0 step-00000000.safetensors",
      "step 1",
      "1 step-00000001.safetensors",
      "step 2",
      "2 best.safetensors",
      "evaluation 2 true",
      "2 step-00000002.safetensors",
      "step 3",
      "3 step-00000003.safetensors",
      "step 4",
      "4 best.safetensors",
      "evaluation 4 true",
      "4 step-00000004.safetensors",
    ]);
    expect(run.summary?.status).toBe("finished");
    // It goes on from there.
    const more = await train({
      ...settled,
      data: { train: points, validation: points },
      steps: 6,
      root: folder("hooks"),
      resume: true,
    });
    expect(more.metrics.flatMap(({ loss }) => loss ?? [])).toHaveLength(6);
  });

  it("that fail are named, and the run can go on", async () => {
    const hooks = {
      afterStep({ step }: { readonly step: number }) {
        if (step === 2) throw new Error("my own mistake");
      },
    };
    const run = train({ ...settled, data: points, steps: 4, root: folder("failing"), hooks });
    expect(await message(run)).toMatch(/The hook afterStep failed at step 2\.\n {2}my own mistake/);
    const again = await train({
      ...settled,
      data: points,
      steps: 4,
      root: folder("failing"),
      resume: true,
    });
    expect(again.summary?.status).toBe("finished");
  });
});

describe("mistakes", () => {
  it("have one error each", async () => {
    const root = folder("mistakes");
    const wrong = (more: object) =>
      message(train({ ...settled, data: points, steps: 2, root, ...more }));
    expect(await wrong({ step: 2 })).toContain("train: no option is named `step`");
    expect(await wrong({ steps: 0 })).toContain("`steps` must be a whole number, 1 or more");
    expect(await wrong({ task: { ...line, lossFunction: 1 } })).toContain("`lossFunction`");
    expect(await wrong({ task: { ...line, loss: () => np.ones([2]) } })).toContain(
      "oss of the task: expected a scalar, got the shape [2]",
    );
    expect(await wrong({ task: { ...line, loss: () => np.log(np.array(-1)) } })).toContain(
      "loss is NaN",
    );
    expect(await wrong({ batchSize: 6 })).toContain("6 is more than the 5 samples to train on");
    expect(await wrong({ log: { evry: 2 } })).toContain("log.evry: there is no such field");
    expect(await wrong({ resume: "none-such" })).toContain('There is no run "none-such"');
  });

  it("of other settings are told when a run goes on", async () => {
    const root = folder("settings");
    const options = { ...settled, data: points, root, settings: { width: 3 } };
    await train({ ...options, steps: 2 });
    const changed = { ...options, steps: 4, settings: { width: 4 }, resume: true };
    expect(await message(train(changed))).toContain("model.settings.width was 3, and is 4 now");
    expect((await train({ ...changed, acceptChanges: true })).step).toBe(4);
  });
});

describe("openRun", () => {
  it("gives the model with its weights in two lines", async () => {
    const config = { ...tiny, steps: 2, backend: "reference" } as const;
    const { path } = await train({
      task: discovery,
      config,
      root: folder("discovery"),
      display: null,
    });
    const { model, params } = await openRun(path, { task: discovery });
    const { masks } = model.apply(params, np.zeros([2, 16, 16, 3]), random.key(0));
    expect(masks.shape).toEqual([2, 3, 16, 16]);
    const run = await openRun(path);
    expect(run.config.steps).toBe(2);
    expect(run.checkpoints.map((file) => file.split("/").at(-1))).toEqual([
      "best.safetensors",
      "step-00000000.safetensors",
      "step-00000002.safetensors",
    ]);
    expect((await openRun(path, { checkpoint: 0 })).step).toBe(0);
    expect(await message(openRun(path, { checkpoint: 1 }))).toContain(
      "has no checkpoint of step 1",
    );
    expect(await message(openRun(path, { task: squares }))).toContain('not of "squares"');
    expect(await message(openRun("nowhere", { root: folder("discovery") }))).toContain(
      'There is no run "nowhere"',
    );
  });
});
