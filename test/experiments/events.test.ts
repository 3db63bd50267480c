/** Event files hold every number that a run may log. */
import { expect, test } from "vitest";
import { encodeEvents } from "../../src/experiments/runs/events.ts";

/** The single-precision number behind a tag in an encoded event. */
function scalarOf(bytes: Uint8Array, tag: string): number {
  const name = new TextEncoder().encode(tag);
  const at = bytes.findIndex((_, i) => name.every((byte, k) => bytes[i + k] === byte));
  // The tag, then one byte for the field's number and type.
  return new DataView(bytes.buffer, bytes.byteOffset + at + name.length + 1).getFloat32(0, true);
}

test.each([
  [0.1, Math.fround(0.1)],
  [3.4e38, Math.fround(3.4e38)],
  [1e39, Infinity],
  [-1e300, -Infinity],
  [Infinity, Infinity],
  [NaN, NaN],
  [1e-50, 0],
])("the scalar %d is written as %d", (value, written) => {
  const bytes = encodeEvents([{ step: 1, time: 0, scalars: { loss: value } }]);
  expect(scalarOf(bytes, "loss")).toBe(written);
});
