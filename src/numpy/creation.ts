/**
 * Making tensors: from host data, which is copied to the backend in use, or from nothing, by an
 * instruction. Inside a traced function host data is stored once and becomes a hidden input of the
 * program.
 */
import { allocate, coerce, type DType, dtypeOf, isFloat, type TypedArray } from "../core/dtype.ts";
import { currentBackend } from "../runtime/choice.ts";
import { ArgumentError, DTypeError, ShapeError } from "../core/errors.ts";
import { describeValue } from "../core/describeValue.ts";
import { aval, type Shape, sizeOf } from "../core/aval.ts";
import { literal, type NestedArray, Tensor } from "../core/tensor.ts";
import { tensorFromHost } from "../runtime/memory.ts";
import {
  count,
  declareOptions,
  dtype,
  integer,
  listOf,
  oneOf,
  required,
} from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { managed, managedWithOptions } from "./managed.ts";
import { diagonalIndices } from "./parts.ts";
import { asTensor, cast, shapeOf, stretch, type TensorLike } from "./promote.ts";

/** The element type of a new tensor; each function says its default. */
export interface DTypeOptions {
  /** The element type of the result. */
  readonly dtype?: DType | undefined;
}

/** Element type and shape of the tensor that {@link array} makes. */
export interface ArrayOptions extends DTypeOptions {
  /** The shape of a flat list or typed array. */
  readonly shape?: Shape | undefined;
}

/** The data that {@link array} reads. */
export type ArrayData = NestedArray | TypedArray | Tensor;

/**
 * A tensor of host data: a number, nested lists, or a typed array (copied) with a shape. Numbers
 * become float32, booleans bool, typed arrays keep their type, except that doubles become float32 too;
 * bytes need a `dtype`. A tensor is converted and reshaped as the options say.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[1, 2, 3], [4, 5, 6]]);
 * console.assert(x.dtype === "float32" && x.shape.join() === "2,3");
 * const y = np.array(new Int32Array([1, 2, 3, 4]), { shape: [2, 2] });
 * console.assert(y.dtype === "int32");
 * console.assert(np.array([true, false]).dtype === "bool");
 * ```
 *
 * @throws ShapeError for ragged lists, and when the shape has another number of elements.
 */
export const array: (data: ArrayData, options?: ArrayOptions) => Tensor = managed(
  (data, { dtype, shape } = {}) => {
    if (data instanceof Tensor) {
      const typed = dtype === undefined ? data : lax.convert(data, dtype);
      return shape === undefined ? typed : lax.reshape(typed, shapeOf("array", shape));
    }
    const { values, shape: own, type } = read(data, dtype);
    const target = shape === undefined ? own : shapeOf("array", shape);
    checkSize("array", target, values.length);
    if (target.length === 0) return literal(Number(values[0]), type);
    const placed = aval(target, type);
    const host = allocate(type, values.length);
    if (ArrayBuffer.isView(values) && type !== "bool" && dtypeOf(values) === type) {
      host.set(values); // at the speed of a copy
    } else for (let i = 0; i < values.length; i++) host[i] = coerce(Number(values[i]), type);
    return tensorFromHost(host, placed, currentBackend());
  },
  declareOptions("np.array", ["data"], { dtype, shape: listOf(count) }),
);

/** Same as {@link array}: a tensor is returned as it is. */
export const asarray: typeof array = array;

/** The type of a tensor that {@link fromData} makes. */
export interface FromDataOptions {
  /** The element type. */
  readonly dtype: DType;
  /** The shape. */
  readonly shape: Shape;
}

/**
 * The tensor whose elements `data` lists in row-major order, as {@linkcode Tensor.data} gives them: its inverse, to the last
 * bit. ({@link array} would round elements of the `reference` backend, which keeps float32 in double precision.)
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.array([[0.1, 0.2, 0.3]]);
 * const { dtype, shape } = x;
 * console.assert(await np.arrayEqual(np.fromData(await x.data(), { dtype, shape }), x).item() === 1);
 * ```
 *
 * @throws ShapeError when the shape has another number of elements.
 * @throws DTypeError for a typed array of another kind than `data()` gives for the element type.
 */
