/** OP3 against PyTorch, and what holds whatever the weights are. */
import { beforeAll, describe, expect, test } from "vitest";
import { grad, jit, np, random, setBackend, type Tensor, tree } from "trilevel";
import { op3, type Op3Level, type Op3Options, type Op3Params, type Op3Step } from "trilevel/models";
import fixture from "../fixtures/op3.json" with { type: "json" };
import { backends } from "../support/backends.ts";

const small = {
  resolution: [4, 4],
  slots: 3,
  deterministicSize: 2,
  latentSize: 3,
  effectSize: 2,
  memorySize: 4,
  divergenceWeight: fixture.beta,
  sigma: fixture.sigma,
  encoder: { channels: [3], kernel: 3, hidden: 5 },
  decoder: { channels: 3, layers: 1, kernel: 3 },
} as const satisfies Op3Options;

type DType = "float32" | "float64";
const load = (data: readonly number[], shape: readonly number[], dtype: DType) =>
  np.array(Float64Array.from(data), { shape, dtype });

/** `.encoder.convs[0].weight` is `encoder.convs.0.weight` in PyTorch. */
const names = (params: Op3Params) =>
  tree.paths(tree.structure(params)).map((path) => path.slice(1).replaceAll(/\[(\d+)\]/g, ".$1"));

async function expectClose(
  x: Tensor,
  expected: Tensor | readonly number[],
  tolerance: number,
  least = 1e-3,
) {
  const wanted = Array.isArray(expected)
    ? expected as readonly number[]
    : await (expected as Tensor).data();
  const data = await x.data();
  expect(data.length).toBe(wanted.length);
  const size = Math.max(least, ...Array.from(wanted, Math.abs));
  data.forEach((value, i) => expect(Math.abs(value - wanted[i]!) / size).toBeLessThan(tolerance));
}

/** Draws have the noise of the fixture, one for the start and one for each step. */
function noisy(noise: Tensor): NonNullable<Op3Options["level"]> {
  return (own: Op3Level) => ({
    ...own,
    init: (p, x, key) => ({ ...own.init(p, x, key), noise: np.slice(noise, 0) }),
    step(p, z, x, at) {
      const next = own.step(p, z, x, at);
      if (!("lambda" in next)) throw new Error("a step of OP3 has no output");
      return { ...next, noise: np.take(noise, at.t.add(1), { axis: 0 }) };
    },
  });
}

describe.each(["reference", ...backends.map((b) => b.name)] as const)("on %s", (backend) => {
  beforeAll(() => setBackend(backend));
  const [dtype, tolerance] = backend === "reference"
    ? ["float64", 1e-8] as const
    : ["float32", 5e-3] as const;

  // Backends differ in operations, which the second case has all.
  test.each(backend === "reference" ? fixture.cases : fixture.cases.slice(1, 2))(
    "$schedule, cut every $truncate steps",
    async ({ schedule, truncate, ...golden }) => {
      const frames = 1 + schedule.filter((kind) => kind === "dynamics").length;
      const acted = golden.actions !== null;
      const noise = load(golden.noise, [schedule.length + 1, 2, 3, 3], dtype);
      const model = op3({
        ...small,
        schedule: schedule as Op3Step[],
        actionSize: acted ? 2 : 0,
        sampling: "mean", // but where the level is changed
        level: noisy(noise),
        ...truncate === null ? {} : { truncate },
      });
      const videos = {
        video: load(golden.video, [frames, 2, 4, 4, 3], dtype),
        ...golden.actions === null
          ? {}
          : { actions: load(golden.actions, [frames - 1, 2, 2], dtype) },
      };
      const made = model.init(random.key(0));
      const given: { readonly [name: string]: { shape: number[]; data: number[] } } = golden.params;
      expect(names(made).toSorted()).toEqual(Object.keys(given).toSorted());
      const leaves = names(made).map((name) => load(given[name]!.data, given[name]!.shape, dtype));
      const params: Op3Params = tree.unflatten(tree.structure(made), leaves);
      const loss = (p: Op3Params) => model.loss(p, videos, random.key(0));
      const [, { losses, reconstruction }] = loss(params);
      await expectClose(losses, golden.losses, tolerance);
      await expectClose(np.slice(reconstruction, -1), golden.last, tolerance);
      // Its kernels are those of IODINE, whose gradients are tried there.
      if (backend === "webgpu") return;
      const [slopes] = jit(grad(loss, { hasAux: true }))(params);
      const found = tree.flatten(slopes)[0] as Tensor[];
      const gradient: { readonly [name: string]: readonly number[] } = golden.gradient;
      const largest = Math.max(...Object.values(gradient).flat().map(Math.abs));
      for (const [i, name] of names(made).entries()) {
        const data = await found[i]!.data();
        gradient[name]!.forEach((g, j) =>
          expect(Math.abs(g - data[j]!) / largest, name).toBeLessThan(tolerance)
        );
      }
    },
  );
});

