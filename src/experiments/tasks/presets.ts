/** Presets of the tasks with slot attention. The quick one runs on two cores; the others have the paper's hyperparameters. */

/** Locatello et al. (2020), appendix E: what their object discovery experiments share. */
const paper = {
  optimizer: { learningRate: 4e-4, warmup: 10_000, decayRate: 0.5, decaySteps: 100_000, clip: 0 },
  log: { every: 100, evaluateEvery: 5000, panelEvery: 5000, checkpointEvery: 1000, keep: 3 },
  steps: 500_000,
  batchSize: 64,
} as const;

/** The default. */
const quick = {
  name: "discovery-quick",
  model: {
    task: "discovery",
    slots: 4,
    slotSize: 32,
    mlpHidden: 64,
    iterations: 3,
    adjoint: "oneStep",
    // Slots that begin at different values specialize earlier than slots drawn alike; what they become is not prescribed.
    start: "learned",
    initGrad: "throughLastStep",
    // Around zero, so that places differ more than they agree.
    coordinates: [-1, 1],
    // Slots attend to 8×8 places, not 16×16: less work, and objects are found in fewer steps.
    encoder: { channels: 32, kernel: 3, strides: [2, 2, 1] },
    // A slot draws in a frame of its own, four pixels from each place.
    decoder: { kind: "mlp", channels: 48, layers: 2, frame: "own", patch: 2 },
  },
  // Sprites may overlap a little, on a background that a slot has to draw.
  data: {
    source: "sprites",
    scenes: 4096 + 320 + 320,
    resolution: 32,
    objects: [3, 3],
    radius: [0.17, 0.24],
    upright: true,
    background: "random",
    distinctColors: true,
    minVisibility: 0.9,
    evaluate: 320,
    test: 320,
  },
  optimizer: {
    learningRate: {
      cosineDecaySchedule: { initValue: 4e-3, decaySteps: 12_000, alpha: 0.02 },
    },
    warmup: 200,
  },
  log: {
    every: 20,
    evaluateEvery: 500,
    panelEvery: 500,
    firstPanel: 40,
    checkpointEvery: 240,
    keep: 2,
  },
  steps: 12_000,
  batchSize: 16,
} as const;

/** Sprites on black that hide nothing of each other, 16×16 pixels: a fraction of the work, for studies of many runs. */
const small = {
  name: "discovery-small",
  model: {
    task: "discovery",
    slots: 4,
    slotSize: 32,
    mlpHidden: 64,
    iterations: 3,
    adjoint: "oneStep",
    coordinates: [-1, 1],
    encoder: { channels: 32, kernel: 3, strides: [2, 1, 1] },
    decoder: { kind: "mlp", channels: 32, layers: 3 },
  },
  data: {
    source: "sprites",
    scenes: 4096 + 320,
    resolution: 16,
    objects: [3, 3],
    minVisibility: 1,
    evaluate: 320,
  },
  // The rate ends at an eighth of where it began: masks become sharp late.
  optimizer: { learningRate: 2e-3, warmup: 100, decayRate: 0.5, decaySteps: 2500 },
  log: quick.log,
  steps: 7500,
  batchSize: 16,
} as const;

/** Presets of object discovery, the default first. */
export const discoveryPresets = {
  /** Sprites that may overlap, on backgrounds of random colours: objects are found in minutes on two cores. */
  "discovery-quick": quick,
  "discovery-small": small,
  /** CLEVR with at most six objects, 128×128. Files are read with data.source=clevr-with-masks. */
  "discovery-clevr6": {
    name: "discovery-clevr6",
    model: {
      task: "discovery",
      slots: 7,
      slotSize: 64,
      mlpHidden: 128,
      iterations: 3,
      adjoint: "oneStep",
      encoder: { channels: 64, kernel: 5, strides: [1, 1, 1, 1] },
      decoder: { kind: "broadcast", channels: 64, kernel: 5, strides: [2, 2, 2, 2, 1] },
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
    ...paper,
  },
  /** Tetrominoes, 35×35. */
  "discovery-tetrominoes": {
    name: "discovery-tetrominoes",
    model: {
      task: "discovery",
      slots: 4,
      slotSize: 64,
      mlpHidden: 128,
      iterations: 3,
      adjoint: "oneStep",
      encoder: { channels: 32, kernel: 5, strides: [1, 1, 1, 1] },
      decoder: { kind: "broadcast", channels: 32, kernel: 5, strides: [1, 1, 1] },
    },
    data: { source: "tetrominoes", scenes: 60_000, resolution: 35, evaluate: 320 },
    ...paper,
  },
} as const;

/** One to three CLEVR-like objects in 32×32 pixels, for predictors of sets on two cores. */
export const smallClevr = {
  source: "clevr",
  scenes: 8192 + 2 * 512,
  resolution: 32,
  objects: [1, 3],
  evaluate: 512,
  test: 512,
} as const;

/** Presets of property prediction. */
export const propertyPresets = {
  /** Slot attention on the images of `idspn-quick`. */
  "properties-quick": {
    name: "properties-quick",
    model: {
      task: "properties",
      slots: 3,
      slotSize: 64,
      mlpHidden: 128,
      iterations: 3,
      adjoint: "oneStep",
      encoder: { channels: 32, kernel: 5, strides: [1, 2, 2] },
      decoder: { kind: "mlp", channels: 64, layers: 1 },
    },
    data: smallClevr,
    optimizer: { learningRate: 1e-3, warmup: 100 },
    log: quick.log,
    steps: 3000,
    batchSize: 32,
  },
  /** The properties of up to ten CLEVR objects. */
  "properties-clevr10": {
    name: "properties-clevr10",
    model: {
      task: "properties",
      slots: 10,
      slotSize: 64,
      mlpHidden: 128,
      iterations: 3,
      adjoint: "oneStep",
      encoder: { channels: 64, kernel: 5, strides: [1, 2, 2, 1] },
      decoder: { kind: "mlp", channels: 64, layers: 1 },
    },
    data: {
      source: "clevr",
      scenes: 70_000,
      resolution: 128,
      objects: [3, 10],
      evaluate: 320,
    },
    optimizer: { ...paper.optimizer, warmup: 1000, decaySteps: 50_000 },
    log: paper.log,
    steps: 150_000,
    batchSize: 512,
  },
} as const;
