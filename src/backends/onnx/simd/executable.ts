/** A program of which WebAssembly runs the tail, or all. */
import type { DeviceBuffer, Executable } from "../../../core/backend.ts";
import type { TypedArray } from "../../../core/dtype.ts";
import type { Atom, Program } from "../../../core/program.ts";
import { type BufferPool, OnnxBuffer } from "../buffers.ts";
import type { Native } from "../native.ts";
import { OnnxExecutable } from "../session.ts";
import { Kernel } from "./kernel.ts";
import type { Cut } from "./partition.ts";

/** A graph, if there is one, and a kernel. */
export class SimdExecutable implements Executable {
  readonly kernels: readonly string[];
  readonly #graph: OnnxExecutable | undefined;
  readonly #kernel: Kernel;
  /** Runs everything when tensors do not fit into the heap. */
  #whole: OnnxExecutable | undefined;
  // Tensors have numbers: the program's inputs first, then what the graph makes, then what the kernel does.
  readonly #graphInputs: readonly number[];
  readonly #tailInputs: readonly number[];
  readonly #results: readonly number[];
  readonly #passing: readonly number[];
  readonly #reuses: readonly (number | undefined)[];

  constructor(
    private readonly program: Program,
    private readonly cut: Cut,
    private readonly native: Native,
    private readonly pool: BufferPool,
  ) {
    const { graph, tail } = cut;
    this.#graph = graph && new OnnxExecutable(graph, native, pool);
    this.#kernel = new Kernel(tail, pool.heap);
    this.kernels = [...this.#graph?.kernels ?? [], this.#kernel.text];
    const between = graph?.outputs ?? [];
    const numbers = new Map<Atom, number>();
    for (const a of [...program.inputs, ...between, ...tail.outputs]) numbers.set(a, numbers.size);
    const numbersOf = (atoms: readonly Atom[]) => atoms.map((a) => numbers.get(a)!);
    this.#graphInputs = numbersOf(graph?.inputs ?? []);
    this.#tailInputs = numbersOf(tail.inputs);
    this.#reuses = this.#kernel.reuses.map((i) => i === undefined ? i : this.#tailInputs[i]!);
    this.#results = numbersOf(program.outputs);
    this.#passing = numbersOf(between.filter((a) => !program.outputs.includes(a)));
  }

  run(inputs: readonly DeviceBuffer[], donated: ReadonlySet<number> = new Set()): DeviceBuffer[] {
    // Only buffers of this backend get here.
    const all = [...inputs as readonly OnnxBuffer[]];
    all.push(...this.#graph?.run(this.#graphInputs.map((i) => all[i]!)) ?? []);
    const operands = this.#tailInputs.map((i) => all[i]!);
    const free = new Set([...donated, ...this.#passing]);
    const fresh: TypedArray[] = [];
    const made = this.cut.tail.outputs.map(({ aval: { dtype, shape } }, k) => {
      const reused = this.#reuses[k];
      if (reused !== undefined && free.delete(reused)) {
        return this.pool.retype(all[reused]!.data, dtype);
      }
      const data = this.pool.take(dtype, shape);
      fresh.push(data);
      return data;
    });
    const inHeap = (data: TypedArray) => this.pool.holds(data);
    if (!operands.every((b) => inHeap(b.data)) || !fresh.every(inHeap)) {
      const ours = [...all.slice(inputs.length).map((b) => b.data), ...fresh];
      ours.forEach((data) => this.pool.give(data));
      this.#whole ??= new OnnxExecutable(this.program, this.native, this.pool);
      return this.#whole.run(inputs, donated);
    }
    const error = operands.find((b) => b.error)?.error;
    if (!error) {
      this.#kernel.run(operands.map((b) => b.data.byteOffset), made.map((d) => d.byteOffset));
    }
    free.forEach((i) => this.pool.give(all[i]!.data));
    all.push(...made.map((data) => new OnnxBuffer(data, error)));
    return this.#results.map((i) => all[i]!);
  }

  get dispatches(): number {
    return this.kernels.length;
  }

  dispose(): void {
    this.#graph?.dispose();
    this.#whole?.dispose();
  }
}
