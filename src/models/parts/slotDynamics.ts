/** The motion of slots in OP3: their own, that of an action, and that which they cause one another. */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";

/** Parameters of a layer with one hidden layer. */
export type PairOfLayers = { readonly hidden: nn.LinearParams; readonly out: nn.LinearParams };

/** Parameters of {@link slotDynamics}. */
export type SlotDynamicsParams = {
  readonly inertia: PairOfLayers;
  /** Null without actions. */
  readonly action: {
    readonly encode: PairOfLayers;
    readonly effect: PairOfLayers;
    readonly attention: PairOfLayers;
  } | null;
  readonly pair: PairOfLayers;
  readonly effect: PairOfLayers;
  readonly attention: PairOfLayers;
  readonly merge: PairOfLayers;
  /** The next deterministic state, and the two halves of the next λ. */
  readonly heads: {
    readonly deterministic: PairOfLayers;
    readonly mean: PairOfLayers;
    readonly scale: PairOfLayers;
  };
};

/** Sizes of {@link slotDynamics}. */
export interface SlotDynamicsSizes {
  readonly deterministic: number;
  readonly latent: number;
  /** Numbers of an action; 0: none. */
  readonly action: number;
  /** The size of what is known of an action, and of what slots are told by one another. */
  readonly effect: number;
}

/** The states of slots after a frame: d′ [batch, slots, deterministic] and λ′ [batch, slots, 2 latent]. */
export type MovedSlots = { readonly deterministic: Tensor; readonly lambda: Tensor };

/** Two layers with ELU between; the second begins near zero, and biases of the first at a tenth. */
function layers(
  sizes: readonly [from: number, hidden: number, to: number],
  activation: nn.Activation = (x) => x,
): nn.Layer<PairOfLayers> {
  const small = nn.initializers.uniform(3e-3);
  const hidden = nn.linear({
    in: sizes[0],
    out: sizes[1],
    weightInit: nn.initializers.glorotUniform,
    biasInit: (_, shape) => np.full(shape, 0.1),
  });
  const out = nn.linear({ in: sizes[1], out: sizes[2], weightInit: small, biasInit: small });
  return {
    init(key) {
      const [a, b] = random.split(key);
      return { hidden: hidden.init(a), out: out.init(b) };
    },
    apply: (p, x: Tensor) => activation(out.apply(p.out, nn.elu(hidden.apply(p.hidden, x)))),
  };
}

/**
 * The motion of slots from one frame to the next, from their states [batch, slots, deterministic + latent] and an action
 * [batch, action]:
 *
 *     e = f(state),  with an action a: e ← g([e, a]) σ(h([e, a]))
 *     E_i = Σ_{j≠i} effect(P_ij) σ(attention(P_ij)),  P_ij = pair([e_i, e_j])
 *     d′, λ′ = heads(merge([e, E]))
 */
export function slotDynamics(
  { deterministic, latent, action, effect }: SlotDynamicsSizes,
): nn.Layer<SlotDynamicsParams, [state: Tensor, action: Tensor | null], MovedSlots> {
  const size = deterministic + latent;
  const known = effect;
  const own = {
    inertia: layers([size, size, size], nn.elu),
    pair: layers([2 * size, 2 * size, size], nn.elu),
    effect: layers([size, size, effect], nn.elu),
    attention: layers([size, size, 1], np.sigmoid),
    merge: layers([size + effect, size, size], nn.elu),
  };
  const acted = action === 0 ? null : {
    encode: layers([action, size, known], nn.elu),
    effect: layers([size + known, size, size], nn.elu),
    attention: layers([size + known, size, 1], np.sigmoid),
  };
  const heads = {
    deterministic: layers([size, size, deterministic]),
    mean: layers([size, size, latent]),
    scale: layers([size, size, latent]),
  };
  return {
    init(key) {
      const [a, b, c, d, e, f, g, h, i, j, k] = random.split(key, 11);
      return {
        inertia: own.inertia.init(a!),
        action: acted && {
          encode: acted.encode.init(b!),
          effect: acted.effect.init(c!),
          attention: acted.attention.init(d!),
        },
        pair: own.pair.init(e!),
        effect: own.effect.init(f!),
        attention: own.attention.init(g!),
        merge: own.merge.init(h!),
        heads: {
          deterministic: heads.deterministic.init(i!),
          mean: heads.mean.init(j!),
          scale: heads.scale.init(k!),
        },
      };
    },
    apply(p, state, action) {
      const [batch, slots] = state.shape as [number, number];
      const moving = own.inertia.apply(p.inertia, state);
      const told = () => {
        const known = np.expandDims(acted!.encode.apply(p.action!.encode, action!), 1);
        const both = np.concatenate(
          [moving, np.broadcastTo(known, [batch, slots, known.shape[2]!])],
          { axis: -1 },
        );
        return acted!.effect.apply(p.action!.effect, both)
          .mul(acted!.attention.apply(p.action!.attention, both));
      };
      const e = acted === null || action === null ? moving : told();
      const [first, second] = [2, 1].map((axis) =>
        np.broadcastTo(np.expandDims(e, axis), [batch, slots, slots, size])
      ) as [Tensor, Tensor];
      const pair = own.pair.apply(p.pair, np.concatenate([first, second], { axis: -1 }));
      const apart = np.expandDims(np.subtract(1, np.eye(slots)), -1);
      const effects = own.effect.apply(p.effect, pair)
        .mul(own.attention.apply(p.attention, pair)).mul(apart);
      const all = np.concatenate([e, np.sum(effects, { axis: 2 })], { axis: -1 });
      const merged = own.merge.apply(p.merge, all);
      const parts = [
        heads.mean.apply(p.heads.mean, merged),
        heads.scale.apply(p.heads.scale, merged),
      ];
      return {
        deterministic: heads.deterministic.apply(p.heads.deterministic, merged),
        lambda: np.concatenate(parts, { axis: -1 }),
      };
    },
  };
}
