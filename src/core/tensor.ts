/**
 * Tensors: the values users hold. One class for three states: a number not yet placed anywhere, data
 * on a backend, or a variable of a program being traced. Methods of the array language are added in
 * `src/numpy/methods.ts`.
 */
import { allocate, coerce, type DType, isFloat, type TypedArray } from "./dtype.ts";
import { ArgumentError, TracedValueError } from "./errors.ts";
import { type Aval, aval, formatAval, type Shape, sizeOf } from "./aval.ts";
import type { BackendName, Source, StorageRef } from "./source.ts";
import { inspectText, readText, valueText } from "./tensorText.ts";

const consoleText: unique symbol = Symbol.for("nodejs.util.inspect.custom");
const notebookDisplay: unique symbol = Symbol.for("Jupyter.display");

/** Nested lists of numbers or booleans. */
export type NestedArray = number | boolean | readonly NestedArray[];

/**
 * An array of numbers with a shape and an element type. Operations never change it. Methods of the array language, such as
 * `x.add(y)` and `x.sum()`, are described in {@link TensorMethods}.
 */
export class Tensor {
  /** Shape, element type, and whether the type is only a bare number's. */
  readonly aval: Aval;
  /**
   * The place of the value; for the library's own use.
   *
   * @internal
   */
  readonly source: Source;
  readonly #storageRef: StorageRef | undefined;

  /**
   * For the library's own use: users make tensors with `np.array` and similar functions.
   *
   * @internal
   */
  constructor(aval: Aval, source: Source) {
    this.aval = aval;
    this.source = source;
    if (source.kind === "stored") this.#storageRef = source.storage.refer(this);
  }

  /** The size of each axis. */
  get shape(): Shape {
    return this.aval.shape;
  }

  /** The element type. */
  get dtype(): DType {
    return this.aval.dtype;
  }

  /** The number of axes. */
  get ndim(): number {
    return this.aval.shape.length;
  }

  /** The number of elements. */
  get size(): number {
    return sizeOf(this.aval.shape);
  }

  /** The backend that holds the data; undefined while traced, and for bare numbers. */
  get backend(): BackendName | undefined {
    return this.source.kind === "stored" ? this.source.storage.backend.name : undefined;
  }

  /**
   * The reference to the memory that this tensor owns, if it owns any; for the library's own use.
   *
   * @internal
   */
  get storageRef(): StorageRef | undefined {
    return this.#storageRef;
  }

  /**
   * The elements, in row-major order; booleans as bytes 0 and 1. On `reference`, float32 comes as
   * a Float64Array.
   *
   * @throws TracedValueError at the call, while traced. The promise rejects if the run that should
   * have made the value failed.
   */
  data(): Promise<TypedArray> {
    switch (this.source.kind) {
      case "literal": {
        const data = allocate(this.dtype, 1);
        data[0] = coerce(this.source.value, this.dtype);
        return Promise.resolve(data);
      }
      case "stored":
        return this.#storageRef!.storage.read(this.aval);
      case "traced":
        throw hostRead("data()");
    }
  }

  /** The elements as nested lists; booleans as `true` and `false`. */
  array(): Promise<NestedArray> {
    if (this.source.kind === "traced") throw hostRead("array()");
    return this.data().then((data) => nest(data, this.shape, this.dtype === "bool"));
  }

  /** The only element, as a number. @throws ArgumentError when there is not exactly one. */
  item(): Promise<number> {
    if (this.source.kind === "traced") throw hostRead("item()");
    if (this.size !== 1) {
      throw new ArgumentError(
        `item() of ${formatAval(this.aval)}, which has ${this.size} elements`,
        "reduce it to one element first, or use data() or array()",
      );
    }
    return this.data().then((data) => data[0]!);
  }

  /**
   * Another tensor on the same memory, which lives until both are disposed; for the library's own use.
   *
   * @internal
   */
  alias(): Tensor {
    this.#storageRef?.storage; // throws when disposed
    return new Tensor(this.aval, this.source);
  }

