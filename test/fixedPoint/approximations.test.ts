/** Approximate adjoints: what exactly they approximate, by identities that hold to rounding. */
import {
  fixedPointIteration,
  type FixedPointOptions,
  forward,
  grad,
  implicit,
  linearize,
  neumann,
  np,
  oneStep,
  phantom,
  setBackend,
  stopGradient,
  type Tensor,
  truncated,
  unrolled,
  vjp,
} from "trilevel";
import { describe, expect, it } from "vitest";
import { problems } from "./problems.ts";

await setBackend("reference");

// The tanh problem, with the types of its trees.
const { step, z0, theta, loss } = problems[1]! as unknown as {
  step: (z: Tensor, theta: { w: Tensor; b: Tensor }) => Tensor;
  z0: () => Tensor;
  theta: () => { w: Tensor; b: Tensor };
  loss: (z: Tensor) => Tensor;
};
const tight = { solver: forward(), maxSteps: 300, atol: 1e-14, rtol: 0 };
const solution = () => fixedPointIteration(step, tight)(z0(), theta()).value;
const gradientOf = async (adjoint: ReturnType<typeof oneStep>) => {
  const f = (b: Tensor) =>
    loss(fixedPointIteration(step, { ...tight, adjoint })(z0(), { ...theta(), b }).value);
  return [...await grad(f)(theta().b).data()];
};

it.each([1, 2, 3, 5])(
  "neumann of %i terms is as many steps from the detached solution",
  async (terms) => {
    const z = solution();
    const steps = (b: Tensor) => {
      let x = stopGradient(z);
      for (let i = 0; i < terms; i++) x = step(x, { ...theta(), b });
      return loss(x);
    };
    const expected = [...await grad(steps)(theta().b).data()];
    const found = await gradientOf(neumann({ terms }));
    found.forEach((x, i) => expect(x).toBeCloseTo(expected[i]!, 12));
  },
);

it("the error of k terms is Jᵏ times the exact tangent", async () => {
  const z = solution();
  const th = theta();
  const [, jacobian] = linearize((x: Tensor) => step(x, th), z);
  const tangent = (adjoint: ReturnType<typeof oneStep>) => {
    const f = (b: Tensor) =>
      fixedPointIteration(step, { ...tight, adjoint })(z0(), { ...th, b }).value;
    return linearize(f, th.b)[1](np.ones([6], { dtype: "float64" }));
  };
  const exact = tangent(implicit());
  for (const terms of [1, 2, 4, 7]) {
    let power = exact;
    for (let i = 0; i < terms; i++) power = jacobian(power);
    const error = await exact.sub(tangent(neumann({ terms }))).sub(power).data();
    for (const e of error) expect(Math.abs(e)).toBeLessThan(1e-12);
  }
});

it("oneStep is neumann of one term and phantom of one undamped term, bit for bit", async () => {
  const one = await gradientOf(oneStep());
  expect(await gradientOf(neumann({ terms: 1 }))).toEqual(one);
  expect(await gradientOf(phantom({ terms: 1, damping: 1 }))).toEqual(one);
});

it("phantom is damped steps from the detached solution", async () => {
  const z = solution();
  const [terms, damping] = [3, 0.6];
  const steps = (b: Tensor) => {
    let x = stopGradient(z);
    for (let i = 0; i < terms; i++) {
      x = step(x, { ...theta(), b }).mul(damping).add(x.mul(1 - damping));
    }
    return loss(x);
  };
  const expected = [...await grad(steps)(theta().b).data()];
  const found = await gradientOf(phantom({ terms, damping }));
  found.forEach((x, i) => expect(x).toBeCloseTo(expected[i]!, 12));
});

