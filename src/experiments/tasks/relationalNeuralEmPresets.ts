/** Presets of R-NEM and RNN-EM for videos. The quick ones run on two cores; the others have the papers' hyperparameters. */
const log = { every: 20, evaluateEvery: 100, panelEvery: 200, checkpointEvery: 100, keep: 3 };

/** Balls with masses in small videos, for minutes on two cores. */
const balls = {
  name: "rnem-quick",
  model: {
    task: "relationalNeuralEm",
    slots: 4,
    hidden: 64,
    channels: [16, 32],
    features: 64,
    attentionHidden: 32,
  },
  data: { source: "balls" },
  optimizer: { learningRate: 1e-3 },
  log,
  steps: 3000,
  batchSize: 16,
} as const;

/** Presets by name. */
export const relationalNeuralEmTaskPresets = {
  /** R-NEM on three balls, 24×24; `model.messages=none` is the same without messages. */
  "rnem-quick": balls,
  /** RNN-EM on three flying shapes, 24×24. */
  "rnnem-quick": {
    ...balls,
    name: "rnnem-quick",
    model: { ...balls.model, messages: "none", slots: 3, hidden: 100 },
    data: { source: "shapes", frames: 9, further: 4 },
    optimizer: { learningRate: 2e-3 },
    steps: 1500,
  },
  /** The paper's balls with masses, 64×64. */
  "rnem-balls": {
    name: "rnem-balls",
    model: { task: "relationalNeuralEm", slots: 5 },
    data: {
      source: "balls",
      videos: 50_000,
      frames: 31,
      further: 20,
      resolution: 64,
      objects: [4, 4],
      evaluate: 1000,
    },
    optimizer: { learningRate: 1e-3 },
    log: { ...log, evaluateEvery: 780, panelEvery: 780, checkpointEvery: 780 },
    steps: 391_000,
    batchSize: 64,
  },
  /** The paper's flying shapes, 28×28. */
  "rnnem-shapes": {
    name: "rnnem-shapes",
    model: {
      task: "relationalNeuralEm",
      slots: 3,
      hidden: 100,
      channels: [32, 64],
      messages: "none",
    },
    data: {
      source: "shapes",
      videos: 50_000,
      frames: 21,
      further: 10,
      resolution: 28,
      evaluate: 1000,
    },
    optimizer: { learningRate: 1e-3 },
    log: { ...log, evaluateEvery: 780, panelEvery: 780, checkpointEvery: 780 },
    steps: 391_000,
    batchSize: 64,
  },
} as const;
