/** SAVi against PyTorch, weights loaded by name, and what holds whatever the weights are. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  evalShape,
  grad,
  implicit,
  jit,
  neumann,
  np,
  oneStep,
  phantom,
  random,
  setBackend,
  type Tensor,
  tree,
  truncated,
  unrolled,
} from "trilevel";
import { savi, type SaviOptions, type SaviParams, saviPresets, type Videos } from "trilevel/models";
import fixture from "../fixtures/savi.json" with { type: "json" };
import { backends } from "../support/backends.ts";

const small = {
  resolution: [8, 8],
  slots: 3,
  slotSize: 6,
  startHidden: 5,
  predictor: { heads: 2, hidden: 8 },
  encoder: { channels: 4, kernel: 3, strides: [2, 1], mlpHidden: 5 },
  decoder: {
    ...{ kind: "broadcast", channels: 4, kernel: 3, strides: [2], lastKernel: 1 },
    ...{ coordinates: [-1, 1], sides: 2 },
  },
} as const satisfies SaviOptions;

type DType = "float32" | "float64";
const load = (data: readonly number[], shape: readonly number[], dtype: DType) =>
  np.array(Float64Array.from(data), { shape, dtype });

/** `.corrector.mlp.layers[0].weight` is `corrector.mlp.layers.0.weight` in PyTorch. */
const torchName = (path: string) =>
  path.slice(1).replaceAll(/\[(\d+)\]/g, ".$1")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
const named = (params: SaviParams): [name: string, leaf: Tensor][] => {
  const leaves = tree.flatten(params)[0] as Tensor[]; // parameters are trees of tensors
  return tree.paths(tree.structure(params)).map((path, i) => [torchName(path), leaves[i]!]);
};

type Numbers = { readonly [name: string]: readonly number[] };

/** Numbers agree to a tolerance, relative to the greatest of them or of what they belong to. */
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

describe.each(["reference", ...backends.map((b) => b.name)] as const)("on %s", (backend) => {
  beforeAll(() => setBackend(backend));
  const [dtype, tolerance] = backend === "reference"
    ? ["float64", 1e-9] as const
    : ["float32", 1e-3] as const;
  const array = (data: readonly number[], shape: readonly number[]) => load(data, shape, dtype);

  // Backends differ in operations, which the first case has all.
  test.each(backend === "reference" ? fixture.cases : fixture.cases.slice(0, 1))(
    "$options",
    async ({ options, ...golden }) => {
      const start = options.start as NonNullable<SaviOptions["start"]>;
      const model = savi({
        ...small,
        start,
        iterations: options.iterations,
        ...options.iterations > 1 ? { mlpHidden: 7 } : {},
        ...options.cut === null ? {} : { truncate: options.cut },
        ...options.oneStep === null ? {} : { adjoint: oneStep() },
        ...options.oneStep === "none" ? { initGrad: "zero" } : {},
      });
      const given: Record<string, { shape: number[]; data: number[] }> = golden.params;
      const empty = model.init(random.key(0));
      expect(named(empty).map(([name]) => name).sort()).toEqual(Object.keys(given).sort());
      const params = tree.unflatten<SaviParams>(
        tree.structure(empty),
        named(empty).map(([name, leaf]) => {
          expect(leaf.shape).toEqual(given[name]!.shape);
          return array(given[name]!.data, leaf.shape);
        }),
      );
      const videos = {
        video: array(fixture.video, [3, 2, 8, 8, 3]),
        target: array(fixture.target, [3, 2, 8, 8, 3]),
        ...start === "boxes" ? { objects: array(fixture.objects.boxes, [2, 2, 4]) } : {},
        ...start === "centers" ? { objects: array(fixture.objects.centers, [2, 2, 2]) } : {},
        ...start === "random" ? { slots: array(fixture.slots, [2, 3, 6]) } : {},
      };
      const loss = (p: SaviParams) => {
        const [value, { corrected, predicted, masks }] = model.loss(p, videos, random.key(0));
        return [value, { value, corrected, predicted, masks }] as [
          Tensor,
          { [name: string]: Tensor },
        ];
      };
      const [gradient, found] = jit(grad(loss, { hasAux: true }))(params);
      expect(Math.abs(await found["value"]!.item() / golden.loss - 1)).toBeLessThan(tolerance);
      for (const [name, expected] of Object.entries<number[]>(golden.outputs)) {
        await expectClose(found[name]!, expected, tolerance);
      }
      const gradients: Numbers = golden.gradients;
      // Some leaves have no gradient but for rounding: softmax does not see the bias of keys.
      const greatest = Math.max(...Object.values(gradients).flat().map(Math.abs));
      for (const [name, leaf] of named(gradient)) {
        await expectClose(leaf, gradients[name]!, tolerance, 1e-2 * greatest);
      }
    },
  );
});

