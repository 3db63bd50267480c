/**
 * Slot attention (Locatello et al., 2020): slots compete for the inputs, again and again, until each stands
 * for an object. Seen as an iteration to a fixed point, `slots = step(slots)`, its derivative need not go
 * through every iteration (Chang et al., 2022, "Object Representations as Fixed Points"): vanilla and
 * implicit slot attention differ by the adjoint alone.
 */
import { ArgumentError, type Tensor } from "../public.ts";
import { requireShape } from "../options/shapeSpec.ts";
import { requireParams } from "../nn/checks.ts";
import { infer, type Level } from "../nested/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import {
  callable,
  count,
  declareOptions,
  nonNegative,
  oneOf,
  required,
  size,
} from "../options/index.ts";
import * as random from "../random/index.ts";
import { type FixedPointSolver, forward } from "../solvers/index.ts";
import { solverKind } from "../solvers/solver.ts";
import { sharedOptions } from "../implicit/options.ts";
import {
  type Adjoint,
  type FixedPointOptions,
  type FixedPointStats,
  oneStep,
} from "../implicit/index.ts";
import { splitStep } from "../nested/level.ts";
import { type Conventions, conventionsKind, keras } from "./conventions.ts";
import { slotCure, whole } from "./parts/whole.ts";

/** Options of {@link slotAttention}; the defaults are the paper's. */
export interface SlotAttentionOptions {
  /** The number of slots. */
  readonly slots: number;
  /** The size of an input vector. */
  readonly inputSize: number;
  /** The size of a slot; 64. */
  readonly slotSize?: number;
  /** The hidden size of the MLP after the GRU; 128. With 0 there is none, as in SAVi. */
  readonly mlpHidden?: number;
  /** The number of attention heads that share a slot's numbers; 1. */
  readonly heads?: number;
  /** The number of steps the solver may take; 3. */
  readonly iterations?: number;
  /** The solver of the fixed point; `forward()`: the iteration itself. */
  readonly solver?: FixedPointSolver;
  /**
   * The adjoint, which differentiates the fixed point. `oneStep()` (the default) is implicit slot attention, `unrolled()`
   * vanilla slot attention.
   */
  readonly adjoint?: Adjoint;
  /** Tolerances at which samples stop before `iterations`; 0 and 0. */
  readonly atol?: number;
  /** See `atol`. */
  readonly rtol?: number;
  /** `"random"` (the default): from a learned Gaussian; `"learned"`: the slots are parameters. */
  readonly start?: "random" | "learned";
  /**
   * The derivative in the first slots where the adjoint has none, with g the cotangent of the slots: 0; g itself
   * (`"straightThrough"`); or Jᵀg of the last step (`"throughLastStep"`), as BO-QSA (Jia et al., 2023). 0 unless given.
   */
  readonly initGrad?: NonNullable<FixedPointOptions["initGrad"]>;
  /**
   * Changes the level before it is solved, as `(level) => ({ ...level, step })` does: another step, slots that are given,
   * masked inputs. Unchanged unless given.
   */
  readonly level?: (
    own: Level<SlotAttentionParams, Keys, Tensor>,
  ) => Level<SlotAttentionParams, Keys, Tensor>;
  /**
   * Changes the keys and values before slots look at them: `(keys) => ({ ...keys, mask })` hides inputs, and
   * `(keys) => ({ ...keys, k: keys.k.div(temperature) })` sets the temperature of the softmax. Unchanged unless given.
   */
  readonly keys?: (own: Keys) => Keys;
  /**
   * The place of the 1e-8 that keeps slots without inputs from 0/0: added to each of their `"weights"` (the default, the
   * paper's), so that they see the mean of all inputs, or to the `"sum"`, so that they see nothing, as in SAVi.
   */
  readonly floor?: "weights" | "sum";
  /** The library whose initializers and epsilons are used; `keras`, as in the official code. */
  readonly conventions?: Conventions;
}

