/**
 * An ONNX graph while it is being built: nodes in order, constants without duplicates, and graphs within
 * it for loops and branches.
 *
 * Nodes are hash-consed: the same operation on the same values is one node. So lowerings may ask for a
 * reshaped or expanded value wherever they need one, and views that they asked for without using them (no output
 * depends on them) are left out when the model is written.
 */
import type { DType, TypedArray } from "../../core/dtype.ts";
import { InternalError } from "../../core/errors.ts";
import type { Shape } from "../../core/aval.ts";
import { ProtoWriter } from "./proto.ts";

/** The element types of a graph's values: ours, and int64 for ONNX's own indices. */
export type ElementType = DType | "int64" | "uint64" | "uint8";

/** TensorProto.DataType. */
export const typeNumbers: Record<ElementType, number> = {
  float32: 1,
  uint8: 2,
  int32: 6,
  int64: 7,
  bool: 9,
  float64: 11,
  uint32: 12,
  uint64: 13,
};

/** A value in a graph. */
export interface Value {
  readonly name: string;
  readonly shape: Shape;
  readonly type: ElementType;
  /** Its elements, if it is a constant. */
  readonly constant?: TypedArray | BigInt64Array | BigUint64Array;
  /** The value of which this is a mere view. */
  readonly view?: View;
}

/** The way in which a value shows another's elements. */
export type View =
  | { readonly kind: "reshape"; readonly source: Value }
  | { readonly kind: "reverse"; readonly source: Value; readonly axes: readonly number[] }
  | { readonly kind: "transpose"; readonly source: Value; readonly permutation: readonly number[] };

/** A shape and an element type. */
export interface Typed {
  readonly shape: Shape;
  readonly type: ElementType;
}

/** An attribute that is a float, since numbers alone are taken for ints. */
export class Float {
  constructor(readonly value: number) {}
}

type Attribute = number | readonly number[] | string | Float | Graph;

/** A node's attributes. */
export type Attributes = { readonly [name: string]: Attribute };

/** The domain of a node's operator, and the view that it makes, if it makes one. */
interface NodeOptions {
  readonly domain?: string;
  readonly view?: View;
}

interface Node {
  readonly op: string;
  readonly domain: string;
  /** Empty strings are inputs left out. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Attributes;
}

/** Options for the place where a model runs. */
export interface ModelOptions {
  /** Anywhere: without ONNX Runtime's own operators. */
  readonly portable?: boolean;
  /** On several threads, which not all kernels of ONNX Runtime take rightly. */
  readonly parallel?: boolean;
}

/** The state that all graphs of a model share. */
class Model {
  readonly constants = new Map<string, Value>();
  /** New names of outputs, by the names with which their values were made. */
  readonly renamed = new Map<string, string>();
  count = 0;
  constructor(readonly options: ModelOptions) {}
}

/** A graph, or one inside another, which may read all that the outer one has. */
export class Graph {
  readonly #parent: Graph | undefined;
  readonly #hoists: boolean;
  readonly #model: Model;
  readonly #inputs: Value[] = [];
  readonly #nodes: Node[] = [];
  readonly #known = new Map<string, Value[]>();
  /** The names defined here. */
  readonly #own = new Set<string>();
  #outputs: Value[] = [];

  constructor(
    options: ModelOptions = {},
    outer?: { readonly parent: Graph; readonly hoists: boolean },
  ) {
    this.#parent = outer?.parent;
    this.#hoists = outer?.hoists ?? false;
    this.#model = this.#parent ? this.#parent.#model : new Model(options);
  }

  /** True if the model must do without ONNX Runtime's own operators. */
  get portable(): boolean {
    return this.#model.options.portable ?? false;
  }

