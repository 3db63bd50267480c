/** Exported StableHLO: its text for every primitive, and what XLA makes of it where there is a Python with JAX. */
import fc from "fast-check";
import {
  debug,
  np,
  optim,
  random,
  setBackend,
  type Tensor,
  toStableHlo,
  tree,
  valueAndGrad,
} from "trilevel";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aval } from "../../src/core/aval.ts";
import { traceFunction } from "../../src/core/function.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { eliminateDeadCode } from "../../src/core/program.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { programText } from "../../src/inspect/stableHlo/program.ts";
import { expectRight } from "../support/agree.ts";
import { type Case, type Subject, subjects } from "../support/primitiveCases.ts";
import { smallModels, unknownModels } from "../support/smallModels.ts";
import { runs } from "../support/tier.ts";
import { python, Xla } from "../support/xla.ts";

beforeAll(() => setBackend("reference"));

function programOf(subject: Subject, example: Case) {
  const avals = example.operands().map((x) => aval(x.shape, x.dtype));
  return traceClosed((...xs) => subject.apply(xs, example.params), avals);
}

const textOf = (program: ReturnType<typeof programOf>, name = "test") =>
  programText(eliminateDeadCode(inlineCalls(program)), [], name);

test("every primitive has its text", async () => {
  const texts = subjects.flatMap((subject) =>
    subject.spec.dtypes.slice(0, 1).flatMap((dtype) =>
      fc.sample(subject.spec.cases(dtype), { seed: 7, numRuns: 1 })
        .map((example) => textOf(programOf(subject, example), subject.name))
    )
  );
  await expect(texts.join("\n")).toMatchFileSnapshot("../fixtures/stablehlo.txt");
});

test("what a function closes over is part of the module, to the last bit", async () => {
  const constants = np.array([1 / 3, -0, NaN, Infinity, 1e-45, 3e38]);
  const text = await toStableHlo((x: Tensor) => x.add(constants), np.zeros([6]));
  expect(text).toContain("3.3333334326744");
  expect(text).toContain("-0.0e+0, 0x7FC00000, 0x7F800000, 1.401298464324817");
});

test("what calls the host is refused in words", async () => {
  const f = (x: Tensor) => {
    debug.print("{}", x);
    return x;
  };
  const error = await toStableHlo(f, np.zeros([1])).catch((e) => e);
  expect(error._tag).toBe("BackendError");
  expect(error.message).toMatch(/toStableHlo: "callback" calls the host/);
});

describe.skipIf(!python)("XLA", () => {
  let xla: Xla;
  beforeAll(() => void (xla = new Xla(python!)));
  afterAll(() => xla.close());

  for (const subject of subjects) {
    const dtypes = subject.spec.dtypes.filter((d) => d !== "float64");
    test.each(dtypes)(`${subject.name} %s`, (dtype) =>
      fc.assert(
        fc.asyncProperty(subject.spec.cases(dtype), async (example) => {
          const program = programOf(subject, example);
          const inputs = example.operands();
          await expectRight("XLA", program, inputs, await xla.run(textOf(program), inputs));
        }),
        { numRuns: runs(6) },
      ));
  }

  test("every model is among those that are tried", () => expect(unknownModels).toEqual([]));

  test.each(Object.entries(smallModels))("loss, gradient and its norm: %s", async (_, make) => {
    const { loss, params } = make();
    const step = (p: unknown, key: Tensor) => {
      const [value, gradient] = valueAndGrad(loss)(p, key);
      return [value, gradient, optim.globalNorm(gradient)];
    };
    const leaves = [...tree.flatten(params)[0], random.key(3)] as Tensor[]; // of tensors
    const inputs = await Promise.all(leaves.map(async ({ dtype, shape }, i) => {
      const data = Array.from(await leaves[i]!.data(), Math.fround);
      return { dtype, shape, values: dtype === "uint32" ? [...await leaves[i]!.data()] : data };
    }));
    const text = await toStableHlo(step, params, random.key(3));
    const { program, captured } = traceFunction(step, [params, random.key(3)], "test");
    const constants = await Promise.all(captured.map(async (x) => ({
      dtype: x.dtype,
      shape: x.shape,
      values: Array.from(await x.data()),
    })));
    await expectRight("XLA", program, [...constants, ...inputs], await xla.run(text, inputs));
  });
});
