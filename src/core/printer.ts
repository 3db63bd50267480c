/** Programs as text. Programs of one text compute the same, so the text serves as a key of caches, too. */
import { type Atom, formatAval, Var } from "./aval.ts";
import { isProgram, type Params, type Program } from "./program.ts";

/**
 * A program as text, one equation a line, variables named in order of appearance:
 *
 * ```text
 * { a:float32[3] b:float32[3] =>
 *   c:float32[3] = mul a b
 *   d:float32[] = reduceSum[axes=0] c
 *   (d) }
 * ```
 */
export function formatProgram(
  program: Program,
  indent = "",
  inner: FormatInner = formatProgram,
): string {
  const names = new Map<Var, string>();
  const name = (v: Var): string => {
    let found = names.get(v);
    if (found === undefined) names.set(v, found = letters(names.size));
    return found;
  };
  const atom = (a: Atom) => a instanceof Var ? name(a) : `${a.value}:${formatAval(a.aval)}`;
  const typed = (v: Var) => `${name(v)}:${formatAval(v.aval)}`;
  const lines = [`{ ${[...program.inputs.map(typed), "=>"].join(" ")}`];
  for (const { primitive, params, inputs, outputs } of program.equations) {
    const head = `${primitive.name}${formatParams(params, `${indent}    `, inner)}`;
    lines.push(`  ${[...outputs.map(typed), "=", head, ...inputs.map(atom)].join(" ")}`);
  }
  lines.push(`  (${program.outputs.map(atom).join(", ")}) }`);
  return lines.join(`\n${indent}`);
}

/** The text of a program inside another's parameters. */
export type FormatInner = (program: Program, indent: string) => string;

/** Parameters as text: equal parameters have equal texts, if equal programs within have. */
export function formatParams(
  params: Params,
  indent = "",
  inner: FormatInner = formatProgram,
): string {
  const fields = Object.entries(params).filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${formatParam(value, indent, inner)}`);
  return fields.length === 0 ? "" : `[${fields.join(" ")}]`;
}

const functionNumbers = new WeakMap<object, number>();
let functionCount = 0;

function formatParam(value: unknown, indent: string, inner: FormatInner): string {
  if (isProgram(value)) return inner(value, indent);
  if (Array.isArray(value)) return `(${value.map((v) => formatParam(v, indent, inner)).join(",")})`;
  if (typeof value === "function") {
    // Functions are compared by identity, so the text must distinguish two of the same name.
    let number = functionNumbers.get(value);
    if (number === undefined) functionNumbers.set(value, number = functionCount++);
    return `${value.name || "function"}#${number}`;
  }
  if (typeof value === "object" && value !== null) {
    return formatParams(value as Params, indent, inner);
  }
  return Object.is(value, -0) ? "-0" : String(value);
}

function letters(n: number): string {
  const letter = String.fromCharCode(97 + n % 26);
  return n < 26 ? letter : letters(Math.floor(n / 26) - 1) + letter;
}
