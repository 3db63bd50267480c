/** Recurrent cells: one step of a sequence, in PyTorch's layout. */
import { requireList } from "../options/treeChecks.ts";
import type { Tensor } from "../public.ts";
import * as np from "../numpy/index.ts";
import { boolean, declareOptions, required, size } from "../options/index.ts";
import * as random from "../random/index.ts";
import { requireInput, requireParams } from "./checks.ts";
import { initializerKind } from "./kinds.ts";
import { type Initializer, uniform } from "./initializers.ts";
import type { Layer } from "./layer.ts";
import { affine } from "./linear.ts";

/** Parameters of {@link gruCell} and {@link lstmCell}: the gates' weights one below the other. */
export type CellParams = {
  /** [gates · hidden, in]: `weight_ih` of PyTorch. */
  readonly weightIh: Tensor;
  /** [gates · hidden, hidden]: `weight_hh`. */
  readonly weightHh: Tensor;
  /** [gates · hidden]; null without bias. */
  readonly biasIh: Tensor | null;
  /** [gates · hidden]; null without bias. */
  readonly biasHh: Tensor | null;
};

/** Options of {@link gruCell} and {@link lstmCell}. */
export interface CellOptions {
  /** The size of an input. */
  readonly in: number;
  /** The size of the state. */
  readonly hidden: number;
  /** If true, there are biases. Default true. */
  readonly bias?: boolean;
  /** Uniform in ±1/√hidden unless given (PyTorch); Keras has `initializers.glorotUniform`. */
  readonly weightInit?: Initializer;
  /** As `weightInit` unless given; Keras has `initializers.orthogonal()`. */
  readonly recurrentInit?: Initializer;
  /** Uniform in ±1/√hidden unless given; Keras has `initializers.zeros`. */
  readonly biasInit?: Initializer;
}

const cellKinds = {
  in: required(size),
  hidden: required(size),
  bias: boolean,
  weightInit: initializerKind,
  recurrentInit: initializerKind,
  biasInit: initializerKind,
} as const;
const checkGru = declareOptions<CellOptions & { readonly resetAfter?: boolean }>(
  "nn.gruCell",
  [],
  { ...cellKinds, resetAfter: boolean },
);
const checkLstm = declareOptions<CellOptions>("nn.lstmCell", [], cellKinds);

function cellParams(key: Tensor, gates: number, options: CellOptions): CellParams {
  const { hidden, bias = true } = options;
  const standard = uniform(1 / Math.sqrt(hidden));
  const { weightInit = standard, biasInit = standard } = options;
  const { recurrentInit = weightInit } = options;
  const [a, b, c, d] = random.split(key, 4);
  const rows = gates * hidden;
  return {
    weightIh: weightInit(a, [rows, options.in]),
    weightHh: recurrentInit(b, [rows, hidden]),
    biasIh: bias ? biasInit(c, [rows]) : null,
    biasHh: bias ? biasInit(d, [rows]) : null,
  };
}

/** Throws unless parameters have all fields, for that many gates of the cell's size. */
function check(cell: string, p: CellParams, gates: number, hidden: number): void {
  requireParams(cell, p, ["weightIh", "weightHh", "biasIh", "biasHh"]);
  requireInput(`${cell}: weightHh is`, p.weightHh, [gates * hidden, hidden]);
}

const fromInput = (cell: string, p: CellParams, x: Tensor) =>
  affine({ weight: p.weightIh, bias: p.biasIh }, x, cell, "x");
const fromState = (cell: string, p: CellParams, h: Tensor) =>
  affine({ weight: p.weightHh, bias: p.biasHh }, h, cell, "h");

/**
 * A gated recurrent unit (Cho et al., 2014), as PyTorch's `GRUCell`: `(x, h) → h′`, […, in] and
 * […, hidden]. Gates are in the order r, z, n:
 *
 *     r = σ(W_r x + U_r h),  z = σ(W_z x + U_z h)
 *     n = tanh(W_n x + b + r ∘ (U_n h + c)),  h′ = (1 - z) ∘ n + z ∘ h
 *
 * This is also Keras's `GRU(reset_after=True)`, whose order is z, r, n. With `resetAfter: false`
 * the reset gate comes before the product: `n = tanh(W_n x + b + U_n (r ∘ h) + c)`.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const cell = nn.gruCell({ in: 3, hidden: 4 });
 * const h = cell.apply(cell.init(random.key(0)), np.ones([2, 7, 3]), np.zeros([2, 7, 4]));
 * console.assert(h.shape.join() === "2,7,4");
 * ```
 *
 * @throws ShapeError when an input's or a state's last axis is of another size; TreeError for parameters without
 * its fields.
 */
