/**
 * Arrays as text, in NumPy's layout: columns line up, long axes are cut to their first and last three elements,
 * and floats show the fewest digits that tell them from their neighbours, at most eight after the point.
 *
 * The rules are those of `numpy.array2string` with its default settings: exponents are used when a magnitude is
 * at least 10⁸ (10⁶ in float32) or below 10⁻⁴, or when magnitudes differ by more than a factor of 1,000.
 */
import type { DType, TypedArray } from "./dtype.ts";
import { type Shape, sizeOf } from "./aval.ts";

/** Arrays of more elements are summarized. */
export const summarizedAbove = 1000;
/** The number of elements a summary keeps at each end of an axis. */
const edge = 3;
const lineWidth = 75;
/** Digits after the point. */
const precision = 8;

/**
 * The text of an array.
 *
 * @param data The elements in row-major order; booleans as bytes 0 and 1.
 */
export function arrayText(data: TypedArray, shape: Shape, dtype: DType): string {
  const size = sizeOf(shape);
  if (size === 0) return "[]";
  const round = dtype === "float32" ? Math.fround : (value: number) => value;
  const at = (offset: number) => round(data[offset]!);
  if (shape.length === 0) return scalarText(at(0), dtype);
  const cut = size > summarizedAbove;
  const shown = [...offsets(shape, cut)].map(at);
  return layOut(shape, cut, formatterOf(shown, dtype), at);
}

function scalarText(value: number, dtype: DType): string {
  if (dtype === "bool") return value === 0 ? "False" : "True";
  if (dtype === "int32" || dtype === "uint32" || !Number.isFinite(value)) return numberWord(value);
  const magnitude = Math.abs(value);
  const exponential = magnitude >= 1e16 || (magnitude !== 0 && magnitude < 1e-4);
  const digits = shortest(value, dtype);
  if (exponential) return scientific(value, digits.fraction.length, 2).replace(".e", "e");
  const text = positional(value, digits, Infinity);
  return text.endsWith(".") ? `${text}0` : text;
}

function numberWord(value: number): string {
  if (Number.isNaN(value)) return "nan";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  return String(value);
}

/** The offsets of the elements that are shown. */
function* offsets(shape: Shape, cut: boolean, axis = 0, offset = 0): Generator<number> {
  if (axis === shape.length) {
    yield offset;
    return;
  }
  const n = shape[axis]!;
  for (let i = 0; i < n; i++) {
    if (cut && n > 2 * edge && i === edge) i = n - edge;
    yield* offsets(shape, cut, axis + 1, offset * n + i);
  }
}

/** A float's sign, its shortest decimal digits, and the exponent of the first one. */
interface Digits {
  readonly sign: string;
  readonly first: string;
  readonly fraction: string;
  readonly exponent: number;
}

/** The fewest digits that round back to the value in its type, cut to the precision. */
function shortest(value: number, dtype: DType): Digits {
  let text = value.toExponential();
  if (dtype === "float32") {
    for (let digits = 0; digits < 9; digits++) {
      text = value.toExponential(digits);
      if (Math.fround(Number(text)) === value) break;
    }
  }
  const [, sign, first, fraction = "", exponent] = /^(-?)(\d)(?:\.(\d+))?e([+-]\d+)$/.exec(text)!;
  return {
    sign: Object.is(value, -0) ? "-" : sign!,
    first: first!,
    fraction,
    exponent: Number(exponent),
  };
}

/** `-12.5`: no exponent, no zeros at the end; whole numbers end in the point. */
function positional(value: number, { sign, first, fraction, exponent }: Digits, most: number) {
  if (fraction.length - exponent > most) {
    const [whole, rest] = toEven(Math.abs(value).toFixed(most + 30), 30).split(".");
    return `${sign}${whole}.${rest!.replace(/0+$/, "")}`;
  }
  const digits = first + fraction;
  const whole = exponent < 0 ? "0" : digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const rest = exponent < 0
    ? (first === "0" ? "" : "0".repeat(-exponent - 1) + digits)
    : digits.slice(exponent + 1);
  return `${sign}${whole}.${rest}`;
}

