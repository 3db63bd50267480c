/** Options are named: a value in their place, or a name that nobody knows, would else be passed over in silence. */
import { ArgumentError } from "./errors.ts";
import { kindOf } from "./kindOf.ts";
import { Tensor } from "./tensor.ts";

/**
 * Throws unless options are an object: `f(x, 0)` where `f(x, { axis: 0 })` was meant.
 *
 * @param example how the call is written, as `nn.softmax(x, { axis: 0 })`.
 */
export function requireOptions(
  name: string,
  options: unknown,
  example: string,
): asserts options is object {
  if (
    typeof options === "object" && options !== null && !Array.isArray(options) &&
    !(options instanceof Tensor)
  ) return;
  throw new ArgumentError(`${name}: the options are ${kindOf(options)}`, `name them: ${example}`);
}

/**
 * What looks at a function's options, if it is given some: they are an object, and their names are known.
 *
 * @param call how the function is called without, as `np.take(x, indices)`.
 * @param known all the options there are, by example; first the one that is most often meant. Where an
 * example says nothing, undefined.
 */
export function optionsCheck<O extends object>(
  name: string,
  call: string,
  known: Examples<O>,
): (options: unknown) => void {
  const shown = Object.entries(known)
    .map(([key, value]) => value === undefined ? key : `${key}: ${JSON.stringify(value)}`);
  const behind = call.endsWith("()") ? "" : ", ";
  const example = `${call.slice(0, -1)}${behind}{ ${shown[0]} })`;
  return (options) => {
    if (options === undefined) return;
    requireOptions(name, options, example);
    for (const given in options) {
      if (Object.hasOwn(known, given)) continue;
      throw new ArgumentError(
        `${name}: no option is named ${given}`,
        `it takes { ${shown.join(", ")} }`,
      );
    }
  };
}

/** A value for every option. */
export type Examples<O> = { readonly [K in keyof O]-?: O[K] | undefined };

/** The options that a function takes last: an object of which nothing is required. Never, if it takes none. */
export type OptionsOf<F extends (...args: never[]) => unknown> = Last<Required<Parameters<F>>>;

type Last<Args extends readonly unknown[]> = number extends Args["length"] ? never
  : Args extends readonly [...unknown[], infer O] ? Weak<Exclude<O, undefined>>
  : never;

type Weak<O> = unknown extends O ? never : Record<never, never> extends O ? O : never;