export const fromData: (data: TypedArray, options: FromDataOptions) => Tensor = managedWithOptions(
  (data: TypedArray, { dtype, shape }: FromDataOptions) => {
    const found = dtypeOf(data);
    if (found !== dtype && !(found === "float64" && dtype === "float32")) {
      throw new DTypeError(
        `fromData: expected the data of ${dtype}, got ${describeValue(data)}`,
        "np.array converts elements",
      );
    }
    const target = shapeOf("fromData", shape);
    checkSize("fromData", target, data.length);
    return tensorFromHost(data.slice(), aval(target, dtype), currentBackend());
  },
  declareOptions("np.fromData", ["data"], {
    dtype: required(dtype),
    shape: required(listOf(count)),
  }),
);

function checkSize(name: string, shape: Shape, elements: number): void {
  if (sizeOf(shape) === elements) return;
  throw new ShapeError(
    `${name}: ${elements} elements do not fill the shape [${shape.join(", ")}]`,
    `give a shape of ${elements} elements`,
  );
}

type Values = readonly (number | boolean)[] | TypedArray;

function read(
  data: NestedArray | TypedArray,
  dtype: DType | undefined,
): { values: Values; shape: Shape; type: DType } {
  if (ArrayBuffer.isView(data)) {
    const found = dtypeOf(data);
    if (data instanceof Uint8Array && dtype === undefined) {
      throw new DTypeError(
        `array: ${data.length} bytes could be booleans or numbers`,
        'say which: { dtype: "bool" }, or { dtype: "float32" }',
      );
    }
    return {
      values: data,
      shape: [data.length],
      type: dtype ?? (isFloat(found) ? "float32" : found),
    };
  }
  const values: (number | boolean)[] = [];
  const shape: number[] = [];
  for (let list = data; Array.isArray(list); list = list[0]!) {
    shape.push(list.length);
    if (list.length === 0) break;
  }
  const visit = (node: NestedArray, depth: number, path: string): void => {
    if (typeof node === "number" || typeof node === "boolean") {
      if (depth !== shape.length) throw ragged(path, "a single value", shape);
      values.push(node);
    } else if (Array.isArray(node)) {
      if (depth >= shape.length || node.length !== shape[depth]) {
        throw ragged(path, `a list of ${node.length}`, shape);
      }
      node.forEach((child, i) => visit(child, depth + 1, `${path}[${i}]`));
    } else {
      throw new ArgumentError(
        `array: data${path} is ${describeValue(node)}`,
        "give numbers or booleans, nested lists of them, or a typed array; np.stack joins tensors",
      );
    }
  };
  visit(data, 0, "");
  const boolean = values.length > 0 && values.every((v) => typeof v === "boolean");
  return { values, shape, type: dtype ?? (boolean ? "bool" : "float32") };
}

function ragged(path: string, what: string, shape: Shape): ShapeError {
  return new ShapeError(
    `array: data${path} is ${what}, which does not fit the shape [${shape.join(", ")}]`,
    "lists at one depth must have one length",
  );
}

/**
 * The value everywhere: `fill` is a number, a boolean, or a tensor that is broadcast. float32 for
 * numbers, bool for booleans, unless `dtype` says otherwise.
 *
 * ```ts
 * import { np } from "trilevel";
 * const x = np.full([2, 3], 7, { dtype: "int32" });
 * console.assert(await np.sum(x).item() === 42);
 * ```
 */
