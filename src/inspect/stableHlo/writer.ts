/** StableHLO as text: operations in MLIR's generic form, one a line, values numbered in order. */
import { coerce, type DType, isFloat } from "../../core/dtype.ts";
import { type Aval, type Shape, sizeOf } from "../../core/aval.ts";
import type { Program } from "../../core/program.ts";

/** A value: its name in the text, and its type. */
export interface Value {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: Shape;
}

/** Shape and element type of a value. */
export type Type = Pick<Aval, "dtype" | "shape">;

const elements: Record<DType, string> = {
  float32: "f32",
  float64: "f64",
  int32: "i32",
  uint32: "ui32",
  bool: "i1",
};

/** `tensor<2x3xf32>` */
export function typeText({ dtype, shape }: Type): string {
  return `tensor<${[...shape, elements[dtype]].join("x")}>`;
}

/** A list of integers as an attribute. */
export function integers(list: readonly number[]): string {
  return list.length === 0 ? "array<i64>" : `array<i64: ${list.join(", ")}>`;
}

/** A matrix of integers as an attribute. */
export function pairs(rows: readonly (readonly [number, number])[]): string {
  const inner = rows.map((row) => `[${row.join(", ")}]`).join(", ");
  return rows.length === 0
    ? "dense<> : tensor<0x2xi64>"
    : `dense<[${inner}]> : tensor<${rows.length}x2xi64>`;
}

/** An integer as an attribute. */
export const integer = (n: number): string => `${n} : i64`;

/** A block of an operation: what it takes, and what it writes and gives. */
export interface Region {
  readonly takes: readonly Type[];
  write(inputs: readonly Value[]): readonly Value[];
}

/** Attributes by their names. */
export type Attributes = Readonly<Record<string, string>>;

/** Writes operations, one after the other. */
export class Writer {
  readonly #lines: string[] = [];
  #count = 0;
  #indent = "    ";

  constructor(
    /** Writes the operations of a program: what control flow does with the programs that it holds. */
    readonly program: (program: Program, inputs: readonly Value[]) => readonly Value[],
  ) {}

  /** A value that does not exist yet. */
  value({ dtype, shape }: Type, prefix = "%"): Value {
    return { name: `${prefix}${this.#count++}`, dtype, shape };
  }

  /** An operation with any number of results. */
  many(
    name: string,
    operands: readonly Value[],
    results: readonly Type[],
    attributes: Attributes = {},
    regions: readonly Region[] = [],
  ): Value[] {
    const outputs = results.map((type) => this.value(type));
    const left = outputs.length === 0 ? "" : `${outputs.map((v) => v.name).join(", ")} = `;
    this.#lines.push(
      `${this.#indent}${left}"${name}"(${operands.map((v) => v.name).join(", ")})` +
        (regions.length > 0 ? " ({" : ""),
    );
    regions.forEach((region, i) => {
      if (i > 0) this.#lines.push(`${this.#indent}}, {`);
      this.#block(region);
    });
    const given = Object.entries(attributes).map(([key, value]) => `${key} = ${value}`).join(", ");
    const tail = (regions.length > 0 ? `${this.#indent}})` : "") +
      (given ? ` {${given}}` : "") +
      ` : (${operands.map(typeText).join(", ")}) -> (${results.map(typeText).join(", ")})`;
    if (regions.length > 0) this.#lines.push(tail);
    else this.#lines[this.#lines.length - 1] += tail;
    return outputs;
  }

  /** An operation with one result. */
  one(
    name: string,
    operands: readonly Value[],
    result: Type,
    attributes: Attributes = {},
    regions: readonly Region[] = [],
  ): Value {
    return this.many(name, operands, [result], attributes, regions)[0]!;
  }

  #block({ takes, write }: Region): void {
    const outer = this.#indent;
    const inputs = takes.map((type) => this.value(type, "%a"));
    if (inputs.length > 0) {
      this.#lines.push(
        `${outer}^bb0(${inputs.map((v) => `${v.name}: ${typeText(v)}`).join(", ")}):`,
      );
    }
    this.#indent = `${outer}  `;
    const outputs = write(inputs);
    this.many("stablehlo.return", outputs, []);
    this.#indent = outer;
  }

  /** One number everywhere. */
  fill(number: number, type: Type): Value {
    return this.one("stablehlo.constant", [], type, {
      value: `dense<${numberText(number, type.dtype)}> : ${typeText(type)}`,
    });
  }

  /** A constant tensor of these elements. */
  constant(data: ArrayLike<number>, type: Type): Value {
    const size = sizeOf(type.shape);
    if (size === 0 || size === 1) return this.fill(size === 0 ? 0 : data[0]!, type);
    const flat = { dtype: type.dtype, shape: [size] };
    const list = Array.from(data, (x) => numberText(x, type.dtype)).join(", ");
    const vector = this.one("stablehlo.constant", [], flat, {
      value: `dense<[${list}]> : ${typeText(flat)}`,
    });
    return type.shape.length === 1 ? vector : this.one("stablehlo.reshape", [vector], type);
  }

  /** The text of a function that takes and gives these values. */
  text(name: string, inputs: readonly Value[], outputs: readonly Value[]): string {
    return [
      `module @${name} {`,
      `  func.func public @main(${inputs.map((v) => `${v.name}: ${typeText(v)}`).join(", ")}) -> (${
        outputs.map(typeText).join(", ")
      }) {`,
      ...this.#lines,
      `    "func.return"(${outputs.map((v) => v.name).join(", ")}) : (${
        outputs.map(typeText).join(", ")
      }) -> ()`,
      "  }",
      "}",
      "",
    ].join("\n");
  }
}

/** A number as MLIR reads it, to the last bit. */
function numberText(x: number, dtype: DType): string {
  if (dtype === "bool") return x === 0 ? "false" : "true";
  if (!isFloat(dtype)) return String(coerce(x, dtype));
  const value = dtype === "float32" ? Math.fround(x) : x;
  if (!Number.isFinite(value)) return bitsText(value, dtype);
  const [digits, exponent] = value.toExponential().split("e");
  const sign = Object.is(value, -0) ? "-" : "";
  return `${sign}${digits!.includes(".") ? digits : `${digits}.0`}e${exponent}`;
}

function bitsText(x: number, dtype: DType): string {
  const view = new DataView(new ArrayBuffer(8));
  const hex = (n: number) => n.toString(16).toUpperCase().padStart(8, "0");
  if (dtype === "float32") {
    view.setFloat32(0, x);
    return `0x${hex(view.getUint32(0))}`;
  }
  view.setFloat64(0, x);
  return `0x${hex(view.getUint32(0))}${hex(view.getUint32(4))}`;
}
