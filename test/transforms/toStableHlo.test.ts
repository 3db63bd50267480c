/** Exported StableHLO: its text for every primitive, and what XLA makes of it where there is a Python with JAX. */
import fc from "fast-check";
import {
  debug,
  implicit,
  np,
  oneStep,
  random,
  setBackend,
  type Tensor,
  toStableHlo,
  tree,
  unrolled,
  valueAndGrad,
} from "trilevel";
import { discreteVae, neuralEm, objectDiscovery, propertyPrediction, slate } from "trilevel/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aval } from "../../src/core/aval.ts";
import { traceFunction } from "../../src/core/function.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { eliminateDeadCode } from "../../src/core/program.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { programText } from "../../src/inspect/stableHlo/program.ts";
import { expectRight } from "../support/agree.ts";
import { type Case, type Subject, subjects } from "../support/primitiveCases.ts";
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

  const image = (...shape: number[]) => random.uniform(random.key(5), shape);
  const small = { slots: 3, slotSize: 4, mlpHidden: 4 };
  const encoder = { channels: 4, kernel: 3, strides: [2] };
  const decoder = { kind: "pixel", channels: 4, layers: 1 } as const;
  const resolution: [number, number] = [8, 8];
  const patches = { vocabulary: 4, channels: 2 };
  const discovery = { resolution, ...small, encoder, decoder };
  const systems: Record<string, () => [(params: never, key: Tensor) => unknown, params: unknown]> =
    {
      objectDiscovery: () => {
        const model = objectDiscovery({ ...discovery, adjoint: unrolled() });
        const x = image(2, 8, 8, 3);
        return [(p, key) => model.loss(p, x, key)[0], model.init(random.key(0))];
      },
      "objectDiscovery, implicit": () => {
        const model = objectDiscovery({ ...discovery, adjoint: implicit() });
        const x = image(2, 8, 8, 3);
        return [(p, key) => model.loss(p, x, key)[0], model.init(random.key(0))];
      },
      propertyPrediction: () => {
        const model = propertyPrediction({ ...small, size: 5, hidden: 4, encoder });
        const [x, targets] = [image(2, 8, 8, 3), image(2, 3, 5)];
        return [(p, key) => model.loss(p, x, targets, key)[0], model.init(random.key(0))];
      },
      neuralEm: () => {
        const model = neuralEm({ pixels: 8, slots: 3, hidden: 4, steps: 3, noise: 0.2 });
        return [(p, key) => model.loss(p, image(2, 8), key)[0], model.init(random.key(0))];
      },
      discreteVae: () => {
        const model = discreteVae(patches);
        return [(p, key) => model.loss(p, image(2, 8, 8, 3), key)[0], model.init(random.key(0))];
      },
      slate: () => {
        const sizes = { size: 4, blocks: 1, heads: 2, slots: 2, slotHeads: 1, iterations: 2 };
        const model = slate({ ...patches, ...sizes, imageSize: 8, adjoint: oneStep() });
        return [(p, key) => model.loss(p, image(2, 8, 8, 3), key)[0], model.init(random.key(0))];
      },
    };

  test.each(Object.entries(systems))("a training step of %s", async (_, make) => {
    const [loss, params] = make();
    const step = (p: never, key: Tensor) => valueAndGrad(loss as never)(p, key as never);
    const leaves = [...tree.leaves(params as never), random.key(3)] as Tensor[]; // of tensors
    const inputs = await Promise.all(leaves.map(async ({ dtype, shape }, i) => {
      const data = Array.from(await leaves[i]!.data(), Math.fround);
      return { dtype, shape, values: dtype === "uint32" ? [...await leaves[i]!.data()] : data };
    }));
    const text = await toStableHlo(step as never, params as never, random.key(3) as never);
    const { program, captured } = traceFunction(step, [params, random.key(3)], "test");
    const constants = await Promise.all(captured.map(async (x) => ({
      dtype: x.dtype,
      shape: x.shape,
      values: Array.from(await x.data()),
    })));
    await expectRight("XLA", program, [...constants, ...inputs], await xla.run(text, inputs));
  });
});
