/** Programs with small loops as single functions of WebAssembly: right, and without a call in between. */
import "../support/quickDriver.ts";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { OnnxBackend } from "../../src/backends/onnx/index.ts";
import { canBeWhole } from "../../src/backends/onnx/whole/eligible.ts";
import { aval } from "../../src/core/aval.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import type { Program } from "../../src/core/program.ts";
import { traceClosed } from "../../src/core/trace.ts";
import {
  anderson,
  broyden,
  explain,
  fixedPointIteration,
  forward,
  grad,
  jit,
  np,
  scan,
  setBackend,
  type Tensor,
  vmap,
} from "../../src/index.ts";
import { Compiled } from "../../src/runtime/compiled.ts";
import * as lax from "../../src/primitives/index.ts";
import { agree } from "../support/agree.ts";
import { type HostArray, hostArray, place, Random, read } from "../support/arrays.ts";
import { type Case, type Subject, subjects } from "../support/primitiveCases.ts";
import { checkProgram } from "../support/random/checkProgram.ts";
import { largePrograms } from "../support/random/randomProgram.ts";
import { runs } from "../support/tier.ts";

/** Every program for which there is code is a function, and so is every loop in others. */
const whole = new OnnxBackend(undefined, () => true);

function programOf(subject: Subject, example: Case): Program {
  const avals = example.operands().map((x) => aval(x.shape, x.dtype));
  return traceClosed((...xs) => subject.apply(xs, example.params), avals);
}

describe("every instruction as a function gives what the reference gives", () => {
  // Operations that graphs alone have.
  const missing = new Set(["conv", "sort", "erf"]);
  for (const subject of subjects) {
    const dtypes = subject.spec.dtypes.filter((d) => d !== "float64");
    if (dtypes.length === 0) continue;
    test.each(dtypes)(`${subject.name} %s`, async (dtype) => {
      let functions = 0;
      await fc.assert(
        fc.asyncProperty(subject.spec.cases(dtype), async (example) => {
          const program = programOf(subject, example);
          if (!canBeWhole(inlineCalls(program))) return;
          functions++;
          await agree(whole, program, example.operands());
        }),
        { numRuns: runs(24) },
      );
      if (missing.has(subject.name)) expect(functions).toBe(0);
    });
  }
});

test("random programs, with all loops as functions, give what the reference gives", async () => {
  await fc.assert(
    fc.asyncProperty(largePrograms, (random) => checkProgram(whole, random)),
    { numRuns: runs(60) },
  );
}, 0);

const noise = (seed: number, shape: readonly number[]): HostArray => {
  const random = new Random(seed);
  return hostArray("float32", shape, () => random.between(-1, 1));
};
const tensor = (seed: number, ...shape: number[]): Tensor => {
  const { values } = noise(seed, shape);
  return np.array(values, { shape });
};

/** z = tanh(W z / 4 + b) */
const step = (z: Tensor, w: Tensor, b: Tensor) => np.tanh(np.matmul(w, z).mul(0.25).add(b));

/** Loops of a number of steps on 8 unknowns. */
const loops: { readonly [name: string]: (steps: number) => (w: Tensor, b: Tensor) => Tensor } = {
  scan: (length) => (w, b) => scan((z: Tensor) => [step(z, w, b), null], b, null, { length })[0],
  "scan, differentiated": (length) => (w, b) =>
    grad((w: Tensor) => np.sum(scan((z: Tensor) => [step(z, w, b), null], b, null, { length })[0]))(
      w,
    ),
  "scans within a scan": (length) => (w, b) =>
    scan(
      (x: Tensor) => {
        const inner = scan((z: Tensor) => [step(z, w, x), null], b, null, { length })[0];
        return [x.add(inner).mul(0.5), inner];
      },
      b,
      null,
      { length },
    )[1] as Tensor,
  forward: (maxSteps) => (w, b) =>
    fixedPointIteration(step, { solver: forward(), maxSteps })(b, w, b).value,
  anderson: (maxSteps) => (w, b) =>
    fixedPointIteration(step, { solver: anderson(), maxSteps })(b, w, b).value,
  broyden: (maxSteps) => (w, b) =>
    fixedPointIteration(step, { solver: broyden(), maxSteps })(b, w, b).value,
  "a batch of iterations": (maxSteps) => (w, b) => {
    const solve = fixedPointIteration(step, { solver: forward(), maxSteps });
    return vmap((z: Tensor) => solve(z, w, b).value)(np.stack([b, b.mul(2), b.mul(-1)]));
  },
};

describe("a loop is one call, however many steps it takes", () => {
  test.each(Object.keys(loops))("%s", async (name) => {
    await setBackend("onnx");
    const [w, b] = [tensor(1, 8, 8), tensor(2, 8)];
    for (const steps of [20, 400]) {
      const { kernels, dispatches } = explain(loops[name]!(steps), w, b);
      expect(dispatches).toBe(1);
      expect(kernels![0]).toMatch(/^whole: .*(scan|while) \{/);
    }
    const found = await jit(loops[name]!(20))(w, b).data();
    await setBackend("reference");
    const right = await loops[name]!(20)(tensor(1, 8, 8), tensor(2, 8)).data();
    await setBackend("onnx");
    right.forEach((x, i) => expect(Math.abs(found[i]! - x)).toBeLessThan(2e-5));
  });
});

test("a loop beside large products is a function between graphs", async () => {
  const program = traceClosed((x, w) => {
    const large = np.matmul(np.matmul(x!, x!), x!);
    const small = np.sum(large, { axis: 0 }).reshape([8, -1]).sum({ axis: 1 });
    const z = scan((z: Tensor) => [step(z, w!, small), z], small.mul(0), null, { length: 200 });
    return [np.matmul(large, large), z[0], z[1] as Tensor];
  }, [aval([256, 256], "float32"), aval([8, 8], "float32")]);
  const backend = new OnnxBackend();
  const kinds = new Compiled(program, backend).executable.kernels!
    .map((text) => text.startsWith("whole: ") ? "whole" : "graph");
  expect(kinds.filter((k) => k === "whole").length).toBe(1);
  expect([kinds[0], kinds.at(-1)]).toEqual(["graph", expect.anything()]);
  const inputs = [noise(3, [256, 256]), noise(4, [8, 8])];
  inputs[0] = { ...inputs[0]!, values: inputs[0]!.values.map((v) => v / 64) };
  await agree(backend, program, inputs);
});

test("a loop of large steps stays in the graph", async () => {
  await setBackend("onnx");
  const loop = (x: Tensor) =>
    scan((z: Tensor) => [np.tanh(np.matmul(z, x)), null], x, null, { length: 50 })[0];
  const { kernels } = explain(loop, tensor(5, 256, 256));
  expect(kernels!.some((text) => text.startsWith("whole: "))).toBe(false);
});

test("an index out of range fails the run, and no other", async () => {
  const program = traceClosed((x, i) => [
    scan((c: Tensor) => [c.add(np.sum(lax.gather(x!, i!))), null], np.array(0), null, {
      length: 3,
    })[0],
  ], [aval([4], "float32"), aval([2, 1], "int32")]);
  const compiled = new Compiled(program, whole);
  const run = (...indices: number[]) =>
    read(
      compiled.run([
        place(noise(6, [4]), whole),
        place({ shape: [2, 1], dtype: "int32", values: indices }, whole),
      ]),
    );
  await expect(run(1, 4)).rejects.toThrow("index is out of range");
  await expect(run(-1, 0)).rejects.toThrow("index is out of range");
  expect((await run(1, 3))[0]!.length).toBe(1);
});
