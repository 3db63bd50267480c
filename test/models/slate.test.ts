/** SLATE against a PyTorch re-implementation, weights loaded by name, with the library's own noise. */
import { describe, expect, test } from "vitest";
import {
  np,
  oneStep,
  optim,
  random,
  setBackend,
  type Tensor,
  tree,
  unrolled,
  valueAndGrad,
} from "trilevel";
import { gumbelSoftmax, slate, type SlateParams } from "trilevel/models";
import fixtures from "../fixtures/slate.json" with { type: "json" };

await setBackend("reference");

const options = {
  vocabulary: 6,
  imageSize: 12,
  channels: 2,
  size: 4,
  blocks: 2,
  heads: 2,
  slots: 3,
  slotHeads: 2,
  iterations: 3,
} as const;
const implicit = slate({ ...options, adjoint: oneStep() });
const vanilla = slate({ ...options, adjoint: unrolled() });

const load = (data: readonly number[], shape: readonly number[]) =>
  np.array(Float64Array.from(data), { shape, dtype: "float64" });

/** `.slotAttention.mlp[0].weight` is `slot_attention.mlp.0.weight` in PyTorch. */
const torchName = (path: string) =>
  path.slice(1).replaceAll(/\[(\d+)\]/g, ".$1")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** Leaves by the names that PyTorch gives them. */
function named<P>(params: P): [name: string, leaf: Tensor][] {
  const leaves = tree.flatten(params)[0] as Tensor[]; // parameters are trees of tensors
  return tree.paths(tree.structure(params)).map((path, i) => [torchName(path), leaves[i]!]);
}

function loadParams(): SlateParams {
  const like = implicit.init(random.key(0));
  const given: Record<string, { shape: number[]; data: number[] }> = fixtures.params;
  expect(named(like).map(([name]) => name).sort()).toEqual(Object.keys(given).sort());
  const leaves = named(like).map(([name, leaf]) => {
    expect(leaf.shape).toEqual(given[name]!.shape);
    return load(given[name]!.data, leaf.shape);
  });
  return tree.unflatten(tree.structure(like), leaves);
}

async function expectClose(got: Tensor, expected: readonly number[], tolerance = 1e-9) {
  const data = await got.data();
  expect(data.length).toBe(expected.length);
  const size = Math.max(1e-3, ...expected.map(Math.abs));
  data.forEach((x, i) => expect(Math.abs(x - expected[i]!) / size).toBeLessThan(tolerance));
}

const params = loadParams();
const image = load(fixtures.image, [2, 12, 12, 3]);
const key = random.key(fixtures.key);
const call = { temperature: fixtures.temperature, training: false } as const;

test("the noise is JAX's", async () => {
  const [codes, tokens, , slots] = random.split(key, 5);
  const float64 = { dtype: "float64" } as const;
  await expectClose(random.gumbel(codes!, [2, 3, 3, 6], float64), fixtures.noise.codes);
  await expectClose(random.gumbel(tokens!, [2, 3, 3, 6], float64), fixtures.noise.tokens);
  await expectClose(random.normal(slots!, [2, 3, 4], float64), fixtures.noise.slots);
});

