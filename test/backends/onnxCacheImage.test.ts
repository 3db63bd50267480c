/** Programs as plain data: nothing is lost, so that two programs have one image only if they are the same. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { imageOf, type ProgramImage, programOf } from "../../src/backends/onnx/cache/image.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { type Aval, aval, Literal, Var } from "../../src/core/aval.ts";
import { formatProgram } from "../../src/core/printer.ts";
import type { Program } from "../../src/core/program.ts";
import { validateProgram } from "../../src/core/validate.ts";
import { bind, traceClosed } from "../../src/core/trace.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import * as lax from "../../src/primitives/index.ts";
import { primitives } from "../../src/primitives/index.ts";
import { subjects } from "../support/primitiveCases.ts";
import { randomPrograms } from "../support/random/randomProgram.ts";
import { runs } from "../support/tier.ts";

/** The program that comes back from its image as text. */
function throughText(program: Program): Program {
  const image = imageOf(program);
  expect(image).toBeDefined();
  const text = JSON.stringify(image);
  const read: ProgramImage = JSON.parse(text);
  const back = programOf(read);
  validateProgram(back);
  expect(JSON.stringify(imageOf(back))).toBe(text);
  return back;
}

test("random programs come back as they were", () => {
  fc.assert(
    fc.property(randomPrograms, (random) => {
      const avals = random.inputs().map((x) => aval(x.shape, x.dtype));
      const program = inlineCalls(traceClosed((x, y, k) => random.run(x!, y!, k!), avals));
      expect(formatProgram(throughText(program))).toBe(formatProgram(program));
    }),
    { numRuns: runs(100) },
  );
});

test.each(subjects.map((s) => [s.name, s] as const))("%s comes back as it was", (_, subject) => {
  const { spec: { dtypes, cases }, apply } = subject;
  const some = fc.constantFrom(...dtypes).chain((dtype) => cases(dtype));
  fc.assert(
    fc.property(some, (c) => {
      const avals = c.operands().map((x) => aval(x.shape, x.dtype));
      const program = traceClosed((...xs) => apply(xs, c.params), avals);
      expect(formatProgram(throughText(program))).toBe(formatProgram(program));
    }),
    { numRuns: runs(20) },
  );
});

describe("what differs looks different", () => {
  const scalar = aval([], "float32");
  const vector = aval([3], "float32");
  const of = (value: number, a: Aval = scalar): Program => {
    const out = new Var(a);
    const inputs = [new Literal(value, a)];
    return {
      inputs: [],
      equations: [{ primitive: primitives.neg, params: {}, inputs, outputs: [out] }],
      outputs: [out],
    };
  };
  const made = (f: (...xs: Tensor[]) => readonly Tensor[], ...avals: Aval[]) =>
    traceClosed(f, avals);
  const looped = (value: number) => {
    const body = made((x) => [lax.mul(x!, literal(value, "float32"))], scalar);
    const params = { body, consts: 0, carry: 1, length: 3, reverse: false };
    return made((x) => bind(primitives.scan, [x!], params), scalar);
  };
  const withParams = (params: object): Program => {
    const [x] = made((x) => [lax.neg(x!)], vector).equations;
    return { inputs: x!.inputs as Var[], equations: [{ ...x!, params }], outputs: x!.outputs };
  };
  test.each<[string, Program, Program]>([
    ["numbers", of(1), of(1 + 2 ** -52)],
    ["zeros", of(0), of(-0)],
    ["infinities", of(Infinity), of(-Infinity)],
    ["what is no number", of(NaN), of(Infinity)],
    ["numbers' types", of(1), of(1, aval([], "int32"))],
    ["bare numbers", of(1), of(1, aval([], "float32", true))],
    [
      "shapes",
      made((x) => [lax.neg(x!)], vector),
      made((x) => [lax.neg(x!)], aval([1, 3], "float32")),
    ],
    [
      "element types",
      made((x) => [lax.neg(x!)], vector),
      made((x) => [lax.neg(x!)], aval([3], "int32")),
    ],
    [
      "weak types",
      made((x) => [lax.neg(x!)], vector),
      made((x) => [lax.neg(x!)], aval([3], "float32", true)),
    ],
    [
      "operands",
      made((x, y) => [lax.sub(x!, y!)], vector, vector),
      made((x, y) => [lax.sub(y!, x!)], vector, vector),
    ],
    [
      "outputs",
      made((x) => [lax.neg(x!), lax.abs(x!)], vector),
      made((x) => [lax.neg(x!), lax.abs(x!)].reverse(), vector),
    ],
    ["instructions", made((x) => [lax.sin(x!)], vector), made((x) => [lax.cos(x!)], vector)],
    ["numbers in loops", looped(0), looped(-0)],
    ["numbers and texts", withParams({ n: 1 }), withParams({ n: "1" })],
    ["special numbers and texts", withParams({ n: NaN }), withParams({ n: "NaN" })],
    ["zeros in parameters", withParams({ n: [0] }), withParams({ n: [-0] })],
    ["lists", withParams({ n: [1, [2]] }), withParams({ n: [[1], 2] })],
    ["texts with separators", withParams({ n: ["a,b"] }), withParams({ n: ["a", "b"] })],
    ["fields and what marks them", withParams({ n: { number: "NaN" } }), withParams({ n: NaN })],
    ["nothing and its name", withParams({ n: null }), withParams({ n: "null" })],
  ])("%s", (_, a, b) => {
    expect(JSON.stringify(imageOf(a))).not.toBe(JSON.stringify(imageOf(b)));
    for (const program of [a, b]) {
      expect(JSON.stringify(imageOf(programOf(imageOf(program)!)))).toBe(
        JSON.stringify(imageOf(program)),
      );
    }
  });

  test("functions and foreign instructions have no image", () => {
    expect(imageOf(withParams({ f: () => 1 }))).toBe(undefined);
    expect(imageOf(withParams({ f: new Map() }))).toBe(undefined);
    const program = of(1);
    const [e] = program.equations;
    const foreign = { ...e!, primitive: { ...e!.primitive } };
    expect(imageOf({ ...program, equations: [foreign] })).toBe(undefined);
  });
});