describe("whatever the weights are", () => {
  beforeAll(() => setBackend("reference"));
  const schedule: readonly Op3Step[] = ["refine", "dynamics", "refine"];
  const options = { ...small, schedule, actionSize: 2 } as const;
  const model = op3(options);
  const videos = () => ({
    video: random.uniform(random.key(3), [2, 2, 4, 4, 3]),
    actions: random.normal(random.key(4), [1, 2, 2]),
  });

  test("slots are equivariant, K is not in the weights, and slots that draw alike stay alike", async () => {
    const noise = random.normal(random.key(5), [4, 2, 3, 3]);
    const order = np.array(Int32Array.of(2, 0, 1));
    const at = (noise: Tensor) => op3({ ...options, sampling: "mean", level: noisy(noise) });
    const params = at(noise).init(random.key(0));
    const one = at(noise).apply(params, videos(), random.key(1));
    const other = at(np.take(noise, order, { axis: 2 })).apply(params, videos(), random.key(1));
    await expectClose(np.take(one.masks, order, { axis: 2 }), other.masks, 1e-9);
    await expectClose(one.losses, other.losses, 1e-9);
    const more = op3({ ...options, slots: 5 }).apply(params, videos(), random.key(1));
    expect(more.masks.shape).toEqual([3, 2, 5, 4, 4]);
    await expectClose(np.sum(more.masks, { axis: 2 }), np.ones([3, 2, 4, 4]), 1e-9);
    const { masks } = op3({ ...options, sampling: "mean" }).apply(params, videos(), random.key(1));
    await expectClose(masks, np.full(masks.shape, 1 / 3), 1e-6); // a third in float32
  });

  test("right after a dynamics step the divergence is 0, and the memory is forgotten", async () => {
    const params = model.init(random.key(0));
    const { state } = op3({ ...options, schedule: ["refine", "dynamics"] })
      .apply(params, videos(), random.key(1));
    await expectClose(state.lambda, state.prior, 1e-12);
    await expectClose(state.memory[0], np.zeros([2, 3, 4]), 1e-12);
    const image = np.slice(videos().video, 1);
    const place = { t: np.array(0), key: random.key(0) };
    const bound = (weight: number) =>
      op3({ ...options, divergenceWeight: weight }).level.objective!(params, state, image, place);
    await expectClose(bound(1), bound(0), 1e-12);
  });

  test("the loss weighs step t by t, and a state goes on by itself as in a schedule", async () => {
    const params = model.init(random.key(0));
    const [loss, { losses, state }] = op3({ ...options, sampling: "mean" })
      .loss(params, videos(), random.key(1));
    const means = await np.mean(losses, { axis: 1 }).data();
    await expectClose(loss, [(means[0]! + 2 * means[1]! + 3 * means[2]!) / 6], 1e-9);
    const next = model.advance(params, state, random.normal(random.key(6), [2, 2]), random.key(7));
    expect(model.decode(params, next).reconstruction.shape).toEqual([2, 4, 4, 3]);
  });

  test("videos, actions and schedules that do not fit are refused", () => {
    const params = model.init(random.key(0));
    const { video, actions } = videos();
    const run = (given: { video: Tensor; actions?: Tensor }) => () =>
      model.apply(params, given, random.key(0));
    expect(run({ video: np.ones([3, 2, 4, 4, 3]), actions })).toThrow(
      /the video has 3 frames, but a schedule with 1 dynamics steps takes 2/,
    );
    expect(run({ video: np.ones([2, 2, 4, 5, 3]), actions })).toThrow(/\[frames, batch, 4, 4, 3\]/);
    expect(run({ video })).toThrow(/actions are missing, and the model takes 2 numbers for each/);
    expect(run({ video, actions: np.ones([1, 2, 3]) })).toThrow(/\[1, 2, 2\]/);
    const without = op3({ ...options, actionSize: 0 });
    expect(() => without.apply(without.init(random.key(0)), { video, actions }, random.key(0)))
      .toThrow(/actions were given to a model that takes none/);
    expect(() => op3({ ...options, schedule: [] })).toThrow(/a schedule without steps/);
    expect(() => op3({ ...options, latentSize: 1 })).toThrow(/latentSize 1/);
    expect(() => op3({ ...options, sigma: 0 })).toThrow(/sigma/);
  });
});