describe("in float64", () => {
  const cases = {
    vanilla: [vanilla, false],
    implicit: [implicit, false],
    hard: [implicit, true],
  } as const;
  test.each(Object.entries(cases))("values and gradients, %s", async (name, [model, hard]) => {
    const example = fixtures.cases[name as keyof typeof cases];
    const [[loss, output], gradient] = valueAndGrad(
      (p: SlateParams) => model.loss(p, image, key, { ...call, hard }),
      { hasAux: true },
    )(params);
    await expectClose(loss, [example.loss]);
    await expectClose(model.discreteVae.encode(params.discreteVae, image), example.codes);
    const all: Record<string, Tensor> = output as unknown as Record<string, Tensor>; // but for stats
    for (const [part, expected] of Object.entries(example.outputs)) {
      await expectClose(all[part]!, expected);
    }
    const expected: Record<string, number[]> = example.gradients;
    for (const [part, g] of named(gradient)) await expectClose(g, expected[part]!);
  });

  test("the parts give what the whole gives", async () => {
    const { outputs, codes } = fixtures.cases.implicit;
    const tokens = np.array(Int32Array.from(outputs.tokens), { shape: [2, 9] });
    const slots = load(outputs.slots, [2, 3, 4]);
    const [forCodes, , , forSlots] = random.split(key, 5);
    const { temperature } = call;
    const y = gumbelSoftmax(forCodes!, load(codes, [2, 3, 3, 6]), { temperature });
    await expectClose(implicit.discreteVae.decode(params.discreteVae, y), outputs.reconstruction);
    await expectClose(implicit.logits(params, tokens, slots), outputs.logits);
    await expectClose(implicit.infer(params, tokens, forSlots!).slots, outputs.slots);
    await expectClose(implicit.infer(params, tokens, forSlots!).attention, outputs.attention);
  });

  test("steps of two Adams after one clip by the infinity norm", async () => {
    const { rates, steps, norms, params: after } = fixtures.training;
    const rest = optim.adam(
      optim.multiplySchedules(
        optim.constantSchedule(rates.rest),
        optim.linearSchedule({ initValue: 1 / 2, endValue: 1, transitionSteps: 1 }),
      ),
    );
    const optimizer = optim.chain(
      optim.clipByInfinityNorm(1),
      optim.perSubtree({
        discreteVae: optim.adam(rates.discreteVae),
        embedding: rest,
        slotAttention: rest,
        decoder: rest,
      }),
    );
    let [p, state] = [params, optimizer.init(params)];
    for (let i = 0; i < steps; i++) {
      const [, g] = valueAndGrad((q: SlateParams) => implicit.loss(q, image, key, call)[0])(p);
      await expectClose(optim.infinityNorm(g), [norms[i]!]);
      const [updates, next] = optimizer.update(g, state, p);
      [p, state] = [optim.applyUpdates(p, updates), next];
    }
    const expected: Record<string, number[]> = after;
    for (const [part, x] of named(p)) await expectClose(x, expected[part]!, 1e-8);
    // Parameters that have no gradient stay as they began: those of the slots' start.
    expect(fixtures.cases.implicit.untouched).toEqual([
      "slot_attention.slots.start.mu",
      "slot_attention.slots.start.log_sigma",
    ]);
    const [before, now] = [params, p].map((q) => tree.flatten(q.slotAttention.slots.start)[0]);
    for (const [i, leaf] of (now as Tensor[]).entries()) {
      expect(await np.arrayEqual(leaf, before![i] as Tensor).item()).toBe(1);
    }
  });

  test("the rate is halved after four validations without a new best", async () => {
    const { losses, factors } = fixtures.plateau;
    const plateau = optim.reduceOnPlateau({ factor: 0.5, patience: 4, rtol: 0 });
    let state = plateau.init({});
    for (const [i, value] of losses.entries()) {
      [, state] = plateau.update({}, state, undefined, { value: np.array(value) });
      expect(await state.scale.item()).toBe(factors[i]);
    }
    expect(new Set(factors).size).toBeGreaterThan(2);
  });

  test("schedules of temperature and warm-up", async () => {
    const { steps, temperature, warmup } = fixtures.schedules;
    const tau = optim.cosineDecaySchedule({ initValue: 1, decaySteps: 30_000, alpha: 0.1 });
    const rate = optim.multiplySchedules(
      optim.constantSchedule(1e-4),
      optim.linearSchedule({ initValue: 1 / 30_000, endValue: 1, transitionSteps: 29_999 }),
    );
    for (const [i, t] of steps.entries()) {
      expect(await np.asarray(tau(np.array(t))).item()).toBeCloseTo(temperature[i]!, 6);
      expect(await np.asarray(rate(np.array(t))).item() / warmup[i]!).toBeCloseTo(1, 5);
    }
  });
});
