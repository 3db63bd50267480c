/**
 * Values, the form of a program before it is cut into kernels: each has a definition that says how to
 * compute any one of its elements. Whether a value gets memory of its own is decided later, in
 * `fuse.ts`: a definition reads other values through `Read`, which loads them or computes them in place.
 */
import type { DType } from "../../core/dtype.ts";
import { type Shape, sizeOf } from "../../core/aval.ts";
import type { Reducer } from "./kernel/reducers.ts";
import type { Type } from "./kernel/wgsl.ts";

/** The kinds of expressions; `expression.ts` makes them. */
export type Node =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "variable"; readonly name: string }
  | { readonly kind: "sum"; readonly terms: readonly Term[]; readonly offset: number }
  | { readonly kind: "digit"; readonly of: Expr; readonly stride: number; readonly size: number }
  | { readonly kind: "load"; readonly from: Value; readonly index: Expr }
  | { readonly kind: "code"; readonly text: string; readonly args: readonly Expr[] }
  | { readonly kind: "branch"; readonly condition: Expr; readonly yes: Expr; readonly no: Expr };

/** A scaled index. */
export interface Term {
  readonly of: Expr;
  readonly scale: number;
}

/** One scalar. */
export interface Expr {
  readonly id: number;
  readonly type: Type;
  readonly node: Node;
  /** The depth in the kernel's loops of the variables on which it depends. */
  readonly level: number;
  /** The number of reductions after one another it waits for. */
  readonly phase: number;
  /** An index is below this. */
  readonly bound: number;
}

/** Gives one element of a value. */
export type Read = (value: Value, at: readonly Expr[]) => Expr;

/** Memory filled by someone else: inputs of the program, carries of a loop. */
export interface Stored {
  readonly kind: "stored";
}

/** Each element is computed from elements of other values, on its own. */
export interface Pointwise {
  readonly kind: "pointwise";
  readonly inputs: readonly Value[];
  /** Arithmetic per element, in additions. */
  readonly cost: number;
  element(read: Read, at: readonly Expr[]): Expr;
  /** True if a rounding in an input changes the result altogether. */
  readonly compares?: boolean;
  /** No fusion looks through it: these are stored before it is computed, and so are its inputs. */
  readonly after?: readonly Value[];
  /** It is written into one slice of another value, at this step. */
  readonly slice?: { readonly of: Value; readonly step: Expr };
}

/** Elements of a domain, combined along some of its axes. */
export interface Reduction {
  readonly kind: "reduction";
  readonly inputs: readonly Value[];
  readonly cost: number;
  readonly reducer: Reducer;
  readonly domain: Shape;
  readonly axes: readonly number[];
  element(read: Read, at: readonly Expr[]): Expr;
}

/**
 * Σₖ left(b, m, k) · right(b, n, k): matrix products, and whatever can be written as one. Indices are
 * flat numbers below `batch`, `m`, `n` and `k`.
 */
export interface Contraction {
  readonly kind: "contraction";
  readonly inputs: readonly Value[];
  readonly cost: number;
  readonly batch: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  left(read: Read, b: Expr, m: Expr, k: Expr): Expr;
  right(read: Read, b: Expr, n: Expr, k: Expr): Expr;
  /** The place in the result of element (b, m, n) of the product. */
  place(b: Expr, m: Expr, n: Expr): readonly Expr[];
  /** The element (b, m, n) of the product that is at a place of the result. */
  inverse(at: readonly Expr[]): readonly [b: Expr, m: Expr, n: Expr];
  /** The index of each operand that runs along its memory. */
  readonly fast: { readonly left: "m" | "k"; readonly right: "n" | "k" };
}

/** The part of a `KernelWriter` that definitions with kernels of their own write with. */
export interface KernelBody {
  /** The number of workgroups of the kernel, and of invocations in each. */
  dispatch(workgroups: number, workgroupSize: number): void;
  /** The number of the workgroup. */
  readonly groupNumber: string;
  /** Memory that the workgroup shares. */
  shared(type: string, size: number): string;
  /** A statement in the innermost block. */
  line(text: string): void;
  /** A block; what depends on variables of `level` stays inside. */
  block(header: string, level: number, body: () => void): void;
  /** The name of a value's buffer. */
  buffer(value: Value, access: "read" | "read_write", element?: string): string;
  /** Writes elements of a value. */
  store(value: Value, places: readonly Expr[], xs: readonly Expr[]): void;
  /** The WGSL for an expression, computed by now. */
  text(x: Expr): string;
}

/** A kernel of its own shape: sorts, scans, scatters. */
export interface CustomKernel {
  readonly kind: "custom";
  readonly inputs: readonly Value[];
  /** The number of times that each input's elements are read. */
  readonly reads: readonly number[];
  /** The content of its memory before it runs. */
  readonly initial?: Value;
  /** True if it updates its memory atomically. */
  readonly atomic?: boolean;
  write(kernel: KernelBody, read: Read, self: Value): void;
}

/** A result of a loop: a carry after the last step, or stacked slices. */
export interface LoopResult {
  readonly kind: "loop";
  readonly loop: Loop;
}

/** A body that runs once for each step. */
export interface Loop {
  readonly length: number;
  readonly reverse: boolean;
  /** The number of loops around it. */
  readonly depth: number;
  readonly body: Region;
  readonly carries: readonly Carry[];
  readonly stacks: readonly { readonly slice: Value; readonly stack: Value }[];
}

/** A value that goes from step to step. */
export interface Carry {
  /** A copy of the value before the first step, in the memory that the first step reads. */
  readonly initial: Value;
  /** The value that a step reads. */
  readonly before: Value;
  /** The value that a step writes; the two change places after each step. */
  readonly after: Value;
  /** The value after the last step. */
  readonly result: Value;
}

/** Values in an order in which they can be computed. */
export interface Region {
  readonly values: Value[];
  readonly parent?: Region;
}

/** The definition of a value. */
export type Definition = Stored | Pointwise | Reduction | Contraction | CustomKernel | LoopResult;

let count = 0;

/** A tensor inside a program being compiled. */
export class Value {
  readonly id: number = count++;
  readonly size: number;

  constructor(
    readonly region: Region,
    readonly shape: Shape,
    readonly dtype: DType,
    readonly definition: Definition,
  ) {
    this.size = sizeOf(shape);
    region.values.push(this);
  }

  /** Bytes of its memory: every element is one word, and no buffer is empty. */
  get bytes(): number {
    return Math.max(1, this.size) * 4;
  }
}
