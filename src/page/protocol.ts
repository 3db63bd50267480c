/** Messages between the page and the worker in which the model learns. */

/** Adjoints by the names under which the page offers them. */
export const adjointNames = ["oneStep", "unrolled", "neumann", "phantom", "implicit"] as const;
/** Solvers by their names. */
export const solverNames = ["forward", "anderson", "broyden"] as const;

/** The switches of the page. */
export interface Settings {
  readonly adjoint: typeof adjointNames[number];
  readonly solver: typeof solverNames[number];
  /** Steps of the solver in training. */
  readonly iterations: number;
  readonly learningRate: number;
}

/** Height and width of images, in pixels. */
export const resolution = 32;
/** The number of slots. */
export const slotCount = 4;
/** The number of steps that the page shows, whatever the number that training takes. */
export const shownSteps = 20;
/** The images of a batch that the page shows. */
export const shownImages = 4;

/** A message from the page to the worker. */
export type Request =
  | { readonly type: "settings"; readonly settings: Settings }
  | { readonly type: "train"; readonly on: boolean }
  | { readonly type: "begin"; readonly from: "trained" | "scratch" }
  /** An image, [height, width, 3], from 0 to 1. */
  | { readonly type: "image"; readonly pixels: Float32Array }
  /** The next image of sprites. */
  | { readonly type: "sprites" }
  /** The iteration whose slots are drawn. */
  | { readonly type: "iteration"; readonly iteration: number }
  | { readonly type: "export"; readonly format: "onnx" | "safetensors" };

/** The image that the page shows, and how slots find its parts. */
export interface Look {
  readonly type: "look";
  /** [height, width, 3], from 0 to 1. */
  readonly image: Float32Array;
  /** The places at which each slot looks after 0, 1, … steps: [shownSteps + 1, rows · columns, slots]. */
  readonly attention: Float32Array;
  /** ‖f(z) − z‖ / ‖f(z)‖ after 0, 1, … steps: [shownSteps + 1]. */
  readonly residuals: Float32Array;
  /** The spectral norm of ∂f/∂z at the slots that training would use. */
  readonly norm: number;
  readonly step: number;
}

/** The pictures of the slots of one iteration. */
export interface Drawn {
  readonly type: "drawn";
  readonly iteration: number;
  /** [height, width, 3], from 0 to 1. */
  readonly reconstruction: Float32Array;
  /** [slots, height, width, 3] */
  readonly images: Float32Array;
  /** [slots, height, width] */
  readonly masks: Float32Array;
}

/** The progress of training. */
export interface Trained {
  readonly type: "trained";
  readonly step: number;
  /** Mean of the losses since the last message. */
  readonly loss: number;
  readonly perSecond: number;
  /** Images of the batch and their reconstructions: [shownImages, height, width, 3]. */
  readonly images: Float32Array;
  readonly reconstructions: Float32Array;
}

/** A message from the worker to the page. */
export type Report =
  | Look
  | Drawn
  | Trained
  /** The backend, and why it was chosen. */
  | { readonly type: "backend"; readonly name: string; readonly reason: string }
  | { readonly type: "began"; readonly from: "trained" | "scratch" }
  | { readonly type: "file"; readonly name: string; readonly bytes: Uint8Array }
  | { readonly type: "problem"; readonly message: string };
