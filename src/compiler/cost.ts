/** The cost of a program: multiply-adds of its products, and the bytes of its values. */
import { type Equation, type Program, subprograms } from "../core/program.ts";
import { sizeOf } from "../core/aval.ts";
import { bytesOf } from "./liveness.ts";
import { isEquation } from "./rewrite.ts";

/** Counts over a whole run. Loops of unknown length count once. */
export interface Cost {
  /** Multiplications and additions of matrix products and convolutions. */
  readonly multiplyAdds: number;
  /** Bytes that inputs and outputs are: what any machine must move. */
  readonly ioBytes: number;
  /** Bytes that equations read and write, one by one: what a machine moves that fuses nothing. */
  readonly movedBytes: number;
}

/** Multiply-adds of one equation that is a product or a convolution; 0 for others. */
export function multiplyAddsOf(equation: Equation): number {
  const { inputs, outputs } = equation;
  const elements = outputs.reduce((sum, v) => sum + sizeOf(v.aval.shape), 0);
  const shapes = inputs.map((a) => a.aval.shape);
  if (isEquation(equation, "conv")) return elements * sizeOf(shapes[1]!.slice(1));
  if (!isEquation(equation, "dot")) return 0;
  const { lhsContract } = equation.params;
  return elements * sizeOf(lhsContract.map((a) => shapes[0]![a]!));
}

/** The number of equations a program has, here and within. */
export function equationsIn({ equations }: Pick<Program, "equations">): number {
  return sum(equations.map((e) => 1 + sum(subprograms(e.params).map(equationsIn))));
}

/** The cost of a program. */
export function costOf(program: Program): Cost {
  let [multiplyAdds, movedBytes] = [0, 0];
  for (const equation of program.equations) {
    const inner = subprograms(equation.params).map(costOf);
    const times = isEquation(equation, "scan") ? equation.params.length : 1;
    multiplyAdds += multiplyAddsOf(equation) + times * sum(inner.map((c) => c.multiplyAdds));
    movedBytes += inner.length > 0
      ? times * sum(inner.map((c) => c.movedBytes))
      : sum([...equation.inputs, ...equation.outputs].map((a) => bytesOf(a.aval)));
  }
  const ioBytes = sum([...program.inputs, ...program.outputs].map((a) => bytesOf(a.aval)));
  return { multiplyAdds, ioBytes, movedBytes };
}

const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);