  /** A copy on another backend (this tensor, if it is there already). */
  async to(name: BackendName): Promise<Tensor> {
    if (this.source.kind === "literal") return this;
    if (this.source.kind === "traced") throw hostRead("data()");
    const own = this.#storageRef!.storage; // what is stored has a reference
    const storage = await own.copyTo(name, this.aval);
    return storage === own ? this : new Tensor(this.aval, { kind: "stored", storage });
  }

  /** Frees the data now rather than when the garbage collector gets to it. */
  dispose(): void {
    this.#storageRef?.release();
  }

  /** `using x = …` disposes at the end of the block. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  /**
   * Waits for the values, then shows on the console what `console.log(x)` shows once they are there.
   *
   * ```ts
   * import { np } from "trilevel";
   * await np.array([[1, 2], [3, 4]]).print();
   * // Tensor float32[2, 2] onnx
   * // [[1. 2.]
   * //  [3. 4.]]
   * ```
   *
   * @throws TracedValueError at the call, while traced: `debug.print` shows values from inside a traced function.
   */
  print(): Promise<void> {
    if (this.source.kind === "traced") throw hostRead("text by print()");
    return this.data().then((data) => console.log(readText(this, data)));
  }

  /**
   * The values in NumPy's layout, where the host has them; else the type and the reason why they are not shown: the
   * tensor is traced, disposed, or has not been read from the GPU. Never waits and never throws.
   */
  toString(): string {
    return valueText(this);
  }

  /**
   * Template strings show values. A tensor is no number before it is read, so arithmetic on it throws; so does every
   * use of a traced tensor as text, because JavaScript asks for text in `list[x]`, too.
   */
  [Symbol.toPrimitive](hint: string): string {
    if (this.source.kind === "traced") throw hostRead(hint === "string" ? "a string" : "a number");
    if (hint === "string") return valueText(this);
    throw new ArgumentError(
      `${formatAval(this.aval)} was used as a number`,
      "compute with its methods (x.add(1)), or read it first: await x.item(), x.data() or x.array()",
    );
  }

  /** Values cannot be read at once: always throws. */
  toJSON(): never {
    if (this.source.kind === "traced") throw hostRead("JSON");
    throw new ArgumentError(
      `${formatAval(this.aval)} was put into JSON`,
      "read it first: await x.array()",
    );
  }

  /** The text that the consoles of Node and Deno show, indented where the tensor is part of something else. */
  [consoleText](): string {
    return inspectText(this);
  }

  /** The text under a cell of a notebook in Deno's Jupyter kernel. */
  async [notebookDisplay](): Promise<Record<string, string>> {
    if (this.source.kind !== "traced") await this.data().catch(() => {}); // the text tells of a failed run
    return { "text/plain": inspectText(this) };
  }

  /** The name that browser consoles show. */
  get [Symbol.toStringTag](): string {
    return `Tensor ${formatAval(this.aval)}`;
  }
}

function hostRead(what: string): TracedValueError {
  return new TracedValueError(
    `a traced tensor has no value yet, so it cannot be read as ${what}`,
    "compute with it instead: np.where or cond for a branch, whileLoop for a loop, debug.print to " +
      "look at it; or make the argument static (jit's staticArgnums), or return it and read it outside",
  );
}

function nest(data: TypedArray, shape: Shape, boolean: boolean): NestedArray {
  const build = (axis: number, offset: number, stride: number): NestedArray => {
    if (axis === shape.length) return boolean ? data[offset] !== 0 : data[offset]!;
    const inner = stride / shape[axis]!;
    return Array.from(
      { length: shape[axis]! },
      (_, i) => build(axis + 1, offset + i * inner, inner),
    );
  };
  return build(0, 0, data.length);
}

/** A scalar constant. */
export function literal(
  value: number,
  dtype: DType,
  weak = false,
  whole: boolean | undefined = weak && isFloat(dtype) && Number.isInteger(value),
): Tensor {
  const type = aval([], dtype, weak);
  const source = { kind: "literal", value: coerce(value, dtype) } as const;
  return new Tensor(whole ? { ...type, whole } : type, source);
}
