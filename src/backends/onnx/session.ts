/** A compiled program: one session, with everything about its inputs and outputs made beforehand. */
import type { DeviceBuffer, Executable } from "../../runtime/backend.ts";
import { bytesOf } from "../../compiler/liveness.ts";
import { BackendError } from "../../core/errors.ts";
import { type Aval, aval } from "../../core/aval.ts";
import { type Program, subprograms } from "../../core/program.ts";
import { type BufferPool, OnnxBuffer } from "./buffers.ts";
import { build } from "./encode.ts";
import { writeModel } from "./graph.ts";
import {
  type Native,
  type NativeSession,
  type NativeTensor,
  runInPlace,
  type SessionOptions,
} from "./native.ts";
import { isEmpty } from "./operand.ts";
import { sessionOptions, type Turns } from "./options.ts";

const nothing = new Uint8Array(0);
const noOptions = {};

// A refusal costs as much as tensors for three small outputs.
const [fewOutputs, fewBytes] = [3, 2 ** 16];

/** The output to refuse: the first, which costs next to nothing. */
const mark = { name: "mark", aval: aval([], "bool") } as const;

/** A program's graph, as it is loaded: plain data. */
export interface GraphCode {
  readonly kind: "graph";
  readonly model: Uint8Array;
  readonly options: SessionOptions;
  /** The operators of the graph, before ONNX Runtime fuses some. */
  readonly kernels: readonly string[];
}

/** The graph of a program that runs alone or in turns with others; nothing where there is nothing to do. */
export function graphCode(program: Program, turns: Turns = "alone"): GraphCode | undefined {
  const avals = program.outputs.map((a) => a.aval);
  if (avals.every(isEmpty)) return undefined;
  const options = sessionOptions(program, turns);
  const parallel = options.intraOpNumThreads > 1;
  const graph = build(program, { parallel }, [], runsInPlace(avals) ? mark.name : undefined);
  return { kind: "graph", model: writeModel(graph), options, kernels: graph.operators() };
}

/** True if outputs are so many, or so large, that refusing copies of them pays. */
function runsInPlace(outputs: readonly Aval[]): boolean {
  const bytes = outputs.reduce((sum, a) => sum + bytesOf(a), 0);
  return outputs.length > fewOutputs || bytes > fewBytes;
}

/** A program as a session of ONNX Runtime. */
export class OnnxExecutable implements Executable {
  readonly #session: NativeSession | undefined;
  readonly #outputAvals: readonly Aval[];
  readonly #inputs: readonly (NativeTensor | undefined)[];
  readonly #outputs: readonly (NativeTensor | undefined)[];
  readonly #feeds: Record<string, NativeTensor> = {};
  readonly #fetches: Record<string, NativeTensor> = {};
  readonly #inPlace: boolean;
  readonly kernels: readonly string[];

  constructor(
    program: Program,
    native: Native,
    private readonly pool: BufferPool,
    code = graphCode(program),
  ) {
    this.#outputAvals = program.outputs.map((a) => a.aval);
    this.#inputs = program.inputs.map((v, i) => place(this.#feeds, `arg${i}`, v.aval));
    this.#outputs = this.#outputAvals.map((a, i) => place(this.#fetches, `out${i}`, a));
    this.#inPlace = runsInPlace(this.#outputAvals);
    this.kernels = code?.kernels ?? [];
    if (!code) return;
    if (this.#inPlace) place(this.#fetches, mark.name, mark.aval)!.data = new Uint8Array(1);
    const { model, options } = code;
    this.#session = new native.InferenceSession();
    try {
      this.#session.loadModel(model.buffer, model.byteOffset, model.byteLength, options);
    } catch (cause) {
      throw tooDeep(program, cause) ?? failure("cannot compile the program", cause);
    }
  }

  run(inputs: readonly DeviceBuffer[], donated?: ReadonlySet<number>): OnnxBuffer[] {
    // Only buffers of this backend get here: tensors of two backends never meet in a program.
    const given = inputs as readonly OnnxBuffer[];
    const made = this.#outputAvals.map((a) => this.pool.take(a.dtype, a.shape));
    let error = given.find((b) => b.error)?.error;
    if (!error && this.#session) {
      this.#inputs.forEach((tensor, i) => tensor && (tensor.data = given[i]!.data));
      this.#outputs.forEach((tensor, i) => tensor && (tensor.data = made[i]!));
      try {
        if (this.#inPlace) runInPlace(this.#session, this.#feeds, this.#fetches);
        else this.#session.run(this.#feeds, this.#fetches, noOptions);
      } catch (cause) {
        error = failure("failed in a run", cause);
      }
      for (const tensor of this.#inputs) if (tensor) tensor.data = nothing;
      for (const tensor of this.#outputs) if (tensor) tensor.data = nothing;
    }
    donated?.forEach((i) => this.pool.give(given[i]!.data));
    return made.map((data) => new OnnxBuffer(data, error));
  }

  get dispatches(): number {
    return this.kernels.length;
  }

  dispose(): void {
    this.#session?.dispose();
  }
}

/** The descriptor of one input or output, among the others; none for what has no elements. */
function place(
  all: Record<string, NativeTensor>,
  name: string,
  { dtype, shape }: Aval,
): NativeTensor | undefined {
  if (isEmpty({ shape })) return undefined;
  return all[name] = { type: dtype, dims: shape, location: "cpu", data: nothing };
}

/** ONNX Runtime reads messages within messages up to a depth of 100, and each graph within another takes three of them. */
const deepest = 31;

/** The reason why a model cannot even be read, if it is that. */
function tooDeep(program: Program, cause: unknown): BackendError | undefined {
  const depth = depthOf(program);
  const unread = cause instanceof Error && cause.message.includes("protobuf parsing failed");
  if (!unread || depth <= deepest) return undefined;
  return new BackendError(
    `ONNX Runtime cannot read the program: branches and loops are nested ${depth} deep, ` +
      `and at most ${deepest} levels are supported`,
    "choose among all cases at once, with switchCase or np.where, or run it elsewhere: " +
      `await setBackend("reference")`,
    { cause },
  );
}

/** The depth to which programs are nested below this one. */
function depthOf(program: Program): number {
  const within = program.equations.flatMap((e) => subprograms(e.params));
  return within.reduce((deepest, p) => Math.max(deepest, 1 + depthOf(p)), 0);
}

function failure(what: string, cause: unknown): BackendError {
  return new BackendError(
    `ONNX Runtime ${what}: ${cause instanceof Error ? cause.message : cause}`,
    `if it ran out of memory, use smaller batches or checkpoint; else run it elsewhere: ` +
      `await setBackend("reference")`,
    { cause },
  );
}