it("with finalStep the value is one step more, differentiated where it was taken", async () => {
  const th = theta();
  const solve = fixedPointIteration(step, {
    solver: forward(),
    adjoint: oneStep(),
    maxSteps: 2,
    atol: 0,
    rtol: 0,
    finalStep: true,
  });
  let z = z0();
  for (let i = 0; i < 2; i++) z = step(z, th);
  const written = (b: Tensor) => loss(step(stopGradient(z), { ...th, b }));
  expect([...await solve(z0(), th).value.data()]).toEqual([...await step(z, th).data()]);
  const found = await grad((b: Tensor) => loss(solve(z0(), { ...th, b }).value))(th.b).data();
  expect([...found]).toEqual([...await grad(written)(th.b).data()]);
});

it("the start has no derivative, unless it is passed straight through", async () => {
  const run = (initGrad: "zero" | "straightThrough") => (z: Tensor) =>
    fixedPointIteration(step, { maxSteps: 50, initGrad })(z, theta()).value;
  const ct = np.arange(6).astype("float64");
  const [, zero] = vjp(run("zero"), z0());
  const [, through] = vjp(run("straightThrough"), z0());
  expect([...await zero(ct)[0].data()]).toEqual([0, 0, 0, 0, 0, 0]);
  expect([...await through(ct)[0].data()]).toEqual([0, 1, 2, 3, 4, 5]);
});

describe("the start's derivative", () => {
  const ct = np.arange(6).astype("float64");
  const n = 4;
  const fixed = { maxSteps: n, atol: 0, rtol: 0 };
  type InitGrad = "zero" | "straightThrough" | "throughLastStep";
  const pulled = async (f: (z: Tensor) => Tensor) => [...await vjp(f, z0())[1](ct)[0].data()];

  // BO-QSA's code: the last step starts from slots.detach() + init - init.detach().
  const written = (k: number, initGrad: InitGrad) => (z: Tensor) => {
    let x = stopGradient(z);
    for (let i = 0; i < n - k; i++) x = step(x, theta());
    x = stopGradient(x);
    if (initGrad === "throughLastStep") x = x.add(z.sub(stopGradient(z)));
    for (let i = 0; i < k; i++) x = step(x, theta());
    return initGrad === "straightThrough" ? x.add(z.sub(stopGradient(z))) : x;
  };

  it.each(["zero", "straightThrough", "throughLastStep"] as const)("%s", async (initGrad) => {
    for (const k of [1, 2]) {
      const solve = fixedPointIteration(step, {
        ...fixed,
        adjoint: truncated({ steps: k }),
        initGrad,
      });
      const found = await pulled((z) => solve(z, theta()).value);
      const right = await pulled(written(k, initGrad));
      found.forEach((x, i) => expect(x).toBeCloseTo(right[i]!, 13));
    }
    // The step after the loop is the one that is differentiated.
    const before = { ...fixed, maxSteps: n - 1, finalStep: true, initGrad };
    for (const adjoint of [oneStep(), implicit(), neumann({ terms: 3 })]) {
      const solve = fixedPointIteration(step, { ...before, adjoint });
      const found = await pulled((z) => solve(z, theta()).value);
      const right = await pulled(written(1, initGrad));
      found.forEach((x, i) => expect(x).toBeCloseTo(right[i]!, 13));
    }
  });

  it("what the adjoint has of its own is not replaced", () => {
    const options = { adjoint: unrolled(), initGrad: "straightThrough" } as const;
    expect(() => fixedPointIteration(step, options)).toThrow(/straightThrough.*unrolled/);
  });
});

it("truncated to one step is oneStep after the steps before, to the last bit", async () => {
  const gradient = (options: FixedPointOptions) =>
    grad((b: Tensor) => {
      const solve = fixedPointIteration(step, { atol: 0, rtol: 0, ...options });
      return loss(solve(z0(), { ...theta(), b }).value);
    })(theta().b).data();
  expect([...await gradient({ adjoint: truncated({ steps: 1 }), maxSteps: 6 })])
    .toEqual([...await gradient({ adjoint: oneStep(), maxSteps: 5, finalStep: true })]);
});
