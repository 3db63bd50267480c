/** Norms of Jacobians against matrices whose norms are known. */
import {
  grad,
  jacobianPenalty,
  jacobianSpectralNorm,
  jacobianSpectralRadius,
  jit,
  np,
  random,
  relativeResidual,
  setBackend,
  type Tensor,
} from "trilevel";
import { describe, expect, it } from "vitest";
import { expectClose } from "../support/close.ts";

await setBackend("reference");

const f64 = (x: number[] | number[][] | number[][][]) => np.array(x, { dtype: "float64" });
const list = async (x: Tensor) => [...await x.data()];
const normal = (seed: number, shape: readonly number[]) =>
  random.normal(random.key(seed), shape, { dtype: "float64" });
const zeros = (...shape: number[]) => np.zeros(shape, { dtype: "float64" });

const turn = (angle: number) => [
  [Math.cos(angle), -Math.sin(angle)],
  [Math.sin(angle), Math.cos(angle)],
];

describe("jacobianSpectralNorm", () => {
  it("is the largest singular value: U diag(s) Vᵀ by rotations", async () => {
    const [u, v] = [f64(turn(0.4)), f64(turn(-1.1))];
    const matrix = np.matmul(np.matmul(u, f64([[3, 0], [0, 1]])), v.T);
    const f = (z: Tensor) => np.matmul(matrix, z);
    expect(await jacobianSpectralNorm(f, zeros(2)).item()).toBeCloseTo(3, 10);
  });

  it("agrees with the eigenvalues of AᵀA, found by squaring it", async () => {
    const matrix = normal(1, [6, 6]);
    const gram = np.matmul(matrix.T, matrix);
    // tr(Gᵏ)^(1/k) → λ_max; the first halves its error with every doubling of k.
    let [power, logScale] = [gram, 0];
    for (let i = 0; i < 12; i++) {
      const size = await np.trace(power).item();
      logScale = 2 * (logScale + Math.log(size));
      power = np.matmul(power.div(size), power.div(size));
    }
    const exact = Math.exp((logScale + Math.log(await np.trace(power).item())) / 2 ** 13);
    const f = (z: Tensor) => np.matmul(matrix, z);
    const found = await jacobianSpectralNorm(f, zeros(6), { steps: 400 }).item();
    expect(Math.abs(found / exact - 1)).toBeLessThan(1e-9);
    const few = await jacobianSpectralNorm(f, zeros(6), { steps: 3 }).item();
    expect(few).toBeLessThanOrEqual(found); // a lower bound
  });

  it("looks at the point it is given, per sample, with jit as without", async () => {
    // J = diag(1 - tanh²(z) · scale) of each sample.
    const scales = f64([[0.5], [2], [8]]);
    const f = (z: Tensor) => np.tanh(z).mul(scales);
    const z = f64([[0, 1, 2], [1, 2, 3], [0.5, 1, 1]]);
    const exact = [0.5, 2 * (1 - Math.tanh(1) ** 2), 8 * (1 - Math.tanh(0.5) ** 2)];
    const norm = (z: Tensor) => jacobianSpectralNorm(f, z, { batchAxis: 0, steps: 60 });
    expectClose([await list(norm(z))], [exact], { relative: 1e-9, absolute: 0 });
    expect(await list(jit(norm)(z))).toEqual(await list(norm(z)));
  });

  it("of trees, and of nothing", async () => {
    type Z = { a: Tensor; b: Tensor; n: Tensor };
    const f = ({ a, b, n }: Z): Z => ({ a: b.mul(3), b: a.mul(2), n });
    const z = { a: zeros(2), b: zeros(2), n: np.array([1], { dtype: "int32" }) };
    expect(await jacobianSpectralNorm(f, z, { steps: 60 }).item()).toBeCloseTo(3, 9);
    expect(await jacobianSpectralNorm((x: Tensor) => x, zeros(0)).item()).toBe(0);
  });
});

describe("jacobianSpectralRadius", () => {
  const radius = (matrix: Tensor, steps?: number) =>
    jacobianSpectralRadius(
      (z: Tensor) => np.matmul(matrix, z),
      zeros(matrix.shape[0]!),
      steps === undefined ? {} : { steps },
    ).item();

  it("of 0.9 times a rotation is 0.9, where a Rayleigh quotient gives 0", async () => {
    expect(await radius(f64(turn(Math.PI / 2)).mul(0.9))).toBeCloseTo(0.9, 12);
    expect(await radius(f64(turn(1)).mul(0.9))).toBeCloseTo(0.9, 12);
  });

  it("is not the norm: far from normal matrices shrink in the long run what they stretch at first", async () => {
    const matrix = f64([[0.5, 10], [0, 0.3]]);
    expect(await radius(matrix, 200)).toBeCloseTo(0.5, 6);
    const norm = jacobianSpectralNorm((z: Tensor) => np.matmul(matrix, z), zeros(2));
    expect(await norm.item()).toBeGreaterThan(10);
  });

  it("per sample, with jit as without", async () => {
    const matrices = np.stack([f64(turn(0.3)).mul(0.7), f64([[1.5, 0], [0, 0.1]])]);
    const f = (z: Tensor) => np.einsum("bij,bj->bi", matrices, z);
    const run = (z: Tensor) => jacobianSpectralRadius(f, z, { batchAxis: 0 });
    expectClose([await list(run(zeros(2, 2)))], [[0.7, 1.5]], { relative: 1e-9, absolute: 0 });
    expect(await list(jit(run)(zeros(2, 2)))).toEqual(await list(run(zeros(2, 2))));
  });
});

describe("jacobianPenalty", () => {
  const matrix = normal(2, [4, 4]);
  const f = (w: Tensor) => (z: Tensor) => np.matmul(w, np.tanh(z));

  it("has the mean ‖J‖²_F / n", async () => {
    const exact = await np.sum(np.square(matrix)).item() / 4;
    const steps = 2000;
    const found = await jacobianPenalty(f(matrix), zeros(4), { steps }).item();
    // Each sample's variance is 2‖J Jᵀ‖²_F / n².
    const spread = await np.sum(np.square(np.matmul(matrix, matrix.T))).item() * 2 / 16;
    expect(Math.abs(found - exact)).toBeLessThan(4 * Math.sqrt(spread / steps));
  });

  it("is differentiable in weights and in the point", async () => {
    const penalty = (t: Tensor) =>
      jacobianPenalty(f(matrix.mul(np.exp(t))), np.full([4], 0.3).add(t), { steps: 3 });
    const at = (t: number) => np.array(t, { dtype: "float64" });
    const h = 1e-5;
    const slope = (await penalty(at(h)).item() - await penalty(at(-h)).item()) / (2 * h);
    expect(Math.abs(await grad(penalty)(at(0)).item() / slope - 1)).toBeLessThan(1e-7);
  });
});

it("relativeResidual is ‖f(z) - z‖ / ‖f(z)‖ for each sample", async () => {
  const z = f64([[1, 2], [0, 4]]);
  const found = relativeResidual((x: Tensor) => x.mul(0.5), z, { batchAxis: 0 });
  expectClose([await list(found)], [[1, 1]], { relative: 1e-8, absolute: 0 });
});
