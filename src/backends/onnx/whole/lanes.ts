/** Vectors to and from memory: whole ones, and the last ones of rows, of which only some lanes are there. */
import { type Code, i32, v128 } from "../simd/assembler.ts";
import type { Address } from "./place.ts";
import type { Writer } from "./writer.ts";

/**
 * Lanes from memory, `step` bytes apart. What the others are nobody knows, unless `fill` has them; memory after the
 * last one may be read.
 */
export function load(
  w: Writer,
  { base, offset }: Address,
  step: number,
  lanes: number,
  fill?: Code,
): Code {
  if (step === 0 && (lanes === 4 || !fill)) return v128.loadSplat(base, offset);
  if (step === 4 && (lanes === 4 || !fill)) return v128.load(base, offset);
  let x = w.keep(fill ?? v128.loadSplat(base, offset));
  for (let lane = fill ? 0 : 1; lane < lanes; lane++) {
    x = w.keep(
      at({ base, offset }, lane * step, (base, offset) => v128.loadLane(base, x, lane, offset)),
    );
  }
  return x;
}

/** Lanes to memory, `step` bytes apart, and nothing beyond the last. */
export function store(
  w: Writer,
  { base, offset }: Address,
  step: number,
  lanes: number,
  x: Code,
): void {
  if (step === 4 && lanes === 4) return w.add(v128.store(base, x, offset));
  const value = w.keep(x);
  if (step === 4 && lanes >= 2) {
    w.add(v128.storeTwo(base, value, offset));
    if (lanes === 3) w.add(v128.storeLane(base, value, 2, offset + 8));
    return;
  }
  for (let lane = 0; lane < lanes; lane++) {
    w.add(
      at(
        { base, offset },
        lane * step,
        (base, offset) => v128.storeLane(base, value, lane, offset),
      ),
    );
  }
}

/** Code for an address that may lie before the one given. */
function at(
  { base, offset }: Address,
  bytes: number,
  code: (base: Code, offset: number) => Code,
): Code {
  const sum = offset + bytes;
  return sum >= 0 ? code(base, sum) : code(i32.add(base, i32.constant(sum)), 0);
}