/** The kinds of the options that models with slots share. */
export const slotKinds = {
  slots: required(size),
  slotSize: size,
  mlpHidden: count,
  heads: size,
  iterations: count,
  solver: solverKind,
  adjoint: sharedOptions.adjoint,
  atol: nonNegative,
  rtol: nonNegative,
  start: oneOf("random", "learned"),
  initGrad: sharedOptions.initGrad,
  floor: oneOf("weights", "sum"),
  conventions: conventionsKind,
  level: callable<NonNullable<SlotAttentionOptions["level"]>>(
    "(level) => ({ ...level, step })",
  ),
  keys: callable<NonNullable<SlotAttentionOptions["keys"]>>("(keys) => ({ ...keys, mask })"),
} as const;

const checkOptions = declareOptions<SlotAttentionOptions>("slotAttention", [], {
  inputSize: required(size),
  ...slotKinds,
});

/** Parameters of {@link slotAttention}. */
export type SlotAttentionParams = {
  readonly normInputs: nn.NormParams;
  readonly normSlots: nn.NormParams;
  readonly query: nn.LinearParams;
  readonly key: nn.LinearParams;
  readonly value: nn.LinearParams;
  readonly gru: nn.CellParams;
  /** Null without an MLP. */
  readonly mlp:
    | { readonly norm: nn.NormParams; readonly layers: readonly nn.LinearParams[] }
    | null;
  readonly start: StartParams;
};

const fields: readonly (keyof SlotAttentionParams)[] = [
  "normInputs",
  "normSlots",
  "query",
  "key",
  "value",
  "gru",
  "mlp",
  "start",
];

/** The initial slots: a Gaussian `{ mu, logSigma }` for all slots, [slotSize], or `{ slots }` themselves. */
export type StartParams =
  | { readonly mu: Tensor; readonly logSigma: Tensor }
  | { readonly slots: Tensor };

/** The keys and values that slots attend to: [batch, inputs, slotSize] each. */
export type Keys = {
  readonly k: Tensor;
  readonly v: Tensor;
  /** 1 for inputs that count, 0 for those that are hidden, [batch, inputs]; all count without. */
  readonly mask?: Tensor;
};

/** The outputs of {@link slotAttention}. */
export type SlotAttentionOutput = {
  /** [batch, slots, slotSize] */
  readonly slots: Tensor;
  /** To which slot each input belongs, [batch, inputs, slots]; sums to 1 over slots. */
  readonly attention: Tensor;
  /** Statistics of the iteration, for each sample: see `fixedPointIteration`. */
  readonly stats: FixedPointStats;
};

/** A slot attention module: a layer, and the functions it is made of. */
export interface SlotAttention
  extends nn.Layer<SlotAttentionParams, [inputs: Tensor, key: Tensor | null], SlotAttentionOutput> {
  /** The keys and values of inputs, [batch, inputs, inputSize]. */
  project(params: SlotAttentionParams, inputs: Tensor): Keys;
  /** The first slots; random ones need a key. */
  start(params: SlotAttentionParams, key: Tensor | null, batch: number): Tensor;
  /** To which slot each input belongs, [batch, inputs, slots]. */
  attend(params: SlotAttentionParams, slots: Tensor, keys: Keys): Tensor;
  /** The function whose fixed point the slots are: Fig. 2 of Chang et al. */
  step(params: SlotAttentionParams, slots: Tensor, keys: Keys): Tensor;
  /** The inner optimization that `apply` solves with `infer`: start and step of slots, for keys and values of inputs. */
  readonly level: Level<SlotAttentionParams, Keys, Tensor>;
}

/**
 * The probability that each input belongs to each query: `softmax_slots(q kᵀ / √D)`, [batch, slots, inputs]. With several
 * heads, each of D / heads numbers, the softmax spans slots × heads (as in SLATE): [batch, slots · heads, inputs].
 * The many inputs are the last axis, since processors are good at long rows.
 */
export function softAssignment(query: Tensor, keys: Tensor, heads = 1): Tensor {
  const scaled = query.mul(1 / Math.sqrt(query.shape.at(-1)! / heads));
  if (heads === 1) return np.softmax(np.einsum("bsd,bnd->bsn", scaled, keys), { axis: 1 });
  const logits = np.einsum("bshd,bnhd->bshn", splitHeads(scaled, heads), splitHeads(keys, heads));
  const [batch, slots, , inputs] = logits.shape;
  return np.softmax(logits.reshape([batch!, slots! * heads, inputs!]), { axis: 1 });
}

