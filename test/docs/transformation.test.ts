/** The worked examples of docs/howto/transformation.md. */
import { expect, test } from "vitest";
import { grad, jit, np, setBackend, type Tensor, vmap } from "trilevel";
import { Environment } from "../../src/core/evaluate.ts";
import { traceFunction } from "../../src/core/function.ts";
import { bind } from "../../src/core/trace.ts";
import { unflatten } from "../../src/core/tree.ts";

await setBackend("reference");

/** Functions that stand in for primitives, by name. */
type Substitutes = { readonly [primitive: string]: (x: Tensor) => Tensor };

/**
 * The function `f`, with other functions in place of some of its primitives: `substituted(f, { tanh: (x) => x })` is `f`
 * without its nonlinearity.
 */
function substituted<A extends unknown[], R>(
  f: (...args: A) => R,
  substitutes: Substitutes,
): (...args: A) => R {
  return (...args) => {
    // 1. Trace: the function becomes a program, whose first inputs are what the function closes over.
    const { program, captured, leaves, output } = traceFunction(f, args, "substituted");
    // 2. Walk: each equation runs again, or what stands in for it does.
    const env = new Environment(program.inputs, [...captured, ...leaves]);
    for (const { primitive, params, inputs, outputs } of program.equations) {
      const operands = inputs.map((atom) => env.read(atom));
      const substitute = substitutes[primitive.name];
      env.define(
        outputs,
        substitute ? [substitute(operands[0]!)] : bind(primitive, operands, params),
      );
    }
    // 3. The results, as a tree like that of `f`.
    return unflatten(output, program.outputs.map((atom) => env.read(atom)));
  };
}

const net = (w: Tensor, x: Tensor) => np.sum(np.tanh(w.mul(x)));
const hard = substituted(net, { tanh: (x) => np.clip(x, -1, 1) });
const [w, x] = [np.array(2), np.array([-3, 0.1, 0.25])];

test("a primitive is replaced", async () => {
  expect(await hard(w, x).item()).toBeCloseTo(-1 + 0.2 + 0.5, 6);
});

test("it composes with grad, vmap and jit, in any order", async () => {
  // d/dw clip(wx) is x within the bounds.
  expect(await grad(hard)(w, x).item()).toBeCloseTo(0.35, 6);
  expect(await jit(grad(hard))(w, x).item()).toBeCloseTo(0.35, 6);
  const each = vmap(hard, { inAxes: [0, null] })(np.array([1, 2]), x);
  expect([...await each.data()].map((v) => Math.round(v * 100) / 100)).toEqual([-0.65, -0.3]);
});

test("tensors that it closes over have derivatives", async () => {
  const slope = grad((w: Tensor) =>
    substituted((x: Tensor) => np.sum(np.tanh(w.mul(x))), { tanh: (y) => np.clip(y, -1, 1) })(x)
  );
  expect(await slope(w).item()).toBeCloseTo(0.35, 6);
});
