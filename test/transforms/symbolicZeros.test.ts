/** customVjp with symbolicZeros: rules see what is differentiated, and which cotangents are zero. */
import {
  checkpoint,
  cond,
  customJvp,
  customVjp,
  fixedPointIteration,
  foriLoop,
  grad,
  jit,
  np,
  scan,
  setBackend,
  type Tensor,
  vjp,
  vmap,
  whileLoop,
} from "trilevel";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";

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

// The derivative of each is zero everywhere, and some of them compute that zero.
const constants: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  floor: (x) => np.floor(x),
  argmax: (x) => np.argmax(x).astype("float32").add(np.ones([3])),
  jit: (x) => jit((y: Tensor) => np.floor(y))(x),
  vmap: (x) => vmap((y: Tensor) => np.floor(y))(x),
  checkpoint: (x) => checkpoint((y: Tensor) => np.floor(y))(x),
  "customJvp with a rule of zeros": (x) =>
    customJvp((y: Tensor) => y, ([y]) => [y, np.zeros([3])])(x),
  "customVjp with a rule of zeros": (x) =>
    customVjp((y: Tensor) => y, (y) => [y, null], () => [np.zeros([3])])(x),
  cond: (x) => cond(x.sum().greater(0), np.floor, () => np.ones([3]), x),
  scan: (x) => scan((c: Tensor) => [np.floor(c), null], x, np.arange(3))[0],
  "outputs of scan": (x) =>
    scan((c: Tensor) => [np.floor(c), np.ceil(c)], x, np.arange(3))[1].sum(),
  foriLoop: (x) => foriLoop(0, 3, (_: Tensor, c: Tensor) => np.round(c), x),
  whileLoop: (x) =>
    whileLoop((c: Tensor) => c.sum().less(9), (c: Tensor) => np.floor(c).add(1), x, {
      maxSteps: 4,
    }),
  fixedPointIteration: (x) =>
    fixedPointIteration((z: Tensor, a: Tensor) => z.mul(0.25).add(np.floor(a)), { maxSteps: 4 })(
      np.zeros([3]),
      x,
    ).value,
};

const sine = customVjp(
  (x: Tensor) => np.sin(x),
  (x) => [np.sin(x), x],
  (x: Tensor, ct: Tensor) => [np.cos(x).mul(ct)],
);
const users: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  alone: sine,
  jit: jit(sine),
  vmap: (x) => vmap(sine)(np.add(x, np.zeros([3]))),
  checkpoint: checkpoint(sine),
  cond: (x) => cond(x.sum().greater(0), sine, (y: Tensor) => y, x),
  scan: (x) => scan((c: Tensor) => [sine(c), c], x, np.arange(3))[0],
  foriLoop: (x) => foriLoop(0, 3, (_: Tensor, c: Tensor) => sine(c), x),
};

describe("what is known to have no derivative is not differentiated", () => {
  for (const [source, constant] of Object.entries(constants)) {
    it(`${source}, before a function with customVjp`, async () => {
      const x = np.array([0.5, 1.5, 2.5]);
      for (const use of Object.values(users)) {
        const value = (y: Tensor) => use(constant(y));
        expect([...await grad((y: Tensor) => value(y).sum())(x).data()]).toEqual([0, 0, 0]);
        // The loop reads the value in each step, so a zero derivative would be kept for all of them.
        const inLoop = (y: Tensor) => {
          const factor = value(y);
          return foriLoop(0, 2, (_: Tensor, c: Tensor) => c.mul(factor), y).sum();
        };
        const square = np.square(value(x)).mul(np.ones([3]));
        expect([...await grad(inLoop)(x).data()]).toEqual([...await square.data()]);
      }
    });
  }
});
