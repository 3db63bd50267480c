/** Properties of SLATE that hold whatever its weights are, on every backend. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  broyden,
  dense,
  evalShape,
  grad,
  implicit,
  jit,
  np,
  oneStep,
  random,
  setBackend,
  type Tensor,
  tree,
  unrolled,
} from "trilevel";
import {
  discreteVae,
  gumbelSoftmax,
  slate,
  type SlateOptions,
  type SlateParams,
  slatePresets,
} from "trilevel/models";
import { backends } from "../support/backends.ts";

const options = {
  vocabulary: 8,
  imageSize: 12,
  channels: 4,
  size: 8,
  blocks: 2,
  heads: 2,
  slots: 3,
  iterations: 3,
} as const;
const N = 9;
const bothSlots = [2, options.slots, options.size] as const;

/** The slots begin where they are told to. */
const from = (start: Tensor): Pick<SlateOptions, "level"> => ({
  level: (own) => ({ ...own, init: () => start }),
});

const equal = async (a: Tensor, b: Tensor) => expect(await np.arrayEqual(a, b).item()).toBe(1);
const expectClose = async (a: Tensor, b: Tensor, tolerance: number) => {
  expect(a.shape).toEqual(b.shape);
  expect(await largest(a.sub(b))).toBeLessThan(tolerance);
};
const largest = (x: Tensor) => np.max(np.abs(x)).item();
const rows = (x: Tensor, order: readonly number[], axis: number) =>
  np.take(x, np.array(Int32Array.from(order)), { axis });

/** Nine tokens of each of two images. */
const someTokens = () => random.randint(random.key(5), [2, N], 0, options.vocabulary);

const names = ["reference", ...backends.map((b) => b.name)] as const;

