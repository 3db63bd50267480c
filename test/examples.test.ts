/** The scripts in examples/ give what is known of their problems in closed form. Others are tried where their subject is. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, test } from "vitest";
import { grad, np, random, setBackend } from "trilevel";
import { adjoints, anomaly, slope } from "../examples/fixedPoint.ts";
import { clouds, loss, train } from "../examples/gradient.ts";
import { fit, samples, validation } from "../examples/hyperparameter.ts";
import { someOf } from "./support/tier.ts";
import { newtonStep, perSample } from "../examples/perSample.ts";

beforeAll(() => setBackend("reference"));

test("gradient.ts: the gradient is that of logistic regression, and learning lowers the loss", async () => {
  const { points, labels } = clouds(random.key(1), 10);
  const params = { w: np.array([0.25, -0.5]), b: np.array(0.125) };
  const { w, b } = grad(loss)(params, points, labels);
  const [x, y] = [await points.array() as number[][], [...await labels.data()]];
  // ∂L/∂logit = σ(logit) − y
  const off = x.map(([p, q], i) => 1 / (1 + Math.exp(-(0.25 * p! - 0.5 * q! + 0.125))) - y[i]!);
  const mean = (f: (i: number) => number) => off.reduce((sum, o, i) => sum + o * f(i) / 10, 0);
  const found = [...await w.data()];
  expect(found[0]).toBeCloseTo(mean((i) => x[i]![0]!), 10);
  expect(found[1]).toBeCloseTo(mean((i) => x[i]![1]!), 10);
  expect(await b.item()).toBeCloseTo(mean(() => 1), 10);
  const { losses } = await train(20);
  expect(losses[0]).toBeCloseTo(Math.log(2), 6);
  expect(losses.at(-1)).toBeLessThan(0.2);
});

test("perSample.ts: Newton's method solves least squares in one step", async () => {
  const x = np.array([[1, 0], [1, 1], [1, 2], [1, 3]]);
  const y = np.array([1, 3, 5, 7]);
  // (w·x − y) x, at w = 0
  const gradients = [...await perSample(np.zeros([2]), x, y).data()];
  expect(gradients.map((g) => g + 0)).toEqual([-1, 0, -3, -3, -5, -10, -7, -21]);
  const [offset, slope] = [...await newtonStep(np.array([5, -4]), x, y).data()];
  expect(offset).toBeCloseTo(1, 8);
  expect(slope).toBeCloseTo(2, 8);
});

test("fixedPoint.ts: every adjoint but one step gives the derivative of Kepler's equation", async () => {
  const [e, M] = [np.array(0.3), np.array(1)];
  const E = Number(await anomaly(e, M, adjoints["implicit"]!).item());
  expect(E - 0.3 * Math.sin(E)).toBeCloseTo(1, 5);
  const right = Math.sin(E) / (1 - 0.3 * Math.cos(E));
  for (const [name, adjoint] of Object.entries(adjoints)) {
    const found = Number(await slope(e, M, adjoint).item());
    // One step sees only the last application: sin E, without the geometric series.
    expect(found, name).toBeCloseTo(name === "oneStep" ? Math.sin(E) : right, 4);
  }
});

test("hyperparameter.ts: the inner level is ridge regression, its slope that of finite differences", async () => {
  const [training, held] = [samples(random.key(0), 6), samples(random.key(1), 20)];
  const s = -1;
  const { x, y } = training;
  const gram = np.matmul(x.T, x).div(6).add(np.eye(5).mul(Math.exp(s)));
  const right = await np.linalg.solve(gram, np.matmul(x.T, y).div(6)).data();
  const found = await fit(np.zeros([5]), np.array(s), training).value.data();
  found.forEach((value, i) => expect(value).toBeCloseTo(right[i]!, 4));
  const at = async (s: number) => Number(await validation(np.array(s), training, held).item());
  const difference = (await at(s + 1e-3) - await at(s - 1e-3)) / 2e-3;
  const derivative = Number(await grad(validation)(np.array(s), training, held).item());
  expect(derivative).toBeCloseTo(difference, 3);
});

test.each(someOf(["gradient", "perSample", "fixedPoint", "hyperparameter"]))(
  "%s.ts prints without a complaint",
  (name) => {
    const path = fileURLToPath(new URL(`../examples/${name}.ts`, import.meta.url));
    const { status, stdout, stderr } = spawnSync(process.execPath, ["run", "-A", path], {
      encoding: "utf8",
      env: { ...process.env, NO_COLOR: "1", TRILEVEL_BACKEND: "reference" },
    });
    expect(stderr).toBe("");
    expect(stdout).toMatch(/\d/);
    expect(status).toBe(0);
  },
);
