/** What is computed again instead of being kept: programs need less memory, and nothing dear is done twice. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { peakBytes } from "../../src/compiler/liveness.ts";
import { onnxPasses, optimize, webgpuPasses } from "../../src/compiler/optimize.ts";
import { recomputeAtPeak } from "../../src/compiler/remat/peakMemory.ts";
import { recomputeResiduals } from "../../src/compiler/remat/loopResiduals.ts";
import { scan } from "../../src/control/index.ts";
import { aval } from "../../src/core/aval.ts";
import { eliminateDeadCode, type Pass, type Program } from "../../src/core/program.ts";
import { formatProgram } from "../../src/core/printer.ts";
import { literal, type Tensor } from "../../src/core/tensor.ts";
import * as lax from "../../src/primitives/index.ts";
import { grad } from "../../src/transforms/grad.ts";
import { checkPasses, everywhere, matrix, noise, traced, without } from "../support/passes.ts";
import { type RandomProgram, randomPrograms } from "../support/random/randomProgram.ts";
import { runs } from "../support/tier.ts";

const f32 = (...shape: number[]) => aval(shape, "float32");
/** How often a program has an instruction. */
const count = (program: Program, name: string) =>
  everywhere(program).filter((e) => e.primitive.name === name).length;
const bytesOf = ({ aval: { shape } }: { aval: { shape: readonly number[] } }) =>
  4 * shape.reduce((a, b) => a * b, 1);

/** Both passes, where even the smallest value is worth an equation. */
const eager: readonly Pass[] = [
  { name: "recomputeResiduals", run: (p) => recomputeResiduals(p, 0) },
  { name: "recomputeAtPeak", run: (p) => recomputeAtPeak(p, 0) },
];
const dear = [
  ...[
    "dot",
    "conv",
    "exp",
    "log",
    "sin",
    "cos",
    "tanh",
    "logistic",
    "pow",
    "reduceSum",
    "reduceMax",
  ],
  ...["cumsum", "sort", "gather", "scatter", "threefry2x32", "scan", "while", "cond", "callback"],
];

test(
  "random programs compute the same, never with more memory, and nothing dear twice",
  async () => {
    let changed = 0;
    const check = async (random: RandomProgram) => {
      const inputs = random.inputs();
      const avals = inputs.map((x) => aval(x.shape, x.dtype));
      const program = eliminateDeadCode(traced((x, y, k) => random.run(x!, y!, k!), ...avals));
      for (
        const before of [
          without(webgpuPasses, "recomputeResiduals", "recomputeAtPeak"),
          without(onnxPasses, "recomputeResiduals"),
        ]
      ) {
        let now = optimize(program, before);
        await checkPasses(now, inputs, eager);
        for (const { run } of eager) {
          const next = run(now);
          expect(peakBytes(next)).toBeLessThanOrEqual(peakBytes(now));
          for (const name of dear) expect(count(next, name)).toBeLessThanOrEqual(count(now, name));
          if (next.equations.length !== now.equations.length) changed++;
          now = next;
        }
      }
    };
    await fc.assert(fc.asyncProperty(randomPrograms, check), { numRuns: runs(50) });
    expect(changed).toBeGreaterThan(0);
  },
  0,
);

