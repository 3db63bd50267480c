/** `checkGrads` accepts right derivatives on every backend, and says what is wrong with wrong ones. */
import { beforeAll, describe, expect, test } from "vitest";
import {
  checkGrads,
  customJvp,
  customVjp,
  GradientError,
  memory,
  np,
  setBackend,
  type Tensor,
} from "trilevel";
import { backends } from "../support/backends.ts";
import { reference } from "../support/reference.ts";

describe.each([reference, ...backends].map((b) => b.name))("on %s", (name) => {
  beforeAll(() => setBackend(name));

  test("right derivatives pass, to any order, in trees", async () => {
    const f = (p: { w: Tensor; b: number }, n: Tensor) => ({
      y: np.tanh(p.w.mul(p.b)),
      n: n.add(1),
    });
    const order = name === "reference" ? 3 : 2;
    await checkGrads(f, [{ w: np.array([0.3, -0.7]), b: 1.5 }, np.array(2, { dtype: "int32" })], {
      order,
    });
  });

  test("wrong forward derivatives do not", async () => {
    const wrong = customJvp(
      (p: { w: Tensor }) => ({ a: p.w, y: np.sin(p.w) }),
      ([p], [dp]) => [{ a: p.w, y: np.sin(p.w) }, { a: dp.w, y: dp.w }],
    );
    const error = await checkGrads(wrong, [{ w: np.array([1, 2]) }]).catch((e) => e);
    expect(error).toBeInstanceOf(GradientError);
    expect(error).toMatchObject({ modes: ["fwd"], order: 1, path: "result.y" });
    expect(error.message).toContain(`${error.actual} by jvp, but ${error.expected}`);
  });

  test("wrong reverse derivatives do not", async () => {
    const wrong = customVjp(
      (p: { w: Tensor; v: Tensor }) => np.sin(p.w).mul(p.v),
      (p) => [np.sin(p.w).mul(p.v), p],
      ({ w, v }: { w: Tensor; v: Tensor }, ct: Tensor) => [{ w: ct.mul(v), v: ct.mul(np.sin(w)) }],
    );
    const error = await checkGrads(wrong, [{ w: np.array(1), v: np.array(3) }], { modes: ["rev"] })
      .catch((e) => e);
    expect(error).toMatchObject({ modes: ["rev"], path: "argument 0.w" });
  });

  test("wrong second derivatives do not, though the first are right", async () => {
    // The rule is right, but a constant to the next order.
    const cut = customJvp(
      (x: Tensor) => np.sin(x),
      ([x], [dx]) => [np.sin(x), dx.mul(constantCos(x))],
    );
    await checkGrads(cut, [np.array(1)]);
    const error = await checkGrads(cut, [np.array(1)], { order: 2 }).catch((e) => e);
    expect(error).toMatchObject({ modes: ["fwd", "fwd"], order: 2, path: "result" });
  });

  test("NaN is never right", async () => {
    const error = await checkGrads((x: Tensor) => np.sqrt(x), [np.array(-1)]).catch((e) => e);
    expect(error).toBeInstanceOf(GradientError);
  });

  test("it keeps no memory", async () => {
    const x = np.array([0.5, 1]);
    const before = memory()[name];
    await checkGrads((y: Tensor) => np.sin(y).mul(y), [x], { order: 2 });
    // Less, if the garbage collector came by.
    expect(memory()[name]!.tensors).toBeLessThanOrEqual(before!.tensors);
  });
});

const constantCos = customJvp((x: Tensor) => np.cos(x), ([x], [dx]) => [np.cos(x), dx.mul(0)]);

test("there must be something to differentiate", async () => {
  await expect(checkGrads((x: Tensor) => x, [np.array(1, { dtype: "int32" })]))
    .rejects.toThrow("expected an argument of floats, got none");
});
