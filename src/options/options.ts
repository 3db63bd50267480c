/**
 * The one check of options. A function declares once what it takes: its name, the operands that stand before
 * the options, and the kind of each option. The declaration is tied to the TypeScript type (a name too many,
 * one that is missing, a kind of another type do not compile), and checks every call, so that JavaScript
 * without types is refused in words too.
 *
 * ```ts
 * import { integer, oneOf, declareOptions } from "./index.ts";
 * const check = declareOptions<{ mode?: "wrap" | "clip"; axis?: number }>("np.take", ["x", "indices"], {
 *   mode: oneOf("wrap", "clip"),
 *   axis: integer,
 * });
 * check({ mode: "clip" });
 * // check({ mode: "clamp" }) throws: np.take: `mode` must be one of "wrap", "clip", got "clamp"
 * ```
 */
import { markOwnCode } from "../errors/callSite.ts";
import { ArgumentError } from "../core/errors.ts";
import { describeTree } from "../core/describeValue.ts";
import { type Kind, kind, type Refusal } from "./kinds.ts";
import { nearest } from "./nearest.ts";

/** The kind of an option that cannot be left out. */
export interface Required<T> extends Kind<T> {
  /** Tells it from an option. */
  readonly required: true;
}

/** Marks an option that cannot be left out. */
export function required<T>(of: Kind<T>): Required<T> {
  return { ...of, required: true };
}

/** The kinds of all options of a type: required ones as such, and none too many. */
export type Spec<O> = {
  readonly [K in keyof O]-?: Record<never, never> extends Pick<O, K>
    ? Kind<Exclude<O[K], undefined>>
    : Required<O[K]>;
};

/** Options as they were declared: what an error that refuses some of them knows. */
export interface Declaration {
  /** The name by which users call the function: `np.pad`. */
  readonly name: string;
  /** The arguments that stand before the options. */
  readonly operands: readonly string[];
  /** The kind of each option. */
  readonly spec: { readonly [option: string]: Kind<never> & { readonly required?: true } };
}

/** Checks options of a type, and throws for invalid ones. */
export interface Check<O> {
  /** Throws unless options are an object of known names with values of the declared kinds; `args` are all of a call. */
  (given: unknown, args?: readonly unknown[]): void;
  /** The declaration that it was made of. */
  readonly declaration: Declaration;
  /** Never set: it ties the check to the type of options. */
  readonly type?: (options: O) => O;
}

const argumentError: Refusal = (message, hint) => new ArgumentError(message, hint);

const refused = new WeakMap<Error, Declaration>();

/** The declaration that an error was thrown for, if it was thrown for options: tests ask. */
export function declarationBehind(error: Error): Declaration | undefined {
  return refused.get(error);
}

/**
 * The check of a function's options.
 *
 * @param name how users call the function: `np.pad`, `nn.linear`.
 * @param operands the names of all arguments before the options.
 * @param spec the kind of each option; first the one that is most often meant.
 * @param refusal the error to throw; an ArgumentError unless given.
 */
export function declareOptions<O extends object>(
  name: string,
  operands: readonly string[],
  spec: Spec<NoInfer<O>>,
  refusal: Refusal = argumentError,
): Check<O> {
  markOwnCode();
  // The types of kinds have done their work: at run time, options are looked at by name.
  const kinds = spec as unknown as Declaration["spec"];
  const declaration: Declaration = { name, operands, spec: kinds };
  const missing = Object.keys(kinds).filter((option) => kinds[option]!.required);
  const refuse: (message: string, hint: string, raise?: Refusal) => never = (
    message,
    hint,
    raise = refusal,
  ) => {
    const error = raise(`${name}: ${message}`, hint);
    refused.set(error, declaration);
    throw error;
  };
  const check = (given: unknown, args: readonly unknown[] = []): void => {
    if (given === undefined && missing.length === 0) return;
    if (!isPlain(given)) {
      refuse(
        `the options must be an object, got ${shown(given)}`,
        `name them: ${exampleCall(declaration, named(given, kinds))}`,
      );
    }
    if (args.length > operands.length + 1) {
      refuse(
        `it takes ${operands.length + 1} arguments at most, got ${args.length}`,
        `the options are the last: ${exampleCall(declaration)}`,
      );
    }
    const values: { readonly [option: string]: unknown } = Object(given);
    for (const option in values) {
      if (!Object.hasOwn(kinds, option)) {
        refuse(`no option is named \`${option}\``, knownOptions(option, Object.keys(kinds)));
      }
      const value = values[option];
      const kind = kinds[option]!;
      if (value === undefined || kind.accepts(value)) continue;
      const better = `${option}: ${kind.meant?.(value) ?? kind.example}`;
      refuse(
        `\`${option}\` must be ${kind.expected}, got ${shown(value)}`,
        `write for example ${exampleCall(declaration, better)}`,
        kind.refusal,
      );
    }
    for (const option of missing) {
      if (values[option] !== undefined) continue;
      refuse(
        `\`${option}\` is missing: it must be ${kinds[option]!.expected}`,
        `write for example ${exampleCall(declaration)}`,
      );
    }
  };
  return Object.assign(check, { declaration });
}