/**
 * The mean of values with assignments as weights, [batch, slots, D], each head for its own numbers; 1e-8 keeps
 * empty slots from 0/0: added to all `"weights"`, or to their `"sum"`.
 */
export function weightedMean(
  assignment: Tensor,
  values: Tensor,
  heads = 1,
  floor: "weights" | "sum" = "weights",
): Tensor {
  const weights = floor === "weights" ? assignment.add(1e-8) : assignment;
  const sum = np.sum(weights, { axis: -1, keepdims: true });
  const normalized = weights.div(floor === "weights" ? sum : sum.add(1e-8));
  if (heads === 1) return np.einsum("bsn,bnd->bsd", normalized, values);
  const perHead = headsApart(normalized, heads);
  const means = np.einsum("bshn,bnhd->bshd", perHead, splitHeads(values, heads));
  const [batch, slots] = means.shape;
  return means.reshape([batch!, slots!, values.shape.at(-1)!]);
}

/** The last axis as [heads, rest]. */
function splitHeads(x: Tensor, heads: number): Tensor {
  return x.reshape([...x.shape.slice(0, -1), heads, x.shape.at(-1)! / heads]);
}

/** [batch, slots · heads, inputs] as [batch, slots, heads, inputs]. */
function headsApart(assignment: Tensor, heads: number): Tensor {
  const [batch, rows, inputs] = assignment.shape;
  return assignment.reshape([batch!, rows! / heads, heads, inputs!]);
}

/**
 * Slot attention over inputs [batch, inputs, inputSize]: `(inputs, key) → { slots, attention, stats }`. One
 * step is
 *
 *     a = softmax_slots(k · q(LN(s)) / √D),  u = Σ_n (a + ε) v / Σ_n (a + ε)
 *     s ← GRU(u, s),  s ← s + MLP(LN(s))
 *
 * Implicit slot attention (the default) iterates without derivatives, and then takes one more step, which
 * has them; vanilla slot attention differentiates all its steps.
 *
 * ```ts
 * import { slotAttention } from "trilevel/models";
 * import { np, random, unrolled } from "trilevel";
 * const options = { slots: 3, inputSize: 8, slotSize: 16, mlpHidden: 32 };
 * const implicit = slotAttention(options);
 * const vanilla = slotAttention({ ...options, adjoint: unrolled() });
 * const params = implicit.init(random.key(0));
 * const { slots, attention } = implicit.apply(params, np.ones([2, 10, 8]), random.key(1));
 * console.assert(slots.shape.join() === "2,3,16" && attention.shape.join() === "2,10,3");
 * console.assert(vanilla.apply(params, np.ones([2, 10, 8]), random.key(1)).slots.shape[1] === 3);
 * ```
 *
 * @throws ArgumentError when slots start at random and there is no key; ShapeError for inputs of another
 * size; TreeError for parameters that `init` did not make.
 */