for (const name of names) {
  // Far from rounding where the arithmetic is float32.
  const tolerance = name === "reference" ? 1e-12 : 1e-4;
  describe(`on ${name}`, () => {
    const model = slate(options);
    let params: SlateParams;
    let slots: Tensor;
    beforeAll(async () => {
      await setBackend(name);
      params = jit((key: Tensor) => model.init(key))(random.key(0));
      slots = random.normal(random.key(3), bothSlots);
    });

    test("the loss is the reference's, and its gradient", async () => {
      // WebGPU is slow where it is software: one small case tells that it agrees.
      const small = { imageSize: 8, blocks: 1, iterations: 1, size: 4, channels: 2 };
      const one = name === "webgpu" ? slate({ ...options, ...small }) : model;
      const run = (p: SlateParams, x: Tensor, key: Tensor) =>
        name === "webgpu"
          ? one.loss(p, x, key)[0]
          : grad((q: SlateParams) => one.loss(q, x, key)[0])(p);
      await setBackend("reference");
      const host = jit((key: Tensor) => one.init(key))(random.key(0));
      const image = random.uniform(
        random.key(1),
        name === "webgpu" ? [2, 8, 8, 3] : [2, 12, 12, 3],
      );
      const expected = await Promise.all(
        (tree.flatten(jit(run)(host, image, random.key(2)))[0] as Tensor[]).map((x) => x.data()),
      );
      await setBackend(name);
      const [given, structure] = tree.flatten([host, image]);
      const moved = await Promise.all((given as Tensor[]).map((x) => x.to(name)));
      const [p, x] = tree.unflatten<[SlateParams, Tensor]>(structure, moved);
      const got = tree.flatten(jit(run)(p, x, random.key(2)))[0] as Tensor[];
      for (const [i, leaf] of got.entries()) {
        const scale = Math.max(1, ...expected[i]!.map(Math.abs));
        const found = await leaf.data();
        found.forEach((v, k) => expect(Math.abs(v - expected[i]![k]!) / scale).toBeLessThan(1e-3));
      }
    });

    if (name === "webgpu") return;

    test("slots follow their start, and the decoder does not mind their order", async () => {
      const order = [2, 0, 1];
      const infers = (start: Tensor) =>
        slate({ ...options, ...from(start) }).infer(params, someTokens(), random.key(0));
      const [a, b] = [infers(slots), infers(rows(slots, order, 1))];
      await expectClose(b.slots, rows(a.slots, order, 1), tolerance);
      await expectClose(b.attention, rows(a.attention, order, 2), tolerance);
      const logits = (z: Tensor) => model.logits(params, someTokens(), z);
      await expectClose(logits(rows(slots, order, 1)), logits(slots), tolerance);
    });

    test("slots do not mind the order of tokens that keep their places' vectors", async () => {
      const order = [3, 1, 4, 0, 5, 8, 2, 6, 7];
      const { places } = params.embedding;
      const moved = {
        ...params,
        embedding: {
          ...params.embedding,
          places: { weight: rows(places.weight, [0, ...order.map((n) => n + 1)], 0) },
        },
      };
      const at = slate({ ...options, ...from(slots) });
      const a = at.infer(params, someTokens(), random.key(0));
      const b = at.infer(moved, rows(someTokens(), order, 1), random.key(0));
      await expectClose(b.slots, a.slots, tolerance);
    });

    test("a token changes nothing before the next", async () => {
      const t = 4;
      const tokens = someTokens();
      const other = np.where(
        np.greaterEqual(np.arange(N), t),
        tokens.add(1).mod(options.vocabulary),
        tokens,
      );
      const logits = jit((ids: Tensor) => model.logits(params, ids, slots));
      const [a, b] = [logits(tokens), logits(other)];
      await equal(np.slice(a, [], [0, t + 1]), np.slice(b, [], [0, t + 1]));
      expect(await largest(np.slice(a, [], t + 1).sub(np.slice(b, [], t + 1)))).toBeGreaterThan(0);
    });

    test("generation with a cache is the full decoder, token by token", async () => {
      const tokens = model.generate(params, slots);
      let naive = np.zeros([2, N], { dtype: "int32" });
      const logits = jit((ids: Tensor) =>
        np.argmax(model.logits(params, ids, slots), { axis: -1 })
      );
      for (let t = 0; t < N; t++) {
        naive = np.where(np.equal(np.arange(N), t), logits(naive), naive);
      }
      await equal(tokens, naive);
      // Teacher forcing on what was generated.
      await equal(logits(tokens), tokens);
    });

    test("generation of an image of one token needs no earlier rows", async () => {
      const one = slate({ ...options, imageSize: 4 });
      const own = one.init(random.key(3));
      const logits = one.logits(own, np.zeros([2, 1], { dtype: "int32" }), slots);
      await equal(one.generate(own, slots), np.argmax(logits, { axis: -1 }));
    });

    test("a slot that is not present is one that was removed, not one of zeros", async () => {
      const present = np.array([[true, false, true], [true, false, true]]);
      const fewer = rows(slots, [0, 2], 1);
      const logits = (z: Tensor, options = {}) => model.logits(params, someTokens(), z, options);
      await expectClose(logits(slots, { present }), logits(fewer), tolerance);
      await equal(model.generate(params, slots, { present }), model.generate(params, fewer));
      const zeroed = slots.mul(np.expandDims(present.astype("float32"), -1));
      expect(await largest(logits(zeroed).sub(logits(fewer)))).toBeGreaterThan(1e-3);
    });

    test("attention sums to 1 over slots, and one slot has all of it", async () => {
      const { attention } = model.infer(params, someTokens(), random.key(1));
      await expectClose(np.sum(attention, { axis: -1 }), np.ones([2, N]), tolerance);
      const single = slate({ ...options, slots: 1 });
      const alone = single.infer(params, someTokens(), random.key(1));
      await expectClose(alone.attention, np.ones([2, N, 1]), tolerance);
      const two = slate({ ...options, slotHeads: 2 });
      const seen = two.infer(params, someTokens(), random.key(1));
      await expectClose(np.sum(seen.attention, { axis: -1 }), np.ones([2, N]), tolerance);
    });

    test("Gumbel noise: hard samples have the probabilities at every temperature, soft ones not", async () => {
      const p = [0.644, 0.237, 0.087, 0.032];
      const logits = np.broadcastTo(np.log(np.array(p)), [20_000, 4]);
      const mean = (temperature: number, hard: boolean) =>
        np.mean(gumbelSoftmax(random.key(0), logits, { temperature, hard }), { axis: 0 }).data();
      const soft = [[1, 0.534], [0.5, 0.605], [0.1, 0.642]] as const;
      for (const [temperature, first] of soft) {
        const hard = await mean(temperature, true);
        // Three deviations of a mean of 20,000.
        hard.forEach((x, i) => expect(Math.abs(x - p[i]!)).toBeLessThan(0.0105));
        expect(Math.abs((await mean(temperature, false))[0]! - first)).toBeLessThan(0.0105);
      }
      const one = gumbelSoftmax(random.key(1), np.slice(logits, [0, 100]), { hard: true });
      await expectClose(one, np.oneHot(np.argmax(one, { axis: -1 }), 4), 1e-6);
    });

    test("the encoder sees other patches through statistics alone, other images not at all", async () => {
      const dvae = discreteVae({ vocabulary: 8, channels: 4 });
      const own = params.discreteVae;
      const image = random.uniform(random.key(1), [2, 8, 12, 3]);
      const codes = dvae.encode(own, image);
      await expectClose(
        dvae.encode(own, np.slice(image, [1, 2])),
        np.slice(codes, [1, 2]),
        tolerance,
      );
      // Columns of patches in another order have the same statistics.
      const pixels = [8, 9, 10, 11, 0, 1, 2, 3, 4, 5, 6, 7];
      const moved = dvae.encode(own, rows(image, pixels, 2));
      await expectClose(moved, rows(codes, [2, 0, 1], 2), tolerance);
    });

    test("implicit is vanilla with one more step, to the last bit", async () => {
      const outputs = [
        slate({ ...options, adjoint: oneStep(), iterations: 3 }),
        slate({ ...options, adjoint: unrolled(), iterations: 4 }),
      ].map((one) => one.infer(params, someTokens(), random.key(1)));
      await equal(outputs[0]!.slots, outputs[1]!.slots);
      await equal(outputs[0]!.attention, outputs[1]!.attention);
    });
  });
}