/**
 * The check of a function that takes no options: nothing may stand behind its operands. Arrays' methods give
 * their callbacks the index and the array as well, which may stand there: `xs.map(np.sin)`.
 */
export function declareOperands(name: string, names: readonly string[]): Check<never> {
  markOwnCode();
  const declaration: Declaration = { name, operands: names, spec: {} };
  const check = (given: unknown, args: readonly unknown[] = []): void => {
    if (given === undefined || isCallback(args)) return;
    const most = names.length === 1 ? "1 argument" : `${names.length} arguments`;
    const error = new ArgumentError(
      `${name}: it takes ${most}, and no options; after them it got ${shown(given)}`,
      `write ${name}(${names.join(", ")})`,
    );
    refused.set(error, declaration);
    throw error;
  };
  return Object.assign(check, { declaration });
}

/** True if arguments end with an index and the array whose element stands before them. */
function isCallback(args: readonly unknown[]): boolean {
  const [element, index, array] = args.slice(-3);
  return Array.isArray(array) && typeof index === "number" && array[index] === element;
}

/** The part of a kind that a value is compared with, regardless of its type. */
type AnyKind = Pick<Kind<unknown>, "expected" | "example" | "accepts" | "meant" | "refusal">;

/**
 * An argument that has a place instead of a name; `before` is what is written in front of it.
 *
 * @throws ArgumentError unless it is of a kind.
 */
export function requireArgument(
  name: string,
  what: string,
  of: AnyKind,
  given: unknown,
  before: readonly string[] = [],
): void {
  if (of.accepts(given)) return;
  const meant = of.meant?.(given) ?? of.example;
  const raise = of.refusal ?? argumentError;
  throw raise(
    `${name}: \`${what}\` must be ${of.expected}, got ${shown(given)}`,
    `write for example ${name}(${[...before, meant].join(", ")})`,
  );
}

/** A plain object: no tensor, list, date or instance of another class. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** A value in a message: as it is written where it is short, else what it is. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  if (typeof value === "function") return value.name ? `the function ${value.name}` : "a function";
  if (Array.isArray(value) && value.length < 5 && value.every((x) => typeof x === "number")) {
    return `[${value.join(", ")}]`;
  }
  return describeTree(value);
}

function knownOptions(given: string, known: readonly string[]): string {
  const near = nearest(given, known);
  return `${near === undefined ? "" : `did you mean \`${near}\`? `}it takes { ${
    known.join(", ")
  } }`;
}

/** A value that was given by its place, as the first option that accepts it. */
function named(given: unknown, spec: Declaration["spec"]): string | undefined {
  const option = given === null || typeof given === "object" && !Array.isArray(given)
    ? undefined // which cannot be written in short
    : Object.keys(spec).find((key) => spec[key]!.accepts(given));
  return option && `${option}: ${shown(given)}`;
}

/** A call with all required options, and one option as it is written; the first unless any is required. */
function exampleCall({ name, operands, spec }: Declaration, written?: string): string {
  const all = Object.keys(spec);
  const needed = all.filter((key) => spec[key]!.required);
  const shown = written?.split(":")[0] ?? (needed.length > 0 ? undefined : all[0]);
  const inside = all.filter((key) => key === shown || needed.includes(key))
    .map((key) => written?.startsWith(`${key}:`) ? written : `${key}: ${spec[key]!.example}`);
  const object = `{ ${inside.join(", ")} }`;
  // A part of other options, "the encoder of a model", is no function to call.
  return name.includes(" ") ? object : `${name}(${[...operands, object].join(", ")})`;
}

/** Options of a part, which looks at them itself. */
export function nested<O extends object>(example = "{}"): Kind<O> {
  return kind("an object of options", example, isPlain);
}

/**
 * The options that a function takes last: an object of which nothing is required, and that is no dictionary
 * of names of one's own. Never, if it takes none.
 */
export type OptionsOf<F extends (...args: never[]) => unknown> = Last<Filled<Parameters<F>>>;

type Filled<Args extends readonly unknown[]> = { [I in keyof Args]-?: Args[I] };

type Last<Args extends readonly unknown[]> = number extends Args["length"] ? never
  : Args extends readonly [...unknown[], infer O] ? Weak<Exclude<O, undefined>>
  : never;

type Weak<O> = unknown extends O ? never : O extends unknown ? NoDictionary<O> : never;

type NoDictionary<O> = string extends keyof O ? never
  : number extends keyof O ? never
  : Record<never, never> extends O ? O
  : never;
