/**
 * Elements of a batch that take different ways through branches and loops: batching and differentiating commute, to
 * second order, also where what an element does not do is undefined for it.
 */
import { describe, expect, test } from "vitest";
import {
  cond,
  debug,
  grad,
  jit,
  jvp,
  makeProgram,
  np,
  type Tensor,
  vmap,
  whileLoop,
} from "trilevel";
import { expectClose } from "../support/close.ts";
import { read } from "../support/arrays.ts";
import { f64 } from "../support/numbers.ts";
import { type Flow, flows, forwardFlows, partials, reverseFlows, type Scalar } from "./partial.ts";
import { someOf } from "../support/tier.ts";

const parameter = f64(0.7);
const direction = { x: 0.8, w: -0.6 };
/** All take part, some do, none does. */
const batches = { mixed: [2.5, -1.5, 0, 0.8, 1.75], live: [0.8, 2.5], idle: [-1.5, 0] };
const tolerance = { relative: 1e-9, absolute: 1e-11 };

/** d f along the direction. */
const pushed = (f: Scalar): Scalar => (x, w) =>
  jvp(f, [x, w], [np.multiply(x, 0).add(direction.x), np.multiply(w, 0).add(direction.w)])[1];
/** The gradient's component along the direction. */
const pulled = (f: Scalar): Scalar => (x, w) => {
  const [gx, gw] = grad(f, { argnums: [0, 1] })(x, w);
  return np.sum(gx).mul(direction.x).add(gw.mul(direction.w));
};

type Way = (f: Scalar) => Scalar;
const forwards: Way[] = [(f) => f, pushed, (f) => pushed(pushed(f))];
const reverse: Way[] = [(f) => f, pulled, (f) => pulled(pulled(f))];

/** f of each element, one after the other: no element sees another. */
async function oneByOne(f: Scalar, xs: readonly number[]): Promise<number[]> {
  const run = jit(f);
  return (await read(xs.map((x) => run(f64(x), parameter)))).map(([y]) => y!);
}

const each = (f: Scalar) => vmap(f, { inAxes: [0, null] });
const sum = (xs: readonly number[]) => xs.reduce((a, b) => a + b, 0);

/** Values along the batch; `f` pushed and pulled before batching and after it, to second order. */
async function commute(f: Scalar, xs: readonly number[], ways: readonly Way[]): Promise<void> {
  const batch = f64([...xs]);
  const total: Scalar = (x, w) => np.sum(each(f)(x, w));
  for (const [order, way] of ways.entries()) {
    const right = await oneByOne(way(f), xs);
    expect(right.every(Number.isFinite), `order ${order} of single elements: ${right}`).toBe(true);
    const inside = await read([jit(each(way(f)))(batch, parameter)]);
    expectClose(inside, [right], tolerance);
    const outside = await read([jit(way(total))(batch, parameter)]);
    expectClose(outside, [[sum(right)]], tolerance);
    if (order === 0) continue;
    // The innermost derivative is taken inside the batch, the others of the whole.
    const first: Scalar = (x, w) => np.sum(each(ways[1]!(f))(x, w));
    const mixed = await read([jit(ways[order - 1]!(first))(batch, parameter)]);
    expectClose(mixed, [[sum(right)]], tolerance);
  }
}

/** The gradient in each element and in the shared parameter, not only along one direction. */
async function gradients(f: Scalar, xs: readonly number[], second: boolean): Promise<void> {
  const g = second ? pulled(f) : f;
  const run = jit(grad(g, { argnums: [0, 1] }));
  const single = await Promise.all(xs.map((x) => read(run(f64(x), parameter))));
  const total: Scalar = (x, w) => np.sum(each(g)(x, w));
  const found = await read(jit(grad(total, { argnums: [0, 1] }))(f64([...xs]), parameter));
  expectClose(
    found,
    [single.map(([gx]) => gx![0]!), [sum(single.map(([, gw]) => gw![0]!))]],
    tolerance,
  );
}

const few = ["sqrt", "reciprocal", "logOfShared"] as const;

describe.each(Object.entries(batches))("%s elements", (kind, xs) => {
  const chosen = kind === "mixed" ? few : few.slice(0, 1);
  describe.each(chosen)("%s", (name) => {
    const p = partials[name]!;
    const some = <T>(of: Readonly<Record<string, T>>) =>
      someOf(Object.entries(of), few.indexOf(name));
    test.each(some(flows))("%s", async (_, flow) => {
      await commute(flow(p), xs, reverse);
      await commute(flow(p), xs, forwards);
      await gradients(flow(p), xs, false);
      await gradients(flow(p), xs, true);
    });
    test.each(some(reverseFlows))("%s", async (_, flow) => {
      await commute(flow(p), xs, reverse);
      await gradients(flow(p), xs, false);
      await gradients(flow(p), xs, true);
    });
    test.each(some(forwardFlows))(
      "%s",
      (_, flow) => commute(flow(p), xs, forwards),
    );
  });
});

