/** Fourier transforms against sums written out in double precision: every length, long ones, all backends. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  checkGrads,
  grad,
  jit,
  jvp,
  makeProgram,
  np,
  setBackend,
  type Tensor,
  tree,
  vjp,
  vmap,
} from "trilevel";
import { backends } from "../support/backends.ts";
import { runs, someOf } from "../support/tier.ts";

type Pair = np.Complex;

/** Complex numbers on the host. */
interface Host {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/** Between -1 and 1, always the same for the same number. */
function noise(i: number): number {
  let x = Math.imul(i + 1, 0x9e3779b1);
  x = Math.imul(x ^ (x >>> 15), 0x85ebca6b);
  return ((x ^ (x >>> 13)) >>> 0) / 2 ** 31 - 1;
}

const numbers = (n: number): Host => ({
  re: Float64Array.from({ length: n }, (_, i) => Math.fround(noise(i))),
  im: Float64Array.from({ length: n }, (_, i) => Math.fround(noise(i + n))),
});

/** One element of a transform, summed up. The angle is reduced in whole numbers, exactly. */
function element({ re, im }: Host, k: number): [number, number] {
  const n = re.length;
  let [a, b] = [0, 0];
  for (let j = 0, turn = 0; j < n; j++, turn = (turn + k) % n) {
    const angle = -2 * Math.PI * turn / n;
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    a += re[j]! * c - im[j]! * s;
    b += re[j]! * s + im[j]! * c;
  }
  return [a, b];
}

/** A transform of a power of two, in place after its elements are put in the order of their reversed bits. */
function byHalves(x: Host): Host {
  const n = x.re.length;
  const bits = Math.log2(n);
  const order = new Uint32Array(n);
  for (let i = 1; i < n; i++) order[i] = (order[i >> 1]! >> 1) | ((i & 1) << (bits - 1));
  const re = Float64Array.from(order, (i) => x.re[i]!);
  const im = Float64Array.from(order, (i) => x.im[i]!);
  const cos = Float64Array.from({ length: n / 2 }, (_, k) => Math.cos(2 * Math.PI * k / n));
  const sin = Float64Array.from({ length: n / 2 }, (_, k) => -Math.sin(2 * Math.PI * k / n));
  for (let half = 1; half < n; half *= 2) {
    for (let from = 0; from < n; from += 2 * half) {
      for (let k = 0; k < half; k++) {
        const [p, q, t] = [from + k, from + k + half, k * n / (2 * half)];
        const a = re[q]! * cos[t]! - im[q]! * sin[t]!;
        const b = re[q]! * sin[t]! + im[q]! * cos[t]!;
        re[q] = re[p]! - a;
        im[q] = im[p]! - b;
        re[p] = re[p]! + a;
        im[p] = im[p]! + b;
      }
    }
  }
  return { re, im };
}

const place = ({ re, im }: Host, dtype: "float32" | "float64"): Pair => ({
  re: np.array(re, { dtype }),
  im: np.array(im, { dtype }),
});

/** The 2-norm of what a transform is off by, as a part of that of the transform. */
async function errorOf(found: Pair, { re, im }: Host): Promise<number> {
  const [a, b] = [await found.re.data(), await found.im.data()];
  let [off, all] = [0, 0];
  for (let i = 0; i < re.length; i++) {
    off += (a[i]! - re[i]!) ** 2 + (b[i]! - im[i]!) ** 2;
    all += re[i]! ** 2 + im[i]! ** 2;
  }
  return Math.sqrt(off / all);
}

/** What the documentation promises. */
const bound = (n: number, factor = 1) => factor * 2 ** -23 * (1 + Math.log2(n));

describe("in double precision, a transform is the sum that defines it", () => {
  const lengths = [
    ...Array.from({ length: 70 }, (_, i) => i + 1),
    97,
    127,
    131,
    137,
    139,
    262,
    289,
    1000,
    1369,
  ];
  test.each(someOf(lengths))("of %i elements", async (n) => {
    await setBackend("reference");
    const x = numbers(n);
    const { re, im } = np.fft.fft(place(x, "float64"));
    const sums = Array.from({ length: n }, (_, k) => element(x, k));
    const wanted = {
      re: Float64Array.from(sums, ([a]) => a),
      im: Float64Array.from(sums, ([, b]) => b),
    };
    expect(await errorOf({ re, im }, wanted)).toBeLessThan(1e-13);
    expect(await errorOf(np.fft.ifft({ re, im }), x)).toBeLessThan(1e-13);
    const half = np.fft.rfft(place(x, "float64").re);
    expect(
      await errorOf({ re: np.fft.irfft(half, { n }), im: np.zeros(n) }, {
        ...x,
        im: new Float64Array(n),
      }),
    )
      .toBeLessThan(1e-13);
  });
});

for (const backend of backends) {
  describe(backend.name, () => {
    const thereAndBack = jit((z: Pair) => {
      const y = np.fft.fft(z);
      return [y, np.fft.ifft(y)];
    });
    // WebGPU compiles and runs on the CPU where there is no GPU.
    const slow = backend.name === "webgpu";

    test("a long transform is within the bound", async () => {
      await setBackend(backend.name);
      const n = slow ? 2 ** 10 : 2 ** 19;
      const x = numbers(n);
      const [y, back] = thereAndBack(place(x, "float32")) as [Pair, Pair];
      expect(await errorOf(y, byHalves(x))).toBeLessThan(bound(n));
      expect(await errorOf(back, x)).toBeLessThan(2 * bound(n));
    });

    test.each(slow ? [131] : [65537, 9 * 7919])("%i elements are within the bound", async (n) => {
      await setBackend(backend.name);
      const x = numbers(n);
      const [y, back] = thereAndBack(place(x, "float32")) as [Pair, Pair];
      const [re, im] = [await y.re.data(), await y.im.data()];
      const some = Array.from({ length: 40 }, (_, i) => Math.floor(n * (noise(i) + 1) / 2));
      const wanted = some.map((k) => element(x, k));
      const off = some.flatMap((k, i) => [re[k]! - wanted[i]![0], im[k]! - wanted[i]![1]]);
      expect(Math.hypot(...off) / Math.hypot(...wanted.flat())).toBeLessThan(bound(n, 4));
      expect(await errorOf(back, x)).toBeLessThan(2 * bound(n, 4));
    });
  });
}

describe("a program", () => {
  const shape = (n: number) => np.zeros([n]);
  const countOf = (n: number) =>
    makeProgram((x: Tensor) => np.fft.fft(x), shape(n)).program.equations.length;
  /** Multiplications in products, and elements that other instructions write. */
  const workOf = (n: number) =>
    makeProgram((x: Tensor) => np.fft.fft(x), shape(n)).program.equations.reduce(
      (sum, equation) => {
        const size = equation.outputs[0]!.aval.shape.reduce((a, b) => a * b, 1);
        if (equation.primitive.name !== "dot") return sum + size;
        const { lhsContract } = equation.params as { lhsContract: number[] };
        const left = equation.inputs[0]!.aval.shape;
        return sum + size * lhsContract.reduce((a, axis) => a * left[axis]!, 1);
      },
      0,
    );

  test("grows with the logarithm of the length, also of a prime", async () => {
    await setBackend("reference");
    const perStage = countOf(2 ** 10) - countOf(2 ** 5);
    expect(countOf(2 ** 20)).toBeLessThanOrEqual(countOf(2 ** 10) + 2 * perStage + 5);
    // Two transforms of the next power of two, and one of the filter.
    expect(countOf(1048573)).toBeLessThan(3 * countOf(2 ** 21) + 250);
  });

  test("does work of order n log n, whatever divides n", async () => {
    await setBackend("reference");
    const lengths = [2 ** 20, 3 ** 12, 7 ** 7, 720720, 31 ** 4, 127 ** 3, 2 * 499979, 1048573];
    const found = lengths.map((n) => workOf(n) / (n * Math.log2(n)));
    const most = { composite: 40, prime: 250 };
    found.slice(0, 5).forEach((work) => expect(work).toBeLessThan(most.composite));
    found.forEach((work) => expect(work).toBeLessThan(most.prime));
  });
});

describe("derivatives and batches", () => {
  const pairs = fc.integer({ min: 1, max: 12 }).map((n) => {
    const { re, im } = numbers(2 * n);
    const cut = (xs: Float64Array) => np.array([...xs], { shape: [2, n], dtype: "float64" });
    return { re: cut(re), im: cut(im) };
  });
  const flat = (z: Pair) => np.concatenate([z.re, z.im], { axis: 0 });

  /** Every function, as one from a pair [2, n] to tensors. */
  const functions: { readonly [name: string]: (z: Pair) => Tensor | Pair } = {
    fft: (z) => np.fft.fft(z),
    ifft: (z) => np.fft.ifft(z, { norm: "ortho" }),
    rfft: (z) => np.fft.rfft(z.re),
    irfft: (z) => np.fft.irfft(z, { n: 7 }),
    hfft: (z) => np.fft.hfft(z, { n: 6, norm: "ortho" }),
    ihfft: (z) => np.fft.ihfft(z.re),
    fftn: (z) => np.fft.fftn(z),
    ifftn: (z) => np.fft.ifftn(z, { axes: [1, 0] }),
    rfftn: (z) => np.fft.rfftn(z.im, { s: [3, 4] }),
    irfftn: (z) => np.fft.irfftn(z, { s: [2, 5] }),
    fftshift: (z) => np.fft.fftshift(z),
    ifftshift: (z) => np.fft.ifftshift(np.fft.fft(z), { axes: 1 }),
    angle: (z) => np.angle(z),
  };
  const asTensor = (y: Tensor | Pair): Tensor => "re" in y ? flat(y) : y;

  test.each(Object.entries(functions))("of %s", async (_, f) => {
    await setBackend("reference");
    await fc.assert(
      fc.asyncProperty(pairs, async (z) => {
        const g = (x: Pair) => asTensor(f(x));
        await checkGrads((x: Pair) => np.sum(np.sin(g(x))), [z]);
        const batch = tree.map((x: Tensor) => np.stack([x, x.mul(-2), x.add(1)]), z);
        const each = [0, 1, 2].map((i) => g(tree.map((x: Tensor) => x.slice(i), batch)));
        expect(await np.allclose(vmap(g)(batch), np.stack(each), { atol: 1e-12 }).item()).toBe(1);
        expect(await np.allclose(jit(g)(z), g(z), { atol: 1e-12 }).item()).toBe(1);
      }),
      { numRuns: runs(6) },
    );
  });

  test("the pullback of a transform is that of the opposite direction", async () => {
    await setBackend("reference");
    const z = place(numbers(15), "float64"), ct = place(numbers(15), "float64");
    const [, pull] = vjp((x: Pair) => np.fft.fft(x), z);
    const [by] = pull(ct);
    const wanted = np.fft.ifft(ct, { norm: "forward" });
    expect(await np.allclose(flat(by), flat(wanted), { atol: 1e-12 }).item()).toBe(1);
    const [, moved] = jvp((x: Pair) => np.fft.fft(x), [z], [ct]);
    expect(await np.allclose(flat(moved), flat(np.fft.fft(ct)), { atol: 1e-12 }).item()).toBe(1);
  });

  test("a spectrum's energy has the gradient 2 x", async () => {
    await setBackend("reference");
    const x = place(numbers(31), "float64").re;
    const energy = (x: Tensor) => {
      const { re, im } = np.fft.fft(x, { norm: "ortho" });
      return np.sum(re.mul(re).add(im.mul(im)));
    };
    expect(await np.allclose(grad(energy)(x), x.mul(2), { atol: 1e-12 }).item()).toBe(1);
  });
});

test("what is freed is what was made on the way", async () => {
  await setBackend("reference");
  const x = np.array([3]);
  const { re, im } = np.conj({ re: x, im: x });
  re.dispose();
  im.dispose();
  expect(await x.item()).toBe(3);
});

describe("mistakes", () => {
  const z = { re: np.ones([2, 3]), im: np.ones([2, 3]) };
  test.each([
    ["an axis that is not there", () => np.fft.fft(np.ones(3), { axis: 1 }), /axis 1/],
    ["no elements", () => np.fft.fft(np.zeros([0])), /no elements/],
    ["complex numbers as real ones", () => np.fft.rfft(z as never), /complex/],
    ["no numbers", () => np.fft.fft({ real: 1 } as never), /operand is/],
    ["parts of different shapes", () => np.fft.fft({ re: np.ones(2), im: np.ones(3) }), /shapes/],
    [
      "lengths and axes that differ",
      () => np.fft.fftn(z, { s: [2], axes: [0, 1] }),
      /one length for each of 2 axes, got 1/,
    ],
    ["an axis twice", () => np.fft.fftn(z, { axes: [0, 0] }), /twice/],
    ["one element without a length", () => np.fft.irfft(np.ones(1)), /one element/],
    ["no length", () => np.fft.fftfreq(0), /`n` must be/],
  ])("%s", (_, call, message) => expect(call).toThrow(message));
});
