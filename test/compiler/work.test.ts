/** How much work it is to trace, derive and compile a program: in proportion to it, counted and not timed. */
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  checkpoint,
  cond,
  grad,
  jit,
  np,
  scan,
  setBackend,
  type Tensor,
  vmap,
  whileLoop,
} from "trilevel";
import { Graph } from "../../src/backends/onnx/graph.ts";
import { encodeProgram } from "../../src/backends/onnx/encode.ts";
import { onnxPasses, optimize, webgpuPasses } from "../../src/compiler/optimize.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { aval, Var } from "../../src/core/aval.ts";
import { type Equation, type Program, subprograms } from "../../src/core/program.ts";
import { traced } from "../support/passes.ts";

type F = (x: Tensor) => Tensor;

/** How many variables `f` makes: as many as equations are written down, in all programs together. */
function variables(f: () => unknown): number {
  const next = () => new Var(aval([], "bool")).id;
  const before = next();
  f();
  return next() - before - 1;
}

const nests: Record<string, (inner: F) => F> = {
  cond: (inner) => (x) => cond(x.greater(0), (y: Tensor) => inner(np.sin(y)), np.cos, x),
  scan: (inner) => (x) => scan((c: Tensor) => [inner(np.sin(c)), c], x, null, { length: 2 })[0],
  "bounded whileLoop": (inner) => (x) =>
    whileLoop((c: Tensor) => c.less(1), (c: Tensor) => inner(np.sin(c)), x, { maxSteps: 2 }),
  whileLoop: (inner) => (x) => whileLoop((c: Tensor) => c.less(1), (c) => inner(np.sin(c)), x),
  checkpoint: (inner) => checkpoint((x: Tensor) => inner(np.sin(x))),
  jit: (inner) => jit((x: Tensor) => inner(np.sin(x))),
};
const nested = (kind: string, depth: number): F => {
  let f: F = np.sin;
  for (let d = 0; d < depth; d++) f = nests[kind]!(f);
  return f;
};

/** The gradient: one tensor, since the function takes one. */
const slope = (f: F): F => (x) => grad(f)(x) as Tensor;

const transformed: Record<string, (f: F) => F> = {
  "the function": (f) => f,
  "the gradient": slope,
  "the batch": (f) => (x) => vmap(f)(np.stack([x, x])),
  "the gradient of the batch": (f) => slope((x) => vmap(f)(np.stack([x, x])).sum()),
  "the batch of the gradient": (f) => (x) => vmap(slope(f))(np.stack([x, x])),
  "the second derivative": (f) => slope(slope(f)),
};

describe.each(Object.keys(nests))("%s, nested", (kind) => {
  // A loop without a bound has no gradient.
  const ways = Object.keys(transformed).filter((way) =>
    kind !== "whileLoop" || !/gradient|derivative/.test(way)
  );
  // Values of inner programs pass through all outer ones. A loop with a bound is two of them: a loop and a choice.
  const most = kind === "bounded whileLoop" ? 3.3 : 3;
  test.each(ways)(`%s: twice as deep is at most ${most} times the work`, (way) => {
    const work = (depth: number) =>
      variables(() => traced((x) => [transformed[way]!(nested(kind, depth))(x!)], scalar));
    expect(work(12) / work(6)).toBeLessThanOrEqual(most);
  });
});

const scalar = aval([], "float32");