export const full: (shape: Shape | number, fill: TensorLike, options?: DTypeOptions) => Tensor =
  managed(
    (shape, fill, { dtype } = {}) => {
      // A number is cast as it is: by way of float32 it would lose digits for float64.
      const typed = cast("full", fill, { dtype: dtype ?? asTensor(fill).dtype, weak: false });
      return stretch("full", typed, shapeOf("full", shape));
    },
    declareOptions("np.full", ["shape", "fill"], { dtype }),
  );

/** Zeros, float32 unless `dtype` says otherwise: `np.zeros([2, 3])`. */
export const zeros: (shape: Shape | number, options?: DTypeOptions) => Tensor = managed(
  (shape, { dtype = "float32" } = {}) => lax.full(shapeOf("zeros", shape), 0, dtype),
  declareOptions("np.zeros", ["shape"], { dtype }),
);

/** Ones, float32 unless `dtype` says otherwise: `np.ones([2, 3])`. */
export const ones: (shape: Shape | number, options?: DTypeOptions) => Tensor = managed(
  (shape, { dtype = "float32" } = {}) => lax.full(shapeOf("ones", shape), 1, dtype),
  declareOptions("np.ones", ["shape"], { dtype }),
);

/** Zeros in the shape and element type of another tensor, or those of the options. */
export const zerosLike: (x: TensorLike, options?: ArrayOptions) => Tensor = managed(
  (x, options = {}) => like(x, 0, options),
  declareOptions("np.zerosLike", ["x"], { dtype, shape: listOf(count) }),
);

/** Same as {@link zeros}: nothing is left unset, as in JAX. */
export const empty: typeof zeros = zeros;
/** Same as {@link zerosLike}. */
export const emptyLike: typeof zerosLike = zerosLike;

/** Ones in the shape and element type of another tensor, or those of the options. */
export const onesLike: (x: TensorLike, options?: ArrayOptions) => Tensor = managed(
  (x, options = {}) => like(x, 1, options),
  declareOptions("np.onesLike", ["x"], { dtype, shape: listOf(count) }),
);

/** One value in the shape and element type of another tensor, or those of the options. */
export const fullLike: (x: TensorLike, fill: TensorLike, options?: ArrayOptions) => Tensor =
  managed(
    (x, fill, { shape, dtype } = {}) => {
      const t = asTensor(x);
      return full(shape ?? t.shape, fill, { dtype: dtype ?? t.dtype });
    },
    declareOptions("np.fullLike", ["x", "fill"], { dtype, shape: listOf(count) }),
  );

function like(x: TensorLike, value: number, { shape, dtype }: ArrayOptions): Tensor {
  const t = asTensor(x);
  return lax.full(shapeOf("zerosLike", shape ?? t.shape), value, dtype ?? t.dtype);
}

/**
 * Numbers from `start` (0 unless given) to before `stop`, `step` apart. int32 when all are whole
 * numbers, else float32.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(String(await np.arange(4).data()) === "0,1,2,3");
 * console.assert(String(await np.arange(1, 2, 0.25).data()) === "1,1.25,1.5,1.75");
 * ```
 */
export const arange: {
  (stop: number, options?: DTypeOptions): Tensor;
  (start: number, stop: number, options?: DTypeOptions): Tensor;
  (start: number, stop: number, step: number, options?: DTypeOptions): Tensor;
} = (...args: readonly (number | DTypeOptions | undefined)[]): Tensor => {
  const given = args.filter((a) => a !== undefined);
  const numbers = given.slice(0, 3).filter((a) => typeof a === "number");
  const [start, stop, step = 1] = numbers.length === 1 ? [0, ...numbers] : numbers;
  // Any other argument in that place is refused as options.
  return range(start, stop, step, given.at(numbers.length) as DTypeOptions | undefined);
};

