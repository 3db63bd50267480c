/** A subject at work on one case: its process, and what it has answered. */
import type { Case } from "./cases.ts";
import { type Answer, mark } from "./serve.ts";
import type { Subject } from "./subjects.ts";

/** What came of a subject on a case; times in milliseconds. */
export interface Result {
  readonly case: string;
  readonly subject: string;
  readonly first: number;
  /** All steady calls, in order. */
  readonly times: readonly number[];
  readonly median: number;
  readonly check: number;
  readonly peakBytes?: number | undefined;
  readonly kernels?: number | undefined;
  readonly versions: { readonly [name: string]: string };
}

/** A running process. */
export class Contestant {
  readonly #times: number[] = [];
  #first: Answer | undefined;
  #last: Answer | undefined;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #lines: AsyncIterator<string>;

  private constructor(
    private readonly process: Deno.ChildProcess,
    readonly c: Case,
    readonly subject: Subject,
    readonly errors: { text: string },
  ) {
    this.#writer = process.stdin.getWriter();
    this.#lines = answers(process.stdout);
  }

  /** Starts a subject; nothing where it is not installed. */
  static async start(c: Case, subject: Subject): Promise<Contestant | undefined> {
    const command = await subject.command(c);
    if (!command) return undefined;
    const [program, ...args] = command;
    const process = new Deno.Command(program!, {
      args,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const errors = { text: "" };
    (async () => {
      for await (const text of process.stderr.pipeThrough(new TextDecoderStream())) {
        errors.text = (errors.text + text).slice(-4000);
      }
    })();
    return new Contestant(process, c, subject, errors);
  }

  /** Milliseconds of the last call. */
  get pace(): number {
    return this.#last?.times.at(-1) ?? 0;
  }

  /** How many steady calls there were. */
  get calls(): number {
    return this.#times.length;
  }

  /** The first call. @throws Error with what the process said when it fails. */
  async first(): Promise<void> {
    this.#first = this.#last = await this.#ask(1);
  }

  /** Some more calls. The first two after the first are warm-up. */
  async more(calls: number): Promise<void> {
    this.#last = await this.#ask(calls);
    this.#times.push(...this.#last.times);
  }

  /** Calls that do not count. */
  async warmUp(calls: number): Promise<void> {
    this.#last = await this.#ask(calls);
  }

  async #ask(calls: number): Promise<Answer> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error("no answer in 5 minutes")), 300_000);
    });
    try {
      await this.#writer.write(new TextEncoder().encode(`${calls}\n`));
      const { value, done } = await Promise.race([this.#lines.next(), late]);
      if (done) throw new Error("ended");
      return JSON.parse(value);
    } catch (cause) {
      await new Promise((resolve) => setTimeout(resolve, 100)); // for its last words
      throw new Error(`${this.subject.name} on ${this.c.id}: ${cause}\n${this.errors.text}`);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What it has done. */
  result(): Result {
    const { times: [first], check } = this.#first!;
    const { peakBytes, kernels, versions } = this.#last!;
    return {
      case: this.c.id,
      subject: this.subject.name,
      first: first!,
      times: this.#times,
      median: median(this.#times),
      check,
      peakBytes,
      kernels,
      versions,
    };
  }

  /** Ends the process. */
  async end(): Promise<void> {
    try {
      this.process.kill();
    } catch {
      // it has ended by itself
    }
    await this.process.status;
  }
}

async function* answers(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) if (line.startsWith(mark)) yield line.slice(mark.length);
  }
}

/** The middle one of some numbers. */
export function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}
