/**
 * From programs to runs: what all backends share. Calls are inlined, effects become outputs, outputs
 * that are no new values are taken out, and compiled programs are cached.
 */
import {
  type Backend,
  checkSupported,
  currentBackend,
  type DeviceBuffer,
  type Executable,
} from "./backend.ts";
import { type Effect, liftEffects, perform } from "./effects.ts";
import { BackendError, InternalError } from "./errors.ts";
import { evaluate } from "./evaluate.ts";
import { inlineCalls } from "./inline.ts";
import { LruCache } from "./lru.ts";
import { endTogether, readAfter, Storage } from "./memory.ts";
import type { Params, Primitive } from "./primitive.ts";
import {
  type Atom,
  type Aval,
  eliminateDeadCode,
  formatAval,
  formatParams,
  Literal,
  type Program,
  Var,
  withoutSites,
} from "./program.ts";
import { placedNumber } from "./placedNumber.ts";
import { mayWait, operandsOf, type Splat, splatOf } from "./splat.ts";
import { type Source, Tensor } from "./tensor.ts";

/** A program ready to run on one backend. */
export class Compiled {
  readonly executable: Executable;
  readonly #program: Program;
  readonly #effects: readonly Effect[];
  readonly #shown: number;
  readonly #results: readonly Atom[];
  readonly #computed: readonly Var[];

  constructor(program: Program, readonly backend: Backend) {
    const { program: lifted, effects } = liftEffects(eliminateDeadCode(inlineCalls(program)));
    const pure = Object.values(backend.passes ?? {}).reduce((p, pass) => pass(p), lifted);
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

  /** Starts a run; `donated` are positions of inputs whose memory may be reused. */
  run(inputs: readonly Tensor[], donated: ReadonlySet<number> = new Set()): Tensor[] {
    const placed = inputs.map((x) => place(x, this.backend));
    const kept = new Set<Atom>(this.#results);
    const given = new Set([...donated].filter((i) => {
      const { storage } = placed[i]!;
      return storage?.owners === 1 && !kept.has(this.#program.inputs[i]!) &&
        placed.filter((p) => p.storage === storage).length === 1;
    }));
    const made = this.executable.run(placed.map((p) => p.buffer), given);
    const env = new Map<Atom, Source>();
    this.#computed.forEach((v, i) =>
      env.set(v, { kind: "stored", storage: new Storage(this.backend, made[i]!) })
    );
    this.#program.inputs.forEach((v, i) => env.set(v, inputs[i]!.source));
    const outputs = this.#results.map((a) =>
      new Tensor(a.aval, a instanceof Literal ? { kind: "literal", value: a.value } : env.get(a)!)
    );
    if (donated.size > 0) {
      endTogether(() => {
        for (const i of donated) {
          const { share } = inputs[i]!;
          given.has(i) ? share?.surrender() : share?.end();
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

/** An input as its backend has it; a bare number is nobody's storage. */
function place(x: Tensor, backend: Backend): { buffer: DeviceBuffer; storage?: Storage } {
  if (x.share) return { storage: x.share.storage, buffer: x.share.storage.buffer };
  if (x.source.kind !== "literal") throw new InternalError("a traced tensor reached a backend");
  return { buffer: placedNumber(x.source.value, x.aval, backend) };
}

/** The backend on which these tensors live; the current one when they are only numbers. */
export function backendOf(inputs: readonly Tensor[]): Backend {
  let found: Backend | undefined;
  for (const { source } of inputs) {
    if (source.kind !== "stored") continue;
    const { backend } = source.storage;
    if (found && found !== backend) {
      throw new BackendError(
        `tensors from two backends meet: "${found.name}" and "${backend.name}"`,
        `move one of them: await x.to("${found.name}")`,
      );
    }
    found = backend;
  }
  return found ?? currentBackend();
}

// Enough for the distinct operations of a large model.
const eager = new LruCache<Compiled>(2048, (unused) => unused.dispose());

const numbers = new WeakMap<Backend, number>();
let count = 0;

/** Backends of one name may be several: on devices of the user's. */
function numberOf(backend: Backend): number {
  let number = numbers.get(backend);
  if (number === undefined) numbers.set(backend, number = count++);
  return number;
}

/** Compiles a program, or finds it compiled. Programs of the same text are the same. */
export function compileCached(key: string, make: () => Program, backend: Backend): Compiled {
  const fullKey = `${numberOf(backend)} ${key}`;
  return eager.get(fullKey) ?? eager.add(fullKey, new Compiled(make(), backend));
}

/** Runs one primitive at once. */
export function runEquation<P extends Params>(
  primitive: Primitive<P>,
  inputs: readonly Tensor[],
  params: P,
  avals: readonly Aval[],
): Tensor[] {
  if (primitive.inline) return evaluate(primitive.inline(params), inputs);
  const backend = backendOf(inputs);
  // What is run follows from this; to write the program down each time would take longer than to run it.
  const types = inputs.map((x) => `${formatAval(x.aval)}${splatOf(x) ? " throughout" : ""}`);
  const key = `${primitive.name}${formatParams(params)} ${types.join(" ")}`;
  const program = () => {
    const { variables, operands, equations } = operandsOf(inputs);
    const outputs = avals.map((a) => new Var(a));
    const equation = { primitive, params, inputs: operands, outputs };
    return { inputs: variables, equations: [...equations, equation], outputs };
  };
  const run = () =>
    compileCached(key, program, backend).run(inputs.map((x) => splatOf(x)?.number ?? x));
  return mayWait(primitive, inputs, avals[0]!)
    ? [waiting(inputs[0]!, { primitive, params }, avals[0]!, backend, run)]
    : run();
}

/** A tensor of one number whose memory `run` will fill. */
function waiting(
  number: Tensor,
  equation: Splat["equation"],
  aval: Aval,
  backend: Backend,
  run: () => readonly Tensor[],
): Tensor {
  checkSupported(aval, backend);
  const fill = () => {
    const share = run()[0]!.share!; // what was computed is stored
    const { buffer } = share.storage;
    share.surrender();
    return buffer;
  };
  const storage = new Storage(backend, { number, equation, fill });
  return new Tensor(aval, { kind: "stored", storage });
}

/** A device buffer of one tensor, for backends' own interchange. */
export function bufferOf(x: Tensor): DeviceBuffer | undefined {
  return x.share?.storage.buffer;
}
