/** Functions of the host within programs: everywhere the same as outside of them. */
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  cond,
  customJvp,
  debug,
  disableJit,
  explain,
  fixedPointIteration,
  foriLoop,
  grad,
  type HostArray,
  jit,
  jvp,
  memory,
  np,
  pureCallback,
  type PureCallbackOptions,
  scan,
  setBackend,
  ShapeDType,
  stopGradient,
  type Tensor,
  toOnnx,
  toStableHlo,
  tree,
  vmap,
  whileLoop,
} from "trilevel";
import { backends } from "../support/backends.ts";
import { caught } from "../support/caught.ts";

const scalar = new ShapeDType([]);

/** x³, elementwise; counts its calls. */
function cube(options: PureCallbackOptions = {}, shape: readonly number[] = []) {
  const calls = { count: 0, shapes: [] as string[] };
  const f = pureCallback(
    (x: HostArray) => {
      calls.count++;
      calls.shapes.push(x.shape.join());
      return Float64Array.from(x.data, (v) => v ** 3);
    },
    new ShapeDType(shape),
    options,
  );
  return { f, calls };
}

for (const name of ["reference", ...backends.map((b) => b.name)] as const) {
  describe(`on ${name}`, () => {
    beforeAll(() => setBackend(name));
    afterAll(() => setBackend("reference"));

    const near = async (x: Tensor, expected: readonly number[]) => {
      const found = await x.data();
      expect(found.length).toBe(expected.length);
      expected.forEach((y, i) => expect(found[i]).toBeCloseTo(y, 5));
    };

    test("eager, compiled, and between other operations", async () => {
      const { f } = cube({}, [2]);
      const g = (x: Tensor) => f(f(x.add(1)).mul(0.5)).sub(x);
      const right = [1, -2].map((x) => (0.5 * (x + 1) ** 3) ** 3 - x);
      await near(g(np.array([1, -2])), right);
      const compiled = jit(g);
      for (let i = 0; i < 2; i++) await near(compiled(np.array([1, -2])), right);
      await near(disableJit(() => compiled(np.array([1, -2]))), right);
    });

    test("trees of every element type go in and out", async () => {
      const f = pureCallback(
        (a: { x: HostArray; n: HostArray }, b: HostArray) => ({
          sum: a.x.data[0]! + a.x.data[1]! + a.n.data[0]!,
          parts: [[b.data[0] === 1, false], [[a.n.data[0]], [-7]]],
          types: [a.x.dtype, a.n.dtype, b.dtype].map((t) => t.length),
        }),
        {
          sum: scalar,
          parts: [new ShapeDType([2], "bool"), new ShapeDType([2, 1], "int32")],
          types: new ShapeDType([3], "uint32"),
        },
      );
      const n = np.array(2 ** 24 + 1, { dtype: "int32" });
      const result = jit(f)({ x: np.array([1, 2.5]), n }, np.array(true));
      expect(await Promise.all(tree.leaves(result).map(async (x: Tensor) => [...await x.data()])))
        .toEqual(expect.arrayContaining([[1, 0], [2 ** 24 + 1, -7], [7, 5, 4]]));
      expect(await result.sum.item()).toBeCloseTo(2 ** 24 + 4.5, -1);
    });

    test("in loops of a fixed length, in both directions", async () => {
      const { f, calls } = cube();
      const run = (reverse: boolean) => (xs: Tensor) =>
        scan((c: Tensor, x: Tensor) => [c.mul(0.5).add(f(x)), f(c)], np.array(1), xs, { reverse });
      for (const reverse of [false, true]) {
        const [last, ys] = jit(run(reverse))(np.array([1, 2, 3]));
        const values = reverse ? [3, 2, 1] : [1, 2, 3];
        let c = 1;
        const seen = values.map((x) => {
          const y = c ** 3;
          c = c * 0.5 + x ** 3;
          return y;
        });
        await near(last, [c]);
        await near(ys, reverse ? seen.reverse() : seen);
      }
      expect(calls.count).toBe(12);
      await near(jit((x: Tensor) => foriLoop(0, 2, (_, c: Tensor) => f(c), x))(np.array(2)), [512]);
    });

    test("vmap as it is told", async () => {
      const xs = np.array([[1, 2], [3, 4], [5, 6]]);
      const f = (options: PureCallbackOptions) => {
        const calls: string[] = [];
        const g = pureCallback(
          (x: HostArray, y: HostArray) => {
            calls.push(`${x.shape} ${y.shape}`);
            return Float64Array.from(x.data, (v, i) => v * y.data[i % y.data.length]!);
          },
          new ShapeDType([2]),
          options,
        );
        return { calls, mapped: jit((xs: Tensor, y: Tensor) => vmap((x: Tensor) => g(x, y))(xs)) };
      };
      const y = np.array([10, 100]);
      const right = [10, 200, 30, 400, 50, 600];
      const expected = {
        sequential: ["2 2", "2 2", "2 2"],
        sequentialUnrolled: ["2 2", "2 2", "2 2"],
        expandDims: ["3,2 1,2"],
        broadcastAll: ["3,2 3,2"],
      } as const;
      for (const [vmapMethod, shapes] of Object.entries(expected)) {
        const { calls, mapped } = f({ vmapMethod: vmapMethod as keyof typeof expected });
        await near(mapped(xs, y), right);
        expect(calls).toEqual(shapes);
      }
      // A batch of batches.
      const { f: whole, calls } = cube({ vmapMethod: "broadcastAll" });
      await near(vmap(vmap((x: Tensor) => whole(x)))(xs), [1, 8, 27, 64, 125, 216]);
      expect(calls.shapes).toEqual(["3,2"]);
    });

    test("what it throws, or gives in another size, is thrown where a result is read", async () => {
      const fails = pureCallback((x: HostArray) => {
        if (x.data[0]! > 1) throw new RangeError("above one");
        return [1, 2, 3];
      }, scalar);
      const compiled = jit((x: Tensor) => fails(x).mul(2).add(1));
      const error = await compiled(np.array(2)).item().catch((e) => e);
      expect(error).toBeInstanceOf(RangeError);
      expect(error.message).toBe("above one");
      const wrong = await compiled(np.array(0)).item().catch((e) => e);
      expect(wrong._tag).toBe("ShapeError");
      expect(wrong.message).toMatch(/gives 3 elements for float32\[\].*\n.*return 1/s);
      const promise = await pureCallback(() => Promise.resolve(1), scalar)().item().catch((e) => e);
      expect(promise.message).toMatch(/returns a promise/);
      // Later calls are not harmed.
      await near(np.array(1).add(1), [2]);
    });

    test("no memory is left behind", async () => {
      const { f } = cube({}, [3]);
      const compiled = jit((x: Tensor) => f(np.sin(f(x))).mul(2));
      const x = np.array([1, 2, 3]);
      compiled(x).dispose();
      await np.array(0).data();
      const before = memory()[name]!.tensors;
      for (let i = 0; i < 3; i++) compiled(x).dispose();
      expect(memory()[name]!.tensors).toBe(before);
    });

    if (name === "webgpu") {
      test("branches and loops that decide by values are refused", () => {
        const { f } = cube();
        const branch = (x: Tensor) => cond(x.greater(0), f, (x: Tensor) => x, x);
        const { message } = caught(() => jit(branch)(np.array(1)));
        expect(message).toMatch(/inside cond.*"webgpu".*np\.where.*setBackend/s);
      });
    } else {
      test("only the branch that is taken calls; loops end by their condition", async () => {
        const { f, calls } = cube();
        const branch = jit((x: Tensor) => cond(x.greater(0), f, (x: Tensor) => x, x));
        await near(branch(np.array(2)), [8]);
        await near(branch(np.array(-2)), [-2]);
        expect(calls.count).toBe(1);
        const loop = jit((x: Tensor) =>
          whileLoop((x: Tensor) => x.less(100), (x: Tensor) => f(x), x)
        );
        await near(loop(np.array(2)), [512]);
        const bounded = jit((x: Tensor) =>
          whileLoop((x: Tensor) => f(x).less(1e6), (x: Tensor) => x.add(1), x, { maxSteps: 3 })
        );
        await near(bounded(np.array(2)), [5]);
      });
    }
  });
}

