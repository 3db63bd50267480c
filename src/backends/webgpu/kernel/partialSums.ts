/** The sums that an invocation keeps, while they are made in parts: see `loopInParts`. */
import type { KernelWriter } from "./writer.ts";

/** Variables of one type, one for each place of a block; another set of them for parts that have begun. */
export class PartialSums {
  /** The latest part first. */
  readonly #names: string[] = [];

  constructor(
    private readonly kernel: KernelWriter,
    private readonly type: string,
    private readonly places: readonly string[],
  ) {
    this.begin();
  }

  /** The variable that terms of a place are added to now. */
  at(place: string | number): string {
    return `${this.#names[0]}_${place}`;
  }

  /** Begins a part. */
  begin(): void {
    this.#names.unshift(this.kernel.fresh("sum"));
    this.places.forEach((p) => this.kernel.line(`var ${this.at(p)} = ${this.type}();`));
  }

  /** Adds a part to what it is a part of. */
  end(): void {
    const part = this.#names.shift();
    this.places.forEach((p) => this.kernel.line(`${this.at(p)} += ${part}_${p};`));
  }
}
