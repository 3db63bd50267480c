/** Presets of IODINE: a small one for two cores, and the original's. */

const paper = {
  optimizer: {
    decayRate: 0.1,
    decaySteps: 1_000_000,
    clip: 5,
    chain: [{ adam: ["learningRate", { b1: 0.95 }] }],
  },
  log: { every: 100, evaluateEvery: 5000, panelEvery: 5000, checkpointEvery: 1000, keep: 3 },
  steps: 1_000_000,
} as const;
const small = {
  decoder: { channels: 32, layers: 4, kernel: 5 },
  encoder: { channels: 32, kernel: 5, strides: [2, 2, 2], hidden: [128] },
  coordinates: "cosine",
  iterations: 5,
} as const;

/** Presets of the task, the quick one first. */
export const iodineTaskPresets = {
  /** Two sprites before a background of another colour in each image, 12×12 pixels. */
  "iodine-quick": {
    name: "iodine-quick",
    model: {
      task: "iodine",
      slots: 3,
      latentSize: 8,
      iterations: 3,
      scale: 0.1,
      memorySize: 64,
      decoder: { channels: 48, layers: 3, kernel: 1, patch: 2 },
      encoder: { channels: 32, kernel: 3, strides: [2, 2], hidden: [64, 64], pool: "all" },
    },
    data: {
      source: "sprites",
      scenes: 4096 + 320 + 320,
      resolution: 12,
      objects: [2, 2],
      radius: [0.2, 0.28],
      upright: true,
      background: "random",
      distinctColors: true,
      minVisibility: 1,
      evaluate: 320,
      test: 320,
    },
    optimizer: {
      learningRate: 3e-3,
      warmup: 100,
      clip: 5,
      chain: [{ adam: ["learningRate", { b1: 0.95 }] }],
    },
    log: { every: 50, evaluateEvery: 500, panelEvery: 1000, checkpointEvery: 500, keep: 2 },
    steps: 10_000,
    batchSize: 16,
  },
  /** CLEVR with at most six objects, 128×128. Files are read with data.source=clevr-with-masks. */
  "iodine-clevr6": {
    ...paper,
    name: "iodine-clevr6",
    model: {
      task: "iodine",
      slots: 7,
      iterations: 5,
      decoder: { channels: 64, layers: 4, kernel: 3 },
      encoder: { channels: 64, kernel: 3, strides: [2, 2, 2, 2], hidden: [256, 256] },
    },
    data: {
      source: "clevr",
      scenes: 70_000,
      resolution: 128,
      crop: "clevr",
      objects: [3, 6],
      maxObjects: 6,
      evaluate: 320,
    },
    optimizer: { ...paper.optimizer, learningRate: 1e-3 },
    batchSize: 32,
  },
  /** Tetrominoes, 35×35, without a memory. */
  "iodine-tetrominoes": {
    ...paper,
    name: "iodine-tetrominoes",
    model: { task: "iodine", slots: 4, latentSize: 32, memorySize: 0, ...small },
    data: { source: "tetrominoes", scenes: 60_000, resolution: 35, evaluate: 320 },
    optimizer: { ...paper.optimizer, learningRate: 3e-4 },
    batchSize: 256,
  },
} as const;