test("it has no derivative of its own, but may be given one, to every order", async () => {
  await setBackend("reference");
  const { f } = cube();
  const message = /has no derivative.*customJvp/s;
  expect(caught(() => grad((x: Tensor) => f(x))(np.array(2))).message).toMatch(message);
  expect(caught(() => jvp((x: Tensor) => f(x), [np.array(2)], [np.array(1)])).message)
    .toMatch(message);
  expect(await grad((x: Tensor) => f(stopGradient(x)).mul(x))(np.array(2)).item()).toBe(8);
  const smooth: (x: Tensor) => Tensor = customJvp(
    (x: Tensor) => f(x),
    ([x], [dx]) => [smooth(x), dx.mul(3).mul(x).mul(x)],
  );
  expect(await grad(smooth)(np.array(2)).item()).toBe(12);
  expect(await jit(grad(grad((x: Tensor) => smooth(x).mul(smooth(x)))))(np.array(2)).item())
    .toBe(30 * 16); // (x⁶)″
});

test("vmap without a method, and exports, are refused with their cure", async () => {
  await setBackend("reference");
  const { f } = cube();
  expect(caught(() => explain((x: Tensor) => f(x), np.array(1))).message).toMatch(/cut.*before/s);
  expect(caught(() => vmap((x: Tensor) => f(x))(np.ones([2]))).message)
    .toMatch(/mapped by vmap.*vmapMethod/s);
  const shows = (x: Tensor) => {
    debug.print("{}", x);
    return x;
  };
  for (const exported of [toOnnx, toStableHlo]) {
    for (const g of [f, shows]) {
      const inLoop = (x: Tensor) => foriLoop(0, 3, (_, c: Tensor) => g(c), x);
      const error = await (async () => await exported(inLoop, np.array(1)))().catch((e) => e);
      expect(error.message).toMatch(/calls the host/);
    }
  }
});

test("a fixed point whose step calls the host", async () => {
  await setBackend("reference");
  const cosine = pureCallback((x: HostArray) => Math.cos(x.data[0]!), scalar);
  const step = customJvp(
    (z: Tensor) => cosine(z),
    ([z], [dz]) => [np.cos(z), dz.mul(np.sin(z).neg())],
  );
  const { value } = fixedPointIteration(step, { maxSteps: 60 })(np.array(1));
  expect(await value.item()).toBeCloseTo(0.739085, 5);
});
