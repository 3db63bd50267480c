/** Derivatives of every kind and order against JAX's, in float64. */
import {
  grad,
  hessian,
  hvp,
  jacfwd,
  jacrev,
  jvp,
  np,
  setBackend,
  type Tensor,
  vmap,
  whileLoop,
} from "trilevel";
import { beforeAll, expect, it } from "vitest";
import { derivatives, type Encoded, tensorOf, whileLoopFixture } from "./fixtures.ts";

beforeAll(() => setBackend("reference"));

async function expectClose(x: Tensor, { shape, data }: Encoded): Promise<void> {
  expect([...x.shape]).toEqual([...shape]);
  const found = await x.data();
  data.forEach((v, i) => expect(found[i]).toBeCloseTo(Number(v), 9));
}

interface Parameters {
  readonly w: Tensor;
  readonly v: Tensor;
}
const mlp = (p: Parameters, x: Tensor) =>
  np.sum(np.tanh(np.matmul(np.tanh(np.matmul(x, p.w)), p.v)));
const rosenbrock = (x: Tensor) => {
  const [head, tail] = [x.slice([0, -1]), x.slice([1, 3])];
  const valley = np.square(tail.sub(np.square(head))).mul(100);
  return np.sum(valley.add(np.square(np.subtract(1, head))));
};
const vector = (x: Tensor) => {
  const [a, b, c] = [x.slice(0), x.slice(1), x.slice(2)];
  return np.stack([a.mul(np.sin(b)), np.exp(a.mul(c)), np.power(b, 3), np.dot(x, x)]);
};

const inputs = () => ({
  point: tensorOf(derivatives.point),
  direction: tensorOf(derivatives.direction),
  parameters: { w: tensorOf(derivatives.w), v: tensorOf(derivatives.v) },
  x: tensorOf(derivatives.x),
});

it("jvp", async () => {
  const { point, direction } = inputs();
  const results = jvp(vector, [point], [direction]);
  for (const [i, y] of results.entries()) await expectClose(y, derivatives.jvpVector[i]!);
});

it("jacobians, forwards and in reverse", async () => {
  const { point } = inputs();
  await expectClose(jacfwd(vector)(point), derivatives.jacobianVector);
  await expectClose(jacrev(vector)(point), derivatives.jacobianVector);
});

it("Hessians, their products, and third derivatives", async () => {
  const { point, direction } = inputs();
  await expectClose(hessian(rosenbrock)(point), derivatives.hessianRosenbrock);
  await expectClose(
    hvp(rosenbrock, [point], [direction]),
    derivatives.hvpRosenbrock,
  );
  await expectClose(jacfwd(hessian(rosenbrock))(point), derivatives.thirdRosenbrock);
});

it("a Hessian over a tree of parameters", async () => {
  const { parameters, x } = inputs();
  const found = hessian((p: Parameters) => mlp(p, x))(parameters) as unknown as {
    readonly [row: string]: { readonly [column: string]: Tensor };
  }; // a tree of trees, like the parameters
  for (const [a, row] of Object.entries(derivatives.hessianMlp)) {
    for (const [b, expected] of Object.entries(row)) await expectClose(found[a]![b]!, expected);
  }
});

it("a gradient of a gradient that closes over what is differentiated", async () => {
  const { point } = inputs();
  const outer = (lam: Tensor) => {
    const inner = (w: Tensor) => np.sum(np.sin(w.mul(lam)).mul(w));
    return np.sum(np.square(grad(inner)(point)));
  };
  await expectClose(grad(outer)(np.array(2, { dtype: "float64" })), derivatives.gradOfGrad);
});

it("gradients per sample", async () => {
  const { parameters, x } = inputs();
  const loss = (w: Tensor, x: Tensor) => np.sum(np.tanh(np.matmul(x, w)));
  await expectClose(
    vmap(grad(loss), { inAxes: [null, 0] })(parameters.w, x),
    derivatives.perSample,
  );
});

it("a loop that ends by itself, forwards", async () => {
  const root = (x: Tensor) =>
    whileLoop(
      (y: Tensor) => np.abs(y.mul(y).sub(x)).greater(1e-12),
      (y: Tensor) => y.add(x.div(y)).div(2),
      x,
    );
  const x = np.array(whileLoopFixture.x, { dtype: "float64" });
  const [y, dy] = jvp(root, [x], [np.array(1, { dtype: "float64" })]);
  expect(await y.item()).toBeCloseTo(whileLoopFixture.value, 12);
  expect(await dy.item()).toBeCloseTo(whileLoopFixture.tangent, 12);
});

it("abs has the derivative 0 at 0, other than JAX's", async () => {
  expect(await grad((x: Tensor) => np.abs(x))(np.array(0)).item()).toBe(0);
});

it("the mixed second derivative of a power at the exponent 0 is 1/x, in either order", async () => {
  // JAX gives 0 in one order: its ∂/∂x is the constant 0 there.
  const f64 = (x: number) => np.array(x, { dtype: "float64" });
  const power = (x: Tensor, y: Tensor) => np.power(x, y);
  const inX = grad(power), inY = grad(power, { argnums: 1 });
  for (const x of [0.5, 2, 7]) {
    expect(await grad(inX, { argnums: 1 })(f64(x), f64(0)).item()).toBeCloseTo(1 / x, 14);
    expect(await grad(inY)(f64(x), f64(0)).item()).toBeCloseTo(1 / x, 14);
    const step = 1e-6;
    const difference =
      (await inX(f64(x), f64(step)).item() - await inX(f64(x), f64(-step)).item()) /
      (2 * step);
    expect(difference).toBeCloseTo(1 / x, 8);
  }
  expect(await inX(f64(0), f64(0)).item()).toBe(0);
});
