/**
 * Data of any structure as the runner has it. A datum is a tree: objects and lists whose leaves are arrays, numbers,
 * tensors, or text that stays on the host. A sample of the runner is flat, so that samples can be stacked field by field.
 */
import { Tensor } from "../../index.ts";
import {
  isNdArray,
  type NdArray,
  ndarray,
  type Sample,
  type TypedArray,
} from "../../data/index.ts";
import { RunError } from "../errors.ts";

/** Lists of numbers, one inside the other. */
export type NestedNumbers = readonly number[] | readonly NestedNumbers[];

/** The batch of a datum: leaves with numbers are tensors with a new first axis, all others are null. */
export type Batched<D> = D extends Tensor | NdArray | TypedArray | NestedNumbers | number | boolean
  ? Tensor
  : D extends string | bigint | null | undefined ? null
  : { readonly [K in keyof D]: Batched<D[K]> };

/** The field of a sample that holds the datum itself, for scores and pictures. */
export const wholeDatum = "@datum";

/** A datum's structure, and the names of the leaves that go to the device. */
export interface Structure {
  readonly names: readonly string[];
  /** The batch of this structure whose leaf of a name is the tensor of that name. */
  rebuild(fields: { readonly [name: string]: Tensor }): unknown;
}

type Leaf = NdArray | TypedArray | Tensor | NestedNumbers | number | boolean;

/** The structure of the first datum, to which all others are held. */
export function structureOf(datum: unknown): Structure {
  const names: string[] = [];
  const build = (node: unknown, path: string): Structure["rebuild"] => {
    if (isLeaf(node)) {
      const name = path === "" ? "value" : path.replace(/^\./, "");
      names.push(name);
      return (fields) => fields[name];
    }
    const parts = childrenOf(node, path);
    if (parts === undefined) return () => null;
    const built = parts.map(([key, child, at]) => [key, build(child, at)] as const);
    return Array.isArray(node)
      ? (fields) => built.map(([, part]) => part(fields))
      : (fields) => Object.fromEntries(built.map(([key, part]) => [key, part(fields)]));
  };
  const rebuild = build(datum, "");
  return { names, rebuild };
}

/** The sample of a datum. @throws RunError where it is not of the structure. */
export async function sampleOf(datum: unknown, { names }: Structure, n: number): Promise<Sample> {
  const fields: { [name: string]: NdArray } = {};
  const fill = async (node: unknown, path: string): Promise<void> => {
    if (isLeaf(node)) {
      fields[path === "" ? "value" : path.replace(/^\./, "")] = await arrayOf(node, path, n);
      return;
    }
    for (const [, child, at] of childrenOf(node, path) ?? []) await fill(child, at);
  };
  await fill(datum, "");
  const missing = names.filter((name) => !Object.hasOwn(fields, name));
  const more = Object.keys(fields).filter((name) => !names.includes(name));
  if (missing.length > 0 || more.length > 0) {
    throw new RunError(
      `Datum ${n} of the data has ${
        missing.length > 0 ? `no "${missing[0]}"` : `"${more[0]}"`
      }, unlike the first.`,
      "Give data of one structure.",
    );
  }
  // The datum is only handed on; the runner looks at named fields.
  return { ...fields, [wholeDatum]: datum } as unknown as Sample;
}

function isLeaf(node: unknown): node is Leaf {
  return typeof node === "number" || typeof node === "boolean" || ArrayBuffer.isView(node) ||
    node instanceof Tensor || isNdArray(node) || isNumbers(node);
}

/** True if a list is an array: its first entry is a number, or such a list. */
function isNumbers(node: unknown): node is NestedNumbers {
  return Array.isArray(node) && node.length > 0 &&
    (typeof node[0] === "number" || isNumbers(node[0]));
}

/** The parts of a container; undefined for what is none, such as text. */
function childrenOf(
  node: unknown,
  path: string,
): (readonly [key: string, child: unknown, path: string])[] | undefined {
  if (typeof node !== "object" || node === null) return undefined;
  return Array.isArray(node)
    ? node.map((child, i) => [String(i), child, `${path}[${i}]`] as const)
    : Object.entries(node).map(([key, child]) => [key, child, `${path}.${key}`] as const);
}

/** A leaf as float32, int32 or uint32. */
async function arrayOf(leaf: Leaf, path: string, n: number): Promise<NdArray> {
  if (typeof leaf === "number") return ndarray(Float32Array.of(leaf), []);
  if (typeof leaf === "boolean") return ndarray(Int32Array.of(Number(leaf)), []);
  if (leaf instanceof Tensor) {
    const data = await leaf.data();
    return ndarray(leaf.dtype === "float32" ? Float32Array.from(data) : narrow(data), leaf.shape);
  }
  if (isNdArray(leaf)) return { data: narrow(leaf.data), shape: leaf.shape };
  if (ArrayBuffer.isView(leaf)) return ndarray(narrow(leaf), [leaf.length]);
  const shape = shapeOf(leaf);
  const flat = (leaf as readonly unknown[]).flat(Infinity);
  const size = shape.reduce((product, length) => product * length, 1);
  if (flat.length !== size || !flat.every((x): x is number => typeof x === "number")) {
    throw new RunError(
      `Datum ${n} of the data is ragged at "${path.replace(/^\./, "")}": ` +
        `it has ${flat.length} numbers, and the shape [${shape}] has ${size}.`,
      "Give lists of equal length that hold only numbers.",
    );
  }
  return ndarray(Float32Array.from(flat), shape);
}

function shapeOf(list: unknown): number[] {
  return Array.isArray(list) ? [list.length, ...shapeOf(list[0])] : [];
}

/** The elements in one of the three types that go to the device. */
function narrow(data: TypedArray): Float32Array | Int32Array | Uint32Array {
  if (data instanceof Float32Array || data instanceof Int32Array || data instanceof Uint32Array) {
    return data;
  }
  return data instanceof Float64Array ? Float32Array.from(data) : Int32Array.from(data);
}
