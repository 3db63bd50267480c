/** What a newcomer's mistakes are answered with: what was given, on which line, and what to do. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  cond,
  fixedPointIteration,
  grad,
  jit,
  np,
  random,
  scan,
  setBackend,
  type Tensor,
  tree,
  vjp,
  vmap,
  whileLoop,
} from "trilevel";
import { caught } from "../support/caught.ts";

beforeAll(() => setBackend("reference"));

// deno-lint-ignore no-explicit-any -- what TypeScript would refuse is what JavaScript's users write
const loose = (x: unknown) => x as any;
const x = () => np.ones([2, 3]);

/** A mistake, and what its message must name: what was given, and the hint. */
type Case = readonly [name: string, mistake: () => unknown, given: RegExp, hint: RegExp];

const cases: readonly Case[] = [
  // Shapes
  ["a product", () => np.matmul(x(), x()), /float32\[2,3\] and float32\[2,3\]/, /last size/],
  ["einsum", () => np.einsum("ij,jk->ik", x(), np.ones([4, 5])), /3 and 4 .*\[4, 5\]/, /one size/],
  [
    "concatenate",
    () => np.concatenate([x(), np.ones([2, 4])]),
    /float32\[2,3\], float32\[2,4\]/,
    /agree/,
  ],
  [
    "a convolution's channels",
    () => np.convGeneralDilated(np.ones([1, 8, 8, 3]), np.ones([3, 3, 5, 4])),
    /float32\[1,8,8,3\] has 3 channels, the filter float32\[3,3,5,4\] takes 5/,
    /channels/,
  ],
  ["broadcasting", () => x().add(np.ones([2])), /\[2, 3\] and \[2\]/, /reshape or expandDims/],
  ["an axis", () => np.sum(x(), { axis: 2 }), /sum: axis 2 .* 2 axes/, /from -2 to 1/],
  ["an axis without its name", () => np.sum(x(), loose(0)), /an object, got 0$/, /\{ axis: 0 \}/],
  ["a negative size", () => np.zeros([-2, 3]), /zeros: .* -2/, /whole number/],
  ["reshape to another size", () => x().reshape([4, 2]), /float32\[2,3\].*\[4, 2\]/, /product/],
  [
    "reshape with sizes apart",
    () => loose(x()).reshape(3, 2),
    /2 arguments, .* 2$/,
    /np\.reshape\(x, \[2, -1\]\)/,
  ],
  ["two unknown sizes", () => x().reshape([-1, -1]), /\[-1, -1\]/, /one may be -1/],
  [
    "an update's shape",
    () => x().at([0]).set(np.ones([4])),
    /float32\[4\].*\[2, 3\]/,
    /equal, or 1/,
  ],
  [
    "what is no range",
    () => x().slice([0, 2, 0]),
    /\[0, 2, 0\] is not a range/,
    /\[start, stop, step\]/,
  ],
  // Types
  [
    "an element type",
    () => np.zeros([2], { dtype: loose("float") }),
    /one of "float32", .* got "float"$/,
    /dtype: "float32"/,
  ],
  [
    "an array's type",
    () => np.array([1], { dtype: loose("f32") }),
    /got "f32"$/,
    /dtype: "float32"/,
  ],
  ["a conversion", () => x().astype(loose("int64")), /"int64"/, /int32/],
  ["a list of tensors", () => np.array(loose([x()])), /data\[0\] is a Tensor/, /np\.stack/],
  [
    "a list with a hole",
    () => np.array(loose([1, undefined])),
    /data\[1\] is undefined/,
    /numbers/,
  ],
  ["a list as operand", () => x().add(loose([1, 2])), /a list of 2/, /np\.array/],
  ["a missing await", () => x().add(loose(x().sum().item())), /a promise/, /await it first/],
  ["an index", () => x().slice(loose("a")), /the string "a"/, /start, stop, step/],
  // Derivatives
  ["grad of no scalar", () => grad((y: Tensor) => y)(x()), /returns float32\[2,3\]/, /x\.sum\(\)/],
  ["grad of nothing", () => grad(loose(() => {}))(x()), /returns null/, /return one/],
  [
    "grad of integers",
    () => grad((y: Tensor) => y.sum())(np.array([1], { dtype: "int32" })),
    /argument 0 is int32\[1\]/,
    /astype/,
  ],
  ["a cotangent", () => vjp((y: Tensor) => y, x())[1](np.ones([3])), /\[3\].*\[2,3\]/, /shape/],
  // Batches
  [
    "batches",
    () => vmap((a: Tensor, b: Tensor) => a.add(b))(np.ones([3]), np.ones([4])),
    /3 in argument 0, 4 in argument 1/,
    /inAxes: null/,
  ],
  [
    "axes for too few arguments",
    () => vmap((a: Tensor, b: Tensor) => a.add(b), { inAxes: [0] })(x(), x()),
    /inAxes: expected 2 entries, got 1/,
    /one entry for each/,
  ],
  // Compiling
  ["a string", () => jit(loose((a: Tensor) => a))(loose("a")), /the string "a"/, /static/],
  [
    "a static tensor",
    () => jit((a: Tensor, n: Tensor) => a.mul(n), { staticArgnums: [1] })(x(), np.ones([3])),
    /static argument is float32\[3\]/,
    /leave tensors out/,
  ],
  [
    "a static argument counted from the end",
    () => jit((a: Tensor) => a, { staticArgnums: [-1] }),
    /`staticArgnums` must be .* got \[-1\]$/,
    /staticArgnums: \[1\]/,
  ],
  [
    "a donated argument",
    () => jit((a: Tensor) => a, { donate: [0.5] }),
    /got \[0\.5\]$/,
    /donate: /,
  ],
  [
    "a branch on a traced value",
    () => jit((a: Tensor) => loose(a.sum()) > 0 ? a : a.neg())(x()),
    /traced tensor .* as a number/,
    /np\.where or cond/,
  ],
  // Trees
  [
    "trees",
    () => tree.map((a: Tensor) => a, { a: x(), b: x() }, loose({ a: x() })),
    /keys \{a, b\} against \{a\}/,
    /same keys/,
  ],
  // Control
  [
    "a carry's shape",
    () => scan((c: Tensor) => [np.concatenate([c, c]), null], np.ones([2]), null, { length: 2 }),
    /float32\[2\] before .* float32\[4\] after/,
    /broadcast/,
  ],
  [
    "a carry's structure",
    () => scan(loose((c: Tensor) => [{ c }, null]), x(), null, { length: 2 }),
    /a leaf against \{ c: \* \}/,
    /same/,
  ],
  [
    "a step without a pair",
    () => scan(loose((c: Tensor) => c), x(), null, { length: 2 }),
    /the step returns one tensor/,
    /\[carry, y\]/,
  ],
  [
    "branches",
    () => cond(true, (a: Tensor) => a, (a: Tensor) => a.sum(), x()),
    /onFalse gives float32\[\], onTrue float32\[2,3\]/,
    /same shapes/,
  ],
  [
    "a condition",
    () => whileLoop((c: Tensor) => c.sub(3), (c: Tensor) => c, np.array(0)),
    /returns float32\[\]/,
    /np\.any/,
  ],
  [
    "a step's shape",
    () => fixedPointIteration((z: Tensor) => np.concatenate([z, z]))(np.ones([2])),
    /z is float32\[2\] before the step and float32\[4\]/,
    /step must give/,
  ],
  // Others
  ["a key", () => random.normal(loose(0), [2]), /the key is/, /random\.key\(0\)/],
  ["a number of many", () => x().item(), /float32\[2,3\], which has 6/, /reduce it/],
];

describe("is told what is wrong", () => {
  test.each(cases)("with %s", (_, mistake, given, hint) => {
    const error = caught(mistake);
    const [message, line] = error.message.split("\n") as [string, string]; // they have at least two
    expect(message).toMatch(given);
    expect(line).toMatch(/messages\.test\.ts:\d+:\d+/);
    expect(error.hint).toMatch(hint);
  });

  test("with a backend's name", async () => {
    await expect(setBackend(loose("webgup"))).rejects.toThrow(/"webgup"[\s\S]*reference/);
  });
});
