/** What must not be done with tensors while they are traced, or after: it throws, and says what to do. */
import "@tensorflow/tfjs-backend-cpu";
import { beforeAll, describe, expect, test } from "vitest";
import { backends } from "../support/backends.ts";
import {
  cond,
  dispose,
  DisposedError,
  EscapedTensorError,
  grad,
  jit,
  jvp,
  memory,
  np,
  scan,
  scope,
  setBackend,
  type Tensor,
  TracedValueError,
  vjp,
  vmap,
  whileLoop,
} from "trilevel";
import { toTfjs } from "trilevel/tfjs";
import { caught } from "../support/caught.ts";

beforeAll(() => setBackend("reference"));

type Reader = (x: Tensor) => unknown;
// deno-lint-ignore no-explicit-any -- what TypeScript would refuse is what JavaScript users do
const loose = (x: Tensor) => x as any;
const readers: Record<string, Reader> = {
  "if (x > 0)": (x) => loose(x) > 0 ? 1 : 2,
  "x + 1": (x) => loose(x) + 1,
  "Number(x)": (x) => Number(x),
  "a template string": (x) => `${loose(x)}`,
  "x == 0": (x) => loose(x) == 0,
  "array[x]": (x) => [1, 2][loose(x)],
  "JSON": (x) => JSON.stringify({ x }),
  "item()": (x) => x.item(),
  "data()": (x) => x.data(),
  "array()": (x) => x.array(),
};

const tracers: Record<string, (f: (x: Tensor) => Tensor) => unknown> = {
  jit: (f) => jit(f)(np.array(5)),
  grad: (f) => grad(f)(np.array(5)),
  jvp: (f) => jvp(f, [np.array(5)], [np.array(1)]),
  vmap: (f) => vmap(f)(np.array([5])),
  scan: (f) => scan((c: Tensor) => [f(c), null], np.array(5), null, { length: 2 }),
  cond: (f) => cond(true, f, f, np.array(5)),
  whileLoop: (f) => whileLoop(() => false, f, np.array(5)),
};

describe.each(Object.entries(tracers))("in %s", (_, run) => {
  test.each(Object.entries(readers))("%s throws", (_, reader) => {
    const f = (x: Tensor) => {
      reader(x);
      return x;
    };
    expect(() => run(f)).toThrow(TracedValueError);
  });
});

describe("a host read", () => {
  test("says which, on which line, and what to do instead", () => {
    const error = caught(() => jit((x: Tensor) => loose(x) > 0 ? x : x.neg())(np.array(5)));
    expect(error._tag).toBe("TracedValueError");
    expect(error.message).toMatch(/cannot be read as a number\n {2}at .*tracing\.test\.ts:\d+:\d+/);
    expect(error.message).toContain("np.where or cond");
  });

  test("is no better on a tensor that has a value: it would need to wait", () => {
    const x = np.array(5);
    expect(() => loose(x) > 0).toThrow("await x.item()");
    expect(() => JSON.stringify(x)).toThrow("await x.array()");
  });
});

describe("a tensor that escapes its trace", () => {
  let leaked: Tensor | undefined;
  const leak = (x: Tensor) => {
    leaked = x.mul(2);
    return x;
  };
  const uses: Record<string, (x: Tensor) => unknown> = {
    "an operation": (x) => x.add(1),
    "an operand": (x) => np.array(1).add(x),
    "an argument": (x) => grad((y: Tensor) => y.mul(2))(x),
    "a closure": (x) => jit((y: Tensor) => y.mul(x))(np.array(1)),
  };
  test.each(Object.entries(uses))("throws in %s", (_, use) => {
    grad(leak)(np.array(3));
    expect(() => use(leaked!)).toThrow(EscapedTensorError);
  });

  test("throws when read", () => {
    grad(leak)(np.array(3));
    expect(() => leaked!.data()).toThrow(TracedValueError);
  });

  test("takes its pullback along", () => {
    let pullback: ((ct: Tensor) => unknown) | undefined;
    jit((x: Tensor) => {
      const [y, pull] = vjp((z: Tensor) => np.sin(z), x);
      pullback = pull;
      return y;
    })(np.array(1));
    expect(() => pullback!(np.array(1))).toThrow(EscapedTensorError);
  });
});

