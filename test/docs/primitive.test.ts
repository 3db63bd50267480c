/** The worked example of docs/howto/primitive.md: a call with a derivative of its own, on every backend. */
import { expect, test } from "vitest";
import { checkGrads, grad, jit, np, setBackend, type Tensor, vmap } from "trilevel";
import { isFloat } from "../../src/core/dtype.ts";
import type { Params, Primitive, Program } from "../../src/core/program.ts";
import { aval } from "../../src/core/aval.ts";
import { bind, traceClosed } from "../../src/core/trace.ts";
import * as lax from "../../src/primitives/index.ts";
import { requireDType } from "../../src/primitives/rules.ts";

/** Parameters of `softplus`. */
interface SoftplusParams extends Params {
  /** max(x, 0) + log(1 + e^-|x|), which does not overflow. */
  readonly program: Program;
}

/** log(1 + eˣ), whose derivative is 1 / (1 + e⁻ˣ). */
const softplusPrimitive: Primitive<SoftplusParams> = {
  name: "softplus",
  abstractEval: ([x]) => [aval(x.shape, x.dtype)],
  jvp([x], [dx]) {
    return { outputs: [softplus(x)], tangents: [dx && lax.mul(dx, lax.logistic(x))] };
  },
  transpose: null, // it is not linear
  batch: ([x]) => ({ outputs: [softplus(x)] }), // element by element, so the batch is one more axis
  inline: ({ program }) => program,
};

/** Applies the primitive. */
function softplus(x: Tensor): Tensor {
  requireDType("softplus", x.aval, isFloat, "floats");
  const program = traceClosed((x) => {
    const positive = lax.max(x!, lax.fullLike(x!, 0));
    return [lax.add(positive, lax.log1p(lax.exp(lax.neg(lax.abs(x!)))))];
  }, [x.aval]);
  return bind(softplusPrimitive, [x], { program })[0];
}

const points = [-100, -2, -0.1, 0, 0.3, 4, 100];
const expected = points.map((x) => Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x))));
const slopes = points.map((x) => 1 / (1 + Math.exp(-x)));

async function closeTo(x: Tensor, right: readonly number[]): Promise<void> {
  (await x.data()).forEach((value, i) => expect(value).toBeCloseTo(right[i]!, 5));
}

test.each(["reference", "onnx"] as const)("values and derivatives on %s", async (backend) => {
  await setBackend(backend);
  const x = np.array(points);
  await closeTo(softplus(x), expected);
  await closeTo(jit(softplus)(x), expected);
  await closeTo(vmap(softplus)(x), expected);
  await closeTo(vmap(grad(softplus))(x), slopes);
  const second = await jit(vmap(grad(grad(softplus))))(x).data();
  second.forEach((value, i) => expect(value).toBeCloseTo(slopes[i]! * (1 - slopes[i]!), 5));
});

test("the rules agree with finite differences, to second order", async () => {
  await setBackend("reference");
  await checkGrads(softplus, [np.array([-2, 0.3, 4], { dtype: "float64" })], { order: 2 });
});

test("what it is not defined for is refused", () => {
  expect(() => softplus(np.array([1, 2], { dtype: "int32" }))).toThrow(
    /softplus is not defined for int32/,
  );
});
