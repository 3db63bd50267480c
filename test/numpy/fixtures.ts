/** The fixture of array functions, and how its entries become calls. */
import { associativeScan, cond, foriLoop, np, scan, switchCase, type Tensor } from "trilevel";
import fixture from "../fixtures/jax-core.json" with { type: "json" };

/** An array as the fixture writes it. */
export interface Encoded {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly data: readonly (number | string)[];
}

/** One call of a function, its value, and the gradients of Σ cos(k + 1) yₖ. */
export interface Entry {
  readonly name: string;
  readonly args: readonly unknown[];
  readonly options?: { readonly [name: string]: unknown };
  readonly value: readonly Encoded[];
  readonly grads?: readonly Encoded[];
}

// JSON's types are those that the script writes; TypeScript sees one type for each entry.
export const entries = fixture.functions as unknown as readonly Entry[];
export const promotion = fixture.promotion as {
  readonly [left: string]: { readonly [right: string]: string };
};
export const derivatives = fixture.derivatives;
export const whileLoopFixture = fixture.whileLoop;

export function isEncoded(x: unknown): x is Encoded {
  return typeof x === "object" && x !== null && "dtype" in x && "data" in x;
}

/** An array of the fixture as a tensor. */
export function tensorOf(x: Encoded): Tensor {
  const dtype = x.dtype as Tensor["dtype"]; // the script writes no other types
  return np.array(x.data.map(Number), { dtype, shape: [...x.shape] });
}

// What an entry's name stands for: a function of what the entry gives it.
type Call = (...args: never[]) => Tensor | readonly Tensor[];

/** Entries that are no plain functions of `np`: the same code as in the script. */
const programs: { readonly [name: string]: Call } = {
  relu: (x: Tensor) => np.where(np.greater(x, 0), x, np.zerosLike(x)),
  maskedLog: (x: Tensor) => {
    const inside = np.greater(x, 0);
    return np.where(inside, np.log(np.where(inside, x, 1)), 0);
  },
  all: (x: Tensor) => np.all(np.greater(x, 0), { axis: 1 }),
  tensordot: (x: Tensor, y: Tensor, axes: number) => np.tensordot(x, y, { axes }),
  atSet: (x: Tensor, i: Tensor, y: Tensor) => np.at(x, i).set(y),
  atAdd: (x: Tensor, i: Tensor, y: Tensor) => np.at(x, i).add(y),
  atMultiply: (x: Tensor, i: Tensor, y: Tensor) => np.at(x, i).multiply(y),
  "linalg.eigh": (x: Tensor) => np.linalg.eigh(x)[0],
  rnn: (w: Tensor, h: Tensor, xs: Tensor) => scan(cell(w), h, xs),
  rnnReverse: (w: Tensor, h: Tensor, xs: Tensor) => scan(cell(w), h, xs, { reverse: true }),
  nestedScan: (w: Tensor, xs: Tensor) => {
    const inner = (d: Tensor, y: Tensor) => [np.sin(d.mul(w)).add(y), d] as const;
    const start = np.array(0.5, { dtype: "float64" });
    return scan((c: Tensor, x: Tensor) => [scan(inner, c, x)[0], c.mul(w)] as const, start, xs);
  },
  branch: (x: Tensor) =>
    cond(x.sum().greater(0), (y) => np.sin(y).mul(y), (y) => np.power(y, 3), x),
  switch: (i: Tensor, x: Tensor) =>
    switchCase(i, [(y: Tensor) => y, (y: Tensor) => y.mul(y), (y: Tensor) => np.exp(y)], x),
  condInScan: (x: Tensor) => {
    const step = (c: Tensor, t: Tensor) => {
      const next = cond(
        c.sum().greater(0),
        (c: Tensor) => c.mul(t).sub(1),
        (c: Tensor) => c.add(t.mul(t)),
        c,
      );
      return [next, c] as const;
    };
    return scan(step, x, np.arange(5).astype("float64"));
  },
  fori: (x: Tensor, y: Tensor) => foriLoop(0, 5, (i, c: Tensor) => np.cos(c).mul(y).add(i), x),
  associativeScan: (x: Tensor, options: { axis?: number; reverse?: boolean }) =>
    associativeScan((a: Tensor, b: Tensor) => a.mul(b), x, options),
};

function cell(w: Tensor) {
  return (c: Tensor, x: Tensor) => {
    const d = np.tanh(np.matmul(w, c).add(x));
    return [d, d.mul(x)] as const;
  };
}

/** The function of an entry's name: one of the above, or of `np`, as `linalg.solve`. */
function lookUp(name: string): Call {
  const found = programs[name] ??
    name.split(".").reduce(
      (space: unknown, part) => (space as Record<string, unknown>)?.[part],
      np,
    );
  if (typeof found !== "function") throw new Error(`np has no ${name}`);
  return found as Call; // the script gives what the function takes
}

/** Some entries name functions of `nn`: they are tested there. */
export const elsewhere = new Set(["elu", "gelu"]);

/** The entry's float tensors, and the function of them that the entry calls. */
export function callOf(entry: Entry): {
  readonly floats: Tensor[];
  readonly call: (...floats: Tensor[]) => Tensor[];
} {
  const args = entry.args.map((a) => isEncoded(a) ? tensorOf(a) : a);
  const places = entry.args.flatMap((a, i) =>
    isEncoded(a) && a.dtype.startsWith("float") ? [i] : []
  );
  const options = Object.fromEntries(
    Object.entries(entry.options ?? {}).map(([name, value]) => [
      name,
      value === "Infinity" || value === "-Infinity" ? Number(value) : value,
    ]),
  );
  const f = lookUp(entry.name) as (...args: unknown[]) => Tensor | readonly Tensor[];
  return {
    floats: places.map((i) => args[i] as Tensor), // decoded above
    call: (...floats) => {
      const filled = args.map((a, i) => places.includes(i) ? floats[places.indexOf(i)] : a);
      const result = f(...filled, ...(entry.options ? [options] : []));
      return [result].flat() as Tensor[]; // one tensor, or a list of them
    },
  };
}

/** Σ cos(k + 1) yₖ over all elements of all float results. */
export function weighted(results: readonly Tensor[]): Tensor {
  const floats = results.filter((y) => y.dtype.startsWith("float"));
  let offset = 0;
  return floats.map((y) => {
    const weights = np.cos(np.arange(offset + 1, offset + 1 + y.size).astype("float64"));
    offset += y.size;
    return np.sum(np.multiply(np.reshape(weights, y.shape), y));
  }).reduce((a, b) => a.add(b));
}
