/**
 * From programs to runs: what all backends share. Calls are inlined, effects become outputs, and outputs that are no new
 * values are taken out.
 */
import { type Backend, checkSupported, type DeviceBuffer, type Executable } from "./backend.ts";
import { currentBackend } from "./choice.ts";
import { type Effect, liftEffects, perform } from "./effects.ts";
import { BackendError, InternalError } from "../core/errors.ts";
import { inlineCalls } from "../core/inline.ts";
import {
  asDeviceStorage,
  DeviceStorage,
  disposeTogether,
  donate,
  readAfter,
  storageOf,
} from "./memory.ts";
import { eliminateDeadCode, type Program, withoutSites } from "../core/program.ts";
import { type Atom, Literal, type Var } from "../core/aval.ts";
import { cachedScalar } from "./scalarCache.ts";
import type { Source } from "../core/source.ts";
import { Tensor } from "../core/tensor.ts";

/** A program that can be run. */
export interface Runnable {
  /** Starts a run; `donated` are positions of inputs whose memory may be reused. */
  run(inputs: readonly Tensor[], donated?: ReadonlySet<number>): Tensor[];
  /** Frees what it holds. */
  dispose(): void;
}

/** A program ready to run on one backend. */
export class Compiled implements Runnable {
  readonly executable: Executable;
  readonly #program: Program;
  readonly #effects: readonly Effect[];
  readonly #shown: number;
  readonly #results: readonly Atom[];
  readonly #computed: readonly Var[];

  readonly #backend: Backend;

  constructor(program: Program, backend: Backend) {
    this.#backend = backend;
    const { program: lifted, effects } = liftEffects(eliminateDeadCode(inlineCalls(program)));
    const pure = (backend.passes ?? []).reduce((p, { run }) => run(p), lifted);
    const defined = new Set(pure.equations.flatMap((e) => e.outputs));
    const computed = new Set(pure.outputs.filter((a): a is Var => defined.has(a as Var)));
    this.#results = pure.outputs;
    this.#computed = [...computed];
    this.#effects = effects;
    this.#shown = effects.reduce((sum, e) => sum + e.avals.length, 0);
    this.#program = withoutSites({ ...pure, outputs: this.#computed });
    const { inputs, equations } = this.#program;
    for (const v of [...inputs, ...equations.flatMap((e) => e.outputs)]) {
      checkSupported(v.aval, backend);
    }
    this.executable = backend.compile(this.#program);
  }

  /** The backend it runs on. */
  get backend(): Backend {
    return this.#backend.opened ?? this.#backend;
  }

  /** Starts a run; `donated` are positions of inputs whose memory may be reused. */
  run(inputs: readonly Tensor[], donated: ReadonlySet<number> = new Set()): Tensor[] {
    const backend = this.backend;
    const placed = inputs.map((x) => place(x, backend));
    const kept = new Set<Atom>(this.#results);
    const given = new Set([...donated].filter((i) => {
      const { storage } = placed[i]!;
      return storage?.owners === 1 && !kept.has(this.#program.inputs[i]!) &&
        placed.filter((p) => p.storage === storage).length === 1;
    }));
    const made = this.executable.run(placed.map((p) => p.buffer), given);
    const env = new Map<Atom, Source>();
    this.#computed.forEach((v, i) =>
      env.set(v, { kind: "stored", storage: new DeviceStorage(backend, made[i]!) })
    );
    this.#program.inputs.forEach((v, i) => env.set(v, inputs[i]!.source));
    const outputs = this.#results.map((a) =>
      new Tensor(a.aval, a instanceof Literal ? { kind: "literal", value: a.value } : env.get(a)!)
    );
    if (donated.size > 0) {
      disposeTogether(() => {
        for (const i of donated) {
          given.has(i) ? donate(inputs[i]!) : inputs[i]!.dispose();
        }
      });
    }
    const guards = placed.flatMap((p) => p.storage?.guard ?? []);
    const results = outputs.slice(0, outputs.length - this.#shown);
    if (this.#effects.length > 0) {
      guards.push(perform(this.#effects, outputs.slice(results.length)));
    }
    readAfter(guards, results, placed.map((p) => p.storage));
    return results;
  }

  dispose(): void {
    this.executable.dispose();
  }
}

/** An input as its backend has it; a bare number has no storage of its own. */
export function place(
  x: Tensor,
  backend: Backend,
): { buffer: DeviceBuffer; storage?: DeviceStorage } {
  const storage = storageOf(x);
  if (storage) return { storage, buffer: storage.buffer };
  if (x.source.kind !== "literal") throw new InternalError("a traced tensor reached a backend");
  return { buffer: cachedScalar(x.source.value, x.aval, backend) };
}

/** The backend on which these tensors live; the current one when they are only numbers. */
export function backendOf(inputs: readonly Tensor[]): Backend {
  let found: Backend | undefined;
  for (const { source } of inputs) {
    if (source.kind !== "stored") continue;
    const { backend } = asDeviceStorage(source.storage);
    if (found && found !== backend) {
      throw new BackendError(
        `an operation got tensors of two backends, "${found.name}" and "${backend.name}"`,
        `move one of them: await x.to("${found.name}")`,
      );
    }
    found = backend;
  }
  return found ?? currentBackend();
}
