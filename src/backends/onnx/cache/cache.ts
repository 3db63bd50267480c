/**
 * Compiled programs on disk, for the processes to come. A program that is found there is neither optimized, divided,
 * lowered nor assembled again: the code of its stages is loaded. Its key is a hash of the program before all
 * passes, and of everything else that its code depends on. The values of its inputs are not part of either.
 */
import { optimize } from "../../../compiler/optimize.ts";
import { type Atom, type Aval, Var } from "../../../core/aval.ts";
import type { Pass, Program } from "../../../core/program.ts";
import type { Native } from "../native.ts";
import { type Code, type Stage, withCode } from "../code.ts";
import { host } from "./host.ts";
import { imageOf, type ProgramImage, programOf } from "./image.ts";
import { setting } from "./setting.ts";
import { Store } from "./store.ts";

/** A stage. Tensors have numbers: the program's inputs first, then what each stage makes. */
interface StageImage {
  readonly kind: Stage["kind"];
  readonly inputs: readonly number[];
  readonly outputs: readonly Aval[];
  readonly code: Code | undefined;
}

/**
 * The part of a compiled program that is stored. Graphs are stored as they were lowered: ONNX Runtime can write them as it optimized them, and
 * loads them in two thirds of the time then, but refuses some with branches, in which names that it made up collide.
 */
interface Entry {
  /** After its passes. */
  readonly program: ProgramImage;
  readonly stages: readonly StageImage[];
  /** The numbers of the tensors that it computes. */
  readonly results: readonly number[];
}

/** A program after its passes, on its way to be compiled. */
interface Known {
  readonly key: string;
  readonly program: Program;
  /** Its stored entry, if one was found. */
  readonly entry: Entry | undefined;
}

/** Compiled programs in a directory. */
export class CompilationCache {
  readonly #store: Store;
  readonly #setting: string;
  // Programs are known by their list of inputs, which nothing changes between passes and compilation.
  readonly #known = new WeakMap<Program["inputs"], Known>();
  #warned = false;

  /** For kernels in a memory of so many pages. @throws where nothing can be kept. */
  constructor(
    private readonly directory: string,
    native: Native,
    private readonly pages: number,
    private readonly passes: readonly Pass[],
  ) {
    this.#store = new Store(directory);
    this.#setting = setting(native.version, navigator.hardwareConcurrency, pages);
  }

  /** A program after its passes, found or made. */
  optimize(program: Program): Program {
    const key = this.#keyOf(program);
    if (key === undefined) return optimize(program, this.passes);
    // The key also depends on the code that reads and writes entries, so that both agree about their form.
    const entry = this.#store.read(key) as Entry | undefined;
    const after = entry ? programOf(entry.program) : optimize(program, this.passes);
    const own = { ...after, inputs: [...after.inputs] };
    this.#known.set(own.inputs, { key, program: own, entry });
    return own;
  }

  /** The stages of a program that `optimize` gave, found or made. */
  stagesOf(program: Program, divide: (program: Program) => readonly Stage[]): readonly Stage[] {
    const known = this.#known.get(program.inputs);
    this.#known.delete(program.inputs); // it holds all code
    if (!known) return divide(program);
    if (known.entry) return restored(known.entry, program);
    const stages = withCode(divide(program), this.pages);
    try {
      this.#store.write(known.key, entryOf(known.program, program.outputs, stages));
    } catch (cause) {
      if (!this.#warned) warn(this.directory, cause);
      this.#warned = true;
    }
    return stages;
  }

  /** Nothing for what cannot be kept, and what would not gain by it: single operations. */
  #keyOf(program: Program): string | undefined {
    const image = program.equations.length > 1 ? imageOf(program) : undefined;
    const { crypto } = host();
    return image &&
      crypto.createHash("sha256").update(this.#setting).update(JSON.stringify(image)).digest("hex");
  }
}

/** The entry to store for a program that was divided into these stages. */
function entryOf(program: Program, computed: readonly Atom[], stages: readonly Stage[]): Entry {
  const made = stages.flatMap((s) => s.program.outputs);
  const numbers = new Map([...program.inputs, ...made].map((a: Atom, i) => [a, i]));
  const numbersOf = (atoms: readonly Atom[]) => atoms.map((a) => numbers.get(a)!);
  return {
    program: imageOf(program)!, // it had one before its passes
    stages: stages.map(({ kind, program, code }) => ({
      kind,
      inputs: numbersOf(program.inputs),
      outputs: program.outputs.map((a) => a.aval),
      code,
    })),
    results: numbersOf(computed),
  };
}

/** The stages that an entry has for its program. Only their code says what they compute. */
function restored({ stages, results }: Entry, { inputs, outputs }: Program): Stage[] {
  const tensors = [...inputs];
  return stages.map((stage) => {
    const made = stage.outputs.map((aval) => {
      const result = outputs[results.indexOf(tensors.length)];
      const v = result instanceof Var ? result : new Var(aval);
      tensors.push(v);
      return v;
    });
    const program = { inputs: stage.inputs.map((i) => tensors[i]!), equations: [], outputs: made };
    return { kind: stage.kind, program, code: stage.code };
  });
}

/** Says that, and why, nothing is kept. */
export function warn(directory: string, cause: unknown): void {
  const why = cause instanceof Error ? cause.message : cause;
  console.warn(`Trilevel keeps no compiled programs in ${directory}: ${why}`);
}