  /** True if the model may run on several threads. */
  get parallel(): boolean {
    return this.portable || (this.#model.options.parallel ?? false);
  }

  /**
   * A graph within this one: a loop's body, or a branch. What a loop's body computes from outside alone
   * is computed there, once; a branch may not be taken, so that it keeps what it does.
   */
  inner(kind: "loop" | "branch"): Graph {
    return new Graph({}, { parent: this, hoists: kind === "loop" });
  }

  /** A new input; named by the caller where the name matters. */
  input({ shape, type }: Typed, name = this.#name("i")): Value {
    const value = { name, shape, type };
    this.#inputs.push(value);
    this.#own.add(name);
    return value;
  }

  /** The values that come out. */
  finish(outputs: readonly Value[], names?: readonly string[]): void {
    const { renamed } = this.#model;
    const made = new Set(this.#nodes.flatMap((node) => node.outputs));
    this.#outputs = outputs.map((source, i) => {
      const output = { ...source, name: names?.[i] ?? this.#name("o") };
      // A value that is an output once takes the output's name; others need a copy of their own.
      if (made.delete(source.name)) {
        renamed.set(source.name, output.name);
      } else {
        const [inputs, outputs] = [[source.name], [output.name]];
        this.#nodes.push({ op: "Identity", domain: "", inputs, outputs, attributes: {} });
      }
      return output;
    });
  }

  /** One operation with one output. */
  node(
    op: string,
    inputs: readonly (Value | null)[],
    output: Typed,
    attributes: Attributes = {},
    options: NodeOptions = {},
  ): Value {
    return this.nodes(op, inputs, [output], attributes, options)[0]!;
  }

  /** One operation. */
  nodes(
    op: string,
    inputs: readonly (Value | null)[],
    outputs: readonly Typed[],
    attributes: Attributes = {},
    options: NodeOptions = {},
  ): Value[] {
    const names = inputs.map((v) => v ? v.name : "");
    const key = keyOf(op, names, outputs, attributes);
    const found = key === undefined ? undefined : this.#find(key);
    if (found) return found;
    if (this.#parent && this.#hoists && key && !names.some((name) => this.#own.has(name))) {
      return this.#parent.nodes(op, inputs, outputs, attributes, options);
    }
    const { domain = "", view } = options;
    const made = outputs.map(({ shape, type }): Value => {
      const value = { name: this.#name("v"), shape, type };
      return view ? { ...value, view } : value;
    });
    this.#nodes.push({ op, domain, inputs: names, outputs: made.map((v) => v.name), attributes });
    for (const { name } of made) this.#own.add(name);
    if (key !== undefined) this.#known.set(key, made);
    return made;
  }

  #find(key: string): Value[] | undefined {
    const parent = this.#parent;
    return this.#known.get(key) ?? (parent && parent.#find(key));
  }

  #name(prefix: string): string {
    return `${prefix}${this.#model.count++}`;
  }

