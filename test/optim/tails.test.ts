/**
 * Optimizers with gradients from 1e-30 to 1e30 in single precision, against double precision: squares of the smallest are 0,
 * those of the largest overflow, and divisions by what is left of them must neither invent nor hide a step.
 */
import { expect, test } from "vitest";
import { np, optim, setBackend } from "trilevel";
import { backends } from "../support/backends.ts";

const sizes = Array.from({ length: 61 }, (_, i) => 10 ** (i - 30));
const factors = [1, 0.5, -2, 1, 1e-3];

const optimizers: { readonly [name: string]: () => optim.GradientTransformation } = {
  adam: () => optim.adam(0.1),
  "adam, Nesterov": () => optim.nadam(0.1),
  adamw: () => optim.scaleByAdam(),
  amsgrad: () => optim.amsgrad(0.1),
  radam: () => optim.radam(0.1),
  adabelief: () => optim.adabelief(0.1),
  yogi: () => optim.yogi(0.1),
  adamax: () => optim.adamax(0.1),
  adan: () => optim.adan(0.1),
  adagrad: () => optim.adagrad(0.1),
  "adagrad from 0": () => optim.adagrad(0.1, { initialAccumulatorValue: 0 }),
  adadelta: () => optim.adadelta(0.1),
  rmsprop: () => optim.rmsprop(0.1),
  "rmsprop, centred": () => optim.rmsprop(0.1, { centered: true }),
  novograd: () => optim.novograd(0.1),
  lamb: () => optim.lamb(0.1),
  lion: () => optim.lion(0.1),
  sm3: () => optim.sm3(0.1),
};

/** The updates of some steps; one parameter for each size, so that norms are those of one element. */
async function updates(make: () => optim.GradientTransformation, dtype: "float32" | "float64") {
  const rows = (values: readonly number[]) =>
    Object.fromEntries(
      values.map((x, i) => [`p${String(i).padStart(2, "0")}`, np.array([x], { dtype })]),
    );
  const optimizer = make();
  const params = rows(sizes.map(() => 1));
  let state = optimizer.init(params);
  const found: number[][] = [];
  for (const factor of factors) {
    // The same numbers in both precisions.
    const [step, next] = optimizer.update(
      rows(sizes.map((g) => Math.fround(g * factor))),
      state,
      params,
    );
    state = next;
    found.push(await Promise.all(Object.values(step).map(async (x) => (await x.data())[0]!)));
  }
  return found;
}

for (const backend of backends.filter(({ name }) => name !== "webgpu")) {
  test.each(Object.entries(optimizers))(`%s on ${backend.name}`, async (name, make) => {
    await setBackend("reference");
    const right = await updates(make, "float64");
    await setBackend(backend.name);
    const found = await updates(make, "float32");
    found.forEach((row, step) =>
      row.forEach((x, i) => {
        const wanted = right[step]![i]!;
        // A square beyond the largest float makes all that follows unknown: NaN says so, 0 would stop in silence.
        const overflows = (2 * sizes[i]!) ** 2 > 3.4e38;
        if (overflows && Number.isNaN(x)) return;
        const room = 1e-4 * Math.abs(wanted) + 1e-37;
        if (!(Math.abs(x - wanted) <= room)) {
          expect.fail(`${name}, step ${step}, gradient ${sizes[i]}: ${x}, right is ${wanted}`);
        }
      })
    );
  });
}
