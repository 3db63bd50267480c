/**
 * Complex numbers as pairs of reals: `{ re, im }`, an object of two tensors of one shape. There is no complex element
 * type; a pair is a tree, so that `grad`, `vmap`, `jit` and `scan` take it as they take all trees. The gradient of a
 * real function by a pair is the pair of its derivatives by both parts, `∂L/∂re` and `∂L/∂im`: the direction in which
 * the function increases. (JAX gives `∂L/∂re - i ∂L/∂im`, the conjugate.)
 */
import { ArgumentError } from "../core/errors.ts";
import { describeTree } from "../core/describeValue.ts";
import { Tensor } from "../core/tensor.ts";
import { boolean, declareOperands, declareOptions } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { arctan2, negative, rad2deg } from "./elementwise.ts";
import { managed } from "./managed.ts";
import { align, asTensor, numberTensor, type TensorLike, toFloat } from "./promote.ts";

/** Complex numbers: their real and imaginary parts, in one shape. */
export interface Complex {
  /** The real parts. */
  readonly re: Tensor;
  /** The imaginary parts. */
  readonly im: Tensor;
}

/** Complex numbers, or real ones, whose imaginary parts are 0. */
export type ComplexLike = TensorLike | { readonly re: TensorLike; readonly im: TensorLike };

const isLike = (x: unknown): x is TensorLike =>
  x instanceof Tensor || typeof x === "number" || typeof x === "boolean";

/** True of a pair, false of a real operand. @throws ArgumentError of anything else. */
export function isPair(name: string, z: ComplexLike): z is Exclude<ComplexLike, TensorLike> {
  const given: unknown = z;
  if (isLike(given)) return false;
  const parts: { readonly re?: unknown; readonly im?: unknown } = Object(given);
  if (isLike(parts.re) && isLike(parts.im)) return true;
  throw new ArgumentError(
    `${name}: the operand is ${describeTree(given)}`,
    "give a tensor, or complex numbers as a pair of tensors { re, im }",
  );
}

/** Both parts of a pair as floats of one type and shape, or the one of real numbers. */
export function partsOf(name: string, z: ComplexLike): Tensor[] {
  if (isPair(name, z)) return align(name, [z.re, z.im], toFloat);
  return align(name, [z], toFloat);
}

/**
 * The real part; of real numbers the numbers themselves.
 *
 * ```ts
 * import { np } from "trilevel";
 * const z = np.conj({ re: np.array([3]), im: np.array([4]) });
 * console.assert(await np.real(z).item() === 3 && await np.imag(z).item() === -4);
 * console.assert(Math.abs(await np.angle(z).item() + Math.atan2(4, 3)) < 1e-6);
 * ```
 */
export const real: (z: ComplexLike) => Tensor = managed(
  (z) => asTensor(isPair("real", z) ? z.re : z),
  declareOperands("np.real", ["z"]),
);

/** The imaginary part; 0 of real numbers. */
export const imag: (z: ComplexLike) => Tensor = managed(
  (z) => isPair("imag", z) ? asTensor(z.im) : lax.fullLike(numberTensor("imag", z), 0),
  declareOperands("np.imag", ["z"]),
);

/** From tensors to tensors, and from complex numbers to complex ones. */
export type Conjugation = <Z extends ComplexLike>(z: Z) => Z extends TensorLike ? Tensor : Complex;

/** The complex conjugate: the imaginary part with the other sign; real numbers stay what they are. */
export const conj: Conjugation = managed(
  (z: ComplexLike): Tensor | Complex =>
    isPair("conj", z) ? { re: asTensor(z.re), im: negative(z.im) } : asTensor(z),
  declareOperands("np.conj", ["z"]),
) as Conjugation; // of a pair a pair, of a tensor a tensor
/** Same as {@link conj}. */
export const conjugate: Conjugation = conj;

/** The unit of {@link angle}. */
export interface AngleOptions {
  /** True for degrees; radians unless given. */
  readonly deg?: boolean | undefined;
}

/** The angle from the positive real axis, `atan2(im, re)`, from -π to π. */
export const angle: (z: ComplexLike, options?: AngleOptions) => Tensor = managed(
  (z, { deg = false } = {}) => {
    const [re, im = lax.fullLike(re!, 0)] = partsOf("angle", z);
    const radians = arctan2(im, re!);
    return deg ? rad2deg(radians) : radians;
  },
  declareOptions("np.angle", ["z"], { deg: boolean }),
);

const test = (name: string, holds: (im: Tensor) => Tensor, ofReals: boolean) =>
  managed(
    (z: ComplexLike): Tensor => {
      const [re, im] = partsOf(name, z);
      return im ? holds(im) : lax.full(re!.shape, ofReals ? 1 : 0, "bool");
    },
    declareOperands(`np.${name}`, ["z"]),
  );

/** True where the imaginary part is 0. */
export const isreal: (z: ComplexLike) => Tensor = test(
  "isreal",
  (im) => lax.eq(im, lax.fullLike(im, 0)),
  true,
);
/** True where the imaginary part is not 0. */
export const iscomplex: (z: ComplexLike) => Tensor = test(
  "iscomplex",
  (im) => lax.ne(im, lax.fullLike(im, 0)),
  false,
);

/** True for a pair `{ re, im }`, also if its imaginary part is 0. */
export function iscomplexobj(z: ComplexLike): boolean {
  return isPair("iscomplexobj", z);
}

/** True of real numbers: of a tensor, a number or a boolean. */
export function isrealobj(z: ComplexLike): boolean {
  return !isPair("isrealobj", z);
}
