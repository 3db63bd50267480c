/**
 * How far apart two correct runs of a program may be. A program is run in double precision with noise of one
 * unit in the last place on whatever an equation reads (stochastic arithmetic, after Vignes); the
 * spread of a few such runs is the error that rounding alone may cause at each element: large where the
 * program is ill-conditioned, tiny where it is not. No tolerance is chosen by hand.
 */
import { isFloat } from "../../src/core/dtype.ts";
import { CallSite } from "../../src/core/errors.ts";
import { Environment } from "../../src/core/evaluate.ts";
import { Compiled } from "../../src/runtime/compiled.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import { type Equation, inputAvals, isProgram, type Program } from "../../src/core/program.ts";
import { formatAval } from "../../src/core/aval.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { bind, traceClosed, withSourceLocation } from "../../src/core/trace.ts";
import * as lax from "../../src/primitives/index.ts";
import { type HostArray, place, Random, read } from "./arrays.ts";
import { reference } from "./reference.ts";

/** Instructions that move or choose values, and do not round. What loops do, their bodies do. */
const exact = new Set([
  ...["neg", "abs", "sign", "floor", "ceil", "round", "stopGradient", "isFinite", "select"],
  ...["broadcast", "reshape", "transpose", "slice", "pad", "concatenate", "reverse", "iota"],
  ...["max", "min", "eq", "ne", "lt", "le", "gt", "ge", "reduceMax", "reduceMin", "argMax"],
  ...["argMin", "gather", "sort", "scan", "cond", "while", "barrier"],
]);

/** The program with noise on what its equations read, and on what it gives in the end. */
function perturbed(program: Program, random: Random): Program {
  const patterns = new Map<string, Tensor>();
  const patternOf = (x: Tensor): Tensor => {
    const key = formatAval(x.aval);
    let found = patterns.get(key);
    if (!found) {
      const c = (value: number) => lax.full([x.size], value, x.dtype);
      const places = lax.mul(lax.iota([x.size], x.dtype, 0), c(random.between(1, 3)));
      const wave = lax.cos(lax.add(places, c(random.between(0, 6))));
      // Between ½ and 1 in size: no element goes without noise.
      const signed = lax.add(lax.mul(wave, c(0.5)), lax.mul(lax.sign(wave), c(0.5)));
      found = lax.reshape(signed, x.shape);
      patterns.set(key, found);
    }
    return found;
  };
  const noisy = (x: Tensor): Tensor => {
    if (!isFloat(x.dtype) || x.source.kind === "literal" || x.size === 0) return x;
    // The runs are in double precision themselves, where one unit of noise would be rounded away.
    const unit = x.dtype === "float32" ? 2 ** -24 : 4 * 2 ** -53;
    const sign = random.next() < 0.5 ? -1 : 1;
    const noise = lax.mul(patternOf(x), lax.fullLike(x, sign * unit * random.between(1, 2)));
    return lax.add(x, lax.mul(x, noise));
  };
  const rounds = new Set<unknown>();
  return traceClosed((...inputs) => {
    const env = new Environment(program.inputs, inputs);
    for (const { primitive, params, inputs, outputs } of program.equations) {
      const values = inputs.map((a) => env.read(a));
      const isExact = exact.has(primitive.name);
      const inner = within(params, (body) => perturbed(body, random));
      env.define(outputs, bind(primitive, isExact ? values : values.map(noisy), inner));
      // What moves a rounded value gives one.
      if (!isExact || inputs.some((a) => rounds.has(a))) outputs.forEach((v) => rounds.add(v));
    }
    return program.outputs.map((a) => rounds.has(a) ? noisy(env.read(a)) : env.read(a));
  }, inputAvals(program));
}

function within(params: Equation["params"], change: (program: Program) => Program): typeof params {
  const visit = (value: unknown): unknown =>
    isProgram(value) ? change(value) : Array.isArray(value) ? value.map(visit) : value;
  return Object.fromEntries(Object.entries(params).map(([key, value]) => [key, visit(value)]));
}

async function onReference(program: Program, inputs: readonly HostArray[]): Promise<number[][]> {
  const compiled = new Compiled(program, reference);
  return await read(compiled.run(inputs.map((x) => place(x, reference))));
}

/** What a program gives in double precision, and how uncertain rounding makes each element of it. */
export class Expected {
  /** How far noisy runs are from the values, at most. */
  readonly spread: number[][];
  #runs = 0;

  private constructor(
    private readonly program: Program,
    private readonly inputs: readonly HostArray[],
    readonly values: readonly (readonly number[])[],
  ) {
    this.spread = values.map((y) => y.map(() => 0));
  }

  /** The program's outputs, before any run with noise. */
  static async of(program: Program, inputs: readonly HostArray[]): Promise<Expected> {
    const flat = inlineCalls(program);
    return new Expected(flat, inputs, await onReference(flat, inputs));
  }

  /** Looks at more runs with noise, until there have been so many. */
  async observe(runs: number): Promise<void> {
    while (this.#runs < runs) {
      // One place for all equations: remembering each would take longer than the run.
      const random = new Random(this.#runs++);
      const noisy = withSourceLocation(new CallSite(), () => perturbed(this.program, random));
      const run = await onReference(noisy, this.inputs);
      run.forEach((y, k) =>
        y.forEach((v, i) => {
          const apart = Math.abs(v - this.values[k]![i]!);
          this.spread[k]![i] = Math.max(this.spread[k]![i]!, apart);
        })
      );
    }
  }
}
