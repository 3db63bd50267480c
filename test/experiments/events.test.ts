/** Event files hold every number that a run may log, and TensorBoard reads them. */
import { expect, test } from "vitest";
import { encodeEvents, encodeHeader } from "../../src/experiments/runs/events.ts";
import fixture from "../fixtures/tensorboard-events.json" with { type: "json" };

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

const picture =
  "iVBORw0KGgoAAAANSUhEUgAAAAIAAAABCAIAAAB7QOjdAAAAD0lEQVR4nGP4z8DwHwwBEPgD/U6VwW8AAAAASUVORK5CYII=";

/** A run that made three steps and a picture, and went on from step 1. */
function runOfThreeSteps(): Uint8Array {
  const bytes = Uint8Array.from(atob(picture), (c) => c.charCodeAt(0));
  const parts = [
    encodeHeader(1.7e9, 0),
    encodeEvents([
      { step: 1, time: 1.7e9 + 1, scalars: { loss: 0.5, "validation/loss": 1e39 } },
      { step: 2, time: 1.7e9 + 2, scalars: { loss: 0.25 } },
      { step: 3, time: 1.7e9 + 3, scalars: { loss: NaN } },
      { step: 1, time: 1.7e9 + 3, images: { masks: { width: 2, height: 1, bytes } } },
    ]),
    encodeHeader(1.7e9 + 4, 2),
    encodeEvents([{ step: 2, time: 1.7e9 + 5, scalars: { loss: 0.125 } }]),
  ];
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

test("TensorBoard's own reader finds what was written, and what a run that goes on replaces is gone", () => {
  const file = runOfThreeSteps();
  // The fixture is of these bytes: test/oracle/tensorboard_events.py made it.
  expect(btoa(String.fromCharCode(...file))).toBe(fixture.file);
  expect(fixture.scalars).toEqual({
    loss: [[1, 1.7e9 + 1, "0.5"], [2, 1.7e9 + 5, "0.125"]],
    "validation/loss": [[1, 1.7e9 + 1, "inf"]],
  });
  expect(fixture.images.masks).toEqual([[1, 2, 1, picture]]);
});