describe.each(someOf(Object.entries(partials)))("%s", (_, p) => {
  const simple: Flow[] = [flows["cond of operands"]!, flows["whileLoop"]!, flows["cond in cond"]!];
  test("in branches and loops", async () => {
    for (const flow of simple) {
      await commute(flow(p), batches.mixed, reverse);
      await gradients(flow(p), batches.mixed, true);
    }
  });
});

describe("what an element does not do", () => {
  test("leaves gradients as they are: √v where v > 0, in a branch and in a loop", async () => {
    const safe = (x: Tensor) => cond(x.greater(0), (v) => np.sqrt(v), (v: Tensor) => v.mul(0), x);
    const g = grad((xs: Tensor) => np.sum(vmap(safe)(xs)))(f64([4, -1, 0]));
    expectClose(await read([g]), [[0.25, 0, 0]]);
    const root = (x: Tensor) =>
      whileLoop(
        (y: Tensor) => y.greater(1),
        (y: Tensor) => np.sqrt(y.sub(1)),
        x,
        { maxSteps: 8 },
      );
    const h = grad((xs: Tensor) => np.sum(vmap(root)(xs)))(f64([1.5, 5.5, 0.2]));
    // 1.5 takes one step, 5.5 three, and .2 none; each step's slope is ½ (y - 1)^-½.
    const slope = (y: number): number =>
      y > 1 ? 0.5 / Math.sqrt(y - 1) * slope(Math.sqrt(y - 1)) : 1;
    expectClose(await read([h]), [[1.5, 5.5, 0.2].map(slope)]);
  });

  test("is not shown, and refuses nothing", async () => {
    const seen: number[] = [];
    const shown = (v: Tensor) => {
      debug.callback(({ data }) => seen.push(...data), v);
      return np.sqrt(v);
    };
    const f = (x: Tensor) => cond(x.greater(0), shown, (v: Tensor) => v, x);
    await grad((xs: Tensor) => np.sum(vmap(f)(xs)))(f64([4, -1, 0, 9])).data();
    await grad((xs: Tensor) => np.sum(vmap(f)(xs)))(f64([-1, 0])).data();
    const loop = (x: Tensor) =>
      whileLoop((y: Tensor) => y.greater(1), (y: Tensor) => shown(y.sub(1)), x, { maxSteps: 9 });
    await vmap(loop)(f64([2, 7, -3])).data();
    await debug.done();
    expect(seen.length).toBeGreaterThan(4);
    expect(seen.filter((v) => !(v > 0))).toEqual([]);
  });

  test("need not come to an end", async () => {
    const halved = (x: Tensor) =>
      whileLoop((y: Tensor) => y.notEqual(1), (y: Tensor) => np.floor(y.mul(0.5)), x);
    const f = (x: Tensor) => cond(x.greater(0), halved, (v: Tensor) => v, x);
    expectClose(await read([vmap(f)(f64([8, 0, 3, -1]))]), [[1, 0, 1, -1]]);
  });

  test("may be undefined at infinity", async () => {
    const gw = grad((w: Tensor) =>
      np.sum(
        vmap((x: Tensor) =>
          cond(np.isfinite(x), (v) => v.mul(v).mul(w), (_: Tensor) => w.mul(0), x)
        )(
          f64([2, Infinity, 3]),
        ),
      )
    )(f64(5));
    expectClose(await read([gw]), [[13]]);
  });

  test("costs nothing where it can do no harm", () => {
    const primitives = (f: (x: Tensor) => Tensor) =>
      makeProgram(vmap(f), f64([1, -1])).program.equations.map((e) => e.primitive.name);
    const linear = (x: Tensor) =>
      cond(x.greater(0), (v) => v.mul(3).sub(1), (v: Tensor) => v.neg(), x);
    expect(primitives(linear)).not.toContain("cond");
    const same = (x: Tensor) => cond(np.array(true), (v) => np.sqrt(v), (v: Tensor) => v.neg(), x);
    expect(primitives(same).filter((name) => name !== "cond" && name !== "convert")).toEqual([]);
  });
});
