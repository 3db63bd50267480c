/** The same fixed point as in jaxopt, optimistix and torchdeq: test/oracle/fixed_points.py made their numbers. */
import {
  type Adjoint,
  anderson,
  broyden,
  fixedPointIteration,
  type FixedPointSolver,
  forward,
  grad,
  implicit,
  jvp,
  neumann,
  newton,
  np,
  oneStep,
  phantom,
  setBackend,
  type Tensor,
} from "trilevel";
import { describe, expect, it } from "vitest";
import fixture from "../fixtures/fixed-points.json" with { type: "json" };
import { expectClose } from "../support/close.ts";

await setBackend("reference");

const f64 = (x: number | number[] | number[][]) => np.array(x, { dtype: "float64" });
const [w, b, dw] = [f64(fixture.w), f64(fixture.b), f64(fixture.dw)];
const loss = (adjoint: Adjoint, solver: FixedPointSolver = forward()) => (w: Tensor, b: Tensor) => {
  const step = (z: Tensor, w: Tensor, b: Tensor) => np.tanh(np.matmul(w, z).add(b));
  const options = { solver, adjoint, maxSteps: 300, atol: 1e-13, rtol: 0 };
  const { value } = fixedPointIteration(step, options)(np.zeros([6], { dtype: "float64" }), w, b);
  return np.sum(np.sin(value));
};
const gradient = async (adjoint: Adjoint, solver?: FixedPointSolver) => {
  const [gw, gb] = grad(loss(adjoint, solver), { argnums: [0, 1] })(w, b);
  return [[...await gw.data()], [...await gb.data()]];
};
const theirs = (g: { w: number[][]; b: number[] }) => [g.w.flat(), g.b];
const exactly = { relative: 1e-10, absolute: 1e-12 };

const solvers = { forward: forward(), anderson: anderson(), broyden: broyden(), newton: newton() };

describe.each(Object.entries(solvers))("%s", (_, solver) => {
  it.each(Object.entries({ ...fixture.implicit, torchdeq: fixture["torchdeq implicit"] }))(
    "implicit derivatives as by %s",
    async (_, expected) => {
      expectClose(await gradient(implicit(), solver), theirs(expected), exactly);
    },
  );

  it.each(Object.entries(fixture["torchdeq terms"]))(
    "%s terms as torchdeq's grad",
    async (terms, expected) => {
      const found = await gradient(neumann({ terms: Number(terms) }), solver);
      expectClose(found, theirs(expected), exactly);
      if (terms === "1") expect(await gradient(oneStep(), solver)).toEqual(found);
    },
  );

  it("phantom as torchdeq's grad and tau", async () => {
    const { terms, damping, ...expected } = fixture["torchdeq phantom"];
    const found = await gradient(phantom({ terms, damping }), solver);
    expectClose(found, theirs(expected), exactly);
  });

  it("second derivatives as optimistix's and finite differences, not as torchdeq's", async () => {
    const along = (t: Tensor) => loss(implicit(), solver)(w.add(dw.mul(t)), b);
    const [reverse, forwards] = [
      await grad(grad(along))(f64(0)).item(),
      await jvp(grad(along), [f64(0)], [f64(1)])[1].item(),
    ];
    const { optimistix, differences, "torchdeq, wrong": wrong } = fixture.second;
    expectClose([[reverse, forwards]], [[optimistix, optimistix]], exactly);
    expect(Math.abs(reverse / differences - 1)).toBeLessThan(1e-6);
    expect(Math.abs(reverse - wrong)).toBeGreaterThan(0.1);
  });
});

it("conjugate gradients, which want symmetry, would be off by a percent; nothing here is", async () => {
  const [, found] = await gradient(implicit());
  const off = fixture["conjugate gradients, wrong"].map((x, i) => Math.abs(x / found![i]! - 1));
  expect(Math.max(...off)).toBeGreaterThan(0.01);
});
