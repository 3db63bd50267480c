/** `pureCallback`: functions of the host within programs. */
import type { DType, TypedArray } from "../core/dtype.ts";
import { ArgumentError, ShapeError } from "../core/errors.ts";
import { type Aval, aval, formatAval, type Shape, sizeOf } from "../core/aval.ts";
import { describeValue } from "../core/describeValue.ts";
import { tensorLeaves, unflattenAll } from "../core/function.ts";
import type { Tensor } from "../core/tensor.ts";
import {
  flatten,
  flattenUpTo,
  formatStructure,
  type MapTree,
  type Structure,
  unflatten,
} from "../core/tree.ts";
import { declareOptions, oneOf } from "../options/index.ts";
import * as lax from "../primitives/index.ts";

/** A tensor as the host sees it: a copy of its elements, in row-major order. */
export interface HostArray {
  /** The elements. */
  readonly data: TypedArray;
  /** The size of each axis. */
  readonly shape: Shape;
  /** The element type. */
  readonly dtype: DType;
}

/** The type of a result: a `ShapeDType`, or any tensor of that type. */
export interface HostArrayType {
  /** The size of each axis. */
  readonly shape: Shape;
  /** The element type. */
  readonly dtype: DType;
}

/** Options of {@link pureCallback}. */
export interface PureCallbackOptions {
  /**
   * The way in which `vmap` calls the function: `"sequential"` once for each element of the batch, in a loop; `"sequentialUnrolled"`
   * likewise, without a loop; `"expandDims"` once, with the batch as another axis in front of all arguments, of size 1 in
   * those that all elements share; `"broadcastAll"` once, with that axis of full size everywhere. In the last two, results
   * have the axis, too. Without it, `vmap` is refused.
   */
  readonly vmapMethod?: lax.VmapMethod | undefined;
}

const checkOptions = declareOptions<PureCallbackOptions>("pureCallback", ["callback", "result"], {
  vmapMethod: oneOf("sequential", "sequentialUnrolled", "expandDims", "broadcastAll"),
});

/**
 * A function of tensors that the host computes, in plain JavaScript: `callback` takes the values of the arguments, in trees
 * like theirs, and gives values for a tree of types, `result`. It works eagerly and in compiled functions, loops and
 * branches. It must be pure: it may be called more often than it is written, or not at all where nothing needs its
 * results. JAX users know it as `jax.pure_callback`.
 *
 * Values are typed arrays, numbers, booleans, or lists of these. What the callback throws is thrown where a result is
 * read. A callback cannot wait: a promise is refused.
 *
 * Programs cannot call the host. A compiled function is therefore cut at each call, and a loop with a call inside is taken
 * step by step, at the pace of operations outside of `jit`. On `webgpu`, all that comes after a call waits for it, and
 * `cond` and `whileLoop` with a call inside are refused, since the host does not see what decides. There is no derivative:
 * give one with `customJvp`. Exported programs (`toOnnx`, `toStableHlo`) cannot contain calls.
 *
 * ```ts
 * import { type HostArray, jit, np, pureCallback, ShapeDType, type Tensor, vmap } from "trilevel";
 * // The index of the median, which an array library may lack.
 * const medianIndex = pureCallback(
 *   ({ data }: HostArray) => Array.from(data.keys()).sort((a, b) => data[a]! - data[b]!)[data.length >> 1],
 *   new ShapeDType([], "int32"),
 *   { vmapMethod: "sequential" },
 * );
 * const middle = jit((x: Tensor) => np.take(x, medianIndex(x)));
 * console.assert(await middle(np.array([5, 1, 3])).item() === 3);
 * const rows = vmap(middle)(np.array([[5, 1, 3], [4, 9, 2]]));
 * console.assert(String(await rows.data()) === "3,4");
 * ```
 *
 * @throws ArgumentError under `vmap` without `vmapMethod`, and where it is differentiated.
 */
export function pureCallback<A extends readonly unknown[], R>(
  callback: (...args: A) => unknown,
  result: R,
  options: PureCallbackOptions = {},
): (
  ...args: { -readonly [K in keyof A]: MapTree<A[K], HostArray, Tensor> }
) => MapTree<R, HostArrayType, Tensor> {
  checkOptions(options, arguments as unknown as readonly unknown[]);
  const [types, structure] = flatten(result);
  const results = types.map(typeOf);
  const known = new Map<string, lax.PureCallbackParams>();
  return (...args) => {
    const flat = args.map((arg, i) => tensorLeaves(arg, `pureCallback: argument ${i}`));
    const structures = flat.map(([, s]) => s);
    const key = structures.map(formatStructure).join(";");
    // Equal programs have equal texts only if their functions are the same.
    let params = known.get(key);
    if (!params) {
      const call = (values: readonly HostArray[]) =>
        callback(...unflattenAll(structures, values) as unknown as A);
      params = {
        run: runner(call, structure, results),
        results,
        leading: [],
        vmapMethod: options.vmapMethod,
      };
      known.set(key, params);
    }
    return unflatten(structure, lax.pureCallback(flat.flatMap(([xs]) => xs), params));
  };
}

function typeOf(given: unknown): Aval {
  const { shape, dtype }: Partial<HostArrayType> = Object(given);
  if (Array.isArray(shape) && typeof dtype === "string") return aval(shape, dtype);
  throw new ArgumentError(
    `pureCallback: \`result\` holds ${describeValue(given)}`,
    "give a tree of new ShapeDType(shape, dtype), or of tensors like the results",
  );
}

/** The callback as a function of leaves, for results with further axes in front. */
function runner(
  call: (values: readonly HostArray[]) => unknown,
  structure: Structure,
  results: readonly Aval[],
): lax.PureCallbackParams["run"] {
  return (leading) => (values, avals) => {
    const given = call(
      values.map((data, i) => ({ data, shape: avals[i]!.shape, dtype: avals[i]!.dtype })),
    );
    if (given instanceof Promise) {
      throw new ArgumentError(
        "pureCallback: the callback returns a promise",
        "a program cannot wait for it: compute the values at once, or outside of the program",
      );
    }
    return flattenUpTo(structure, given, "pureCallback: the callback's result").map((value, i) =>
      elementsOf(value, { ...results[i]!, shape: [...leading, ...results[i]!.shape] })
    );
  };
}

function elementsOf(value: unknown, wanted: Aval): TypedArray {
  const size = sizeOf(wanted.shape);
  const numbers = [...numbersOf(value)];
  if (numbers.length !== size) {
    throw new ShapeError(
      `pureCallback: the callback gives ${numbers.length} elements for ${formatAval(wanted)}`,
      `return ${size}, in row-major order, or change \`result\``,
    );
  }
  return Float64Array.from(numbers); // holds every element type; the backend converts
}

function* numbersOf(value: unknown): Iterable<number> {
  if (typeof value === "number") yield value;
  else if (typeof value === "boolean") yield Number(value);
  else if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    for (const part of value as Iterable<unknown>) yield* numbersOf(part);
  } else {
    throw new ArgumentError(
      `pureCallback: the callback gives ${describeValue(value)}`,
      "return typed arrays, numbers, booleans, or lists of them, in a tree like `result`",
    );
  }
}