describe("of nested programs", () => {
  const depth = 10;

  /** A program that no other one is further inside than. */
  const innermost = (program: Program): Program => {
    for (let now = [program];;) {
      const within = now.flatMap((p) => p.equations.flatMap((e) => subprograms(e.params)));
      if (within.length === 0) return now.find((p) => p.equations.length > 0)!;
      now = within;
    }
  };

  const passes = new Map([...onnxPasses, ...webgpuPasses].map((pass) => [pass.name, pass]));
  describe.each(["cond", "scan", "whileLoop"])("%s", (kind) => {
    test.each([...passes.values()])(
      "$name looks at the innermost as often as at others",
      (pass) => {
        const looks = (depth: number) => {
          const program = inlineCalls(traced((x) => [nested(kind, depth)(x!)], scalar));
          const { equations } = innermost(program);
          let looked = 0;
          // Passes make new equations of old variables: those are followed, as well as the old equations.
          const watch = (object: object, key: string, value: unknown) =>
            Object.defineProperty(object, key, { enumerable: true, get: () => (looked++, value) });
          for (const e of equations as Equation[]) {
            watch(e, "inputs", e.inputs);
            e.outputs.forEach((v) => watch(v, "aval", v.aval));
          }
          pass.run(program);
          return looked;
        };
        expect(looks(3)).toBeGreaterThan(0);
        expect(looks(10)).toBeLessThanOrEqual(looks(3));
      },
    );
  });

  afterEach(() => vi.restoreAllMocks());
  test.each(["cond", "whileLoop"])("%s: graphs are read once each", (kind) => {
    const program = optimize(inlineCalls(traced((x) => [nested(kind, depth)(x!)], scalar)));
    const read = vi.spyOn(Graph.prototype, "read");
    encodeProgram(program);
    expect(read.mock.calls.length).toBeLessThanOrEqual(4 * depth);
  });

  test("branches are called once each while they are traced, whatever is done to them", () => {
    let calls = 0;
    const counting = (depth: number): F => (x) => {
      calls++;
      return depth === 0 ? np.sin(x) : cond(x.greater(0), counting(depth - 1), np.cos, x);
    };
    traced((x) => [slope(slope(counting(depth)))(x!)], scalar);
    expect(calls).toBe(depth + 1);
  });
});

const chains: Record<string, (x: Tensor, i: number) => Tensor> = {
  additions: (x, i) => x.add(i),
  products: (x) => np.matmul(x, np.eye(2)),
  "sums and differences": (x) => x.sub(x.sum()),
  views: (x) => np.transpose(x.reshape([2, 2])),
  "pieces put together": (x) => np.concatenate([x.slice([1, 2]), x.slice([0, 1])]),
  choices: (x, i) => np.where(np.greater(x, i), x, np.cos(x)),
  maxima: (x) => x.sub(x.max({ axis: 1, keepdims: true })),
};

const loopOf = (step: (x: Tensor, i: number) => Tensor, n: number): F => (x) => {
  let y = x;
  for (let i = 0; i < n; i++) y = step(y, i);
  return y;
};

describe.each(Object.keys(chains))("a chain of %s", (kind) => {
  const matrix = aval([2, 2], "float32");
  test("and its gradient: four times as long is four times the work, in all passes together", () => {
    const work = (n: number) =>
      variables(() => {
        const f = loopOf(chains[kind]!, n);
        const program = inlineCalls(
          traced((x) => [slope((y) => np.sum(f(y)))(x!)], matrix),
        );
        optimize(program, onnxPasses);
      });
    expect(work(400)).toBeLessThanOrEqual(4.2 * work(100));
  });
});

describe.each(["reference", "onnx"] as const)(
  "10,000 of one kind after one another, on %s",
  (name) => {
    beforeEach(() => setBackend(name));

    test("terms", async () => {
      const f = jit((x: Tensor) => loopOf((s) => s.add(x), 9999)(x));
      expect(await f(np.array([1, 2])).array()).toEqual([10_000, 20_000]);
    });

    test("terms, from the right", async () => {
      const f = jit((x: Tensor) => loopOf((s) => x.add(s), 9999)(x));
      expect(await f(np.array([1, 2])).array()).toEqual([10_000, 20_000]);
    });

    test("views", async () => {
      const step = (x: Tensor, i: number) =>
        i % 2 === 0 ? np.broadcastTo(x, [2, 2, 3]).slice(0) : np.transpose(x.reshape([3, 2]));
      const f = jit((x: Tensor) => {
        let y = x;
        for (let i = 0; i < 5000; i++) y = step(y, i).reshape([2, 3]);
        return y.sum();
      });
      expect(await f(np.arange(6).reshape([2, 3])).item()).toBe(15);
    });
  },
);
