/** Loops, branches and barriers on onnx, against the reference. */
import { describe, expect, test } from "vitest";
import { type Aval, aval } from "../../src/core/aval.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { BackendError, cond, jit, np, setBackend } from "../../src/index.ts";
import * as lax from "../../src/primitives/index.ts";
import { agree, host, random } from "./againstReference.ts";

const f32 = (...shape: number[]): Aval => aval(shape, "float32");

describe.each([1, 3, 2000])("scan of %i steps", (length) => {
  const body = traceClosed((w, c, n, x, e) => {
    const next = lax.add(lax.mul(c!, w!), x!);
    return [
      next,
      lax.add(n!, literal(1, "int32")),
      lax.mul(next, lax.convert(lax.broadcast(n!, [2], []), "float32")),
      lax.full([2], 3, "float32"),
      e!,
    ];
  }, [f32(2), f32(2), aval([], "int32"), f32(2), f32(0)]);
  test.each([false, true])("reverse: %s", async (reverse) => {
    await agree(
      (w, c, x, e) =>
        lax.scan([w!, c!, literal(0, "int32"), x!, e!], {
          body,
          consts: 1,
          carry: 2,
          length,
          reverse,
        }),
      [
        host("float32", [2], [0.5, -0.25]),
        host("float32", [2], [1, 2]),
        random("float32", [length, 2]),
        host("float32", [length, 0], []),
      ],
      { relative: 1e-4, absolute: 1e-3 },
    );
  });
  test("over a repeated x, and over nothing", async () => {
    const step = traceClosed((c, x) => [lax.add(c!, x!), c!], [f32(), f32()]);
    await agree((c, x) =>
      lax.scan([c!, lax.broadcast(x!, [length], [])], {
        body: step,
        consts: 0,
        carry: 1,
        length,
        reverse: false,
      }), [host("float32", [], [0]), host("float32", [], [1])]);
    const alone = traceClosed((c) => [lax.add(c!, literal(1, "float32"))], [f32()]);
    await agree(
      (c) => lax.scan([c!], { body: alone, consts: 0, carry: 1, length, reverse: true }),
      [host("float32", [], [0])],
    );
  });
  test("within a scan, and a branch within", async () => {
    const inner = traceClosed((w, c, x) => {
      const [y] = lax.cond(lax.convert(lax.gt(x!, c!), "int32"), [w!, c!], {
        branches: [
          traceClosed((w, c) => [lax.sub(c!, w!)], [f32(), f32()]),
          traceClosed((_, c) => [lax.neg(c!)], [f32(), f32()]),
        ],
      });
      return [y!, y!];
    }, [f32(), f32(), f32()]);
    const outer = traceClosed((xs, c, w) => {
      const [a, b] = lax.scan([w!, c!, xs!], {
        body: inner,
        consts: 1,
        carry: 1,
        length: 4,
        reverse: true,
      });
      return [a!, lax.reduceSum(b!, [0])];
    }, [f32(4), f32(), f32()]);
    await agree(
      (xs, c, ws) =>
        lax.scan([xs!, c!, ws!], { body: outer, consts: 1, carry: 1, length, reverse: false }),
      [random("float32", [4]), host("float32", [], [0.5]), random("float32", [length], 0, 0.01)],
      { absolute: 1e-4 },
    );
  });
});

test("scan of no step", async () => {
  const step = traceClosed((c, x) => [lax.add(c!, x!), c!], [f32(), f32()]);
  await agree(
    (c, x) => lax.scan([c!, x!], { body: step, consts: 0, carry: 1, length: 0, reverse: false }),
    [host("float32", [], [5]), host("float32", [0], [])],
  );
});

test("while, with and without a bound", async () => {
  const condition = traceClosed(
    (limit, c) => [lax.lt(c!, limit!)],
    [f32(), f32(), f32(0)].slice(0, 2),
  );
  const body = traceClosed((by, c) => [lax.mul(c!, by!)], [f32(), f32()]);
  const loop = (maxSteps: number | undefined) => (limit: Tensor, by: Tensor, c: Tensor) =>
    lax.whileLoop([limit, by, c], { condition, body, conditionConsts: 1, bodyConsts: 1, maxSteps });
  for (const maxSteps of [undefined, 0, 3, 100]) {
    for (const start of [1, 2000]) {
      const inputs = [1000, 3, start].map((x) => host("float32", [], [x]));
      await agree((...xs) => loop(maxSteps)(xs[0]!, xs[1]!, xs[2]!), inputs);
    }
  }
});

test("cond of one, two and four branches", async () => {
  for (const count of [1, 2, 4]) {
    const branches = Array.from({ length: count }, (_, k) =>
      traceClosed((x, y) => [
        k % 2 ? lax.add(x!, lax.full([2, 3], k, "float32")) : y!,
        lax.full([2], k, "int32"),
        lax.full([0], k, "int32"),
      ], [f32(2, 3), f32(2, 3)]));
    for (const index of [-1, 0, 1, 2, 3, 9]) {
      await agree((i, x) => lax.cond(i!, [x!, lax.full([2, 3], 7, "float32")], { branches }), [
        host("int32", [], [index]),
        random("float32", [2, 3]),
      ]);
    }
  }
});

test("barrier", async () => {
  await agree((x, y, z) => lax.barrier([x!, y!, lax.full([2, 2], 1, "float32"), z!]), [
    random("float32", [2, 3]),
    host("bool", [], [1]),
    host("int32", [0], []),
  ]);
});

test("branches that are nested more deeply than ONNX Runtime reads are refused in words", async () => {
  await setBackend("onnx");
  type F = (x: Tensor) => Tensor;
  const nested = (depth: number): F => (x) =>
    depth === 0 ? np.sin(x) : cond(x.greater(0), nested(depth - 1), np.cos, x);
  expect(await jit(nested(31))(np.array(0.5)).item()).toBeCloseTo(Math.sin(0.5), 6);
  const refused = () => jit(nested(32))(np.array(0.5));
  expect(refused).toThrow(BackendError);
  expect(refused).toThrow(
    /nested 32 deep, and at most 31 levels are supported[^]*switchCase or np.where/,
  );
});
