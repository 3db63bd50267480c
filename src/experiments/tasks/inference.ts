/** Config fields of tasks with an inner iteration: how many steps, by which solver, differentiated how. */
import { Schema } from "effect";
import {
  type Adjoint,
  anderson,
  broyden,
  type FixedPointSolver,
  forward,
  gmres,
  implicit,
  neumann,
  oneStep,
  phantom,
  truncated,
  unrolled,
} from "../../index.ts";
import { Count, defaultsTo } from "../schema.ts";

/** The adjoints at a solution: they differentiate the fixed point that an iteration has come to. */
const atSolution = ["oneStep", "neumann", "phantom", "implicit"] as const;
/** All adjoints; `unrolled` differentiates every iteration, `truncated` the last ones. */
export const adjoints = ["unrolled", "truncated", ...atSolution] as const;
/** The solvers of fixed points. */
export const solvers = ["forward", "anderson", "broyden"] as const;

/** The solvers of the linear system of the `implicit` adjoint. */
export const linearSolvers = ["gmres", "broyden"] as const;

/** Fields for the `model` of a task. */
export const inferenceFields = {
  iterations: Count,
  solver: Schema.Literals(solvers).pipe(defaultsTo("forward")),
  adjoint: Schema.Literals(adjoints).pipe(defaultsTo("oneStep")),
  /** Terms of the `neumann` and `phantom` adjoints; steps from one cut of `truncated` to the next. */
  adjointTerms: Count.pipe(defaultsTo(5)),
  /** The solver of the linear system of the `implicit` adjoint; deep equilibrium models use `broyden`. */
  linear: Schema.Literals(linearSolvers).pipe(defaultsTo("gmres")),
};

const InferenceConfig = Schema.Struct(inferenceFields);
/** The fields above, every default spelled out. */
export type InferenceConfig = typeof InferenceConfig.Type;

/** The solver of a name. */
export function solverOf(
  { solver }: { readonly solver: typeof solvers[number] },
): FixedPointSolver {
  switch (solver) {
    case "forward":
      return forward();
    case "anderson":
      return anderson();
    case "broyden":
      return broyden();
  }
}

/** The adjoint of a name. */
export function adjointOf(
  { adjoint, adjointTerms: terms, linear }: {
    readonly adjoint: typeof adjoints[number];
    readonly adjointTerms: number;
    readonly linear: typeof linearSolvers[number];
  },
): Adjoint {
  switch (adjoint) {
    case "unrolled":
      return unrolled();
    case "truncated":
      return truncated({ steps: terms });
    case "oneStep":
      return oneStep();
    case "neumann":
      return neumann({ terms });
    case "phantom":
      return phantom({ terms, damping: 0.5 });
    case "implicit":
      return implicit({ linear: linear === "gmres" ? gmres() : broyden() });
  }
}

/**
 * The `model` of a config with the derivative of every iteration, which others are compared with. It applies its step as
 * often: with `finalStep` an adjoint at the solution applies it once more than there are iterations.
 */
export const unrolledModel =
  ({ finalStep }: { readonly finalStep: boolean }) =>
  <M extends { readonly adjoint: string; readonly iterations: number }>(model: M): M => {
    const once = finalStep && atSolution.some((name) => name === model.adjoint);
    return { ...model, adjoint: "unrolled", iterations: model.iterations + (once ? 1 : 0) };
  };
