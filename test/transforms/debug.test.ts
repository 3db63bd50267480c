/** Looking into running programs: prints in order from everywhere, and the first NaN by name and line. */
import {
  cond,
  debug,
  debugNans,
  grad,
  jit,
  np,
  scan,
  setBackend,
  type Tensor,
  vmap,
  whileLoop,
} from "trilevel";
import { afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { backends } from "../support/backends.ts";

describe.each(["reference" as const, ...backends.map((b) => b.name)])(
  "debug.print on %s",
  (name) => {
    let lines: string[];
    beforeAll(() => setBackend(name));
    beforeEach(() => {
      lines = [];
      vi.spyOn(console, "log").mockImplementation((line: string) => void lines.push(line));
    });
    afterEach(() => void vi.restoreAllMocks());

    const f = (x: Tensor) => {
      debug.print("x is {}", x);
      return x.mul(x);
    };

    it("prints eagerly, compiled, and differentiated", async () => {
      f(np.array(2));
      await jit(f)(np.array(3)).data();
      await grad(f)(np.array(4)).data();
      await jit(grad(grad(f)))(np.array(5)).data();
      await debug.done();
      expect(lines).toEqual(["x is 2", "x is 3", "x is 4", "x is 5"]);
    });

    it("prints at every call of a compiled function", async () => {
      const compiled = jit(f);
      for (const x of [1, 2, 3]) compiled(np.array(x));
      await debug.done();
      expect(lines).toEqual(["x is 1", "x is 2", "x is 3"]);
    });

    it("prints a batch once, and every step of a scan in its order", async () => {
      await vmap(f)(np.array([1, 2])).data();
      const loop = (reverse: boolean) => (xs: Tensor) =>
        scan((c: Tensor, x: Tensor) => [c.add(f(x)), null] as const, np.array(0), xs, {
          reverse,
        })[0];
      await loop(false)(np.array([3, 4])).data();
      await jit(loop(true))(np.array([5, 6])).data();
      await debug.done();
      expect(lines).toEqual(["x is [1, 2]", "x is 3", "x is 4", "x is 6", "x is 5"]);
    });

    it("prints in the branch that is taken, and only there", async () => {
      const g = (y: Tensor) => {
        debug.print("y is {}", y);
        return f(y.mul(10)).neg();
      };
      const inside = (x: Tensor) => cond(x.greater(0), f, g, x);
      for (const h of [inside, jit(inside), jit(grad(inside))]) {
        for (const x of [1, -2]) await h(np.array(x)).data();
        await debug.done();
        expect(lines.splice(0)).toEqual(["x is 1", "y is -2", "x is -20"]);
      }
      const loop = (xs: Tensor) => scan((c: null, x: Tensor) => [c, inside(x)], null, xs)[1];
      await jit(loop)(np.array([-1, 4, -3])).data();
      await debug.done();
      expect(lines).toEqual(["y is -1", "x is -10", "x is 4", "y is -3", "x is -30"]);
    });

    it("prints every step that a bounded loop takes", async () => {
      const loop = (x: Tensor) => whileLoop((c: Tensor) => c.less(99), f, x, { maxSteps: 4 });
      for (const h of [loop, jit(loop), grad(loop)]) {
        await h(np.array(3)).data();
        await h(np.array(1)).data();
        await debug.done();
        const ones = Array(4).fill("x is 1");
        expect(lines.splice(0)).toEqual(["x is 3", "x is 9", "x is 81", ...ones]);
      }
    });

    it("refuses where it cannot, with both places and the hint", () => {
      const [small, double] = [(c: Tensor) => c.less(9), (c: Tensor) => c.mul(2)];
      const shown = (g: (c: Tensor) => Tensor) => (c: Tensor) => {
        debug.print("c is {}", c);
        return g(c);
      };
      const endless = (x: Tensor) => whileLoop(small, shown(double), x);
      const asking = (x: Tensor) => whileLoop(shown(small), double, x, { maxSteps: 4 });
      const message =
        /^debug.print .* at .*debug\.test\.ts:\d+:\d+ is in .*\(while at .*debug\.test\.ts:\d+:\d+\)[\s\S]*maxSteps/;
      for (const loop of [endless, asking]) {
        expect(() => jit(loop)(np.array(2))).toThrow(message);
        expect(() => loop(np.array(2))).toThrow(/debug\.test\.ts:\d+:\d+ is in [\s\S]*maxSteps/);
      }
    });
  },
);

describe("debugNans", () => {
  beforeAll(() => setBackend("reference"));

  it("names the first operation, its operands, and the user's line", async () => {
    const f = (x: Tensor) => np.sum(np.log(x.sub(2)).mul(0));
    const error = await debugNans(f)(np.array([1, 3])).catch((e) => e);
    expect(error._tag).toBe("NanError");
    expect(error.message).toMatch(/^log gives NaN, called at .*debug\.test\.ts:\d+:\d+/);
    expect(error.message).toContain("float32[2] in [-1, 1]");
  });

  it("finds NaN in gradients, and in arguments", async () => {
    const root = (x: Tensor) => np.sqrt(x).mul(0);
    const error = await debugNans(grad(root))(np.array(0)).catch((e) => e);
    expect(error.message).toMatch(/gives NaN/);
    const given = await debugNans(root)(np.array(NaN)).catch((e) => e);
    expect(given.message).toMatch(/argument 0 contains NaN before the function runs/);
  });

  it("gives the value when there is none", async () => {
    const f = (x: Tensor) => ({ y: np.exp(x), n: x.astype("int32") });
    const { y, n } = await debugNans(f)(np.array(0));
    expect([await y.item(), await n.item()]).toEqual([1, 0]);
  });
});
