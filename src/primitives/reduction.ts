/** Reductions: all that they share but their derivatives. */
import { aval, formatAval } from "../core/aval.ts";
import { ShapeError } from "../core/errors.ts";
import type { Params, Primitive } from "../core/program.ts";
import type { Tensor } from "../core/tensor.ts";
import { bind } from "../core/trace.ts";
import { checkAxes, requireDType } from "./rules.ts";

/** Parameters of reductions: the axes that vanish. */
export interface ReduceParams extends Params {
  readonly axes: readonly number[];
}

/** The axes that a reduction keeps. */
export const keptAxes = (rank: number, axes: readonly number[]) =>
  Array.from({ length: rank }, (_, i) => i).filter((i) => !axes.includes(i));

/** A reduction of this name with these derivatives. */
export function reduction(
  name: string,
  accept: "number" | "bool",
  rules: (
    self: () => Primitive<ReduceParams>,
  ) => Pick<Primitive<ReduceParams>, "jvp" | "transpose">,
  needsElements = false,
): Primitive<ReduceParams> {
  const self: Primitive<ReduceParams> = {
    name,
    keepsWholes: true,
    abstractEval([x], { axes }) {
      checkAxes(name, x.shape, axes);
      requireDType(name, x, (d) => (d === "bool") === (accept === "bool"), `a ${accept}`);
      if (needsElements && axes.some((a) => x.shape[a] === 0)) {
        throw new ShapeError(
          `${name}: ${formatAval(x)} has no elements along (${axes.join(", ")})`,
          "there is no largest or smallest of nothing: check the size first",
        );
      }
      return [aval(keptAxes(x.shape.length, axes).map((i) => x.shape[i]!), x.dtype)];
    },
    ...rules(() => self),
    batch: ([x], _, { axes }) => ({ outputs: bind(self, [x], { axes: axes.map((a) => a + 1) }) }),
  };
  return self;
}

/** The function that applies a reduction; along no axes it does nothing. */
export function applyReduction(
  primitive: Primitive<ReduceParams>,
): (x: Tensor, axes: readonly number[]) => Tensor {
  return (x, axes) => axes.length === 0 ? x : bind(primitive, [x], { axes })[0];
}