export function slotAttention(options: SlotAttentionOptions): SlotAttention {
  checkOptions(options);
  const {
    inputSize,
    slotSize = 64,
    mlpHidden = 128,
    heads = 1,
    iterations = 3,
    solver = forward(),
    adjoint = oneStep(),
    conventions = keras,
  } = options;
  const { eps } = conventions;
  if (slotSize % heads !== 0) {
    throw new ArgumentError(
      `slotAttention: slots of size ${slotSize} cannot be split into ${heads} heads`,
      "give a slotSize that is a multiple of the number of heads",
    );
  }
  const normInputs = nn.layerNorm({ size: inputSize, eps });
  const normSlots = nn.layerNorm({ size: slotSize, eps });
  const projection = (from: number) =>
    nn.linear({ ...conventions.init, in: from, out: slotSize, bias: false });
  const query = projection(slotSize);
  const [key, value] = [projection(inputSize), projection(inputSize)];
  const gru = nn.gruCell({ ...conventions.cell, in: slotSize, hidden: slotSize });
  const mlp = mlpHidden > 0
    ? nn.mlp({ ...conventions.init, sizes: [slotSize, mlpHidden, slotSize] })
    : null;

  const assign = (p: SlotAttentionParams, slots: Tensor, { k, mask }: Keys) => {
    const all = softAssignment(query.apply(p.query, normSlots.apply(p.normSlots, slots)), k, heads);
    return mask === undefined ? all : all.mul(np.expandDims(mask, 1));
  };

  const model: SlotAttention = {
    init(from) {
      const [a, b, c, d, e, f] = random.split(from, 6);
      return {
        normInputs: normInputs.init(a),
        normSlots: normSlots.init(a),
        query: query.init(a),
        key: key.init(b),
        value: value.init(c),
        gru: gru.init(d),
        mlp: mlp ? { norm: normSlots.init(e), layers: mlp.init(e) } : null,
        start: startParams(f, options.slots, slotSize, options.start ?? "random"),
      };
    },
    project(p, inputs) {
      requireShape(
        "slotAttention: the inputs are",
        inputs,
        ["batch", "inputs", inputSize],
        "flatten height and width to one axis, inputs.reshape([batch, -1, size]), and keep the batch",
      );
      const x = normInputs.apply(p.normInputs, inputs);
      const own = { k: key.apply(p.key, x), v: value.apply(p.value, x) };
      return options.keys?.(own) ?? own;
    },
    start: (p, from, batch) => firstSlots(p.start, from, [batch, options.slots, slotSize]),
    attend(p, slots, keys) {
      const perHead = assign(p, slots, keys);
      const all = heads === 1 ? perHead : np.sum(headsApart(perHead, heads), { axis: 2 });
      return np.transpose(all, [0, 2, 1]);
    },
    step(p, slots, keys) {
      const values = keys.mask === undefined ? keys.v : keys.v.mul(np.expandDims(keys.mask, -1));
      const updates = weightedMean(assign(p, slots, keys), values, heads, options.floor);
      const next = gru.apply(p.gru, updates, slots);
      if (p.mlp === null || mlp === null) return next;
      return next.add(mlp.apply(p.mlp.layers, normSlots.apply(p.mlp.norm, next)));
    },
    apply(p, inputs, from) {
      requireParams("slotAttention", p, fields);
      const keys = model.project(p, inputs);
      // Slots that are learned look at no key.
      const { value: slots, stats } = solve(p, keys, from as Tensor);
      return { slots, attention: model.attend(p, slots, keys), stats };
    },
    level: {
      init: (p, keys, from) => model.start(p, from, keys.k.shape[0]!),
      step: (p, slots, keys) => model.step(p, slots, keys),
    },
  };
  const changed = options.level?.(model.level) ?? model.level;
  const solve = infer(changed, {
    solver,
    adjoint,
    steps: iterations,
    noise: "fixed",
    atol: options.atol ?? 0,
    rtol: options.rtol ?? 0,
    batchAxis: 0,
    // Adjoints at the solution differentiate one step from it, which the paper's code returns.
    finalStep: adjoint.kind === "atSolution",
    initGrad: options.initGrad ?? "zero",
  });
  // Users of the parts, such as diagnostics, get the changed ones.
  const step: SlotAttention["step"] = changed.step === model.level.step
    ? model.step
    : (p, slots, keys) => {
      const at = { t: np.zeros([], { dtype: "int32" }), key: random.key(0) };
      return splitStep(slots, changed.step(p, slots, keys, at))[0];
    };
  return whole("slotAttention", slotCure, { ...model, step, level: changed });
}

function startParams(
  key: Tensor,
  slots: number,
  size: number,
  start: "random" | "learned",
): StartParams {
  if (start === "learned") return { slots: nn.initializers.normal(1)(key, [slots, size]) };
  const [a, b] = random.split(key);
  // Keras's Glorot initializer for the official code's shape, [1, 1, size].
  const glorot = nn.initializers.uniform(Math.sqrt(6 / (1 + size)));
  return { mu: glorot(a, [size]), logSigma: glorot(b, [size]) };
}

function firstSlots(
  start: StartParams,
  key: Tensor | null,
  shape: readonly [batch: number, slots: number, size: number],
): Tensor {
  if ("slots" in start) return np.broadcastTo(start.slots, shape);
  if (!key) {
    throw new ArgumentError(
      "slotAttention: slots that start at random need a key",
      'give one, or make the model with start: "learned"',
    );
  }
  const { mu, logSigma } = start;
  const noise = random.normal(key, shape, { dtype: mu.dtype });
  return mu.add(np.exp(logSigma).mul(noise));
}