describe("a disposed tensor", () => {
  const uses: Record<string, (x: Tensor) => unknown> = {
    "an operation": (x) => x.add(1),
    "a read": (x) => x.data(),
    "an argument of grad": (x) => grad((y: Tensor) => y.mul(2).sum())(x),
    "an argument of jit": (x) => jit((y: Tensor) => y.mul(2))(x),
    "a closure": (x) => jit((y: Tensor) => y.mul(x))(np.array(1)),
  };
  test.each(Object.entries(uses))("throws in %s, naming the place of disposal", (_, use) => {
    const x = np.array(1).add(1);
    dispose({ x });
    const error = caught(() => use(x));
    expect(error).toBeInstanceOf(DisposedError);
    expect(error.message).toMatch(/disposed at .*tracing\.test\.ts:\d+/);
  });

  test("may be disposed again", () => {
    const x = np.array([1]);
    x.dispose();
    x.dispose();
  });

  const same = (x: Tensor) => x;
  const ways: Record<string, (x: Tensor) => Tensor> = {
    "jit of the identity": jit(same),
    "jit of the identity of a tree": (x) => jit((p: { x: Tensor }) => p)({ x }).x,
    "vmap of the identity": vmap(same),
    "the primal of jvp": (x) => jvp(same, [x], [x])[0],
    "the value of vjp": (x) => vjp(same, x)[0],
    "what grad hands through": (x) =>
      grad((y: Tensor) => [y.sum(), y] as const, { hasAux: true })(x)[1],
    "np.array": (x) => np.array(x),
    "reshape to its own shape": (x) => x.reshape(x.shape),
    "astype to its own type": (x) => x.astype(x.dtype),
    "broadcastTo its own shape": (x) => np.broadcastTo(x, x.shape),
    "squeeze of nothing": (x) => np.squeeze(x),
    "a transpose that moves nothing": (x) => np.transpose(x, [0]),
    "concatenate of one": (x) => np.concatenate([x]),
    "all of it": (x) => x.slice([0, 2]),
  };
  describe.each(Object.entries(ways))("that shares its memory with %s", (_, way) => {
    test("is gone all the same, and the other is not", async () => {
      const x = np.array([1, 2]);
      const y = way(x);
      expect(y).not.toBe(x);
      x.dispose();
      for (const use of Object.values(uses)) {
        expect(caught(() => use(x)).message).toMatch(/disposed at .*tracing\.test\.ts:\d+/);
      }
      expect(() => way(x)).toThrow(DisposedError);
      expect(await y.array()).toEqual([1, 2]);
    });

    test("survives the other", async () => {
      const before = memory().reference!.tensors;
      const x = np.array([1, 2]);
      const y = scope(() => way(x));
      y.dispose();
      expect(() => y.data()).toThrow(/disposed at .*tracing\.test\.ts:\d+/);
      expect(await x.array()).toEqual([1, 2]);
      x.dispose();
      expect(memory().reference!.tensors).toBe(before);
    });
  });

  test("is named where it was donated, though its memory lives on in another", async () => {
    const x = np.array([1, 2]);
    const other = np.array(x);
    jit((y: Tensor) => y.mul(2), { donate: [0] })(x);
    expect(() => x.add(1)).toThrow(/disposed at .*tracing\.test\.ts:\d+[\s\S]*donate/);
    expect(await other.array()).toEqual([1, 2]);
  });

  test("cannot go to tfjs, whoever shares its memory", async () => {
    const x = np.array([1, 2]);
    const other = np.array(x);
    x.dispose();
    await expect(toTfjs(x)).rejects.toThrow(DisposedError);
    expect([...await (await toTfjs(other)).data()]).toEqual([1, 2]);
  });
});

describe("a promise", () => {
  const later = (x: Tensor) => Promise.resolve(x) as unknown as Tensor;
  test.each(Object.entries(tracers))("cannot be traced by %s", (_, run) => {
    expect(() => run(later)).toThrow(/promise/i);
  });

  test("that fails for being traced is refused once, not once more by itself", async () => {
    // vitest fails for what nobody handles.
    const reading = async (x: Tensor) => x.mul(await x.item());
    expect(() => jit(reading as unknown as (x: Tensor) => Tensor)(np.array(1))).toThrow(/promise/);
    await new Promise((resolve) => setTimeout(resolve, 10));
  });
});

test("a failed trace leaves none open", async () => {
  const failing = (_: Tensor): Tensor => {
    throw new Error("mine");
  };
  expect(() => jit((x: Tensor) => grad(failing)(x))(np.array(1))).toThrow("mine");
  expect(await np.array(1).add(1).item()).toBe(2);
});

test("what is no scalar loss is named as it is, a tree as a tree", () => {
  const tree = ((x: Tensor) => ({ a: [x] })) as unknown as (x: Tensor) => Tensor;
  expect(caught(() => grad(tree)(np.array(1))).message).toContain(
    "grad: the function returns { a: [*] }",
  );
  expect(caught(() => grad((x: Tensor) => x)(np.ones([2]))).message).toContain("float32[2]");
});

test("an element type that a backend lacks is refused where the tensor is made", async () => {
  const webgpu = backends.find((b) => !b.supports("float64"));
  if (!webgpu) return;
  await setBackend(webgpu.name);
  const error = caught(() => np.array([1, 2], { dtype: "float64" }));
  await setBackend("reference");
  expect(error._tag).toBe("DTypeError");
  expect(error.message).toMatch(/"webgpu" has no float64[\s\S]*tracing\.test\.ts:\d+/);
});

test("an options object where an axis belongs is refused with the hint", () => {
  const options = { axis: -1 } as unknown as number;
  const error = caught(() => np.squeeze(np.ones([2, 1]), options));
  expect(error._tag).toBe("ArgumentError");
  expect(error.message).toMatch(/squeeze: expected a list of axes, got [\s\S]*give an axis/);
});

test("errors name shapes and the user's line", () => {
  const error = caught(() => np.ones([2, 3]).add(np.ones([4])));
  expect(error._tag).toBe("ShapeError");
  expect(error.message).toContain("[2, 3]");
  expect(error.message).toContain("[4]");
  expect(error.message).toMatch(/tracing\.test\.ts:\d+/);
});