  /** A constant of a shape; the data fill it in order. */
  constant(type: ElementType, shape: Shape, data: readonly number[]): Value {
    const key = `${type}[${shape}]${data.map((x) => Object.is(x, -0) ? "-0" : x)}`;
    const { constants } = this.#model;
    let value = constants.get(key);
    if (!value) {
      const array = arrayOf(type, data);
      value = { name: this.#name("c"), shape, type, constant: array };
      constants.set(key, value);
    }
    return value;
  }

  /** A constant of much data, as they are: not compared with others. */
  data(type: DType, shape: Shape, data: TypedArray): Value {
    const value = { name: this.#name("c"), shape, type, constant: arrayOf(type, data) };
    this.#model.constants.set(value.name, value);
    return value;
  }

  /** A constant without axes. */
  scalar(type: ElementType, value: number): Value {
    return this.constant(type, [], [value]);
  }

  /** A list of int64, as shapes, axes and positions are given. */
  list(values: readonly number[]): Value {
    return this.constant("int64", [values.length], values);
  }

  /** Writes the fields of a GraphProto. */
  write(out: ProtoWriter, name: string): void {
    const live = this.#liveNodes();
    for (const node of live) out.message(1, (n) => writeNode(n, node, this.#model.renamed));
    out.text(2, name);
    if (!this.#parent) {
      const read = new Set(live.flatMap(namesRead));
      for (const value of this.#model.constants.values()) {
        if (read.has(value.name)) out.message(5, (t) => writeTensor(t, value));
      }
    }
    for (const value of this.#inputs) out.message(11, (v) => writeValueInfo(v, value));
    for (const value of this.#outputs) out.message(12, (v) => writeValueInfo(v, value));
  }

  /** The nodes on which an output depends; asked for when the model is written, when no node comes any more. */
  #liveNodes(): readonly Node[] {
    return this.#live ??= this.#findLive();
  }
  #live: readonly Node[] | undefined;

  #findLive(): Node[] {
    const { renamed } = this.#model;
    const needed = new Set(this.#outputs.map((v) => v.name));
    return this.#nodes.toReversed().filter((node) => {
      if (!node.outputs.some((n) => needed.has(renamed.get(n) ?? n))) return false;
      for (const n of namesRead(node)) needed.add(renamed.get(n) ?? n);
      return true;
    }).reverse();
  }

  /** The operators of the nodes that are written, here and within. */
  operators(): string[] {
    return this.#liveNodes().flatMap(({ op, attributes }) => [
      op,
      ...Object.values(attributes).flatMap((a) => a instanceof Graph ? a.operators() : []),
    ]);
  }

  /** All names that live nodes read, here and within. */
  read(): readonly string[] {
    return this.#read ??= this.#liveNodes().flatMap(namesRead);
  }
  #read: readonly string[] | undefined;
}

function namesRead(node: Node): string[] {
  const inner = Object.values(node.attributes).filter((a) => a instanceof Graph);
  return inner.length === 0
    ? [...node.inputs]
    : [...node.inputs, ...inner.flatMap((graph) => graph.read())];
}

/** A key by which operations are compared; undefined for operations with graphs inside. */
function keyOf(
  op: string,
  inputs: readonly string[],
  outputs: readonly Typed[],
  attributes: Attributes,
): string | undefined {
  let key = `${op}(${inputs})${outputs.map((o) => `${o.type}[${o.shape}]`)}`;
  for (const [name, a] of Object.entries(attributes)) {
    if (a instanceof Graph) return undefined;
    key += `;${name}=${a instanceof Float ? a.value : a}`;
  }
  return key;
}

function arrayOf(
  type: ElementType,
  data: ArrayLike<number> & Iterable<number>,
): NonNullable<Value["constant"]> {
  switch (type) {
    case "float32":
      return Float32Array.from(data);
    case "float64":
      return Float64Array.from(data);
    case "int32":
      return Int32Array.from(data);
    case "uint32":
      return Uint32Array.from(data);
    case "bool":
    case "uint8":
      return Uint8Array.from(data);
    case "int64":
      return BigInt64Array.from(data, BigInt);
    case "uint64":
      return BigUint64Array.from(data, BigInt);
  }
}

function writeNode(
  out: ProtoWriter,
  { op, domain, inputs, outputs, attributes }: Node,
  renamed: ReadonlyMap<string, string>,
): void {
  for (const name of inputs) out.text(1, renamed.get(name) ?? name);
  for (const name of outputs) out.text(2, renamed.get(name) ?? name);
  out.text(4, op);
  for (const [name, value] of Object.entries(attributes)) {
    out.message(5, (a) => writeAttribute(a.text(1, name), value));
  }
  if (domain !== "") out.text(7, domain);
}

/** AttributeProto: the value's field, then its kind (20). */
function writeAttribute(out: ProtoWriter, value: Attribute): void {
  if (value instanceof Float) out.float(2, value.value).int(20, 1);
  else if (typeof value === "number") out.int(3, value).int(20, 2);
  else if (typeof value === "string") out.text(4, value).int(20, 3);
  else if (value instanceof Graph) out.message(6, (g) => value.write(g, "body")).int(20, 5);
  else out.ints(8, value).int(20, 7);
}

function writeTensor(out: ProtoWriter, { name, shape, type, constant }: Value): void {
  if (!constant) throw new InternalError(`${name} is not a constant`);
  out.ints(1, shape).int(2, typeNumbers[type]).text(8, name);
  out.data(9, new Uint8Array(constant.buffer, constant.byteOffset, constant.byteLength));
}

function writeValueInfo(out: ProtoWriter, { name, shape, type }: Value): void {
  out.text(1, name).message(2, (t) => {
    t.message(1, (tensor) => {
      tensor.int(1, typeNumbers[type]).message(2, (s) => {
        for (const n of shape) s.message(1, (dimension) => dimension.int(1, n));
      });
    });
  });
}

/** The domain of ONNX Runtime's own operators. */
export const runtimeDomain = "com.microsoft";

const opset = 21;
const irVersion = 10;

/** The bytes of a model (ModelProto) of this graph. */
export function writeModel(graph: Graph): Uint8Array {
  const out = new ProtoWriter();
  out.int(1, irVersion).text(2, "trilevel");
  out.message(7, (g) => graph.write(g, "program"));
  out.message(8, (o) => o.text(1, "").int(2, opset));
  if (!graph.portable) out.message(8, (o) => o.text(1, runtimeDomain).int(2, 1));
  return out.bytes;
}
