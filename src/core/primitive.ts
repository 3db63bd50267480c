/**
 * What an instruction is: a name and all its rules, side by side in one object. A rule that does not
 * exist is `null`, said on purpose, so that none can be forgotten.
 *
 * Rules are written with other primitives on tensors; they run while a new program is being traced.
 */
import type { Aval, Program } from "./program.ts";
import type { Tensor } from "./tensor.ts";

/** The static parameters of an instruction: axes, shapes, programs. */
export type Params = object;

/** An instruction without parameters. */
export type NoParams = Record<never, never>;

/** The place of an input in which an equation is linear: its value is not known, only its type. */
export class Unknown {
  /** The place of a value of this type. */
  constructor(
    /** What is known of the value. */
    readonly aval: Aval,
  ) {}
}

/**
 * What rules take, one entry for each input: a tuple, because a rule knows how many inputs its
 * primitive has (`shape` checked them), and may take them apart by position.
 */
export type Row<T> = readonly [T, T, T, T, ...T[]];

/** What `jvp` rules give: outputs, and their tangents (`null` is a symbolic zero). */
export interface Tangents {
  /** The outputs. */
  readonly outputs: readonly Tensor[];
  /** Their tangents. */
  readonly tangents: readonly (Tensor | null)[];
}

/** A list taken as a row. The list has as many entries as the primitive has inputs. */
export function row<T>(list: readonly T[]): Row<T> {
  // Positions beyond the primitive's inputs are never read: `shape` refuses other numbers of them.
  return list as readonly unknown[] as Row<T>;
}

/** An instruction with all its rules. */
export interface Primitive<P extends Params = NoParams> {
  /** What programs and tables call it. */
  readonly name: string;

  /** The outputs' abstract values; throws when the inputs do not fit. Weakness is not its concern. */
  shape(inputs: Row<Aval>, params: P): Aval[];

  /**
   * Forward rule: outputs and their tangents from the inputs and theirs. It is called only when some
   * tangent is present. It must keep apart what depends on tangents from what does not: that is how
   * reverse mode splits a program.
   */
  jvp(primals: Row<Tensor>, tangents: Row<Tensor | null>, params: P): Tangents;

  /**
   * Transpose rule: cotangents of the `Unknown` inputs from those of the outputs; `null` where
   * the primitive is not linear.
   */
  readonly transpose:
    | ((
      cotangents: Row<Tensor | null>,
      inputs: Row<Tensor | Unknown>,
      params: P,
    ) => (Tensor | null)[])
    | null;

  /**
   * Batching rule: batched inputs carry the batch as axis 0. Gives the outputs, and which of them
   * are batched (all, when left out).
   */
  batch(
    inputs: Row<Tensor>,
    batched: Row<boolean>,
    params: P,
    size: number,
  ): { outputs: readonly Tensor[]; batched?: readonly boolean[] };

  /** A call: the program it stands for wherever its rules are no longer needed. */
  readonly inline?: (params: P) => Program;

  /** Its `shape` decides about weakness too; otherwise outputs are weak when all inputs are. */
  readonly ownWeakness?: boolean;

  /** Of whole numbers it makes whole numbers. */
  readonly keepsWholes?: boolean;

  /** A loop that stacks what each step gives: its body, and how to run it with a body that gives more. */
  readonly loop?: (params: P) => {
    readonly body: Program;
    readonly length: number;
    readonly reverse: boolean;
    withBody(body: Program): P;
  };

  /** A choice by its first input: its branches, and how to choose among branches that give more, each its own. */
  readonly choice?: (params: P) => {
    readonly branches: readonly Program[];
    withBranches(branches: readonly Program[]): P;
  };

  /** The same as a loop that stacks, if it can be written as one. */
  readonly bounded?: (
    inputs: readonly Aval[],
    params: P,
    // The parameters belong to the primitive beside it.
    // deno-lint-ignore no-explicit-any
  ) => { readonly primitive: Primitive<any>; readonly params: Params } | undefined;

  /** Of a bare number it makes a tensor of that number. */
  readonly splat?: boolean;

  /** It does something beside computing outputs, so it is never removed. */
  readonly effect?: boolean;
}
