/** A program whose stages take turns, in memory that all of them see. */
import type { DeviceBuffer, Executable } from "../../runtime/backend.ts";
import type { TypedArray } from "../../core/dtype.ts";
import { BackendError } from "../../core/errors.ts";
import type { Atom } from "../../core/aval.ts";
import { outputAvals, type Program } from "../../core/program.ts";
import { type BufferPool, OnnxBuffer } from "./buffers.ts";
import type { Native } from "./native.ts";
import { OnnxExecutable } from "./session.ts";
import { Kernel } from "./simd/kernel.ts";
import { type Stage, withCode } from "./code.ts";

/** A stage ready to run. Tensors have numbers: the program's inputs first, then what each stage makes. */
interface Turn {
  readonly stage: Stage;
  readonly does: OnnxExecutable | Kernel;
  readonly inputs: readonly number[];
  /** Values that nothing reads after it, and that are no results. */
  readonly ends: readonly number[];
}

const outOfRange = () =>
  new BackendError(
    "failed in a run: an index is out of range",
    "keep indices in range, or use np.take, which says what happens outside",
  );

/** Graphs and kernels, one after the other. */
export class StagedExecutable implements Executable {
  readonly #turns: readonly Turn[];
  readonly #results: readonly number[];
  /** Runs everything when tensors do not fit into the heap. */
  #whole: OnnxExecutable | undefined;

  constructor(
    private readonly program: Program,
    stages: readonly Stage[],
    private readonly native: Native,
    private readonly pool: BufferPool,
  ) {
    const numbers = new Map<Atom, number>();
    for (const a of [...program.inputs, ...stages.flatMap((s) => s.program.outputs)]) {
      numbers.set(a, numbers.size);
    }
    const numbersOf = (atoms: readonly Atom[]) => atoms.map((a) => numbers.get(a)!);
    const lastRead = new Map<Atom, number>();
    stages.forEach((s, turn) => s.program.inputs.forEach((v) => lastRead.set(v, turn)));
    this.#results = numbersOf(program.outputs);
    const lasting = new Set<Atom>([...program.inputs, ...program.outputs]);
    this.#turns = withCode(stages, pool.heap.pages).map(({ code, ...stage }, turn) => ({
      stage,
      does: code?.kind === "kernel"
        ? new Kernel(code, pool.heap)
        : new OnnxExecutable(stage.program, native, pool, code),
      inputs: numbersOf(stage.program.inputs),
      ends: numbersOf(
        stage.program.inputs.filter((v) => lastRead.get(v) === turn && !lasting.has(v)),
      ),
    }));
  }

  run(inputs: readonly DeviceBuffer[], donated: ReadonlySet<number> = new Set()): DeviceBuffer[] {
    // Only buffers of this backend get here.
    const all = [...inputs as readonly OnnxBuffer[]];
    const held = new Set<number>();
    for (const [i, turn] of this.#turns.entries()) {
      // Until the last turn everything may have to be done again.
      const free = new Set([...turn.ends, ...(i === this.#turns.length - 1 ? donated : [])]);
      const made = turn.does instanceof Kernel
        ? this.#runKernel(turn, turn.does, all, free)
        : turn.does.run(turn.inputs.map((k) => all[k]!));
      turn.ends.forEach((k) => held.delete(k));
      if (!made) {
        [...held, ...turn.ends].forEach((k) => this.pool.give(all[k]!.data));
        this.#whole ??= new OnnxExecutable(this.program, this.native, this.pool);
        return this.#whole.run(inputs, donated);
      }
      free.forEach((k) => this.pool.give(all[k]!.data));
      made.forEach((buffer) => held.add(all.push(buffer) - 1));
    }
    return this.#results.map((k) => all[k]!);
  }

  /** The results of a kernel, in memory taken from `free` where possible; undefined if the heap is full. */
  #runKernel(
    { stage: { program }, inputs }: Turn,
    kernel: Kernel,
    all: readonly OnnxBuffer[],
    free: Set<number>,
  ): OnnxBuffer[] | undefined {
    const operands = inputs.map((k) => all[k]!);
    const fresh: TypedArray[] = [];
    const reused: number[] = [];
    const made = outputAvals(program).map(({ dtype, shape }, k) => {
      const reuse = kernel.reuses[k];
      const from = reuse === undefined ? undefined : inputs[reuse]!;
      if (from !== undefined && free.has(from) && !reused.includes(from)) {
        reused.push(from);
        return this.pool.retype(all[from]!.data, dtype);
      }
      const data = this.pool.take(dtype, shape);
      fresh.push(data);
      return data;
    });
    if (![...operands.map((b) => b.data), ...fresh].every((data) => this.pool.holds(data))) {
      fresh.forEach((data) => this.pool.give(data));
      return undefined;
    }
    const scratch = kernel.scratch ? this.pool.heap.take(kernel.scratch) : 0;
    if (scratch === undefined) {
      fresh.forEach((data) => this.pool.give(data));
      return undefined;
    }
    reused.forEach((k) => free.delete(k));
    let error = operands.find((b) => b.error)?.error;
    if (!error) {
      const positions = [operands.map((b) => b.data), made].map((l) => l.map((d) => d.byteOffset));
      const went = kernel.run(positions[0]!, positions[1]!, scratch);
      if (!went) error = outOfRange();
    }
    if (kernel.scratch) this.pool.heap.give(scratch, kernel.scratch);
    return made.map((data) => new OnnxBuffer(data, error));
  }

  get kernels(): readonly string[] {
    return this.#turns.flatMap(({ does }) => does instanceof Kernel ? [does.text] : does.kernels);
  }

  get dispatches(): number {
    return this.kernels.length;
  }

  dispose(): void {
    for (const { does } of this.#turns) if (does instanceof OnnxExecutable) does.dispose();
    this.#whole?.dispose();
  }
}