describe("whatever the weights are", () => {
  beforeAll(() => setBackend("reference"));
  const video = () => random.uniform(random.key(3), [3, 2, 8, 8, 3]);
  const boxes = () => random.uniform(random.key(4), [2, 2, 4]);

  test("slots are equivariant, and K is not in the weights unless slots are learned", async () => {
    for (const start of ["boxes", "centers", "random"] as const) {
      const model = savi({ ...small, start });
      const params = model.init(random.key(0));
      const slots = random.normal(random.key(1), [2, 3, 6]);
      const order = np.array(Int32Array.of(2, 0, 1));
      const one = model.apply(params, { video: video(), slots }, random.key(2));
      const turned = np.take(slots, order, { axis: 1 });
      const other = model.apply(params, { video: video(), slots: turned }, random.key(2));
      await expectClose(np.take(one.masks, order, { axis: 2 }), other.masks, 1e-10);
      await expectClose(np.take(one.predicted, order, { axis: 2 }), other.predicted, 1e-10);
      await expectClose(one.reconstruction, other.reconstruction, 1e-10);
      const more = savi({ ...small, start, slots: 5 });
      const objects = start === "random"
        ? {}
        : { objects: np.slice(boxes(), "...", [0, start === "boxes" ? 4 : 2]) };
      const { masks } = more.apply(params, { video: video(), ...objects }, random.key(2));
      expect(masks.shape).toEqual([3, 2, 5, 8, 8]);
      await expectClose(np.sum(masks, { axis: 2 }), np.ones([3, 2, 8, 8]), 1e-10);
    }
    const learned = savi({ ...small, start: "learned" }).init(random.key(0));
    expect((learned.start as { slots: Tensor }).slots.shape).toEqual([3, 6]);
  });

  test("objects in another order give slots in that order, after the background's; zeros stand for none", async () => {
    const model = savi({ ...small, slots: 4 });
    const params = model.init(random.key(0));
    const slots = (objects: Tensor) =>
      model.apply(params, { video: video(), objects }, random.key(0)).corrected;
    const order = np.array(Int32Array.of(0, 2, 1, 3));
    const some = slots(boxes());
    const flipped = slots(np.flip(boxes(), 1));
    await expectClose(np.take(some, order, { axis: 2 }), flipped, 1e-10);
    const padded = np.pad(boxes(), [[0, 0], [0, 1], [0, 0]]);
    await expectClose(slots(padded), some, 1e-12);
  });

  test("a long video in two parts is the whole one", async () => {
    const model = savi({ ...small, iterations: 2 });
    const params = model.init(random.key(0));
    const long = random.uniform(random.key(3), [5, 2, 8, 8, 3]);
    const whole = model.apply(params, { video: long, objects: boxes() }, random.key(0));
    const first = { video: np.slice(long, [0, 2]), objects: boxes() };
    const begun = model.apply(params, first, random.key(0));
    const slots = np.slice(begun.predicted, -1);
    const rest = model.apply(params, { video: np.slice(long, [2, 5]), slots }, random.key(0));
    await expectClose(np.concatenate([begun.masks, rest.masks]), whole.masks, 1e-10);
  });

  test("every adjoint trains every part", async () => {
    const kinds = {
      unrolled: unrolled(),
      truncated: truncated({ steps: 2 }),
      oneStep: oneStep(),
      neumann: neumann({ terms: 3 }),
      phantom: phantom({ terms: 2, damping: 0.5 }),
      implicit: implicit(),
    };
    const inputs: Videos & { target: Tensor } = {
      video: np.slice(video(), [0, 2]),
      target: np.slice(video(), [1, 3]),
      objects: boxes(),
    };
    const params = savi(small).init(random.key(0));
    for (const [name, adjoint] of Object.entries(kinds)) {
      const model = savi({ ...small, adjoint, mlpHidden: 0, iterations: 2 });
      const gradient = grad((p: SaviParams) => model.loss(p, inputs, random.key(0))[0])(params);
      for (const [leaf, value] of named(gradient)) {
        const size = await np.max(np.abs(value)).item();
        expect(Number.isFinite(size), `${name}: ${leaf}`).toBe(true);
        // The bias of keys is seen by no softmax.
        if (leaf !== "predictor.attention.key.bias") expect(size, `${name}: ${leaf}`).not.toBe(0);
      }
    }
  });

  test("without a derivative in slots before a frame, the predictor is not trained", async () => {
    const inputs = { video: video(), target: video(), objects: boxes() };
    for (
      const cut of [
        savi({ ...small, adjoint: oneStep(), initGrad: "zero", iterations: 0 }),
        savi({ ...small, adjoint: truncated({ steps: 1 }), mlpHidden: 0, iterations: 2 }),
      ]
    ) {
      const loss = (p: SaviParams) => cut.loss(p, inputs, random.key(0))[0];
      const { predictor, corrector } = grad(loss)(cut.init(random.key(0)));
      expect(await np.max(np.abs(predictor.mlp[0]!.weight)).item()).toBe(0);
      expect(await np.max(np.abs(corrector.query.weight)).item()).toBeGreaterThan(0);
    }
  });

  test("the loss of a constant picture is the sum over a video", async () => {
    const model = savi(small);
    const params = model.init(random.key(0));
    const inputs = { video: video(), objects: boxes() };
    const { reconstruction } = model.apply(params, inputs, random.key(0));
    const [loss] = model.loss(
      params,
      { ...inputs, target: reconstruction.add(0.5) },
      random.key(0),
    );
    expect(await loss.item()).toBeCloseTo(0.25 * 3 * 8 * 8 * 3, 6);
  });

  test("the presets have the published sizes", () => {
    for (const name of ["small", "medium", "unconditional"] as const) {
      const { model: options, training } = saviPresets[name];
      const params = evalShape(savi(options).init, random.key(0)) as SaviParams;
      const wide = name === "medium" ? 64 : 32;
      expect(params.encoder.convs.map(({ weight }) => weight.shape[0])).toEqual(
        Array(4).fill(wide),
      );
      expect(params.decoder).toHaveProperty("convs.length", 5);
      expect(params.corrector.mlp === null).toBe(name !== "unconditional");
      expect(training.frames).toBe(6);
    }
  });

  test("what does not fit is refused with its cure", () => {
    const model = savi(small);
    const params = model.init(random.key(0));
    const key = random.key(0);
    const apply = (videos: Videos) => () => model.apply(params, videos, key);
    const cure = (call: () => unknown) => {
      try {
        call();
      } catch (error) {
        return `${error}
${(error as { hint?: string }).hint}`;
      }
      return "";
    };
    expect(cure(apply({ video: video() }))).toMatch(
      /slots start from boxes of the first frame, but none were given[^]*\[batch, objects, 4\]/,
    );
    expect(cure(apply({ video: video(), objects: np.zeros([2, 3, 4]) }))).toMatch(
      /3 objects and the background do not fit into 3 slots[^]*slots: 4/,
    );
    expect(cure(apply({ video: video(), objects: np.zeros([2, 2, 2]) }))).toMatch(
      /the boxes are[^]*\[2, objects, 4\][^]*ymin/,
    );
    expect(cure(apply({ video: np.zeros([2, 8, 8, 3]), objects: boxes() }))).toMatch(
      /the video is[^]*frames come first/,
    );
    expect(cure(apply({ video: video(), slots: np.zeros([2, 4, 6]) }))).toMatch(/the slots are/);
    const target = np.zeros([2, 2, 8, 8, 3]);
    expect(cure(() => model.loss(params, { video: video(), objects: boxes(), target }, key)))
      .toMatch(/the target is[^]*\[3, 2, 8, 8, 3\][^]*one for each frame/);
    const learned = savi({ ...small, start: "learned" });
    expect(cure(() => learned.apply(learned.init(key), { video: video(), objects: boxes() }, key)))
      .toMatch(/objects to start from were given, but slots begin as learned/);
    expect(() => savi({ ...small, start: "box" as "boxes" })).toThrow(/start/);
  });
});
