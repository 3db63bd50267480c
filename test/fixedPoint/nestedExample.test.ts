/** The three-level example: each level raises the ELBO, and derivatives go through all three. */
import { grad, np, random, setBackend, stopGradient, type Tensor } from "trilevel";
import { describe, expect, it } from "vitest";
import {
  assign,
  elbo,
  inferSlots,
  learnWeights,
  place,
  scene,
  share,
  type Weights,
} from "../../examples/nested.ts";

await setBackend("reference");

const list = async (x: Tensor) => [...await x.data()];
const double = (x: number | number[]) => np.array(x, { dtype: "float64" });
const first = (): Weights => ({ center: double([0, 0]), variance: double(1) });
const { pixels, start, places } = scene(random.key(0), {}, "float64");

describe("coordinate ascent", () => {
  it("raises the ELBO with every update of every level", async () => {
    let [w, slots] = [first(), start];
    let a = assign(w, slots, pixels);
    const bounds = [await elbo(w, slots, a, pixels).item()];
    const note = async () => bounds.push(await elbo(w, slots, a, pixels).item());
    for (let round = 0; round < 25; round++) {
      slots = place(w, a, pixels);
      await note();
      w = share(a, slots, pixels);
      await note();
      a = assign(w, slots, pixels);
      await note();
    }
    bounds.slice(1).forEach((b, i) => expect(b).toBeGreaterThanOrEqual(bounds[i]! - 1e-9));
    expect(bounds.at(-1)! - bounds[0]!).toBeGreaterThan(100);
    // The last rounds gain nothing more: this is the maximum.
    expect(bounds.at(-1)! - bounds.at(-4)!).toBeLessThan(1e-3);
  });

  it("each update is a maximum: derivatives of the ELBO vanish there", async () => {
    const w = first();
    const a = assign(w, start, pixels);
    const slots = place(w, a, pixels);
    for (const d of await list(grad((s: Tensor) => elbo(w, s, a, pixels))(slots))) {
      expect(Math.abs(d)).toBeLessThan(1e-10);
    }
    const next = share(a, slots, pixels);
    const slope = grad((v: Weights) => elbo(v, slots, a, pixels))(next);
    for (const d of [...await list(slope.center), await slope.variance.item()]) {
      expect(Math.abs(d)).toBeLessThan(1e-9);
    }
  });
});

describe("the levels as functions of each other", () => {
  const w = (): Weights => ({ center: double([0.1, 0]), variance: double(0.2) });

  it("slots find the places of each image", async () => {
    const { value, stats } = inferSlots(places.mul(0.8), w(), pixels);
    expect(await list(stats.converged)).toEqual([1, 1, 1, 1]);
    const [found, planted] = [await list(value), await list(places)];
    found.forEach((x, i) => expect(Math.abs(x - planted[i]!)).toBeLessThan(0.35));
  });

  it("of the objective that the inner levels maximize, the derivative needs no adjoint", async () => {
    // The envelope theorem: where ∂ELBO/∂μ = ∂ELBO/∂a = 0, how they move does not matter.
    const best = (v: Weights) => {
      const slots = inferSlots(start, v, pixels).value;
      return elbo(v, slots, assign(v, slots, pixels), pixels);
    };
    const cut = (v: Weights) => {
      const slots = stopGradient(inferSlots(start, v, pixels).value);
      return elbo(v, slots, stopGradient(assign(v, slots, pixels)), pixels);
    };
    const [whole, direct] = [grad(best)(w()), grad(cut)(w())];
    expect(await whole.variance.item()).toBeCloseTo(await direct.variance.item(), 6);
    const center = await list(direct.center);
    (await list(whole.center)).forEach((d, i) => expect(d).toBeCloseTo(center[i]!, 6));
  });

  it("three levels in one derivative: how learned weights move with a pixel", async () => {
    const learned = (t: Tensor) => {
      const nudged = np.where(np.arange(pixels.size).reshape(pixels.shape).equal(7), t, 0);
      return learnWeights(w(), places, pixels.add(nudged)).value.variance;
    };
    const h = 1e-4;
    const slope = (await learned(double(h)).item() - await learned(double(-h)).item()) / (2 * h);
    expect(Math.abs(slope)).toBeGreaterThan(1e-5);
    expect(Math.abs(await grad(learned)(double(0)).item() / slope - 1)).toBeLessThan(1e-5);
  });
});
