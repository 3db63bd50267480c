/**
 * Programs as plain data, from which they can be made again. So images of different programs differ, and their
 * text may stand for them: variables are numbers in order of definition, and every program counts its own.
 */
import type { DType } from "../../../core/dtype.ts";
import { type Atom, type Aval, Literal, Var } from "../../../core/aval.ts";
import { type Equation, isProgram, type Params, type Program } from "../../../core/program.ts";
import { primitives } from "../../../primitives/index.ts";

type AvalImage = readonly [DType, weak: boolean, ...shape: number[]];

/** A variable, or a number and its type. */
type AtomImage = number | readonly [value: NumberImage, ...AvalImage];

/** Numbers that JSON lacks are texts. */
type NumberImage = number | "-0" | "NaN" | "Infinity" | "-Infinity";

/** A parameter. Whatever is no list, text or ordinary number says what it is. */
type Value =
  | number
  | string
  | boolean
  | null
  | readonly Value[]
  | { readonly number: NumberImage }
  | { readonly fields: { readonly [name: string]: Value } }
  | { readonly program: ProgramImage };

type EquationImage = readonly [
  primitive: string,
  params: { readonly [name: string]: Value },
  inputs: readonly AtomImage[],
  outputs: readonly AvalImage[],
];

/** A program as plain data. */
export interface ProgramImage {
  readonly inputs: readonly AvalImage[];
  readonly equations: readonly EquationImage[];
  readonly outputs: readonly AtomImage[];
}

/** Thrown for a value that an image cannot hold, such as a function of the host. */
class Unimaginable extends Error {}

const byName: ReadonlyMap<string, Equation["primitive"]> = new Map(Object.entries(primitives));

/** The image of a program; nothing where it holds what means something in this process only. */
export function imageOf(program: Program): ProgramImage | undefined {
  try {
    return draw(program);
  } catch (error) {
    if (error instanceof Unimaginable) return undefined;
    throw error;
  }
}

function draw({ inputs, equations, outputs }: Program): ProgramImage {
  const numbers = new Map<Atom, number>();
  const define = (v: Var): AvalImage => {
    numbers.set(v, numbers.size);
    return drawAval(v.aval);
  };
  const atom = (a: Atom): AtomImage =>
    a instanceof Literal ? [drawNumber(a.value), ...drawAval(a.aval)] : numbers.get(a)!;
  return {
    inputs: inputs.map(define),
    equations: equations.map(({ primitive, params, inputs, outputs }) => {
      if (byName.get(primitive.name) !== primitive) throw new Unimaginable(primitive.name);
      return [primitive.name, drawFields(params), inputs.map(atom), outputs.map(define)];
    }),
    outputs: outputs.map(atom),
  };
}

const drawAval = ({ dtype, weak, shape }: Aval): AvalImage => [dtype, weak, ...shape];

function drawNumber(x: number): NumberImage {
  if (Number.isFinite(x)) return Object.is(x, -0) ? "-0" : x;
  return String(x) as NumberImage; // one of three
}

function drawFields(fields: object): { [name: string]: Value } {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given.map(([name, value]) => [name, drawValue(value)]));
}

function drawValue(value: unknown): Value {
  switch (typeof value) {
    case "number": {
      const number = drawNumber(value);
      return typeof number === "number" ? number : { number };
    }
    case "string":
    case "boolean":
      return value;
    case "object":
      if (value === null) return null;
      if (Array.isArray(value)) return value.map(drawValue);
      if (isProgram(value)) return { program: draw(value) };
      if (Object.getPrototypeOf(value) === Object.prototype) return { fields: drawFields(value) };
  }
  throw new Unimaginable(String(value));
}

/** A program of an image. */
export function programOf({ inputs, equations, outputs }: ProgramImage): Program {
  const variables: Var[] = [];
  const define = (image: AvalImage): Var => {
    const v = new Var(avalOf(image));
    variables.push(v);
    return v;
  };
  const atom = (image: AtomImage): Atom => {
    if (typeof image === "number") return variables[image]!;
    const [value, ...rest] = image;
    return new Literal(Number(value), avalOf(rest));
  };
  return {
    inputs: inputs.map(define),
    equations: equations.map(([name, params, inputs, outputs]): Equation => ({
      primitive: byName.get(name)!,
      params: fieldsOf(params),
      inputs: inputs.map(atom),
      outputs: outputs.map(define),
    })),
    outputs: outputs.map(atom),
  };
}

const avalOf = ([dtype, weak, ...shape]: AvalImage): Aval => ({ shape, dtype, weak });

function fieldsOf(fields: { readonly [name: string]: Value }): Params {
  return Object.fromEntries(Object.entries(fields).map(([name, v]) => [name, valueOf(v)]));
}

function valueOf(image: Value): unknown {
  if (typeof image !== "object" || image === null) return image;
  if ("number" in image) return Number(image.number);
  if ("program" in image) return programOf(image.program);
  if ("fields" in image) return fieldsOf(image.fields);
  return image.map(valueOf);
}
