/** R-NEM and RNN-EM for videos against PyTorch, and what holds whatever the weights are. */
import { beforeAll, describe, expect, test } from "vitest";
import { grad, jit, np, random, setBackend, type Tensor, tree } from "trilevel";
import {
  relationalNeuralEm,
  type RelationalNeuralEmOptions,
  type RelationalNeuralEmParams,
} from "trilevel/models";
import fixture from "../fixtures/relational-neural-em.json" with { type: "json" };
import { backends } from "../support/backends.ts";

const small = {
  resolution: [8, 8],
  slots: 3,
  hidden: 5,
  channels: [2, 3],
  features: 6,
  attentionHidden: 4,
} as const satisfies RelationalNeuralEmOptions;

type Kind = NonNullable<RelationalNeuralEmOptions["messages"]>;
type DType = "float32" | "float64";
const load = (data: readonly number[], shape: readonly number[], dtype: DType) =>
  np.array(Float64Array.from(data), { shape, dtype });

/** `.encoder.convs[0].linear.weight` is `encoder.convs.0.linear.weight` in PyTorch. */
const names = (params: RelationalNeuralEmParams) =>
  tree.paths(tree.structure(params)).map((path) => path.slice(1).replaceAll(/\[(\d+)\]/g, ".$1"));

function loaded(messages: Kind, dtype: DType): RelationalNeuralEmParams {
  const params = relationalNeuralEm({ ...small, messages }).init(random.key(0));
  const golden: { readonly [name: string]: { shape: number[]; data: number[] } } =
    fixture.weights[messages];
  const all = names(params);
  expect(all.toSorted()).toEqual(Object.keys(golden).toSorted());
  const leaves = all.map((name) => load(golden[name]!.data, golden[name]!.shape, dtype));
  return tree.unflatten(tree.structure(params), leaves);
}

/** Assignments begin where they are told to. */
const from = (assignment: Tensor): NonNullable<RelationalNeuralEmOptions["level"]> => (own) => ({
  ...own,
  init: (w, x, key) => ({ ...own.init(w, x, key), assignment }),
});

async function expectClose(x: Tensor, expected: Tensor | readonly number[], tolerance: number) {
  const wanted = Array.isArray(expected)
    ? expected as readonly number[]
    : await (expected as Tensor).data();
  const data = await x.data();
  expect(data.length).toBe(wanted.length);
  const size = Math.max(1e-3, ...Array.from(wanted, Math.abs));
  data.forEach((value, i) => expect(Math.abs(value - wanted[i]!) / size).toBeLessThan(tolerance));
}

describe.each(["reference", ...backends.map((b) => b.name)] as const)("on %s", (backend) => {
  beforeAll(() => setBackend(backend));
  const [dtype, tolerance] = backend === "reference"
    ? ["float64", 1e-9] as const
    : ["float32", 1e-3] as const;

  // Backends differ in operations, which the first case has all.
  test.each(backend === "reference" ? fixture.cases : fixture.cases.slice(0, 1))(
    "messages $messages, cut every $truncate frames, prior $priorWeight",
    async ({ messages, truncate, priorWeight, ...golden }) => {
      const kind = messages as Kind;
      const model = relationalNeuralEm({
        ...small,
        messages: kind,
        priorWeight,
        noise: 0,
        level: from(load(fixture.first, [2, 3, 64], dtype)),
        ...truncate === null ? {} : { truncate },
      });
      const video = load(fixture.video, [4, 2, 8, 8], dtype);
      const loss = (w: RelationalNeuralEmParams) => model.loss(w, video, random.key(0));
      const params = loaded(kind, dtype);
      const [value, { pictures, assignment }] = loss(params);
      await expectClose(value, [golden.loss], tolerance);
      await expectClose(np.slice(pictures, -1), golden.picture, tolerance);
      await expectClose(np.slice(assignment, -1), golden.assignment, tolerance);
      const rolled = model.rollout(params, video, random.key(0), { further: 2 });
      await expectClose(np.slice(rolled.pictures, -1), golden.rolled, tolerance);
      const [slopes] = jit(grad(loss, { hasAux: true }))(params);
      const leaves = tree.flatten(slopes)[0] as Tensor[];
      const gradient: { readonly [name: string]: readonly number[] } = golden.gradient;
      const largest = Math.max(...Object.values(gradient).flat().map(Math.abs));
      for (const [i, name] of names(params).entries()) {
        const data = await leaves[i]!.data();
        gradient[name]!.forEach((g, j) =>
          expect(Math.abs(g - data[j]!) / largest, name).toBeLessThan(tolerance)
        );
      }
    },
  );
});