export function gruCell(
  options: CellOptions & { readonly resetAfter?: boolean },
): Layer<CellParams, [x: Tensor, h: Tensor]> {
  checkGru(options);
  const { resetAfter = true, hidden } = options;
  const name = "nn.gruCell";
  return {
    init: (key) => cellParams(key, 3, options),
    apply(p, x, h) {
      check(name, p, 3, hidden);
      const input = fromInput(name, p, x);
      const [inputRz, inputN] = [gates(input, 0, 2, 3), gates(input, 2, 3, 3)];
      if (resetAfter) {
        const state = fromState(name, p, h);
        const rz = np.sigmoid(inputRz.add(gates(state, 0, 2, 3)));
        const [r, z] = [gates(rz, 0, 1, 2), gates(rz, 1, 2, 2)];
        return mixed(z, np.tanh(inputN.add(r.mul(gates(state, 2, 3, 3)))), h);
      }
      const part = (from: number, to: number): CellParams => ({
        ...p,
        weightHh: np.slice(p.weightHh, [from * hidden, to * hidden]),
        biasHh: p.biasHh && np.slice(p.biasHh, [from * hidden, to * hidden]),
      });
      const rz = np.sigmoid(inputRz.add(fromState(name, part(0, 2), h)));
      const [r, z] = [gates(rz, 0, 1, 2), gates(rz, 1, 2, 2)];
      return mixed(z, np.tanh(inputN.add(fromState(name, part(2, 3), r.mul(h)))), h);
    },
  };
}

/** `(1 - z) n + z h`, with one product. */
function mixed(z: Tensor, n: Tensor, h: Tensor): Tensor {
  return n.add(z.mul(h.sub(n)));
}

/** Gates `from` to `to` of the `count` that the last axis holds. */
function gates(x: Tensor, from: number, to: number, count: number): Tensor {
  const size = x.shape.at(-1)! / count;
  return np.slice(x, "...", [from * size, to * size]);
}

/** The state of {@link lstmCell}: what is shown, and what is kept. */
export type LstmState = readonly [h: Tensor, c: Tensor];

/**
 * A long short-term memory (Hochreiter & Schmidhuber, 1997), as PyTorch's `LSTMCell`:
 * `(x, [h, c]) → [h′, c′]`, […, in] and […, hidden]. Gates are in the order i, f, g, o, Keras's too:
 *
 *     c′ = σ(f) ∘ c + σ(i) ∘ tanh(g),  h′ = σ(o) ∘ tanh(c′)
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * const cell = nn.lstmCell({ in: 3, hidden: 4 });
 * const start = [np.zeros([2, 4]), np.zeros([2, 4])] as const;
 * const [h, c] = cell.apply(cell.init(random.key(0)), np.ones([2, 3]), start);
 * console.assert(h.shape.join() === "2,4" && c.shape.join() === "2,4");
 * ```
 *
 * @throws ShapeError when an input's or a state's last axis is of another size; TreeError for a state that is no
 * [h, c], or parameters without its fields.
 */
export function lstmCell(
  options: CellOptions,
): Layer<CellParams, [x: Tensor, state: LstmState], LstmState> {
  checkLstm(options);
  const name = "nn.lstmCell";
  return {
    init: (key) => cellParams(key, 4, options),
    apply(p, x, state) {
      check(name, p, 4, options.hidden);
      requireList(
        `${name}: the state is`,
        state,
        2,
        "give the pair [h, c], as the last step returned it",
      );
      const [h, c] = state;
      const all = fromInput(name, p, x).add(fromState(name, p, h));
      const gate = (i: number) => gates(all, i, i + 1, 4);
      const kept = np.sigmoid(gate(1)).mul(c);
      const next = kept.add(np.sigmoid(gate(0)).mul(np.tanh(gate(2))));
      return [np.sigmoid(gate(3)).mul(np.tanh(next)), next];
    },
  };
}
