/** Operations between the elements of a batch: what fixtures of JAX do not show. */
import { describe, expect, test } from "vitest";
import {
  allGather,
  allToAll,
  axisIndex,
  axisSize,
  checkpoint,
  cond,
  customVjp,
  foriLoop,
  grad,
  jit,
  jvp,
  np,
  pmax,
  pmean,
  pmin,
  ppermute,
  pshuffle,
  psum,
  psumScatter,
  pswapaxes,
  setBackend,
  type Tensor,
  vmap,
  whileLoop,
} from "trilevel";
import { caught } from "../support/caught.ts";

await setBackend("reference"); // before the operands below are made

const named = { axisName: "i" };
const size = 3;

const wave = (...shape: number[]) =>
  np.reshape(np.sin(np.arange(1, 1 + shape.reduce((a, b) => a * b, 1))), shape);
const weighted = (y: Tensor) => np.sum(y.mul(np.reshape(np.cos(np.arange(y.size)), y.shape)));

async function expectClose(x: Tensor, y: Tensor) {
  expect(x.shape).toEqual(y.shape);
  expect(await np.max(np.abs(x.sub(y))).item()).toBeLessThan(1e-5);
}

const operations: Record<string, (x: Tensor) => Tensor> = {
  psum: (x) => psum(x, "i"),
  pmean: (x) => pmean(x, "i"),
  pmax: (x) => pmax(x, "i"),
  pmin: (x) => pmin(x, "i"),
  allGather: (x) => allGather(x, "i", { axis: -1 }),
  psumScatter: (x) => psumScatter(x, "i"),
  allToAll: (x) => allToAll(x, "i", 0, 1),
  pswapaxes: (x) => pswapaxes(x, "i", 1),
  "ppermute to some": (x) => ppermute(x, "i", [[2, 0], [0, 1]]),
  pshuffle: (x) => pshuffle(x, "i", [1, 2, 0]),
  axisIndex: (x) => x.mul(axisIndex("i").add(1)),
  axisSize: (x) => x.div(axisSize("i")),
};

describe.each(Object.entries(operations))("%s", (_, op) => {
  const f = (x: Tensor) => op(np.sin(x)).mul(op(x.mul(x)));
  const x = wave(size, size, size);

  test("differentiates inside as outside, where all elements' losses are added", async () => {
    const loss = (x: Tensor) => weighted(f(x));
    const outside = grad((x: Tensor) => np.sum(vmap(loss, named)(x)))(x);
    await expectClose(vmap(grad(loss), named)(x), outside);
    await expectClose(vmap(grad(checkpoint(loss)), named)(x), outside);
    await expectClose(jit(vmap(grad(jit(loss)), named))(x), outside);
  });

  test("has the same derivative forwards, to the second order", async () => {
    const along = (x: Tensor) => jvp(f, [x], [np.cos(x)])[1];
    const whole = (x: Tensor) => jvp(vmap(f, named), [x], [np.cos(x)])[1];
    await expectClose(vmap(along, named)(x), whole(x));
    const twice = (x: Tensor) => jvp(along, [x], [np.cos(x)])[1];
    await expectClose(vmap(twice, named)(x), jvp(whole, [x], [np.cos(x)])[1]);
  });

  test("is the same whichever other axis is mapped around it, or within", async () => {
    const both = np.stack([x, x.mul(2)], { axis: 1 });
    const each = [0, 1].map((k) => vmap(f, named)(np.take(both, k, { axis: 1 })));
    const expected = np.stack(each, { axis: 1 });
    await expectClose(vmap(vmap(f), named)(both), expected);
    await expectClose(vmap(vmap(f, named), { inAxes: 1, outAxes: 1 })(both), expected);
    const other = { axisName: "j", inAxes: 1, outAxes: 1 };
    await expectClose(vmap(vmap(f, named), other)(both), expected);
  });

  test("takes values that are the same in all elements", async () => {
    const same = np.stack([np.take(x, 0, { axis: 0 }), np.take(x, 0, { axis: 0 })]);
    const one = np.take(same, 0, { axis: 0 });
    const all = np.broadcastTo(one, [size, ...one.shape]);
    const loss = (x: Tensor) => weighted(f(x));
    const closed = vmap((k: Tensor) => f(one).add(k), named);
    await expectClose(closed(np.zeros([size])), vmap(f, named)(all));
    const slope = vmap((k: Tensor) => grad(loss)(one).add(k), named);
    await expectClose(slope(np.zeros([size])), vmap(grad(loss), named)(all));
  });
});

test("several names are one axis, the last counting first", async () => {
  const x = wave(2, 3);
  const inner = { axisName: "j" };
  const sum = vmap(vmap((x: Tensor) => psum(x, ["i", "j"]), inner), named)(x);
  await expectClose(sum, np.broadcastTo(np.sum(x), [2, 3]));
  const mean = vmap(vmap((x: Tensor) => pmean(x, ["i", "j"]), inner), named)(x);
  await expectClose(mean, np.broadcastTo(np.mean(x), [2, 3]));
});

test("the innermost of two axes of one name is meant", async () => {
  const x = wave(2, 3);
  const sum = vmap(vmap((x: Tensor) => psum(x, "i"), named), named)(x);
  await expectClose(sum, np.broadcastTo(np.sum(x, { axis: 1, keepdims: true }), [2, 3]));
});

