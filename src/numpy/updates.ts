/**
 * Tensors that differ from another in some places: `np.at(x, …).set(y)` is what `x[…] = y` makes of a
 * copy of `x`. Updates outside of the tensor are dropped, as in JAX.
 */
import { DTypeError } from "../core/errors.ts";
import { formatAval, sizeOf } from "../core/aval.ts";
import { literal, Tensor } from "../core/tensor.ts";
import { declareOperands, declareOptions, oneOf, tensorLike } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { divide, negative, power } from "./elementwise.ts";
import { complete, type Index, type OutOfBounds, read } from "./indexing.ts";
import { managed } from "./managed.ts";
import { stretchOf } from "./parts.ts";
import { dynamicSlice } from "./taking.ts";
import { asTensor, cast, commonType, stretch, type TensorLike } from "./promote.ts";

/** The treatment of updates that are out of bounds. */
export interface UpdateOptions {
  /** `"drop"` (the default) leaves them out, `"clip"` puts them at the edge. */
  readonly mode?: "drop" | "clip" | undefined;
}

/** A place in a tensor, and what can be put there. Values are broadcast to the place's shape. */
export interface Place {
  /** The elements at the index; the nearest element, or a fixed value, for indices that are out of bounds. */
  get(options?: OutOfBounds): Tensor;
  /** The tensor with `y` there; where one place is named twice, one of the values. */
  set(y: TensorLike, options?: UpdateOptions): Tensor;
  /** The tensor with `y` added there, as often as the place is named. */
  add(y: TensorLike, options?: UpdateOptions): Tensor;
  /** The tensor multiplied by `y` there, as often as the place is named. */
  multiply(y: TensorLike, options?: UpdateOptions): Tensor;
  /** The tensor with `y` subtracted there, as often as the place is named. */
  subtract(y: TensorLike, options?: UpdateOptions): Tensor;
  /** The tensor divided by `y` there, as often as the place is named; integers become floats. */
  divide(y: TensorLike, options?: UpdateOptions): Tensor;
  /** The tensor to the power `y` there, as often as the place is named. */
  power(y: TensorLike, options?: UpdateOptions): Tensor;
  /**
   * The tensor with `f` of what is there, in its place: `f` takes all elements there as one tensor. It is applied once,
   * also where a place is named twice (in JAX, as often as it is named).
   */
  apply(f: (x: Tensor) => TensorLike, options?: UpdateOptions): Tensor;
  /** The tensor with the smaller of what is there and `y`. */
  min(y: TensorLike, options?: UpdateOptions): Tensor;
  /** The tensor with the larger of what is there and `y`. */
  max(y: TensorLike, options?: UpdateOptions): Tensor;
}

/**
 * A place in a tensor; the index is written as for {@link slice}, or is one mask of booleans.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.zeros([2, 3]);
 * console.assert(String(await np.at(x, 0, [1, 3]).set(7).data()) === "0,7,7,0,0,0");
 * const twice = np.array([1, 1], { dtype: "int32" });
 * console.assert(String(await np.at(np.zeros(3), twice).add(1).data()) === "0,2,0");
 * console.assert(String(await np.at(np.arange(3), np.arange(3).less(2)).set(9).data()) === "9,9,2");
 * console.assert(String(await np.at(np.arange(3), 2).apply((y) => y.mul(y)).data()) === "0,1,4");
 * ```
 */
export function at(x: TensorLike, ...index: readonly Index[]): Place {
  const t = asTensor(x);
  const checked = (name: keyof typeof updateChecks, given: UpdateOptions | undefined) => {
    updateChecks[name](given);
    return given?.mode ?? "drop";
  };
  const change = (operation: Operation) => (y: TensorLike, given?: UpdateOptions) =>
    update(t, index, y, operation, checked(operation, given));
  return {
    get: (given) => {
      checkRead(given);
      return get(given ?? {}, t, index);
    },
    set: change("set"),
    add: change("add"),
    multiply: change("multiply"),
    min: change("min"),
    max: change("max"),
    subtract: (y, given) => change("add")(negative(y), { mode: checked("subtract", given) }),
    divide: (y, given) => divided(t, index, y, checked("divide", given)),
    power: (y, given) => raised(t, index, y, checked("power", given)),
    apply: (f, given) => applied(t, index, f, checked("apply", given)),
  };
}

