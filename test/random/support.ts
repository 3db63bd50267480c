/** The fixture of random numbers, and how its entries become calls. */
import { np, random, type Tensor } from "trilevel";
import fixture from "../fixtures/jax-core.json" with { type: "json" };

/** An array as the fixture writes it. */
export interface Encoded {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

/** One call of a function of `random`. */
export interface Sample {
  readonly name: string;
  readonly key: readonly number[];
  readonly args: readonly unknown[];
  readonly options?: { readonly [name: string]: unknown };
  readonly value: Encoded;
}

// JSON's types are those that the script writes; TypeScript sees one type for each entry.
export const seeds = fixture.random.seeds as unknown as { readonly [seed: string]: Encoded };
export const samples = fixture.random.samples as unknown as readonly Sample[];

function isEncoded(x: unknown): x is Encoded {
  return typeof x === "object" && x !== null && "dtype" in x && "data" in x;
}

/** An array of the fixture as a tensor; anything else as it is. */
export function decode(x: unknown): unknown {
  if (!isEncoded(x)) return x;
  const values = x.data.map(Number);
  const dtype = x.dtype as Tensor["dtype"]; // the script writes no other types
  return np.array(values, { dtype, shape: [...x.shape] });
}

/** A key of the fixture. */
export function keyOf(words: readonly number[]): Tensor {
  return np.array(new Uint32Array(words));
}

/** Calls the function that a sample names. */
export function draw({ name, key, args, options }: Sample, k = keyOf(key)): Tensor {
  const decoded = Object.fromEntries(
    Object.entries(options ?? {}).map(([option, value]) => [option, decode(value)]),
  );
  if (name === "split") return random.splitStacked(k, Number(args[0]));
  const rest = [...args.map(decode), ...(options ? [decoded] : [])];
  // The script names functions of `random`, and gives what they take.
  const f = random[name as "bits"] as unknown as (key: Tensor, ...rest: unknown[]) => Tensor;
  return f(k, ...rest);
}
