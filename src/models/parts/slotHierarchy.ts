/**
 * The first stage of EfficientMORL: posteriors q(z¹), …, q(zᴸ) of slots, each found by slot attention from a draw of the one
 * before, with weights that all share; and a prior p(zˡ | zˡ⁺¹) that goes the other way.
 */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";
import { softAssignment, weightedMean } from "../slotAttention.ts";
import { drawNormal, type Normal, normalDivergence, softplusNormal } from "./gaussians.ts";

/** λ = (μ, s) as N(μ, softplus(min(s, 80)) + 1e-5). */
export function posteriorOf(lambda: Tensor): Normal {
  return softplusNormal(lambda, { floor: 1e-5, most: 80 });
}

/** A change of μ or s behind its gated update: LN, then an MLP, added. */
export type ResidualParams = {
  readonly norm: nn.NormParams;
  readonly layers: readonly nn.LinearParams[];
};

/** Parameters of the first stage. */
export type SlotHierarchyParams = {
  /** λ⁰ of every slot, [2 latentSize]: zeros, then ones. */
  readonly posterior: Tensor;
  readonly normSlots: nn.NormParams;
  readonly query: nn.LinearParams;
  readonly key: nn.LinearParams;
  readonly value: nn.LinearParams;
  /** The two recurrent units of the DualGRU: for μ and for s. */
  readonly gru: { readonly mean: nn.CellParams; readonly scale: nn.CellParams };
  readonly mlp: { readonly mean: ResidualParams; readonly scale: ResidualParams };
  readonly prior: {
    readonly hidden: nn.LinearParams;
    readonly mean: nn.LinearParams;
    readonly scale: nn.LinearParams;
  };
};

/** The result of the first stage; every λ is [batch, slots, 2 latentSize]. */
export type Starts = {
  /** λᴸ */
  readonly lambda: Tensor;
  /** λᴸ⁻¹; null if L is 1. */
  readonly below: Tensor | null;
  /** Σ KL(q(zˡ) ‖ p(zˡ | zˡ⁺¹)) over l < L − 1: [batch]. */
  readonly lower: Tensor;
  /** The prior p(z¹ | z²) of the refined posterior; null if L is 1. */
  readonly prior: Tensor | null;
};

/** The functions of {@link slotHierarchy}. */
export interface SlotHierarchy {
  init(key: Tensor): SlotHierarchyParams;
  /** The parameters of p(zˡ | zˡ⁺¹) for a draw of zˡ⁺¹. */
  prior(params: SlotHierarchyParams, draw: Tensor): Tensor;
  /**
   * The posteriors of features [batch, places, featureSize], with noise [2 levels, batch, slots, latentSize]: of the first
   * draw, of the draws of all levels, and of those that the priors see.
   */
  find(params: SlotHierarchyParams, features: Tensor, noise: Tensor): Starts;
}

/** The first stage for features of a size; `init` and `cell` are initializers of layers and of gates. */
export function slotHierarchy({ levels, latentSize, featureSize, init, cell }: {
  readonly levels: number;
  readonly latentSize: number;
  readonly featureSize: number;
  readonly init: nn.InitOptions;
  readonly cell: Pick<nn.CellOptions, "weightInit" | "biasInit">;
}): SlotHierarchy {
  const norm = nn.layerNorm({ size: latentSize });
  const query = nn.linear({ ...init, in: latentSize, out: latentSize, bias: false });
  const project = nn.linear({ ...init, in: featureSize, out: latentSize, bias: false });
  const gru = nn.gruCell({ ...cell, in: latentSize, hidden: latentSize });
  const mlp = nn.mlp({ ...init, sizes: [latentSize, 2 * latentSize, latentSize] });
  const hidden = nn.linear({ ...init, in: latentSize, out: 128 });
  const head = nn.linear({ ...init, in: 128, out: latentSize });

  const moved = (x: Tensor, update: Tensor, cell: nn.CellParams, own: ResidualParams) => {
    const next = gru.apply(cell, update, x);
    return next.add(mlp.apply(own.layers, norm.apply(own.norm, next)));
  };
  const prior = (p: SlotHierarchyParams, draw: Tensor) => {
    const h = nn.elu(hidden.apply(p.prior.hidden, draw));
    return np.concatenate([head.apply(p.prior.mean, h), head.apply(p.prior.scale, h)], {
      axis: -1,
    });
  };
  return {
    init(key) {
      const keys = random.split(key, 10);
      const residual = (key: Tensor) => ({ norm: norm.init(key), layers: mlp.init(key) });
      return {
        posterior: np.concatenate([np.zeros([latentSize]), np.ones([latentSize])]),
        normSlots: norm.init(keys[0]!),
        query: query.init(keys[0]!),
        key: project.init(keys[1]!),
        value: project.init(keys[2]!),
        gru: { mean: gru.init(keys[3]!), scale: gru.init(keys[4]!) },
        mlp: { mean: residual(keys[5]!), scale: residual(keys[6]!) },
        prior: {
          hidden: hidden.init(keys[7]!),
          mean: head.init(keys[8]!),
          scale: head.init(keys[9]!),
        },
      };
    },
    prior,
    find(p, features, noise) {
      const of = (i: number) => np.slice(noise, i);
      const [k, v] = [project.apply(p.key, features), project.apply(p.value, features)];
      const [, batch, slots] = noise.shape as [number, number, number, number];
      let lambda = np.broadcastTo(p.posterior, [batch, slots, 2 * latentSize]);
      const all: Tensor[] = [];
      for (let l = 0; l < levels; l++) {
        const draw = drawNormal(posteriorOf(lambda), of(l));
        const q = query.apply(p.query, norm.apply(p.normSlots, draw));
        const update = weightedMean(softAssignment(q, k), v);
        const [mean, scale] = np.split(lambda, 2, { axis: -1 }) as [Tensor, Tensor]; // two halves
        lambda = np.concatenate([
          moved(mean, update, p.gru.mean, p.mlp.mean),
          moved(scale, update, p.gru.scale, p.mlp.scale),
        ], { axis: -1 });
        all.push(lambda);
      }
      // The prior of level l sees another draw of the level above.
      const priors = all.slice(1).map((above, l) =>
        prior(p, drawNormal(posteriorOf(above), of(levels + 1 + l)))
      );
      const lower = priors.slice(0, -1).reduce(
        (sum, own, l) =>
          sum.add(
            np.sum(normalDivergence(posteriorOf(all[l]!), posteriorOf(own)), { axis: 1 }),
          ),
        np.zeros([batch], { dtype: noise.dtype }),
      );
      return { lambda, below: all.at(-2) ?? null, lower, prior: priors[0] ?? null };
    },
  };
}
