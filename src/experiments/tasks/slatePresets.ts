/**
 * Presets of SLATE. The quick one runs on two cores; the others have the hyperparameters of the papers, which
 * `slatePresets` of the models names. They train on generated scenes; given `data.path`, on the published files, which
 * `data.files` names, with SLATE's numbers of images to train on, to validate on and to test with.
 */
import { slatePresets as papers } from "../../models/index.ts";

import type { ImageInput } from "./images/config.ts";

type Paper = typeof papers[keyof typeof papers];

/** A preset of a paper, and the number of images to train on, which is an epoch. */
function preset(
  name: string,
  { model, training }: Paper,
  images: number,
  data: Omit<ImageInput, "resolution" | "scenes">,
) {
  const { imageSize: resolution, ...sizes } = model;
  const epoch = Math.floor(images / training.batchSize);
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
    data: { ...data, scenes: images + 640, resolution, evaluate: 320, test: 320 },
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
  /**
   * Two or three squares of three colours on a grid of 4 pixels, so that a token is a cell: for two cores. The discrete VAE has
   * a high rate and more codes than it needs: with fewer, or a lower rate, two colours come to share a code.
   */
  "slate-quick": {
    name: "slate-quick",
    model: {
      task: "slate",
      vocabulary: 64,
      channels: 32,
      size: 48,
      blocks: 2,
      heads: 4,
      slots: 4,
      dropout: 0,
      iterations: 3,
      adjoint: "oneStep",
      discreteVaeRate: 3e-3,
      clipEntries: 1,
      temperatureSteps: 1000,
      patience: 0,
    },
    data: {
      source: "sprites",
      scenes: 4096 + 256,
      resolution: 20,
      objects: [2, 3],
      distinctColors: true,
      colors: ["red", "green", "blue"],
      grid: 4,
      evaluate: 128,
      test: 128,
    },
    optimizer: { learningRate: 1e-3, warmup: 200, decayRate: 0.5, decaySteps: 2500 },
    log: {
      every: 20,
      evaluateEvery: 400,
      panelEvery: 800,
      firstPanel: 100,
      checkpointEvery: 400,
      keep: 2,
    },
    steps: 2400,
    batchSize: 32,
  },
  /** 3D Shapes, 64×64, as SLATE's code trains on it; or generated rooms. */
  "slate-shapes3d": preset("slate-shapes3d", papers.shapes3d, 400_000, {
    source: "rooms",
    files: {
      source: "3dshapes",
      split: "inOrder",
      scenes: 460_000,
      evaluate: 30_000,
      test: 30_000,
    },
  }),
  /** CLEVR, 96×96; or generated scenes of three to ten objects. */
  "slate-clevr": preset("slate-clevr", papers.clevr, 70_000, {
    source: "clevr",
    objects: [3, 10],
    files: {
      source: "clevr-files",
      split: "official",
      scenes: 70_000,
      evaluate: 15_000,
      test: 15_000,
    },
  }),
  /** CLEVR-Mirror, of whose sorted files the first 70 % are trained on; or generated scenes with a mirror. */
  "slate-clevr-mirror": preset("slate-clevr-mirror", papers.clevrMirror, 70_000, {
    source: "clevr",
    objects: [3, 10],
    mirror: true,
    files: {
      source: "clevr-files",
      split: "inOrder",
      scenes: 100_000,
      evaluate: 15_000,
      test: 15_000,
    },
  }),
  /** ShapeStacks with its lists of parts; or generated towers. */
  "slate-shapestacks": preset("slate-shapestacks", papers.shapeStacks, 70_000, {
    source: "towers",
    objects: [2, 6],
    files: {
      source: "shapestacks",
      split: "official",
      scenes: 400_000,
      evaluate: 50_000,
      test: 50_000,
    },
  }),
  /** COCO; or, for want of generated photographs, scenes of three to ten objects. */
  "slate-coco": preset("slate-coco", papers.coco, 118_287, {
    source: "clevr",
    objects: [3, 10],
    files: {
      source: "coco",
      split: "official",
      scenes: 118_287,
      evaluate: 5_000,
      test: 40_670,
    },
  }),
} as const;
