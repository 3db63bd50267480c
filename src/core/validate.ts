/** The check that a program is well formed; tests run it on everything that a transformation or a pass gives. */
import { type Atom, formatAval, sameShape, Var } from "./aval.ts";
import { InternalError } from "./errors.ts";
import { asOperands, type Program, subprograms } from "./program.ts";

/**
 * Checks that a program is well formed: every variable is defined once and before its use, and every
 * equation's outputs have the abstract values that its primitive gives them.
 *
 * @throws InternalError naming the equation.
 */
export function validateProgram(program: Program): void {
  const defined = new Set<Var>();
  const define = (v: Var, where: string) => {
    if (defined.has(v)) throw new InternalError(`variable ${v.id} is defined twice, in ${where}`);
    defined.add(v);
  };
  const use = (a: Atom, where: string) => {
    if (a instanceof Var && !defined.has(a)) {
      throw new InternalError(`variable ${a.id} is used before it is defined, in ${where}`);
    }
  };
  program.inputs.forEach((v) => define(v, "inputs"));
  program.equations.forEach((equation, i) => {
    const where = `equation ${i} (${equation.primitive.name})`;
    equation.inputs.forEach((a) => use(a, where));
    const expected = equation.primitive.abstractEval(
      asOperands(equation.inputs.map((a) => a.aval)),
      equation.params,
    );
    if (expected.length !== equation.outputs.length) {
      throw new InternalError(
        `${where} has ${equation.outputs.length} outputs, not ${expected.length}`,
      );
    }
    equation.outputs.forEach((v, k) => {
      const e = expected[k]!;
      if (e.dtype !== v.aval.dtype || !sameShape(e.shape, v.aval.shape)) {
        throw new InternalError(
          `${where} gives ${formatAval(e)}, but its output says ${formatAval(v.aval)}`,
        );
      }
      define(v, where);
    });
    subprograms(equation.params).forEach(validateProgram);
  });
  program.outputs.forEach((a) => use(a, "outputs"));
}