const range = managed(
  (
    start: number | undefined,
    stop: number | undefined,
    step: number,
    { dtype }: DTypeOptions = {},
  ) => {
    if (start === undefined || stop === undefined || !Number.isFinite((stop - start) / step)) {
      throw new ArgumentError(
        `arange: the range from ${start} to ${stop} by ${step} has no end`,
        "give finite numbers, and a step other than 0",
      );
    }
    const whole = [start, stop, step].every((n) => Number.isInteger(n));
    const type = dtype ?? (whole ? "int32" : "float32");
    const count = Math.max(0, Math.ceil((stop - start) / step));
    // Counting in integers overflows nowhere, and is exact where floats are not.
    const index = lax.iota([count], whole ? "int32" : type, 0);
    const scaled = step === 1 ? index : lax.mul(index, lax.fullLike(index, step));
    const moved = start === 0 ? scaled : lax.add(scaled, lax.fullLike(index, start));
    return lax.convert(moved, type);
  },
  declareOptions("np.arange", ["start", "stop", "step"], { dtype }),
);

/** A diagonal of a matrix: 0 is the main one, positive ones are above it. */
export interface DiagonalOptions extends DTypeOptions {
  /** Its number; 0 unless given. */
  readonly k?: number | undefined;
}

/**
 * Ones on a diagonal of an `rows × columns` matrix (square unless given), zeros elsewhere.
 *
 * ```ts
 * import { np } from "trilevel";
 * console.assert(JSON.stringify(await np.eye(2).array()) === "[[1,0],[0,1]]");
 * ```
 */
export const eye: (rows: number, columns?: number, options?: DiagonalOptions) => Tensor = managed(
  (rows, columns = rows, { k = 0, dtype = "float32" } = {}) => {
    const [i, j] = diagonalIndices("eye", rows, columns, k);
    return lax.convert(lax.eq(i, j), dtype);
  },
  declareOptions("np.eye", ["rows", "columns"], { k: integer, dtype }),
);

/** The identity matrix. */
export const identity: (size: number, options?: DTypeOptions) => Tensor = managed(
  (size, options = {}) => eye(size, size, options),
  declareOptions("np.identity", ["size"], { dtype }),
);

/** Ones at and below a diagonal, zeros above it. */
export const tri: (rows: number, columns?: number, options?: DiagonalOptions) => Tensor = managed(
  (rows, columns = rows, { k = 0, dtype = "float32" } = {}) => {
    const [i, j] = diagonalIndices("tri", rows, columns, k);
    return lax.convert(lax.ge(i, j), dtype);
  },
  declareOptions("np.tri", ["rows", "columns"], { k: integer, dtype }),
);

/** Options of {@link meshgrid}. */
export interface MeshgridOptions {
  /** `"xy"`: the first vector runs along columns, as in NumPy (the default); `"ij"`: along rows. */
  readonly indexing?: "xy" | "ij" | undefined;
}

/**
 * Coordinates of a grid: one tensor for each vector, all of the grid's shape.
 *
 * ```ts
 * import { np } from "trilevel";
 * const [x, y] = np.meshgrid([np.arange(3), np.arange(2)]);
 * console.assert(x!.shape.join() === "2,3" && y!.shape.join() === "2,3");
 * ```
 */
export const meshgrid: (vectors: readonly TensorLike[], options?: MeshgridOptions) => Tensor[] =
  managed(
    (vectors, { indexing = "xy" } = {}) => {
      const tensors = vectors.map(asTensor);
      const wrong = tensors.find((x) => x.ndim > 1);
      if (wrong) {
        throw new ShapeError(
          `meshgrid: a vector has shape [${wrong.shape.join(", ")}]`,
          "give tensors of one axis: np.ravel(x)",
        );
      }
      const position = (i: number) => indexing === "xy" && i < 2 && tensors.length > 1 ? 1 - i : i;
      const shape: number[] = [];
      tensors.forEach((x, i) => shape[position(i)] = x.size);
      return tensors.map((x, i) => lax.broadcast(lax.reshape(x, [x.size]), shape, [position(i)]));
    },
    declareOptions("np.meshgrid", ["vectors"], { indexing: oneOf("xy", "ij") }),
  );
