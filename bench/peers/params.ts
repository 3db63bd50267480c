/** The parameters of (a) and (d), by the seeds that all subjects use, for the peers in JavaScript. */
import { noise } from "../noise.ts";

/** An array yet to be made by a library. */
export interface Made {
  readonly data: Float32Array<ArrayBuffer>;
  readonly shape: number[];
}

const filled = (value: number, n: number): Made => ({
  data: new Float32Array(n).fill(value),
  shape: [n],
});

/** Noise of a shape. */
export function made(seed: number, shape: number[], scale = 1): Made {
  return { data: noise(seed, shape.reduce((a, b) => a * b, 1), scale), shape };
}

const norm = (n: number) => ({ weight: filled(1, n), bias: filled(0, n) });

/** Slot attention (a). */
export function slotParams() {
  const [d, h] = [64, 128];
  const w = (seed: number, ...shape: number[]) => made(seed, shape, 1 / 8);
  return {
    normInputs: norm(d),
    normSlots: norm(d),
    normMlp: norm(d),
    query: w(2, d, d),
    key: w(3, d, d),
    value: w(4, d, d),
    wih: w(5, 3 * d, d),
    whh: w(6, 3 * d, d),
    bih: w(7, 3 * d),
    bhh: w(8, 3 * d),
    w1: w(9, h, d),
    b1: w(10, h),
    w2: w(11, d, h),
    b2: w(12, d),
    start: made(1, [7, d]),
  };
}

/** Object discovery (d). */
export function discoveryParams() {
  const [c, h] = [32, 64];
  let seed = 1;
  const weight = (...shape: number[]) =>
    made(seed++, shape, 1 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1)));
  const bias = (n: number) => made(seed++, [n], 0.1);
  const dense = (...shape: number[]) => ({ weight: weight(...shape), bias: bias(shape[0]!) });
  const convs = [3, c, c].map((n) => dense(c, n, 3, 3));
  const position = dense(c, 4);
  const mlp = [dense(c, c), dense(c, c)] as const;
  const [start, query, key, value] = [4, c, c, c].map((n) => weight(n, c)) as [
    Made,
    Made,
    Made,
    Made,
  ];
  const [wih, whh] = [weight(3 * c, c), weight(3 * c, c)];
  const [bih, bhh] = [bias(3 * c), bias(3 * c)];
  const [first, second] = [dense(h, c), dense(c, h)];
  const slots = {
    normInputs: norm(c),
    normSlots: norm(c),
    normMlp: norm(c),
    query,
    key,
    value,
    wih,
    whh,
    bih,
    bhh,
    w1: first.weight,
    b1: first.bias,
    w2: second.weight,
    b2: second.bias,
    start,
  };
  return {
    convs,
    position,
    norm: norm(c),
    mlp,
    slots,
    slot: dense(c, c),
    grid: weight(c, 4),
    layers: [dense(c, c), dense(c, c), dense(4, c)],
  };
}

/** Positions in [-1, 1] and their opposites, [size · size, 4]. */
export function grid(size: number): Made {
  const data = new Float32Array(size * size * 4);
  for (let i = 0; i < size * size; i++) {
    const [y, x] = [Math.floor(i / size), i % size].map((k) => 2 * k / (size - 1) - 1);
    data.set([y!, x!, -y!, -x!], 4 * i);
  }
  return { data, shape: [size * size, 4] };
}

/** A tree with every array made. */
export type MadeTree<T, A> = T extends Made ? A
  : T extends readonly (infer E)[] ? MadeTree<E, A>[]
  : { [K in keyof T]: MadeTree<T[K], A> };

/** Makes every array of a tree. */
export function makeTree<T, A>(tree: T, make: (x: Made) => A): MadeTree<T, A> {
  const go = (node: unknown): unknown => {
    if (Array.isArray(node)) return node.map(go);
    if (typeof node === "object" && node !== null && !("data" in node)) {
      return Object.fromEntries(Object.entries(node).map(([key, value]) => [key, go(value)]));
    }
    return make(node as Made); // what is neither a list nor an object of nodes is a leaf
  };
  return go(tree) as MadeTree<T, A>;
}