/** `-1.25e+10`, with this many digits after the point and at least this many in the exponent. */
function scientific(value: number, digits: number, exponentDigits: number): string {
  const [exact, power] = Math.abs(value).toExponential(digits + 30).split("e") as [string, string];
  const rounded = toEven(exact, 30);
  // Rounding may have made a tenth of the next power of ten.
  const carried = rounded.startsWith("10.");
  const mantissa = carried ? `1.${rounded.slice(3, 3 + digits).padEnd(digits, "0")}` : rounded;
  const exponent = carried ? Number(power) + 1 : Number(power);
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  const digitsOfPower = String(Math.abs(exponent)).padStart(exponentDigits, "0");
  return `${sign}${mantissa}e${exponent < 0 ? "-" : "+"}${digitsOfPower}`;
}

/** A decimal number without its last digits, rounded to the nearest, halves to even: JavaScript rounds them up. */
function toEven(text: string, dropped: number): string {
  const kept = text.slice(0, -dropped);
  const rest = text.slice(-dropped);
  const half = `5${"0".repeat(dropped - 1)}`;
  const last = kept.at(-1) === "." ? kept.at(-2)! : kept.at(-1)!;
  if (rest < half || (rest === half && Number(last) % 2 === 0)) return kept;
  const [whole, fraction] = kept.split(".") as [string, string];
  const up = String(BigInt(whole + fraction) + 1n).padStart(whole.length + fraction.length, "0");
  return `${up.slice(0, up.length - fraction.length)}.${up.slice(up.length - fraction.length)}`;
}

/** A function that writes one element, so that all have the same width. */
function formatterOf(shown: readonly number[], dtype: DType): (value: number) => string {
  const word = dtype === "bool"
    ? (value: number) => value === 0 ? "False" : "True"
    : dtype === "int32" || dtype === "uint32"
    ? String
    : floatWords(shown, dtype);
  const width = Math.max(...shown.map((value) => word(value).length));
  return (value) => word(value).padStart(width);
}

function floatWords(shown: readonly number[], dtype: DType): (value: number) => string {
  const finite = shown.filter(Number.isFinite);
  const magnitudes = finite.map(Math.abs).filter((m) => m > 0);
  const largest = Math.max(...magnitudes), smallest = Math.min(...magnitudes);
  if (
    largest >= (dtype === "float32" ? 1e6 : 1e8) || smallest < 1e-4 || largest / smallest > 1000
  ) {
    const fraction = (value: number) => {
      const { fraction } = shortest(value, dtype);
      if (fraction.length <= precision) return fraction;
      return /\.(\d*?)0*e/.exec(scientific(value, precision, 2))![1]!; // it has a point and an exponent
    };
    const exponent = (value: number) => String(Math.abs(shortest(value, dtype).exponent));
    const digits = Math.max(...finite.map((value) => fraction(value).length));
    const power = Math.max(2, ...finite.map((value) => exponent(value).length));
    return (value) => Number.isFinite(value) ? scientific(value, digits, power) : numberWord(value);
  }
  const text = (value: number) => positional(value, shortest(value, dtype), precision);
  const after = (value: string) => value.length - value.indexOf(".") - 1;
  const digits = Math.max(0, ...finite.map((value) => after(text(value))));
  return (value) => {
    if (!Number.isFinite(value)) return numberWord(value);
    const written = text(value);
    return written + " ".repeat(digits - after(written)); // points line up
  };
}

/** Brackets, spaces and line breaks around the words of the elements. */
function layOut(
  shape: Shape,
  cut: boolean,
  format: (value: number) => string,
  at: (offset: number) => number,
): string {
  const build = (axis: number, offset: number, indent: string, width: number): string => {
    if (axis === shape.length) return format(at(offset));
    const n = shape[axis]!;
    const parts: string[] = [];
    for (let i = 0; i < n; i++) {
      if (cut && n > 2 * edge && i === edge) {
        parts.push("...");
        i = n - edge;
      }
      parts.push(build(axis + 1, offset * n + i, `${indent} `, width - 1));
    }
    if (axis < shape.length - 1) {
      return `[${parts.join("\n".repeat(shape.length - 1 - axis) + indent)}]`;
    }
    const lines: string[] = [];
    let line = indent;
    for (const part of parts) {
      if (line.length > indent.length && line.length + part.length > width - 1) {
        lines.push(line.trimEnd());
        line = indent;
      }
      line += `${part} `;
    }
    lines.push(line.slice(0, -1));
    return `[${lines.join("\n").slice(indent.length)}]`;
  };
  return build(0, 0, " ", lineWidth);
}
