/**
 * Presets of SLATE. The quick one runs on two cores; the others have the hyperparameters of the papers, which
 * `slatePresets` of the models names. They train on generated scenes, and on the published files with
 * `data.source` and `data.path`: `clevr-files`, `shapestacks`, `coco` or `3dshapes`, and `folder` for images of any kind.
 */
import { slatePresets as papers } from "../../models/index.ts";

import type { ImageInput } from "./images/config.ts";

type Paper = typeof papers[keyof typeof papers];

/** A preset of a paper, with images for so many epochs. */
function preset(
  name: string,
  { model, training }: Paper,
  data: Omit<ImageInput, "resolution" | "evaluate">,
) {
  const { imageSize: resolution, ...sizes } = model;
  const epoch = Math.floor(data.scenes / training.batchSize);
  return {
    name,
    model: {
      task: "slate",
      ...sizes,
      adjoint: "oneStep",
      discreteVaeRate: training.discreteVaeRate,
      clipEntries: training.clip,
      temperatureSteps: training.temperatureSteps,
      patience: 4,
    },
    data: { ...data, resolution, evaluate: 320 },
    optimizer: { learningRate: training.learningRate, warmup: training.warmupSteps },
    log: {
      every: 100,
      evaluateEvery: epoch,
      panelEvery: epoch,
      firstPanel: 100,
      panelImages: 8,
      checkpointEvery: 1000,
      keep: 3,
    },
    steps: training.steps,
    batchSize: training.batchSize,
  } as const;
}

/** Presets of SLATE, the quick one first. */
export const slateTaskPresets = {
  /** Two squares of other colours on a grid of 4 pixels, so that a token is a cell: for two cores. */
  "slate-quick": {
    name: "slate-quick",
    model: {
      task: "slate",
      vocabulary: 32,
      channels: 32,
      size: 48,
      blocks: 2,
      heads: 4,
      slots: 3,
      iterations: 3,
      adjoint: "oneStep",
      discreteVaeRate: 1e-3,
      clipEntries: 1,
      temperatureSteps: 1000,
      patience: 0,
    },
    data: {
      source: "sprites",
      scenes: 4096 + 256,
      resolution: 20,
      objects: [2, 2],
      distinctColors: true,
      grid: 4,
      evaluate: 128,
      test: 128,
    },
    optimizer: { learningRate: 1e-3, warmup: 200, decayRate: 0.5, decaySteps: 2500 },
    log: {
      every: 20,
      evaluateEvery: 500,
      panelEvery: 500,
      firstPanel: 100,
      checkpointEvery: 500,
      keep: 2,
    },
    steps: 6000,
    batchSize: 32,
  },
  /** 64×64, the model that SLATE's code trains on 3D Shapes: one object. */
  "slate-shapes3d": preset("slate-shapes3d", papers.shapes3d, {
    source: "clevr",
    scenes: 430_000,
    objects: [1, 1],
  }),
  /** 96×96 scenes of three to ten objects. */
  "slate-clevr": preset("slate-clevr", papers.clevr, {
    source: "clevr",
    scenes: 70_000,
    objects: [3, 10],
  }),
  /** The same with a mirror. */
  "slate-clevr-mirror": preset("slate-clevr-mirror", papers.clevrMirror, {
    source: "clevr",
    scenes: 70_000,
    objects: [3, 10],
    mirror: true,
  }),
  /** The model for stacks of blocks. */
  "slate-shapestacks": preset("slate-shapestacks", papers.shapeStacks, {
    source: "clevr",
    scenes: 70_000,
    objects: [2, 6],
  }),
  /** The model for photographs. */
  "slate-coco": preset("slate-coco", papers.coco, {
    source: "clevr",
    scenes: 118_287,
    objects: [3, 10],
  }),
} as const;
