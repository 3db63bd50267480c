/** What readers, streams and generators of data say to options that are none. */
import { fromArrays, ndarray } from "trilevel/data";
import * as data from "trilevel/data";
import { type Calls, lookAtOptions } from "../support/options.ts";

const picture = ndarray(Uint8Array.of(1, 2, 3, 4), [2, 2, 1]);
const labels = ndarray(Uint8Array.of(0, 1, 1, 0), [1, 2, 2]);
const dataset = fromArrays({ x: ndarray(new Float32Array(20), [20]) });
const nowhere = "no/such/path";
const errors = ["OptionError"];

/** Generators whose options come before a seed and an index. */
const scenes = {
  binaryShapes: (options = {}) => data.binaryShapes(options, 0, 0),
  bouncingBalls: (options = {}) => data.bouncingBalls(options, 0, 0),
  flyingDigits: (options: data.FlyingDigitsOptions) => data.flyingDigits(options, 0, 0),
  flyingShapes: (options = {}) => data.flyingShapes(options, 0, 0),
  clevrScene: (options = {}) => data.clevrScene(options, 0, 0),
  roomScene: (options = {}) => data.roomScene(options, 0, 0),
  towerScene: (options = {}) => data.towerScene(options, 0, 0),
  movingSprites: (options = {}) => data.movingSprites(options, 0, 0),
  spritesScene: (options = {}) => data.spritesScene(options, 0, 0),
  tetrominoesScene: (options = {}) => data.tetrominoesScene(options, 0, 0),
};

lookAtOptions("scenes", scenes, {
  binaryShapes: [],
  bouncingBalls: [],
  flyingDigits: { operands: [], options: { digits: [ndarray(new Uint8Array(16), [4, 4])] } },
  flyingShapes: [],
  clevrScene: [],
  movingSprites: [],
  roomScene: [],
  spritesScene: [],
  tetrominoesScene: [],
  towerScene: [],
}, { errors });

// Streams look at their options when they begin.
const streams = {
  batches: (options: data.BatchOptions<data.Sample>) => data.batches(dataset, options).next(),
  readTfRecords: (options?: object) => data.readTfRecords(nowhere, options).next(),
};
lookAtOptions("streams", streams, {
  batches: { operands: [], options: { batchSize: 2 } },
  readTfRecords: [],
}, { errors, runs: false });

/** Those above, and helpers of openers: they take all options of these, which have looked at them. */
type Elsewhere =
  | "preparedShape"
  | "prepareImage"
  | "batches"
  | "readTfRecords"
  | "nemFrames"
  | "parseExample"
  | "decodeCounts"
  | "runLengthsToMask";

const file: data.RandomAccessFile = {
  path: nowhere,
  size: 0,
  read: () => Promise.resolve(new Uint8Array()),
  close: () => Promise.resolve(),
};

const functions: Calls<Omit<typeof data, Elsewhere>> = {
  augmentWith: [],
  cached: {
    operands: [() => Promise.reject(new Error("made"))],
    options: { directory: "/dev/null", key: 1 },
  },
  cachedSamples: {
    operands: [() => Promise.reject(new Error("made"))],
    options: { directory: "/dev/null", key: 1 },
  },
  decodeImage: [new Uint8Array(4), "a.png"],
  indexTfRecords: [file],
  masksToLabels: [ndarray(new Uint8Array(8), [2, 2, 2, 1])],
  openClevr: [nowhere],
  openClevrWithMasks: [nowhere],
  openCoco: [nowhere],
  openDecoder: [],
  openDsprites: [nowhere],
  openFolder: [nowhere],
  openMultiDsprites: [nowhere],
  openMnist: [],
  openNem: [nowhere],
  openObjectsRoom: [nowhere],
  openScenePool: [],
  openScenes: { operands: [{ kind: "tetrominoes" }], options: { size: 1 } },
  openShapeStacks: [nowhere],
  openShapes3d: [nowhere],
  openTetrominoes: [nowhere],
  polygonsToMask: [[], [2, 2]],
  readImage: [nowhere],
  renderClevr: [{ objects: [] }],
  renderRoom: [{
    floorHue: 0,
    wallHue: 0,
    objectHue: 0,
    scale: 1,
    shape: "cube",
    orientation: 0,
  }],
  resize: [picture, [1, 1]],
  segmentBoxes: { operands: [labels], options: { objects: 1 } },
  segmentCenters: { operands: [labels], options: { objects: 1 } },
  split: { operands: [dataset], options: { seed: 0 } },
  stepsPerEpoch: { operands: [20], options: { batchSize: 2 } },
};
// Files that are not there, or empty, are refused after the options were taken.
lookAtOptions("data", data, functions, { errors, runs: false });