/** Divided by the product of all that a place is divided by. */
const divided = managed((x: Tensor, index: readonly Index[], y: TensorLike, mode: Mode) =>
  divide(x, update(lax.fullLike(x, 1), index, y, "multiply", mode))
);

/** Powers of powers multiply their exponents. Where no place is named, 1 stands in for the base. */
const raised = managed((x: Tensor, index: readonly Index[], y: TensorLike, mode: Mode) => {
  const exponent = update(lax.fullLike(x, 1), index, y, "multiply", mode);
  const counts = update(lax.full(x.shape, 0, "int32"), index, 1, "add", mode);
  const named = lax.gt(counts, lax.fullLike(counts, 0));
  return lax.select(named, power(lax.select(named, x, lax.fullLike(x, 1)), exponent), x);
});

const applied = managed(
  (x: Tensor, index: readonly Index[], f: (x: Tensor) => TensorLike, mode: Mode): Tensor => {
    const value = maskOf(index) ? f(x) : f(read("at", x, index, { mode: "clip" }));
    return update(x, index, value, "set", mode);
  },
);

/** The mask that an index consists of, if it is one. */
const maskOf = ([first, ...rest]: readonly Index[]): Tensor | undefined =>
  first instanceof Tensor && first.dtype === "bool" && rest.length === 0 ? first : undefined;

const updateCheck = (operation: string, operand = "y") =>
  declareOptions<UpdateOptions>(`np.at(x, index).${operation}`, [operand], {
    mode: oneOf("drop", "clip"),
  });
const updateChecks = {
  set: updateCheck("set"),
  add: updateCheck("add"),
  multiply: updateCheck("multiply"),
  min: updateCheck("min"),
  max: updateCheck("max"),
  subtract: updateCheck("subtract"),
  divide: updateCheck("divide"),
  power: updateCheck("power"),
  apply: updateCheck("apply", "f"),
};
const checkRead = declareOptions<OutOfBounds>("np.at(x, index).get", [], {
  mode: oneOf("clip", "fill"),
  fillValue: tensorLike,
});

type Mode = "drop" | "clip";
type Operation = "set" | "add" | "multiply" | "min" | "max";

const operations = { add: lax.add, multiply: lax.mul, min: lax.min, max: lax.max } as const;

const get = managed(
  (options: OutOfBounds, x: Tensor, index: readonly Index[]) => read("at", x, index, options),
);

const update = managed((
  x: Tensor,
  index: readonly Index[],
  y: TensorLike,
  operation: Operation,
  mode: Mode,
): Tensor => {
  const value = valueFor(x, y);
  const mask = maskOf(index);
  if (mask) return masked(x, mask, value, operation);
  // Only the leading axes that the index speaks of are numbered; whole trailing ones move along.
  const items = complete("at", x, index);
  const isWhole = (item: Index) => Array.isArray(item) && item.every((n) => n === undefined);
  const untouched = items.toReversed().findIndex((item) => !isWhole(item));
  const trailing = untouched < 0 ? 0 : untouched;
  const lead = x.shape.slice(0, x.ndim - trailing);
  const count = sizeOf(lead);
  const numbers = lax.reshape(lax.iota([count], "int32", 0), lead);
  const places = read("at", numbers, items.slice(0, items.length - trailing), {
    mode: mode === "drop" ? "fill" : "clip",
    fillValue: literal(count, "int32"),
  });
  return put(x, lead.length, places, value, operation, items.some((i) => i instanceof Tensor));
});

/** The value in the tensor's type. */
function valueFor(x: Tensor, y: TensorLike): Tensor {
  const { dtype } = commonType([x, y]);
  if (dtype !== x.dtype) {
    const given = y instanceof Tensor ? formatAval(y.aval) : String(y);
    throw new DTypeError(
      `at: ${given} cannot be put into ${formatAval(x.aval)} without loss`,
      "convert one of them with astype",
    );
  }
  return cast("at", y, { dtype, weak: x.aval.weak });
}

