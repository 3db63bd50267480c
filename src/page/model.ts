/** The model of the page: object discovery as in the preset `discovery-quick`, with the switches of the page. */
import {
  type Adjoint,
  anderson,
  broyden,
  type FixedPointSolver,
  forward,
  implicit,
  jacobianSpectralNorm,
  jit,
  neumann,
  np,
  oneStep,
  optim,
  phantom,
  relativeResidual,
  scan,
  type Tensor,
  tree,
  unrolled,
  valueAndGrad,
  vmap,
} from "../index.ts";
import { type DiscoveryParams, objectDiscovery } from "../models/index.ts";
import { resolution, type Settings, shownImages, shownSteps, slotCount } from "./protocol.ts";

const adjoints: Readonly<Record<Settings["adjoint"], () => Adjoint>> = {
  oneStep,
  unrolled,
  neumann: () => neumann({ terms: 5 }),
  phantom: () => phantom({ terms: 5, damping: 0.5 }),
  implicit,
};

const solvers: Readonly<Record<Settings["solver"], () => FixedPointSolver>> = {
  forward,
  anderson: () => anderson({ window: 3 }),
  broyden,
};

/** The model under some settings. Its parameters are the same under all of them. */
export function modelOf({ adjoint, solver, iterations }: Omit<Settings, "learningRate">) {
  const coordinates = [-1, 1] as const;
  return objectDiscovery({
    resolution: [resolution, resolution],
    slots: slotCount,
    slotSize: 32,
    mlpHidden: 64,
    iterations,
    adjoint: adjoints[adjoint](),
    solver: solvers[solver](),
    start: "learned",
    // Unrolled, the first slots have a derivative already.
    ...adjoint !== "unrolled" && { initGrad: "throughLastStep" },
    encoder: { channels: 32, kernel: 3, strides: [2, 2, 1], coordinates },
    decoder: { kind: "pixel", channels: 48, layers: 2, frame: "own", patch: 2, coordinates },
  });
}

/** The optimizer; learning rates are given at every step. */
export const optimizer = optim.chain(
  optim.clipByGlobalNorm(1),
  optim.scaleByAdam(),
  optim.scale(-1),
);

/** The state of {@link optimizer}. */
export type OptimizerState = ReturnType<typeof optimizer.init>;

/** One update by a batch of images, [batch, height, width, 3], from −1 to 1. Gives reconstructions of the first few, too. */
export function trainStep(settings: Settings) {
  const model = modelOf(settings);
  return jit(
    (params: DiscoveryParams, state: OptimizerState, images: Tensor, rate: Tensor) => {
      const objective = (p: DiscoveryParams) => model.loss(p, images, null);
      const [[loss, { reconstruction }], gradient] = valueAndGrad(objective, { hasAux: true })(
        params,
      );
      const [updates, next] = optimizer.update(gradient, state, params);
      const scaled = tree.map((u: Tensor) => u.mul(rate), updates);
      return {
        params: optim.applyUpdates(params, scaled),
        state: next,
        loss,
        shown: np.slice(reconstruction, [0, shownImages]),
      };
    },
    { donate: [0, 1] },
  );
}

const looking = { adjoint: "oneStep", solver: "forward", iterations: 1 } as const;

/**
 * The slots of an image, [1, height, width, 3], after 0, 1, … steps of plain iteration, [steps + 1, 1, slots, size]; where they
 * look, and their residuals; and the norm of the step's Jacobian after `at` steps.
 */
export function lookAt(params: DiscoveryParams, image: Tensor, at: Tensor) {
  const model = modelOf(looking);
  const { slotAttention: level } = model;
  const own = params.slotAttention;
  const keys = level.project(own, model.encoder.apply(params.encoder, image));
  const step = (z: Tensor) => level.step(own, z, keys);
  const [, [slots, residuals]] = scan(
    (z: Tensor) =>
      [step(z), [z, np.mean(relativeResidual(step, z, { batchAxis: 0 }))] as const] as const,
    level.start(own, null, 1),
    null,
    { length: shownSteps + 1 },
  );
  const attention = vmap((z: Tensor) => level.attend(own, z, keys))(slots);
  const norm = jacobianSpectralNorm(step, np.take(slots, at, { axis: 0 }), { steps: 8 });
  return { slots, attention, residuals, norm };
}

/** The pictures of slots, [1, slots, size], each alone and together. */
export function draw(params: DiscoveryParams, slots: Tensor) {
  return modelOf(looking).decoder.apply(params.decoder, slots);
}
