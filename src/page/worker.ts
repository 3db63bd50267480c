/** The worker in which the model learns and looks, so that the page stays quick. Messages are those of `protocol.ts`. */
import {
  dispose,
  evalShape,
  jit,
  np,
  openOnnxWeb,
  random,
  setBackend,
  type Tensor,
  toOnnx,
} from "../index.ts";
import type { DiscoveryParams } from "../models/index.ts";
import { draw, lookAt, modelOf, optimizer, type OptimizerState, trainStep } from "./model.ts";
import {
  type Report,
  type Request,
  resolution,
  type Settings,
  shownImages,
  shownSteps,
} from "./protocol.ts";
import { Scenes, shownScene } from "./scenes.ts";
import { readWeights, writeWeights } from "./weights.ts";

/** The global object of a worker, of which types of pages know nothing. */
interface WorkerScope {
  postMessage(message: Report, options: { transfer: Transferable[] }): void;
  onmessage: ((event: MessageEvent<Request>) => void) | null;
  readonly location: { readonly href: string };
  readonly navigator: { readonly gpu?: GPU };
}
const worker = globalThis as unknown as WorkerScope;

const batchSize = 8;
/** Training steps between two reports, and between two looks at the image. */
const [reportEvery, lookEvery] = [5, 20];
const warmup = 100;

const shape = [resolution, resolution, 3] as const;
const pixels = 3 * resolution ** 2;
const toSigned = (x: number) => 2 * x - 1;
const toUnit = (x: number) => (x + 1) / 2;
const floats = async (x: Tensor) => Float32Array.from(await x.data());
const pictures = async (x: Tensor) => (await floats(x)).map(toUnit);

function tell(report: Report): void {
  const buffers = Object.values(report).flatMap((value) =>
    ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : [] // reports own their arrays
  );
  worker.postMessage(report, { transfer: buffers });
}