describe("on the reference", () => {
  beforeAll(() => setBackend("reference"));
  const model = slate(options);
  const params = () => model.init(random.key(0));
  const image = () => random.uniform(random.key(1), [2, 12, 12, 3]);

  test("neither half of the loss trains the other", async () => {
    const part = (name: "squaredError" | "crossEntropy") =>
      grad((p: SlateParams) => model.apply(p, image(), random.key(2))[name])(params());
    const size = async (g: unknown) =>
      Math.max(...await Promise.all((tree.flatten(g)[0] as Tensor[]).map(largest)));
    const [squared, cross] = [part("squaredError"), part("crossEntropy")];
    expect(await size(cross.discreteVae)).toBe(0);
    const { discreteVae, ...rest } = squared;
    expect(await size(rest)).toBe(0);
    expect(await size(discreteVae)).toBeGreaterThan(0);
    expect(await size(cross.embedding)).toBeGreaterThan(0);
    expect(await size(cross.slotAttention.mlp)).toBeGreaterThan(0);
  });

  test("the cross entropy begins at N (ln V + d / (d + V)), and is N ln V with a head of zeros", async () => {
    const wide = slate({
      vocabulary: 64,
      imageSize: 24,
      size: 64,
      blocks: 2,
      slots: 4,
      channels: 32,
    });
    const own = jit((key: Tensor) => wide.init(key))(random.key(0));
    const images = random.uniform(random.key(1), [8, 24, 24, 3]);
    const cross = jit((p: SlateParams) => wide.apply(p, images, random.key(2)).crossEntropy);
    const n = 36;
    expect(await cross(own).item() / (n * (Math.log(64) + 0.5))).toBeCloseTo(1, 1.7); // within 2 %
    const head = { weight: np.zerosLike(own.decoder.head.weight), bias: null };
    const silent = { ...own, decoder: { ...own.decoder, head } };
    expect(await cross(silent).item() / (n * Math.log(64))).toBeCloseTo(1, 10);
  });

  test("the numbers of parameters are those of the authors' code", () => {
    const count = (own: SlateOptions) => {
      const shapes = evalShape((key: Tensor) => slate(own).init(key), random.key(0));
      const leaves = tree.flatten(shapes)[0] as { readonly shape: readonly number[] }[];
      return leaves.reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0);
    };
    expect(count(slatePresets.shapes3d.model)).toBe(3_616_451);
    expect(count(slatePresets.shapeStacks.model)).toBe(7_621_571);
    expect(count({ ...slatePresets.shapeStacks.model, imageSize: 64 })).toBe(7_560_131);
    expect(count({ ...slatePresets.shapeStacks.model, imageSize: 128 })).toBe(7_707_587);
  });

  test("parameters begin as they do in the authors' code", async () => {
    const own = slate({ ...options, size: 64, heads: 4, channels: 16 }).init(random.key(0));
    const { blocks } = own.decoder.transformer;
    const [first, ...others] = own.discreteVae.encoder.blocks;
    const bound = (fanIn: number) => Math.sqrt(6 / fanIn);
    const xavier = (a: number, b: number, gain = 1) => gain * Math.sqrt(6 / (a + b));
    const small = 6 ** -0.5; // (3 L)^-½ of two blocks
    const { slots, mlp } = own.slotAttention;
    const bounds: readonly (readonly [Tensor, number])[] = [
      [first!.conv.weight, bound(3 * 16)],
      [others[0]!.conv.weight, bound(16)],
      [own.discreteVae.decoder.out.weight, xavier(16, 3)],
      [mlp[0]!.weight, bound(64)],
      [mlp[1]!.weight, xavier(64, 64)],
      [slots.query.weight, xavier(64, 64)],
      [slots.mlp!.layers[0]!.weight, bound(64)],
      [slots.mlp!.layers[1]!.weight, xavier(64, 64)],
      [slots.gru.weightIh, xavier(64, 3 * 64)],
      [(tree.flatten(slots.start)[0] as Tensor[])[0]!, Math.sqrt(3 / 64)],
      [own.decoder.memory.weight, xavier(64, 64)],
      [own.decoder.head.weight, xavier(64, 8)],
      [blocks[0]!.self.query.weight, xavier(64, 64)],
      [blocks[0]!.self.out.weight, xavier(64, 64, small)],
      [blocks[1]!.cross.out.weight, xavier(64, 64, small)],
      [blocks[1]!.mlp[0]!.weight, bound(64)],
      [blocks[1]!.mlp[1]!.weight, xavier(256, 64, small)],
      [own.embedding.places.weight, 2],
    ];
    for (const [x, expected] of bounds) {
      const most = await largest(x);
      expect(most).toBeLessThanOrEqual(expected * (1 + 1e-6));
      expect(most).toBeGreaterThan(0.85 * expected); // the greatest of at least 48
    }
    expect(await np.std(own.embedding.tokens.weight).item()).toBeCloseTo(1, 1);
    expect(await np.std(own.embedding.places.weight).item()).toBeCloseTo(0.88, 1);
    const hidden = slots.gru.weightHh; // its columns are orthonormal
    await expectClose(np.matmul(hidden.T, hidden), np.eye(64), 1e-6);
  });

  test("Broyden's adjoint is the dense one where the slots are a fixed point", async () => {
    // Weights of half the size make the step a contraction.
    const half = (x: Tensor) => x.astype("float64").mul(0.5);
    const own = tree.map(half, params()) as SlateParams; // the same tree
    const tokens = someTokens();
    const gradient = (solver: "dense" | "broyden") => {
      const one = slate({
        ...options,
        iterations: 100,
        atol: 1e-13,
        rtol: 0,
        adjoint: implicit({ linear: solver === "dense" ? dense() : broyden({ memory: 60 }) }),
      });
      return grad((p: SlateParams) => np.sum(np.sin(one.infer(p, tokens, random.key(0)).slots)))(
        own,
      );
    };
    const [a, b] = [gradient("dense"), gradient("broyden")].map((g) =>
      tree.flatten(g.slotAttention)[0] as Tensor[]
    );
    for (const [i, x] of a!.entries()) await expectClose(b![i]!, x, 1e-8);
  });
});
