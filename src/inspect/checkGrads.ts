/** `checkGrads`: whether a function's derivatives are its derivatives. */
import { backendOf } from "../runtime/compiled.ts";
import type { Backend } from "../runtime/backend.ts";
import { setBackend } from "../runtime/choice.ts";
import { allocate, isFloat } from "../core/dtype.ts";
import { ArgumentError, GradientError } from "../core/errors.ts";
import { type AnyFunction, tensorLeaves, unflattenAll } from "../core/function.ts";
import { dispose, scope, tensorFromHost } from "../runtime/memory.ts";
import { type Aval, sizeOf } from "../core/aval.ts";
import type { Tensor } from "../core/tensor.ts";
import { paths } from "../core/tree.ts";
import { declareOptions, listOf, nonNegative, oneOf, positive, size } from "../options/index.ts";
import { add, fullLike, mul } from "../primitives/index.ts";
import { jvp } from "../transforms/jvp.ts";
import { vjp } from "../transforms/vjp.ts";

/** Forward mode (`jvp`) or reverse mode (`vjp`). */
export type DerivativeMode = "fwd" | "rev";

/** Options of {@link checkGrads}. */
export interface CheckGradsOptions {
  /** Up to which order; in every order all modes are applied to all derivatives of the order before. Default 1. */
  order?: number;
  /** Default both. A function with `customVjp` has `["rev"]` only. */
  modes?: readonly DerivativeMode[];
  /** The step of the finite differences. Default ∛ε: 6e-6 in double precision, 5e-3 in single. */
  eps?: number;
  /** Relative tolerance. Default 1e-6 in double precision, 2e-3 in single. */
  rtol?: number;
  /** Absolute tolerance. Default as `rtol`. */
  atol?: number;
}

/** A function of float tensors, and what its arguments and results are called. */
interface Flat {
  readonly f: (...xs: Tensor[]) => Tensor[];
  readonly inputs: readonly string[];
  outputs: readonly string[];
}

interface Check {
  readonly xs: readonly Tensor[];
  readonly backend: Backend;
  readonly modes: readonly DerivativeMode[];
  readonly eps: number;
  readonly rtol: number;
  readonly atol: number;
}

const checkOptions = declareOptions<CheckGradsOptions>("checkGrads", ["f", "args"], {
  order: size,
  modes: listOf(oneOf("fwd", "rev")),
  eps: positive,
  rtol: nonNegative,
  atol: nonNegative,
});

/**
 * Checks derivatives in random directions, as `jax.test_util.check_grads`: `jvp` against central finite
 * differences, (f(x + εv) - f(x - εv)) / 2ε, and `vjp` against `jvp` by ⟨v̄, J v⟩ = ⟨Jᵀ v̄, v⟩ for each leaf of
 * the arguments (against finite differences if "fwd" is not among the modes). The arguments are trees;
 * integers and booleans in them stay what they are. Near a kink there is no derivative to check:
 * give arguments away from it.
 *
 * ```ts
 * import { checkGrads, customJvp, np, setBackend, type Tensor } from "trilevel";
 * await setBackend("reference");
 * await checkGrads((x: Tensor) => np.sin(x).mul(x), [np.array([1, 2])], { order: 2 });
 *
 * const wrong = customJvp((x: Tensor) => np.sin(x), ([x], [dx]) => [np.sin(x), dx]);
 * const error = await checkGrads(wrong, [np.array(1)]).catch((error) => error);
 * console.assert(error._tag === "GradientError" && error.actual !== error.expected);
 * ```
 *
 * @throws GradientError naming modes, order and leaf, with both values; ArgumentError when no leaf is float.
 */
export async function checkGrads<A extends unknown[]>(
  f: (...args: A) => unknown,
  args: A,
  options: CheckGradsOptions = {},
): Promise<void> {
  checkOptions(options);
  const { order = 1, modes = ["fwd", "rev"] } = options;
  const flat = args.map((arg, i) => tensorLeaves(arg, `checkGrads: argument ${i}`));
  const leaves = flat.flatMap(([xs]) => xs);
  const structures = flat.map(([, s]) => s);
  const active = leaves.map((x) => isFloat(x.dtype));
  const names = structures.flatMap((s, i) => paths(s).map((path) => `argument ${i}${path}`));
  const xs = leaves.filter((_, i) => active[i]);
  if (xs.length === 0) {
    throw new ArgumentError(
      "checkGrads: expected an argument of floats, got none",
      "give one with respect to which to differentiate",
    );
  }
  await setBackend(); // which backend it is, decides how exact the comparison can be
  const backend = backendOf(leaves);
  // The reference holds float32 in double precision.
  const double = backend.name === "reference" || xs.every((x) => x.dtype === "float64");
  const root: Flat = {
    inputs: names.filter((_, i) => active[i]),
    outputs: [],
    f: (...given) => {
      let next = 0;
      const all = leaves.map((x, i) => active[i] ? given[next++]! : x);
      const result = (f as AnyFunction)(...unflattenAll(structures, all));
      const [ys, structure] = tensorLeaves(result, "checkGrads: the result");
      const kept = ys.map((y) => isFloat(y.dtype));
      root.outputs = paths(structure).map((p) => `result${p}`).filter((_, i) => kept[i]);
      return ys.filter((_, i) => kept[i]);
    },
  };
  const tolerance = double ? 1e-6 : 2e-3;
  const { eps = double ? 6e-6 : 5e-3, rtol = tolerance, atol = rtol } = options;
  await checkOrders(root, { xs, backend, modes, eps, rtol, atol }, order, []);
}

