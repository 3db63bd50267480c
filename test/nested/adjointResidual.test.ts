/** The residual of an adjoint's linear system, where it is known in closed form. */
import { expect, test } from "vitest";
import {
  adjointResidual,
  implicit,
  type Level,
  neumann,
  np,
  oneStep,
  random,
  setBackend,
  type Tensor,
  unrolled,
} from "trilevel";

await setBackend("reference");

type Pair = { readonly a: Tensor; readonly b: Tensor };
const w = np.array([[0.3, 0.5], [-0.2, 0.4]]);
/** λ ← W λ + x, whose two numbers are leaves of their own. */
const level: Level<Tensor, Tensor, Pair> = {
  init: () => ({ a: np.array(0), b: np.array(0) }),
  step(w, { a, b }, x) {
    const y = np.matmul(w, np.stack([a, b])).add(x);
    return { a: np.slice(y, 0), b: np.slice(y, 1) };
  },
};
const g = [2, -1];
const loss = (_: Tensor, { a, b }: Pair) => a.mul(g[0]!).add(b.mul(g[1]!));

/** ‖(Wᵀ)ᵏ g‖ / ‖g‖ */
async function expected(k: number): Promise<number> {
  let v = np.array(g);
  for (let i = 0; i < k; i++) v = np.matmul(w.T, v);
  return await np.linalg.norm(v).div(np.linalg.norm(np.array(g))).item();
}

test.each([
  ["oneStep", oneStep(), 1],
  ["neumann of three terms", neumann({ terms: 3 }), 3],
  ["five steps written out", unrolled(), 5],
])("of %s is that of the terms that it leaves out", async (_, adjoint, terms) => {
  const of = adjointResidual(level, loss, { steps: 5, adjoint });
  const r = await of(w, np.array([1, 2]), random.key(0)).item();
  expect(r).toBeCloseTo(await expected(terms), 8);
});

test("of an exact one is nothing", async () => {
  const of = adjointResidual(level, loss, { steps: 5, adjoint: implicit() });
  expect(await of(w, np.array([1, 2]), random.key(0)).item()).toBeLessThan(1e-5);
});