/** Everything that changes, on one backend. */
class Studio {
  readonly #lookAt = jit(lookAt);
  readonly #drawSlots = jit(draw);
  #params: DiscoveryParams | undefined;
  #state: OptimizerState | undefined;
  #settings: Settings = {
    adjoint: "oneStep",
    solver: "forward",
    iterations: 3,
    learningRate: 1e-3,
  };
  readonly #steps = new Map<string, ReturnType<typeof trainStep>>();
  readonly #scenes = new Scenes();
  #training = false;
  #count = 0;
  #image = shownScene(0);
  #scene = 0;
  #iteration = 3;
  #slots: Tensor | undefined;
  #trained: Uint8Array | undefined;
  #losses: Tensor[] = [];
  #reported = performance.now();

  get training(): boolean {
    return this.#training && this.#params !== undefined;
  }

  /** Begins with trained weights, or with random ones. */
  async begin(from: "trained" | "scratch"): Promise<void> {
    const init = (key: Tensor) => modelOf(this.#settings).init(key);
    const seed = Math.floor(Math.random() * 2 ** 31);
    const params = from === "scratch" ? jit(init)(random.key(seed)) : readWeights(
      this.#trained ??= await fetched("weights.safetensors"),
      evalShape(init, random.key(0)),
    );
    this.#params = params;
    this.#state = optimizer.init(params);
    this.#count = 0;
    this.#losses = [];
    tell({ type: "began", from });
    await this.look();
  }

  async answer(request: Request): Promise<void> {
    switch (request.type) {
      case "settings":
        this.#settings = request.settings;
        return await this.look();
      case "train":
        this.#training = request.on;
        this.#reported = performance.now();
        return;
      case "begin":
        return await this.begin(request.from);
      case "image":
        this.#image = request.pixels;
        return await this.look();
      case "sprites":
        this.#image = shownScene(++this.#scene);
        return await this.look();
      case "iteration":
        this.#iteration = request.iteration;
        return await this.#draw();
      case "export":
        return await this.#export(request.format);
    }
  }

  /** One training step. */
  async train(): Promise<void> {
    const step = this.#step();
    const images = np.array(this.#scenes.batch(batchSize), { shape: [batchSize, ...shape] });
    const rate = np.array(this.#settings.learningRate * Math.min(1, (this.#count + 1) / warmup));
    const { params, state, loss, shown } = step(this.#params!, this.#state!, images, rate);
    this.#params = params;
    this.#state = state;
    this.#losses.push(loss);
    this.#count++;
    if (this.#count % reportEvery === 0) await this.#report(images, shown);
    dispose([images, rate, shown]);
    if (this.#count % lookEvery === 0) await this.look();
  }

  #step(): ReturnType<typeof trainStep> {
    const { learningRate: _, ...shape } = this.#settings;
    const key = JSON.stringify(shape);
    let step = this.#steps.get(key);
    if (!step) this.#steps.set(key, step = trainStep(this.#settings));
    return step;
  }

  async #report(images: Tensor, shown: Tensor): Promise<void> {
    const losses = await Promise.all(this.#losses.map((loss) => loss.item()));
    dispose(this.#losses);
    const now = performance.now();
    const perSecond = 1000 * losses.length / (now - this.#reported);
    this.#reported = now;
    this.#losses = [];
    const some = (await pictures(images)).slice(0, shownImages * pixels);
    tell({
      type: "trained",
      step: this.#count,
      loss: losses.reduce((sum, x) => sum + Number(x), 0) / losses.length,
      perSecond,
      images: some,
      reconstructions: await pictures(shown),
    });
  }

  /** Looks at the image. */
  async look(): Promise<void> {
    if (!this.#params) return;
    const image = np.array(this.#image.map(toSigned), { shape: [1, ...shape] });
    const at = np.array(Math.min(this.#settings.iterations, shownSteps), { dtype: "int32" });
    const { slots, attention, residuals, norm } = this.#lookAt(this.#params, image, at);
    tell({
      type: "look",
      image: this.#image.slice(),
      attention: await floats(attention),
      residuals: await floats(residuals),
      norm: Number(await norm.item()),
      step: this.#count,
    });
    dispose([image, at, attention, residuals, norm]);
    if (this.#slots) dispose(this.#slots);
    this.#slots = slots;
    await this.#draw();
  }

  async #draw(): Promise<void> {
    if (!this.#slots || !this.#params) return;
    const slots = np.slice(this.#slots, this.#iteration);
    const { reconstruction, images, masks } = this.#drawSlots(this.#params, slots);
    tell({
      type: "drawn",
      iteration: this.#iteration,
      reconstruction: await pictures(reconstruction),
      images: await pictures(images),
      masks: await floats(masks),
    });
    dispose([slots, reconstruction, images, masks]);
  }

  async #export(format: "onnx" | "safetensors"): Promise<void> {
    const params = this.#params;
    if (!params) return;
    if (format === "safetensors") {
      return tell({ type: "file", name: "slots.safetensors", bytes: await writeWeights(params) });
    }
    const model = modelOf(this.#settings);
    const see = (image: Tensor) => {
      const { reconstruction, masks, slots } = model.apply(params, image, null);
      return [reconstruction, masks, slots];
    };
    const bytes = await toOnnx(see, np.zeros([1, ...shape]));
    tell({ type: "file", name: "slots.onnx", bytes });
  }
}

async function fetched(name: string): Promise<Uint8Array> {
  const response = await fetch(new URL(name, worker.location.href));
  if (!response.ok) throw new Error(`${name} is not beside the page: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** Opens the fastest backend that there is, or the one that the address of the page asks for. */
async function openBackend(asked: string | null): Promise<void> {
  const adapter = await worker.navigator.gpu?.requestAdapter();
  if (asked === "webgpu" || asked === null && adapter && !adapter.info.isFallbackAdapter) {
    await setBackend("webgpu");
    return tell({ type: "backend", name: "webgpu", reason: "the GPU" });
  }
  if (asked === "reference") {
    return tell({ type: "backend", name: "reference", reason: "in float64, as was asked" });
  }
  try {
    await setBackend(openOnnxWeb("./onnxruntime/"));
    tell({ type: "backend", name: "onnx", reason: "WebAssembly, since no GPU answers" });
  } catch (error) {
    tell({ type: "problem", message: messageOf(error) });
    tell({ type: "backend", name: "reference", reason: "slow, since no other one opens" });
  }
}

const messageOf = (error: unknown) => error instanceof Error ? error.message : String(error);

const requests: Request[] = [];
let wake = () => {};
worker.onmessage = ({ data }) => {
  // Of what a slider says on its way, the last counts.
  const earlier = requests.findIndex((r) => r.type === data.type);
  if (earlier >= 0) requests[earlier] = data;
  else requests.push(data);
  wake();
};

/** Lets messages arrive. */
function breathe(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}

let studio = new Studio();

/** Does something; a failure is told, and the worker goes on. */
async function attempt(action: () => Promise<void>): Promise<boolean> {
  try {
    await action();
    return true;
  } catch (error) {
    tell({ type: "problem", message: messageOf(error) });
    return false;
  }
}

// The first pictures need no fast backend, and come before it is loaded.
await setBackend("reference");
await attempt(() => studio.begin("trained"));
await attempt(async () => {
  await openBackend(new URL(worker.location.href).searchParams.get("backend"));
  studio = new Studio();
  await studio.begin("trained");
});
for (;;) {
  await breathe();
  const request = requests.shift();
  if (request) await attempt(() => studio.answer(request));
  else if (studio.training) {
    if (!await attempt(() => studio.train())) await studio.answer({ type: "train", on: false });
  } else await new Promise<void>((resolve) => wake = resolve);
}