async function checkOrders(
  flat: Flat,
  check: Check,
  order: number,
  before: readonly DerivativeMode[],
): Promise<void> {
  const { xs, backend, modes } = check;
  const along = directions(xs, backend, before.length);
  const shapes = scope(() => flat.f(...xs).map((y) => ({ aval: y.aval })));
  const cts = directions(shapes, backend, before.length + 1);
  try {
    for (const mode of modes) {
      const trail = [...before, mode];
      await (mode === "fwd" ? checkForward : checkReverse)(flat, check, along, cts, trail);
      if (order === 1) continue;
      const derivative: Flat = mode === "fwd"
        ? { ...flat, f: (...at) => jvp(flat.f, at, along)[1] }
        : { ...flat, outputs: flat.inputs, f: (...at) => vjp(flat.f, ...at)[1](cts) };
      await checkOrders(derivative, check, order - 1, trail);
    }
  } finally {
    dispose([along, cts]);
  }
}

/** J v against finite differences, element by element. */
async function checkForward(
  flat: Flat,
  check: Check,
  along: readonly Tensor[],
  _: readonly Tensor[],
  modes: readonly DerivativeMode[],
): Promise<void> {
  const tangents = await read(() => jvp(flat.f, [...check.xs], [...along])[1]);
  const slopes = await differences(flat, check, along);
  tangents.forEach((t, k) =>
    t.forEach((actual, i) =>
      compare(check, actual, slopes[k]![i]!, flat.outputs[k]!, modes, {
        actual: "jvp",
        expected: "finite differences",
      })
    )
  );
}

/** ⟨Jᵀ v̄, v⟩ against ⟨v̄, J v⟩, leaf by leaf. */
async function checkReverse(
  flat: Flat,
  check: Check,
  along: readonly Tensor[],
  cts: readonly Tensor[],
  modes: readonly DerivativeMode[],
): Promise<void> {
  const { xs } = check;
  const [v, w] = [await read(() => [...along], false), await read(() => [...cts], false)];
  const cotangents = await read(() => vjp(flat.f, ...xs)[1]([...cts]));
  const forward = check.modes.includes("fwd");
  for (const [k, name] of flat.inputs.entries()) {
    const others = along.map((d) => fullLike(d, 0));
    const only = others.with(k, along[k]!);
    const moved = forward
      ? await read(() => jvp(flat.f, [...xs], only)[1])
      : await differences(flat, check, only);
    dispose(others);
    compare(check, dot([cotangents[k]!], [v[k]!]), dot(moved, w), name, modes, {
      actual: "vjp",
      expected: forward ? "jvp" : "finite differences",
    });
  }
}

/** (f(x + εv) - f(x - εv)) / 2ε */
async function differences(
  flat: Flat,
  { xs, eps }: Check,
  along: readonly Tensor[],
): Promise<number[][]> {
  const at = (by: number) =>
    read(() => flat.f(...xs.map((x, i) => add(x, mul(along[i]!, fullLike(x, by))))));
  const [above, below] = [await at(eps), await at(-eps)];
  return above.map((y, k) => y.map((value, i) => (value - below[k]![i]!) / (2 * eps)));
}

function compare(
  { rtol, atol }: Check,
  actual: number,
  expected: number,
  path: string,
  modes: readonly DerivativeMode[],
  from: { actual: string; expected: string },
): void {
  const room = rtol * Math.max(Math.abs(actual), Math.abs(expected)) + atol;
  // Not `>`: NaN is never right.
  if (Math.abs(actual - expected) <= room) return;
  throw new GradientError(
    `checkGrads: the derivative of order ${modes.length} (${
      modes.join(", ")
    }) at ${path} is ${actual} ` +
      `by ${from.actual}, but ${expected} by ${from.expected}`,
    "correct the rule (customJvp, customVjp) that the function uses, or check at arguments away from kinks; " +
      "if the function is steep, another eps or rtol may be needed",
    modes,
    path,
    actual,
    expected,
  );
}

const dot = (xs: readonly number[][], ys: readonly number[][]) =>
  xs.reduce((sum, x, k) => x.reduce((s, value, i) => s + value * ys[k]![i]!, sum), 0);

/** The elements of what `make` makes, whose tensors are freed (unless they are someone's). */
async function read(make: () => Tensor[], free = true): Promise<number[][]> {
  const tensors = free ? scope(make) : make();
  const data = await Promise.all(tensors.map((x) => x.data()));
  if (free) dispose(tensors);
  return data.map((values) => Array.from(values));
}

/** Random directions, the same each time: components of either sign, none of them small. */
function directions(
  like: readonly { readonly aval: Aval }[],
  backend: Backend,
  seed: number,
): Tensor[] {
  let state = seed + 1;
  const next = () => {
    state = Math.imul(state, 1664525) + 1013904223;
    return (state >>> 8) / 2 ** 24;
  };
  return like.map(({ aval }) => {
    const data = allocate(aval.dtype, sizeOf(aval.shape));
    data.forEach((_, i) => data[i] = (next() < 0.5 ? -1 : 1) * (0.5 + next() / 2));
    return tensorFromHost(data, { ...aval, weak: false }, backend);
  });
}