test("trees, numbers and booleans are summed, and counted", async () => {
  const found = vmap(
    (x: Tensor) => psum({ a: x, b: [x.greater(0), 1] as const, c: null }, "i"),
    named,
  )(np.array([-1, 2, 4]));
  expect(String(await found.a.data())).toBe("5,5,5");
  expect(found.b[0].dtype).toBe("int32");
  expect(String(await found.b[0].data())).toBe("2,2,2");
  expect(String(await found.b[1].data())).toBe("3,3,3");
});

test("elements that take different branches exchange values as if all took both, as in JAX", async () => {
  const f = (x: Tensor) => cond(x.greater(2), (x) => psum(x, "i"), (x) => x.neg(), x);
  expect(String(await vmap(f, named)(np.array([1, 3, 5])).data())).toBe("-1,9,9");
});

test("in a loop, elements that have ended keep giving their last value", async () => {
  const f = (limit: Tensor) =>
    whileLoop((x: Tensor) => x.less(limit), (x: Tensor) => x.add(psum(x, "i")), np.array(1));
  const limits = [1, 5, 20];
  let state = [1, 1, 1];
  while (state.some((x, k) => x < limits[k]!)) {
    const sum = state.reduce((a, b) => a + b);
    state = state.map((x, k) => x < limits[k]! ? x + sum : x);
  }
  expect([...await vmap(f, named)(np.array(limits)).data()]).toEqual(state);
});

test("a loop that no element's value enters still knows which element it is in", async () => {
  const f = (_: Tensor) => foriLoop(0, 3, (_, c: Tensor) => c.add(axisIndex("i")), np.array(0));
  expect(String(await vmap(f, named)(np.zeros([3])).data())).toBe("0,3,6");
});

test("a rule of the user's own may exchange values in reverse alone, even for shared values", async () => {
  const summing = customVjp((x: Tensor) => x, (x: Tensor) => [x, null], (_: null, ct: Tensor) => [
    psum(ct, "i"),
  ]);
  const w = np.array(2);
  const f = (x: Tensor) => grad((w: Tensor) => summing(w).mul(x))(w);
  expect(String(await vmap(f, named)(np.array([1, 2, 4])).data())).toBe("7,7,7");
});

test("a rule that is made when it is needed finds the axes of where its function was called", async () => {
  // f(x) = x², of which the rule says that it is Σ f(x) in each element.
  const f: (x: Tensor) => Tensor = customVjp(
    (x: Tensor) => x.mul(x),
    (x: Tensor) => {
      const y = f(x);
      return [y, y];
    },
    (y: Tensor, ct: Tensor) => [psum(ct.mul(y), "i")],
  );
  const slopes = (x: Tensor) => np.sum(vmap(grad(f), named)(x));
  expect(String(await grad(slopes)(np.array([1, 2, 4])).data())).toBe("63,63,63");
});

test("a function that was compiled for one axis is compiled again for another", async () => {
  const share = jit((x: Tensor) => x.div(psum(x, "i")));
  for (const values of [[1, 3], [1, 1, 2], [4, 4]]) {
    const sum = values.reduce((a, b) => a + b);
    expect([...await vmap(share, named)(np.array(values)).data()])
      .toEqual(values.map((x) => x / sum));
  }
  expect(caught(() => vmap(share, { axisName: "j" })(np.array([1, 3]))).message)
    .toContain('no axis is named "i" here');
});

describe("mistakes", () => {
  const x = np.array([1, 2, 3]);
  const inside = (f: (x: Tensor) => unknown) => caught(() => vmap(f, named)(x)).message;

  test.each<[string, () => string, RegExp]>([
    [
      "outside of vmap",
      () => caught(() => psum(x, "i")).message,
      /psum: no axis is named "i" here[^]*vmap\(f, { axisName: "i" }\)/,
    ],
    [
      "another name",
      () => inside((x) => pmean(x, "k")),
      /pmean: no axis is named "k" here[^]*axes with a name are "i"/,
    ],
    ["after the function has returned", () => {
      vmap((x: Tensor) => psum(x, "i"), named)(x);
      return caught(() => axisSize("i")).message;
    }, /axisSize: no axis/],
    [
      "rows of another number",
      () => inside(() => psumScatter(np.zeros([2]), "i")),
      /psumScatter: axis 0 of float32\[2\] cannot be shared among 3 elements/,
    ],
    [
      "parts of another size",
      () => inside(() => allToAll(np.zeros([4, 4]), "i", 0, 1, { tiled: true })),
      /allToAll: axis 0 of float32\[4,4\] cannot be shared among 3 elements[^]*multiple/,
    ],
    [
      "an axis too many",
      () => inside((x) => allGather(x, "i", { axis: 2 })),
      /allGather: float32\[3\] has no axis 2/,
    ],
    [
      "a pair that sends twice",
      () => inside((x) => ppermute(x, "i", [[0, 1], [0, 2]])),
      /ppermute: the pair \[0, 2\] does not fit an axis of size 3/,
    ],
    [
      "an element that does not exist",
      () => inside((x) => ppermute(x, "i", [[0, 3]])),
      /ppermute: the pair \[0, 3\]/,
    ],
    [
      "a permutation of some",
      () => inside((x) => pshuffle(x, "i", [1, 0])),
      /pshuffle: expected 3 sources, .* got 2/,
    ],
  ])("%s", (_, message, expected) => {
    expect(message()).toMatch(expected);
  });
});