describe("whatever the weights are", () => {
  beforeAll(() => setBackend("reference"));
  const videos = () => random.bernoulli(random.key(3), 0.4, [4, 2, 8, 8]).astype("float32");

  test.each(["attention", "plain", "none"] as const)(
    "messages %s: components are equivariant, and K is not in the weights",
    async (messages) => {
      const start = np.softmax(random.normal(random.key(1), [2, 3, 64]), { axis: 1 });
      const order = np.array(Int32Array.of(2, 0, 1));
      const at = (first: Tensor) => relationalNeuralEm({ ...small, messages, level: from(first) });
      const weights = at(start).init(random.key(0));
      const one = at(start).apply(weights, videos(), random.key(2));
      const other = at(np.take(start, order, { axis: 1 })).apply(weights, videos(), random.key(2));
      await expectClose(np.take(one.pictures, order, { axis: 2 }), other.pictures, 1e-12);
      await expectClose(np.take(one.theta, order, { axis: 2 }), other.theta, 1e-12);
      for (const slots of [1, 5]) {
        const more = relationalNeuralEm({ ...small, messages, slots })
          .apply(weights, videos(), random.key(2));
        expect(more.assignment.shape).toEqual([3, 2, slots, 8, 8]);
        await expectClose(np.sum(more.assignment, { axis: 2 }), np.ones([3, 2, 8, 8]), 1e-12);
      }
    },
  );

  test("a rollout begins as what was seen, and does not depend on frames that are not shown", async () => {
    const model = relationalNeuralEm(small);
    const weights = model.init(random.key(0));
    const seen = model.apply(weights, videos(), random.key(2));
    const rolled = model.rollout(weights, videos(), random.key(2), { further: 3 });
    expect(rolled.pictures.shape).toEqual([6, 2, 3, 8, 8]);
    await expectClose(rolled.pictures.slice([0, 3]), seen.pictures, 1e-12);
    await expectClose(np.sum(rolled.assignment, { axis: 2 }), np.ones([6, 2, 8, 8]), 1e-12);
    const none = model.rollout(weights, videos(), random.key(2), { further: 0 });
    await expectClose(none.pictures, seen.pictures, 1e-12);
  });

  test("noise is in the loss alone, another one in every frame; a mean over steps is what counts", async () => {
    const model = relationalNeuralEm(small);
    const weights = model.init(random.key(0));
    const loss = (noise: number, key: number) =>
      relationalNeuralEm({ ...small, noise }).loss(weights, videos(), random.key(key));
    expect(await loss(0.2, 1)[0].item()).not.toBe(await loss(0, 1)[0].item());
    const [value, found] = loss(0, 1);
    await expectClose(
      found.pictures,
      model.apply(weights, videos(), random.key(1)).pictures,
      1e-12,
    );
    const energies = model.energy(found, videos());
    expect(energies.shape).toEqual([3, 2]);
    await expectClose(value, np.mean(energies), 1e-12);
  });

  test("videos of another size, of one frame, and parameters of another model are refused", () => {
    const model = relationalNeuralEm(small);
    const weights = model.init(random.key(0));
    expect(() => model.apply(weights, np.ones([4, 2, 8, 9]), random.key(0))).toThrow(
      /\[frames, batch, 8, 8\]/,
    );
    expect(() => model.apply(weights, np.ones([1, 2, 8, 8]), random.key(0))).toThrow(
      /a video of 1 frame, of which none follows another/,
    );
    expect(() => model.rollout(weights, videos(), random.key(0), { further: -1 })).toThrow(
      /further/,
    );
    expect(() => relationalNeuralEm({ ...small, resolution: [10, 8] })).toThrow(
      /frames of 10×8 cannot be halved by each of 2 convolutions/,
    );
    expect(() => relationalNeuralEm({ ...small, noise: 2 })).toThrow(/noise/);
    expect(() => model.apply({ ...weights, decoder: undefined } as never, videos(), random.key(0)))
      .toThrow(/decoder/);
  });
});