function masked(x: Tensor, mask: Tensor, value: Tensor, operation: Operation): Tensor {
  const aligned = lax.reshape(mask, [...mask.shape, ...x.shape.slice(mask.ndim).map(() => 1)]);
  const y = stretch("at", value, x.shape);
  const changed = operation === "set" ? y : operations[operation](x, y);
  return lax.select(stretch("at", aligned, x.shape), changed, x);
}

/** Values put at numbered places of the first `lead` axes; the number behind the last is nowhere. */
function put(
  x: Tensor,
  lead: number,
  places: Tensor,
  value: Tensor,
  operation: Operation,
  mayMiss: boolean,
): Tensor {
  const rest = x.shape.slice(lead);
  const count = sizeOf(x.shape.slice(0, lead));
  const values = lax.reshape(
    stretch("at", value, [...places.shape, ...rest]),
    [places.size, ...rest],
  );
  const flat = lax.reshape(x, [count, ...rest]);
  const numbers = lax.reshape(places, [places.size]);
  const simple = operation === "set" || operation === "add";
  // One more row, for what goes nowhere.
  const padded = simple && !mayMiss ? flat : lax.pad(flat, {
    low: flat.shape.map(() => 0),
    high: flat.shape.map((_, i) => i === 0 ? 1 : 0),
    interior: flat.shape.map(() => 0),
  });
  const result = simple
    ? lax.scatter(padded, column(numbers), values, operation)
    : combined(padded, numbers, values, operations[operation]);
  return lax.reshape(stretchOf(result, 0, 0, count), x.shape);
}

const column = (numbers: Tensor) => lax.reshape(numbers, [numbers.size, 1]);

/**
 * Updates of one place are combined first: sorted by place, neighbours of one place joined in log₂ n
 * steps, so that the last of each place holds them all.
 */
function combined(
  x: Tensor,
  places: Tensor,
  values: Tensor,
  combine: (a: Tensor, b: Tensor) => Tensor,
): Tensor {
  const count = places.size;
  if (count === 0) return x;
  const [sorted, order] = lax.sort(places, lax.iota([count], "int32", 0));
  const part = (y: Tensor, from: number, to: number) => stretchOf(y, 0, from, to);
  const same = (reach: number) =>
    lax.eq(part(sorted!, 0, count - reach), part(sorted!, reach, count));
  let joined = lax.gather(values, column(order!));
  for (let reach = 1; reach < count; reach *= 2) {
    const later = part(joined, reach, count);
    const both = combine(part(joined, 0, count - reach), later);
    const condition = lax.broadcast(same(reach), later.shape, [0]);
    joined = lax.concatenate([part(joined, 0, reach), lax.select(condition, both, later)], 0);
  }
  const nowhere = literal(x.shape[0]! - 1, "int32");
  const followed = lax.concatenate([same(1), lax.full([1], 0, "bool")], 0);
  const targets = lax.select(followed, stretch("at", nowhere, [count]), sorted!);
  const current = lax.gather(x, column(sorted!));
  return lax.scatter(x, column(targets), combine(current, joined), "set");
}

/**
 * The tensor with a box replaced at a computed place, which is moved so that the box fits, as in JAX.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.dynamicUpdateSlice(np.zeros(4), np.ones(2), [np.array(1, { dtype: "int32" })]);
 * console.assert(String(await x.data()) === "0,1,1,0");
 * ```
 */
export const dynamicUpdateSlice: (
  x: TensorLike,
  y: TensorLike,
  starts: readonly TensorLike[],
) => Tensor = managed((x, y, starts) => {
  const t = asTensor(x);
  const value = valueFor(t, y);
  const axes = t.shape.map((_, i) => i);
  const lead = 1 + (axes.findLast((i) => value.shape[i] !== t.shape[i]) ?? -1);
  const shape = t.shape.slice(0, lead);
  const numbers = lax.reshape(lax.iota([sizeOf(shape)], "int32", 0), shape);
  const places = dynamicSlice(numbers, starts.slice(0, lead), value.shape.slice(0, lead));
  return put(t, lead, places, value, "set", false);
}, declareOperands("np.dynamicUpdateSlice", ["x", "y", "starts"]));
