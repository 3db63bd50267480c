/** Random bits: the twenty rounds of Threefry-2x32, four counters at a time. */
import { type Code, i32, i32x4, v128 } from "../simd/assembler.ts";
import { nest } from "./nest.ts";
import { addressOf, load1, operandOf, type StepWriter } from "./table.ts";
import { long, stridesOf } from "./place.ts";
import type { Writer } from "./writer.ts";

const rotations = [[13, 15, 26, 6], [17, 29, 16, 24]] as const;

function rounds(w: Writer, [k0, k1, c0, c1]: readonly Code[]): [Code, Code] {
  const { add } = i32x4;
  const rotated = (x: Code, by: number) =>
    v128.or(
      i32x4.shiftLeft(x, i32.constant(by)),
      i32x4.shiftRightUnsigned(x, i32.constant(32 - by)),
    );
  const parity = v128.xor(k0!, w.bits(0x1bd11bda));
  const keys = [k0!, k1!, w.keep(v128.xor(k1!, parity))];
  let a = w.keep(add(c0!, k0!));
  let b = w.keep(add(c1!, k1!));
  for (let round = 0; round < 5; round++) {
    for (const by of rotations[round % 2]!) {
      a = w.keep(add(a, b));
      b = w.keep(v128.xor(rotated(b, by), a));
    }
    a = w.keep(add(a, keys[(round + 1) % 3]!));
    b = w.keep(add(b, add(keys[(round + 2) % 3]!, w.bits(round + 1))));
  }
  return [a, b];
}

const threefry2x32: StepWriter = ({ w }, _, inputs, outputs) => {
  const [a, b] = outputs.map((r) => r.source!);
  if ("splat" in a! && "splat" in b!) {
    const results = rounds(w, inputs.map((p) => load1(w, p)));
    w.set(a.splat, results[0]);
    w.set(b.splat, results[1]);
    return;
  }
  const places = inputs.map(long);
  const { shape } = places[0]!;
  const targets = outputs.map((r) => ({
    source: addressOf(r),
    strides: stridesOf(shape),
    exact: false,
  }));
  nest(w, shape, places.map(operandOf), targets, 100, (x) => rounds(w, x));
};

/** The random family. */
export const randomWriters: { readonly [name: string]: StepWriter } = { threefry2x32 };
