/** `explain`: the stages of a function on its way to the device. */
import { type Cost, costOf } from "../compiler/cost.ts";
import { peakBytes } from "../compiler/liveness.ts";
import type { BackendName } from "../core/source.ts";
import { BackendError } from "../core/errors.ts";
import { liftEffects } from "../runtime/effects.ts";
import { stillOpening } from "../runtime/opening.ts";
import { backendOf, Compiled } from "../runtime/compiled.ts";
import { traceFunction } from "../core/function.ts";
import { inlineCalls } from "../core/inline.ts";
import { eliminateDeadCode, type Program, programCallsHost } from "../core/program.ts";
import { formatProgram } from "../core/printer.ts";

/** The program at one point on its way. */
export interface Stage {
  /** `"traced"`, `"inlined"`, or the pass that it comes out of. */
  readonly name: string;
  /** The program at that point. */
  readonly program: Program;
}

/** The result of {@link explain}; it prints itself. */
export class Explanation {
  /** Made by {@link explain}. */
  constructor(
    /** For which backend it is compiled. */
    readonly backend: BackendName,
    /** The program before and after each pass of the backend. */
    readonly stages: readonly Stage[],
    /** Multiply-adds and bytes. */
    readonly cost: Cost,
    /** The most bytes of values made inside, alive at one time, equation by equation. */
    readonly peakBytes: number,
    /** The number of kernels a call runs, where the backend reports it. */
    readonly dispatches: number | undefined,
    /** The kernels themselves: their texts, or names. */
    readonly kernels: readonly string[] | undefined,
    /** The bytes that the backend planned for intermediates. */
    readonly plannedBytes: number | undefined,
    /** The bytes of intermediates that its kernels have alive at one time: what any plan takes. */
    readonly neededBytes: number | undefined,
  ) {}

  /** The numbers, and how each stage changed the program. */
  summary(): string {
    const { multiplyAdds, ioBytes, movedBytes } = this.cost;
    const sizes = this.stages.map(({ name, program }) => `${name} ${program.equations.length}`);
    return [
      `equations: ${sizes.join(" → ")}`,
      `multiply-adds: ${multiplyAdds.toLocaleString("en")}`,
      `bytes: ${ioBytes.toLocaleString("en")} in and out, ` +
      `${movedBytes.toLocaleString("en")} if every equation reads and writes memory`,
      `peak of intermediates: ${this.peakBytes.toLocaleString("en")} bytes`,
      ...(this.plannedBytes === undefined ? [] : [
        `planned by ${this.backend}: ${this.plannedBytes.toLocaleString("en")} bytes, of which ` +
        `${(this.neededBytes ?? this.plannedBytes).toLocaleString("en")} are in use at once`,
      ]),
      ...(this.dispatches === undefined ? [] : [`${this.backend} runs ${this.dispatches} kernels`]),
    ].join("\n");
  }

  /** The summary, the program of every stage that changed something, and the kernels. */
  toString(): string {
    const texts = this.stages.map(({ name, program }) => ({ name, text: formatProgram(program) }));
    const changed = texts.filter(({ text }, i) => i === 0 || text !== texts[i - 1]!.text);
    return [
      this.summary(),
      ...changed.map(({ name, text }) => `── ${name}\n${text}`),
      ...(this.kernels ? [`── kernels\n${this.kernels.join("\n")}`] : []),
    ].join("\n\n");
  }

  /** The text that the consoles of Node and Deno show. */
  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

/**
 * The program that `f` becomes for arguments like these, before and after each compiler pass, and what it
 * costs: multiply-adds, bytes, memory, kernels. It is compiled for the backend of the arguments, and not run.
 *
 * ```ts
 * import { explain, grad, np, setBackend, type Tensor } from "trilevel";
 * await setBackend();
 * const loss = (w: Tensor, x: Tensor) => np.mean(np.square(np.matmul(x, w)));
 * const found = explain(grad(loss), np.ones([3, 2]), np.ones([4, 3]));
 * console.assert(found.cost.multiplyAdds === 2 * 4 * 3 * 2);   // there and back
 * console.log(found.summary());                                // or console.log(found): everything
 * ```
 */
export function explain<A extends unknown[]>(f: (...args: A) => unknown, ...args: A): Explanation {
  const { program, captured, leaves } = traceFunction(f, args, "explain");
  const backend = backendOf([...captured, ...leaves]);
  if (stillOpening(backend)) {
    throw new BackendError(
      "explain: the backend is still opening, so how it compiles a program is not known yet",
      "await setBackend() first",
    );
  }
  if (programCallsHost(program)) {
    throw new BackendError(
      "explain: the function contains a pureCallback, at which its program is cut",
      "explain the parts before and after the call one by one",
    );
  }
  const { program: inlined } = liftEffects(eliminateDeadCode(inlineCalls(program)));
  const stages: Stage[] = [{ name: "traced", program }, { name: "inlined", program: inlined }];
  for (const { name, run } of backend.passes ?? []) {
    stages.push({ name, program: run(stages.at(-1)!.program) });
  }
  const last = stages.at(-1)!.program;
  const compiled = new Compiled(program, backend);
  const { dispatches, kernels, blockBytes, neededBytes } = compiled.executable;
  compiled.dispose();
  return new Explanation(
    backend.name,
    stages,
    costOf(last),
    peakBytes(last),
    dispatches,
    kernels,
    blockBytes,
    neededBytes,
  );
}
