/**
 * Random programs: a list of steps, each applied to the latest value and one before it, so that the program is as
 * deep as it is long, branches, and uses values again. A step may hold a block of further steps, which closes over
 * all values so far and is differentiated, batched, looped over, checkpointed or branched on.
 *
 * Programs are data: they shrink, and print themselves.
 */
import fc from "fast-check";
import type { Shape } from "../../../src/core/aval.ts";
import type { Tensor } from "../../../src/core/tensor.ts";
import { grad } from "../../../src/transforms/grad.ts";
import { type HostArray, hostArray, Random } from "../arrays.ts";
import { derivatives, forwards, reverseOnly, wrappers } from "./nested.ts";
import { operations } from "./operations.ts";
import { inShape, limited, mean } from "./parts.ts";

/** One step: an operation on the latest value and the one `other` steps before it, or a nested block. */
export interface Step {
  readonly name: string;
  readonly other: number;
  readonly constant: number;
  readonly block?: readonly Step[];
}

const inputShapes: readonly Shape[] = [[2, 3], [4], [], [1, 5, 2], [7, 1], [2, 1, 3, 2]];

/** A program, and the seed of its inputs. */
export class RandomProgram {
  constructor(readonly steps: readonly Step[], readonly seed: number) {}

  /** Two floats and some whole numbers; others of the same shapes for another sample. */
  inputs(sample = 0): HostArray[] {
    const chosen = new Random(this.seed);
    const shape = () => inputShapes[chosen.whole(0, inputShapes.length - 1)]!;
    const shapes = [shape(), shape()];
    const random = new Random(this.seed + sample);
    return [
      ...shapes.map((s) => hostArray("float32", s, () => random.between(-2, 2))),
      hostArray("int32", [5], () => random.whole(0, 9)),
    ];
  }

  /** The program's value; `around` says what is done to it. */
  value(x: Tensor, y: Tensor, wholes: Tensor, around: Around = outermost): Tensor {
    return runSteps(this.steps, [y, x], wholes, around);
  }

  /** The program's value, and its gradients. */
  run(x: Tensor, y: Tensor, wholes: Tensor): Tensor[] {
    const f = (a: Tensor, b: Tensor): [Tensor, Tensor] => {
      const value = this.value(a, b, wholes);
      return [mean(value), value];
    };
    const [gradients, value] = grad(f, { argnums: [0, 1], hasAux: true })(x, y);
    return [value, ...gradients];
  }

  /** One step a line. */
  [fc.toStringMethod](): string {
    return `seed ${this.seed}\n${format(this.steps, "  ")}`;
  }
}

function format(steps: readonly Step[], indent: string): string {
  return steps.map(({ name, other, constant, block }) =>
    `${indent}${name} (other ${other}, constant ${constant})` +
    (block ? `\n${format(block, `${indent}  `)}` : "")
  ).join("\n");
}

/** What is being done to a block: how many derivatives are taken of it, and whether one of them forwards. */
export interface Around {
  readonly order: number;
  readonly forward: boolean;
}
const outermost: Around = { order: 0, forward: false };

// Derivatives of derivatives of derivatives: more would only take long.
const mostDerivatives = 2;

/** Runs steps on values, the latest of which is last. */
function runSteps(
  steps: readonly Step[],
  values: readonly Tensor[],
  wholes: Tensor,
  around: Around,
): Tensor {
  const pool = [...values];
  for (const step of steps) {
    const x = pool.at(-1)!;
    const y = pool.at(-1 - step.other % pool.length)!;
    const result = step.block
      ? runNested(step, step.block, x, y, pool, wholes, around)
      : operations[step.name]!(x, inShape(y, x.shape), step.constant, wholes);
    pool.push(limited(result));
  }
  return pool.at(-1)!;
}

/** Runs a step that holds a block: as a function of the latest values, it is transformed and applied. */
function runNested(
  { name, constant }: Step,
  block: readonly Step[],
  x: Tensor,
  y: Tensor,
  pool: readonly Tensor[],
  wholes: Tensor,
  around: Around,
): Tensor {
  const derivative = around.order < mostDerivatives ? derivatives[name] : undefined;
  const inner: Around = derivative
    ? { order: around.order + 1, forward: around.forward || forwards.has(name) }
    : around;
  // A function with customVjp has no forward derivative.
  const wrapper = around.forward && reverseOnly.has(name) ? "customJvp" : name;
  const apply = derivative ?? wrappers[wrapper] ?? wrappers["jit"]!;
  const before = [...pool];
  return apply({
    x,
    y,
    c: constant,
    wholes,
    open: (...xs) => runSteps(block, [...before, ...xs.toReversed()], wholes, inner),
    closed: (...xs) => runSteps(block, xs.toReversed(), wholes, inner),
    deciding: (ks, ...xs) => runSteps(block, [...before, ...xs.toReversed()], ks, inner),
  });
}

const constants = fc.integer({ min: -8, max: 8 }).map((n) => n / 8);

/** Steps of these operations, without a block. */
const plain = (names: readonly string[]): fc.Arbitrary<Step> =>
  fc.record({ name: fc.constantFrom(...names), other: fc.nat(6), constant: constants });

/** Blocks up to a depth of nesting. */
function block(
  step: fc.Arbitrary<Step>,
  depth: number,
  minLength: number,
  maxLength: number,
): fc.Arbitrary<readonly Step[]> {
  if (depth === 0) return fc.array(step, { minLength, maxLength, size: "max" });
  const holding: fc.Arbitrary<Step> = fc.record({
    name: fc.constantFrom(...Object.keys(wrappers), ...Object.keys(derivatives)),
    other: fc.nat(6),
    constant: constants,
    block: block(step, depth - 1, 1, 4),
  });
  const either = fc.oneof(
    { withCrossShrink: true },
    { weight: 4, arbitrary: step },
    { weight: depth, arbitrary: holding },
  );
  return fc.array(either, { minLength, maxLength, size: "max" });
}

const programs = (names: readonly string[]): fc.Arbitrary<RandomProgram> =>
  fc.tuple(block(plain(names), 2, 10, 14), fc.noShrink(fc.nat()))
    .map(([steps, seed]) => new RandomProgram(steps, seed));

/** Operations on so many elements that finite differences and loops over samples would take minutes. */
const large = new Set(["longMean"]);

/** Programs at least ten steps deep; steps shrink to none. */
export const randomPrograms: fc.Arbitrary<RandomProgram> = programs(
  Object.keys(operations).filter((name) => !large.has(name)),
);

/** Programs that may also hold sums of many terms, for backends whose rounding is looked at. */
export const largePrograms: fc.Arbitrary<RandomProgram> = programs(Object.keys(operations));
