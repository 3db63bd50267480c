/**
 * The workload: one gradient of slot attention's fixed point, in all parameters, keys and values, as the
 * program that a backend gets.
 */
import {
  type Adjoint,
  fixedPointIteration,
  forward,
  grad,
  implicit,
  np,
  oneStep,
  random,
  type Tensor,
  unrolled,
} from "trilevel";
import { type Keys, slotAttention, type SlotAttentionParams } from "trilevel/models";
import { optimize, passes } from "../../src/compiler/optimize.ts";
import { eliminateDeadCode, outputAvals, type Pass, type Program } from "../../src/core/program.ts";
import { traceLeaves } from "../../src/core/function.ts";
import { inlineCalls } from "../../src/core/inline.ts";
import type { Aval } from "../../src/core/aval.ts";
import type { Structure } from "../../src/core/tree.ts";

/** How the fixed point is differentiated, by the names in the table. */
export const adjoints = {
  oneStep: oneStep(),
  implicit: implicit(),
  "unrolled, checkpoint": unrolled({ checkpoint: true }),
  unrolled: unrolled(),
} as const satisfies Record<string, Adjoint>;

export type AdjointName = keyof typeof adjoints;

/** How many iterations are measured. */
export const iterations = [1, 3, 7, 20, 50] as const;

/** Sizes; the defaults are those of the paper on CLEVR at a fourth of its inputs. */
export interface Size {
  readonly batch: number;
  readonly inputs: number;
  readonly slots: number;
  readonly channels: number;
}

export const paperSize: Size = { batch: 16, inputs: 1024, slots: 7, channels: 64 };

/** What the loss is differentiated in, and where slots start. */
export type Arguments = [learned: { params: SlotAttentionParams; keys: Keys }, slots: Tensor];

const model = ({ slots, channels }: Size) =>
  slotAttention({ slots, inputSize: channels, slotSize: channels, mlpHidden: 2 * channels });

/** The mean square of the slots that `steps` iterations find, as a function to differentiate. */
export function loss(
  size: Size,
  adjoint: Adjoint,
  steps: number,
): (...args: Arguments) => Tensor {
  const { step } = model(size);
  return ({ params, keys }, slots) => {
    const infer = fixedPointIteration((s: Tensor) => step(params, s, keys), {
      solver: forward(),
      adjoint,
      maxSteps: steps,
      atol: 0,
      rtol: 0,
      batchAxis: 0,
      finalStep: adjoint.kind === "atSolution",
    });
    return np.mean(np.square(infer(slots).value));
  };
}

/** Random arguments, the same each time. */
export function sampleArguments(size: Size): Arguments {
  const { batch, inputs, slots, channels } = size;
  const [a, b, c, d] = random.split(random.key(0), 4);
  return [
    {
      params: model(size).init(a),
      keys: {
        k: random.normal(b, [batch, inputs, channels]),
        v: random.normal(c, [batch, inputs, channels]),
      },
    },
    random.normal(d, [batch, slots, channels]),
  ];
}

/** Structures and types of the arguments, without computing them. */
export function abstractArguments(size: Size): [readonly Structure[], readonly Aval[]] {
  const { program, output } = traceLeaves(() => sampleArguments(size), [], [], "arguments");
  return [output.kind === "array" ? output.children : [], outputAvals(program)];
}

/** The gradient as a program, after passes: those that all backends have, if no others are given. Nothing is computed. */
export function gradientProgram(
  size: Size,
  adjoint: Adjoint,
  steps: number,
  using: readonly Pass[] = passes,
): Program {
  const gradient = grad(loss(size, adjoint, steps));
  const { program } = traceLeaves(gradient, ...abstractArguments(size), "the gradient");
  return optimize(eliminateDeadCode(inlineCalls(program)), using);
}
