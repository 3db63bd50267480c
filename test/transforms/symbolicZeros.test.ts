/** customVjp with symbolicZeros: rules see what is differentiated, and which cotangents are zero. */
import { customVjp, grad, jit, np, setBackend, type Tensor, vjp, vmap } from "trilevel";
import { beforeAll, beforeEach, expect, it } from "vitest";

beforeAll(() => setBackend("reference"));

let seen: { perturbed: boolean[]; zero: boolean[] };
beforeEach(() => void (seen = { perturbed: [], zero: [] }));

const scaled = customVjp(
  (x: Tensor, y: Tensor) => ({ product: x.mul(y), sum: x.add(y) }),
  (x, y) => {
    seen.perturbed = [x.perturbed, y.perturbed];
    const value = { product: x.value.mul(y.value), sum: x.value.add(y.value) };
    return [value, { x: x.value, y: y.value }];
  },
  ({ x, y }: { x: Tensor; y: Tensor }, ct) => {
    seen.zero = [ct.product === null, ct.sum === null];
    const product = (factor: Tensor) => ct.product ? ct.product.mul(factor) : np.zeros([]);
    const sum = ct.sum ?? np.zeros([]);
    return [product(y).add(sum), product(x).add(sum)];
  },
  { symbolicZeros: true },
);

it("says which arguments are differentiated, and which results matter", async () => {
  const f = (x: Tensor, y: Tensor) => scaled(x, y).product;
  expect(await grad(f)(np.array(3), np.array(5)).item()).toBe(5);
  expect(seen).toEqual({ perturbed: [true, false], zero: [false, true] });
  expect(await grad(f, { argnums: 1 })(np.array(3), np.array(5)).item()).toBe(3);
  expect(seen.perturbed).toEqual([false, true]);
  const g = (x: Tensor, y: Tensor) => scaled(x, y).sum.mul(2);
  expect(await grad(g)(np.array(3), np.array(5)).item()).toBe(2);
  expect(seen.zero).toEqual([true, false]);
});

it("null cotangents given to a pullback are zeros", async () => {
  const [, pullback] = vjp(scaled, np.array(3), np.array(5));
  const [dx, dy] = pullback({ product: np.array(1), sum: null });
  expect([await dx.item(), await dy.item()]).toEqual([5, 3]);
  expect(seen.zero).toEqual([false, true]);
});

it("under jit, vmap, and a second derivative", async () => {
  const f = (x: Tensor, y: Tensor) => scaled(x, y).product.add(scaled(x, y).sum);
  const xs = np.array([1, 2, 3]);
  const batch = jit(vmap(grad(f), { inAxes: [0, null] }))(xs, np.array(5));
  expect([...await batch.data()]).toEqual([6, 6, 6]);
  const mixed = grad((y: Tensor) => grad(f)(np.array(3), y));
  expect(await mixed(np.array(5)).item()).toBe(1);
});
