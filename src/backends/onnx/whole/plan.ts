/**
 * The order of work in a program. Element-wise equations over elements of one shape are one loop, a cluster, as long as
 * what they read from elsewhere is there before it; other equations are steps by themselves, and those that only move
 * elements are no steps at all.
 */
import { type Atom, type Literal, type Shape, sizeOf, type Var } from "../../../core/aval.ts";
import type { Equation, Program } from "../../../core/program.ts";
import { isEquation } from "../../../compiler/rewrite.ts";
import { elementwisePrimitives } from "../../../primitives/index.ts";
import {
  all,
  broadcast,
  isAll,
  type Place,
  reshape,
  reverse,
  type Root,
  slice,
  transpose,
} from "./place.ts";

/** Something to do. */
export type Step =
  & {
    /** The values that it reads and others computed. */
    readonly reads: Set<Root>;
    readonly writes: Root[];
  }
  & (
    | { readonly kind: "cluster"; readonly shape: Shape; readonly equations: Equation[] }
    | { readonly kind: "equation"; readonly equation: Equation }
    | { readonly kind: "copy"; readonly from: Place }
  );

/** Values that all programs of a function share. */
export interface Surroundings {
  /** A number, four times. */
  literal(a: Literal): Root;
  /** The numbers 0, 1, 2, … of a type. */
  ramp(dtype: "int32" | "float32"): Root;
}

/** The steps of a program, and where values are. */
export class Plan {
  readonly steps: Step[] = [];
  readonly #places = new Map<Atom, Place>();
  readonly #written = new Map<Root, number>();

  constructor(
    readonly program: Program,
    inputs: readonly Place[],
    private readonly surroundings: Surroundings,
  ) {
    program.inputs.forEach((v, i) => this.#places.set(v, inputs[i]!));
    for (const e of program.equations) {
      const moved = this.#moved(e);
      if (moved) e.outputs.forEach((v, i) => this.#places.set(v, moved[i]!));
      else if (Object.hasOwn(elementwisePrimitives, e.primitive.name)) this.#join(e);
      else this.#single(e);
    }
  }

  /** The place of a value. */
  place(a: Atom): Place {
    const found = this.#places.get(a);
    if (found) return found;
    return all(this.surroundings.literal(a as Literal), []); // variables are defined before they are read
  }

  /** The number of the step that computes a value; -1 for what comes from outside. */
  stepOf(root: Root): number {
    return this.#written.get(root) ?? -1;
  }

  /** The number of the last step that reads each value that is computed here; infinite for results. */
  lastReads(): Map<Root, number> {
    const last = new Map<Root, number>();
    this.steps.forEach((step, i) => step.reads.forEach((root) => last.set(root, i)));
    for (const a of this.program.outputs) last.set(this.place(a).root, Infinity);
    return last;
  }

  #define(v: Var, step: Step): Root {
    const root: Root = { size: sizeOf(v.aval.shape), dtype: v.aval.dtype };
    step.writes.push(root);
    this.#written.set(root, this.steps.indexOf(step));
    this.#places.set(v, all(root, v.aval.shape));
    return root;
  }

  #single(equation: Equation): void {
    const reads = new Set(equation.inputs.map((a) => this.place(a).root));
    const step: Step = { kind: "equation", equation, reads, writes: [] };
    this.steps.push(step);
    for (const v of equation.outputs) this.#define(v, step);
  }

  #join(e: Equation): void {
    const [out] = e.outputs as [Var];
    const shape = out.aval.shape.filter((n) => n !== 1);
    const places = e.inputs.map((a) => this.place(a));
    const fits = (step: Step, i: number) =>
      step.kind === "cluster" && String(step.shape) === String(shape) &&
      places.every((p) => this.stepOf(p.root) < i || (this.stepOf(p.root) === i && isAll(p)));
    let step = this.steps.findLast(fits) as Extract<Step, { kind: "cluster" }> | undefined;
    if (!step) {
      step = { kind: "cluster", shape, equations: [], reads: new Set(), writes: [] };
      this.steps.push(step);
    }
    const at = this.steps.indexOf(step);
    for (const { root } of places) if (this.stepOf(root) !== at) step.reads.add(root);
    step.equations.push(e);
    this.#define(out, step);
  }

  /** The places of results that only show elements of operands. */
  #moved(e: Equation): Place[] | undefined {
    const at = (i: number) => this.place(e.inputs[i]!);
    const { shape } = e.outputs[0]?.aval ?? { shape: [] };
    if (isEquation(e, "broadcast")) return [broadcast(at(0), shape, e.params.axes)];
    if (isEquation(e, "transpose")) return [transpose(at(0), e.params.permutation)];
    if (isEquation(e, "slice")) return [slice(at(0), shape, e.params.start, e.params.strides)];
    if (isEquation(e, "reverse")) return [reverse(at(0), e.params.axes)];
    if (isEquation(e, "stopGradient")) return [at(0)];
    if (isEquation(e, "barrier")) return e.inputs.map((_, i) => at(i));
    if (isEquation(e, "reshape")) return [reshape(at(0), shape) ?? this.#copied(at(0), shape)];
    if (isEquation(e, "iota")) {
      const { dtype, axis } = e.params;
      const root = this.surroundings.ramp(dtype === "float32" ? dtype : "int32");
      const strides = shape.map((n, a) => a === axis && n > 1 ? 1 : 0);
      return [{ root, shape, offset: 0, strides }];
    }
    return undefined;
  }

  /** The same elements in memory of their own, one after the other. */
  #copied(from: Place, shape: Shape): Place {
    const { size, dtype } = { size: sizeOf(shape), dtype: from.root.dtype };
    const root: Root = { size, dtype };
    this.steps.push({ kind: "copy", from, reads: new Set([from.root]), writes: [root] });
    this.#written.set(root, this.steps.length - 1);
    return all(root, shape);
  }
}
