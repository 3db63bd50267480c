/** Programs as text, and the validator that passes are tested with. */
import { describe, expect, test } from "vitest";
import { grad, InternalError, jit, makeProgram, np, scan, type Tensor, vmap } from "trilevel";
import { aval, Var } from "../../src/core/aval.ts";
import { validateProgram } from "../../src/core/validate.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { elementwisePrimitives } from "../../src/primitives/index.ts";
import * as lax from "../../src/primitives/index.ts";

describe("the printer", () => {
  test("writes one equation a line, variables in order of appearance", () => {
    const program = makeProgram(
      (x: Tensor, y: Tensor) => np.sum(x.mul(y)),
      np.ones([3]),
      np.ones([3]),
    );
    expect(String(program)).toBe([
      "{ a:float32[3] b:float32[3] =>",
      "  c:float32[3] = mul a b",
      "  d:float32[] = reduceSum[axes=(0)] c",
      "  (d) }",
    ].join("\n"));
  });

  test("shows literals, weak types and programs inside", () => {
    const loop = (x: Tensor) => scan((c: Tensor, s: Tensor) => [c.mul(s), null], np.array(2), x)[0];
    const text = String(makeProgram(loop, np.ones([4])));
    expect(text).toContain("scan[body={ ");
    expect(text).toContain("length=4");
    // One star marks a bare number, a second one a whole number.
    expect(String(makeProgram((n: unknown) => n, 3))).toBe("{ a:float32**[] =>\n  (a) }");
    expect(String(makeProgram((n: unknown) => n, 0.5))).toBe("{ a:float32*[] =>\n  (a) }");
  });

  test("tells two functions of one name in parameters apart", () => {
    const body = traceClosed((x) => [lax.sin(x!)], [aval([], "float32")]);
    const [one, other] = [0, 1].map(() => {
      const policy = () => false;
      return (x: Tensor) => lax.checkpointCall([x], { program: body, policy });
    });
    const text = (f: typeof one) => String(makeProgram(f!, np.array(0)));
    expect(text(one)).toBe(text(one));
    expect(text(one)).not.toBe(text(other));
  });
});

describe("the validator", () => {
  const scalar = aval([], "float32");
  const sine = (input: Var, output: Var) => ({
    primitive: elementwisePrimitives.sin,
    params: {},
    inputs: [input],
    outputs: [output],
  });

  test("accepts what tracing and transforming give", () => {
    const f = (x: Tensor) =>
      scan((c: Tensor, s: Tensor) => [np.tanh(c.add(s)), c], np.array(0), x)[0];
    const x = np.ones([2, 3]);
    const programs = [
      makeProgram(f, x.sum({ axis: 0 })),
      makeProgram(grad(f), x.sum({ axis: 0 })),
      makeProgram(vmap(grad(f)), x),
      makeProgram(jit(vmap(grad((y: Tensor) => grad(f)(y).sum()))), x),
    ];
    programs.forEach(({ program }) => validateProgram(program));
  });

  test("refuses a variable that is not defined", () => {
    const [a, b, c] = [new Var(scalar), new Var(scalar), new Var(scalar)];
    const program = { inputs: [a], equations: [sine(b, c)], outputs: [c] };
    expect(() => validateProgram(program)).toThrow(InternalError);
    expect(() => validateProgram(program)).toThrow("before it is defined, in equation 0 (sin)");
  });

  test("refuses a variable defined twice", () => {
    const [a, b] = [new Var(scalar), new Var(scalar)];
    const program = { inputs: [a], equations: [sine(a, b), sine(a, b)], outputs: [b] };
    expect(() => validateProgram(program)).toThrow("defined twice");
  });

  test.each([aval([2], "float32"), aval([], "float64")])(
    "refuses an output of type %j",
    (wrong) => {
      const [a, b] = [new Var(scalar), new Var(wrong)];
      const program = { inputs: [a], equations: [sine(a, b)], outputs: [b] };
      expect(() => validateProgram(program)).toThrow("equation 0 (sin) gives float32[]");
    },
  );

  test("looks into programs inside", () => {
    const [a, b] = [new Var(scalar), new Var(scalar)];
    const bad = { inputs: [a], equations: [], outputs: [b] };
    const outer = traceClosed(
      (x) => lax.checkpointCall([x!], { program: bad, policy: undefined }),
      [
        scalar,
      ],
    );
    expect(() => validateProgram(outer)).toThrow("before it is defined, in outputs");
  });
});
