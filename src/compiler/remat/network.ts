/** The smallest cut of a network: what is cheapest to take away so that nothing flows from its source to its sink. */

/** Nodes, and edges that let so much through; each way from the source to the sink has one that is not infinite. */
export class Network {
  /** The node where all flow begins. */
  readonly source = 0;
  /** The node where all flow ends. */
  readonly sink = 1;
  /** The remaining capacity of the edges of each node; flow along an edge can be taken back. */
  readonly #left: Map<number, number>[] = [new Map(), new Map()];

  /** A new node. */
  node(): number {
    return this.#left.push(new Map()) - 1;
  }

  /** A new edge, or a wider one. */
  edge(from: number, to: number, capacity: number): void {
    this.#widen(from, to, capacity);
    this.#widen(to, from, 0);
  }

  /** The nodes behind the smallest cut: of several such cuts, the one nearest to the sink. Found as Dinic does. */
  cut(): ReadonlySet<number> {
    for (let levels = this.#levels(); levels.has(this.sink); levels = this.#levels()) {
      const untried = this.#left.map((edges) => [...edges.keys()]);
      while (this.#push(this.source, Infinity, levels, untried) > 0);
    }
    const behind = new Set([this.sink]);
    for (const at of behind) {
      for (const from of this.#left[at]!.keys()) {
        if (this.#left[from]!.get(at)! > 0) behind.add(from);
      }
    }
    return behind;
  }

  #widen(from: number, to: number, more: number): void {
    const edges = this.#left[from]!;
    edges.set(to, (edges.get(to) ?? 0) + more);
  }

  /** The distance from the source of each node to which more can flow. */
  #levels(): ReadonlyMap<number, number> {
    const levels = new Map([[this.source, 0]]);
    for (const [at, level] of levels) {
      for (const [to, left] of this.#left[at]!) {
        if (left > 0 && !levels.has(to)) levels.set(to, level + 1);
      }
    }
    return levels;
  }

  /** Lets at most so much flow to the sink, from level to level, and gives how much it was. */
  #push(
    at: number,
    most: number,
    levels: ReadonlyMap<number, number>,
    untried: readonly number[][],
  ): number {
    if (at === this.sink) return most;
    for (const edges = untried[at]!; edges.length > 0; edges.pop()) {
      const to = edges.at(-1)!;
      if (levels.get(to) !== levels.get(at)! + 1) continue;
      const room = Math.min(most, this.#left[at]!.get(to)!);
      const flow = room > 0 ? this.#push(to, room, levels, untried) : 0;
      if (flow === 0) continue;
      this.#widen(at, to, -flow);
      this.#widen(to, at, flow);
      return flow;
    }
    return 0;
  }
}