describe("a derivative", () => {
  /** Layers whose activations are normalized: each keeps only what its product gave, and rows' statistics. */
  const layers = (x: Tensor, w: Tensor) => {
    let h = x;
    for (let i = 0; i < 4; i++) {
      const u = lax.dot(h, w, matrix);
      const scale = lax.rsqrt(lax.reduceSum(lax.mul(u, u), [1]));
      const z = lax.mul(u, lax.broadcast(scale, [16, 64], [0]));
      h = lax.max(lax.mul(z, z), lax.mul(z, lax.broadcast(literal(0.5, "float32"), [16, 64], [])));
    }
    return lax.reduceSum(h, [0, 1]);
  };
  const program = () =>
    traced((x, w) => [grad(layers, { argnums: 1 })(x!, w!)], f32(16, 64), f32(64, 64));

  test("keeps less until it goes back", async () => {
    const before = without(webgpuPasses, "recomputeAtPeak");
    const kept = optimize(program(), before);
    const after = recomputeAtPeak(kept);
    expect(peakBytes(after)).toBeLessThan(0.8 * peakBytes(kept));
    expect(count(after, "dot")).toBe(count(kept, "dot"));
    expect(count(after, "rsqrt")).toBeLessThanOrEqual(2 * count(kept, "rsqrt"));
    await checkPasses(program(), [noise(16, 64), noise(64, 64)], webgpuPasses);
  });

  test("stacks less for the loop that goes back", async () => {
    const loss = (w: Tensor, x: Tensor) => {
      const step = (c: Tensor) => {
        const u = lax.mul(c, w);
        const v = lax.add(lax.mul(u, u), c);
        const half = lax.mul(v, lax.broadcast(literal(0.5, "float32"), [64, 64], []));
        return [lax.max(v, half), null] as const;
      };
      return lax.reduceSum(scan(step, x, null, { length: 6 })[0], [0, 1]);
    };
    const program = traced((w, x) => [grad(loss)(w!, x!)], f32(64, 64), f32(64, 64));
    const before = without(webgpuPasses, "recomputeResiduals", "recomputeAtPeak");
    const kept = optimize(program, before);
    const after = recomputeResiduals(kept);
    const stacked = (p: Program) => {
      const [loop] = p.equations.filter((e) => e.primitive.name === "scan");
      return loop!.outputs.filter((v) => v.aval.shape.length === 3).reduce(
        (n, v) => n + bytesOf(v),
        0,
      );
    };
    // Everything follows from the carry.
    expect(stacked(kept)).toBeGreaterThan(6 * 4 * 64 * 64);
    expect(stacked(after)).toBe(6 * 4 * 64 * 64);
    expect(peakBytes(after)).toBeLessThan(peakBytes(kept));
    await checkPasses(program, [noise(64, 64), noise(64, 64)], webgpuPasses);
  });
});

describe("over most memory", () => {
  /** What takes most memory: products of the rows of `w`, [64, 256], with one another; a value [64, 64] is left. */
  const middle = (w: Tensor) => {
    const wide = lax.dot(w, w, { ...matrix, lhsContract: [0], rhsContract: [0] });
    return lax.dot(lax.dot(w, wide, matrix), w, { ...matrix, rhsContract: [1] });
  };
  /** A value made before the middle, of which something is read at once, and all after it. */
  const over = (
    make: (x: Tensor) => Tensor,
    before = (v: Tensor) => lax.reduceSum(v, [0, 1]),
    after = (v: Tensor, z: Tensor, _early: Tensor) => lax.add(v, z),
  ) =>
    traced(
      (x, w) => {
        const v = make(x!);
        const early = before(v);
        return [early, lax.reduceSum(after(v, middle(w!), early), [0, 1])];
      },
      f32(64, 64),
      f32(64, 256),
    );
  const square = (x: Tensor) => lax.mul(x, x);

  test("what is cheap is computed again", async () => {
    const program = over(square);
    const after = await checkPasses(program, [noise(64, 64), noise(64, 256)], [
      { name: "recomputeAtPeak", run: recomputeAtPeak },
    ]);
    expect(peakBytes(after)).toBe(peakBytes(program) - 4 * 64 * 64);
    expect(count(after, "mul")).toBe(2);
  });

  test("what is dear is kept", () => {
    for (const make of [lax.exp, lax.tanh, lax.erf, (x: Tensor) => lax.dot(x, x, matrix)]) {
      const program = over(make);
      expect(formatProgram(recomputeAtPeak(program))).toBe(formatProgram(program));
    }
  });

  test("what a product reads is kept", () => {
    const program = over(square, undefined, (v, z) => lax.dot(v, z, matrix));
    expect(count(recomputeAtPeak(program), "mul")).toBe(1);
  });

  test("what is compared with its own maximum is kept", () => {
    const most = (v: Tensor) => lax.reduceMax(v, [0, 1]);
    const attains = (v: Tensor, z: Tensor, most: Tensor) =>
      lax.select(lax.eq(v, lax.broadcast(most, [64, 64], [])), z, v);
    expect(count(recomputeAtPeak(over(square, most, attains)), "mul")).toBe(1);
  });

  test("what is shown is shown once", () => {
    const program = over((x) => {
      const v = square(x);
      lax.callback([v], () => {});
      return v;
    });
    const after = recomputeAtPeak(program);
    expect(count(after, "mul")).toBe(2);
    expect(count(after, "callback")).toBe(1);
  });
});
