/**
 * Programs of which the host computes a part (`pureCallback`). No backend can call the host from within a program, so that
 * such a program is cut: what is between two calls is compiled, and loops and branches that contain one are taken step
 * by step.
 */
import { type Backend, callHost, type HostCall, numberOf } from "./backend.ts";
import { Compiled, place, type Runnable } from "./compiled.ts";
import { collectChecks } from "./effects.ts";
import { BackendError } from "../core/errors.ts";
import { Environment } from "../core/evaluate.ts";
import { inlineCalls } from "../core/inline.ts";
import { DeviceStorage, disposeTogether, readAfter, storageOf } from "./memory.ts";
import {
  callsHost,
  eliminateDeadCode,
  type Equation,
  type Params,
  type Primitive,
  type Program,
  programCallsHost,
} from "../core/program.ts";
import { type Aval, Var } from "../core/aval.ts";
import { Tensor } from "../core/tensor.ts";

/** Compiles a program, in pieces if the host computes a part of it. */
export function compile(program: Program, backend: Backend): Runnable {
  return programCallsHost(program) ? new Pieces(program, backend) : new Compiled(program, backend);
}

/** An equation that the host takes care of, or the equations between two of them. */
interface Piece {
  readonly inputs: readonly Var[];
  readonly outputs: readonly Var[];
  run(inputs: readonly Tensor[]): Tensor[];
  dispose(): void;
}

class Pieces implements Runnable {
  readonly #program: Program;
  readonly #pieces: readonly Piece[];
  /** For each piece, the variables that nothing needs after it. */
  readonly #last: readonly (readonly Var[])[];

  constructor(program: Program, private readonly backend: Backend) {
    this.#program = eliminateDeadCode(inlineCalls(program));
    this.#pieces = this.#cut();
    const needed = new Set<unknown>([...this.#program.outputs, ...this.#program.inputs]);
    this.#last = this.#pieces.toReversed().map(({ inputs, outputs }) => {
      const ends = [...new Set([...inputs, ...outputs])].filter((v) => !needed.has(v));
      ends.forEach((v) => needed.add(v));
      return ends;
    }).reverse();
  }

  run(inputs: readonly Tensor[], donated: ReadonlySet<number> = new Set()): Tensor[] {
    const [outputs, checks] = collectChecks(() => this.#walk(inputs));
    readAfter(checks, outputs, inputs.map(storageOf));
    disposeTogether(() => donated.forEach((i) => inputs[i]!.dispose()));
    return outputs;
  }

  #walk(inputs: readonly Tensor[]): Tensor[] {
    const env = new Environment(this.#program.inputs, inputs);
    this.#pieces.forEach((piece, i) => {
      env.define(piece.outputs, piece.run(piece.inputs.map((v) => env.read(v))));
      for (const v of this.#last[i]!) env.read(v).dispose();
    });
    // The caller owns the outputs: an input that is handed through is shared, not handed over.
    const taken = new Set<Tensor>(inputs);
    return this.#program.outputs.map((a) => {
      const x = env.read(a);
      if (taken.has(x)) return x.alias();
      taken.add(x);
      return x;
    });
  }

  dispose(): void {
    this.#pieces.forEach((piece) => piece.dispose());
  }

  #cut(): Piece[] {
    const { equations, outputs } = this.#program;
    const pieces: Piece[] = [];
    // Going backwards, it is known what comes later needs.
    const needed = new Set<unknown>(outputs);
    let group: Equation[] = [];
    const close = () => {
      if (group.length === 0) return;
      pieces.push(this.#compiled(group.reverse(), needed));
      pieces.at(-1)!.inputs.forEach((v) => needed.add(v));
      group = [];
    };
    for (const equation of equations.toReversed()) {
      if (!callsHost(equation)) {
        group.push(equation);
        continue;
      }
      close();
      pieces.push(this.#ofHost(equation));
      equation.inputs.forEach((a) => needed.add(a));
    }
    close();
    return pieces.reverse();
  }

  #compiled(equations: readonly Equation[], needed: ReadonlySet<unknown>): Piece {
    const defined = new Set<unknown>(equations.flatMap((e) => e.outputs));
    const read = equations.flatMap((e) => e.inputs);
    const inputs = [...new Set(read.filter((a): a is Var => a instanceof Var && !defined.has(a)))];
    const outputs = equations.flatMap((e) => e.outputs).filter((v) => needed.has(v));
    const compiled = new Compiled({ inputs, equations, outputs }, this.backend);
    return {
      inputs,
      outputs,
      run: (values) => compiled.run(values),
      dispose: () => compiled.dispose(),
    };
  }

  #ofHost({ primitive, params, inputs, outputs }: Equation): Piece {
    const avals = outputs.map((v) => v.aval);
    return {
      inputs: [...new Set(inputs.filter((a): a is Var => a instanceof Var))],
      outputs,
      run: (values) => {
        const env = new Environment([...new Set(inputs.filter((a) => a instanceof Var))], values);
        const operands = inputs.map((a) => env.read(a));
        return runByHost(primitive, operands, params, avals, this.backend);
      },
      dispose: () => {},
    };
  }
}

/** Runs one equation of which the host computes a part, or all. */
export function runByHost<P extends Params>(
  primitive: Primitive<P>,
  inputs: readonly Tensor[],
  params: P,
  avals: readonly Aval[],
  given: Backend,
): Tensor[] {
  const backend = given.opened ?? given;
  const run = primitive.host?.(params);
  if (run) return call({ run, inputs: inputs.map((x) => x.aval), outputs: avals }, inputs, backend);
  if (!primitive.stepwise) {
    throw new BackendError(
      `a pureCallback is inside ${primitive.name}, which cannot be taken step by step`,
      "call it outside of the loop or branch",
    );
  }
  return primitive.stepwise(inputs, params, {
    run: (program, operands) => inner(program, backend).run(operands),
    look: (x) => look(x, primitive.name, backend),
  });
}

function call(host: HostCall, inputs: readonly Tensor[], backend: Backend): Tensor[] {
  const placed = inputs.map((x) => place(x, backend));
  const { buffers, done } = callHost(backend, host, placed.map((p) => p.buffer));
  const outputs = buffers.map((buffer, i) =>
    new Tensor(host.outputs[i]!, {
      kind: "stored",
      storage: new DeviceStorage(backend, buffer),
    })
  );
  const storages = placed.map((p) => p.storage);
  readAfter([done, ...storages.flatMap((s) => s?.guard ?? [])], outputs, storages);
  return outputs;
}

function look(x: Tensor, name: string, backend: Backend): number {
  if (x.source.kind === "literal") return x.source.value;
  const seen = storageOf(x)?.peek();
  if (seen) return seen[0]!;
  throw new BackendError(
    `a pureCallback is inside ${name}, whose condition is a value that the host cannot read immediately on ` +
      `the backend "${backend.name}"`,
    'call it outside, choose with np.where, or use another backend: await setBackend("onnx")',
  );
}

const bodies = new WeakMap<Program, Map<number, Runnable>>();

/** A program of a loop, compiled once for all its steps. */
function inner(program: Program, backend: Backend): Runnable {
  let known = bodies.get(program);
  if (!known) bodies.set(program, known = new Map());
  const number = numberOf(backend);
  let found = known.get(number);
  if (!found) known.set(number, found = compile(program, backend));
  return found;
}
