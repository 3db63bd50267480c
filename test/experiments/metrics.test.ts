/** metrics.jsonl: read as a stream, whatever its pieces, and nothing of it is lost. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { encodeRows, gather, readLines } from "../../src/experiments/runs/metrics.ts";

async function* pieces(bytes: Uint8Array, sizes: readonly number[]) {
  for (let at = 0, n = 0; at < bytes.length; n++) {
    const size = sizes[n % sizes.length]!;
    yield await Promise.resolve(bytes.slice(at, at + size));
    at += size;
  }
}

const numbers = fc.double();
const rows = fc.array(
  fc.record({ step: fc.nat(), loss: numbers, list: fc.array(numbers, { maxLength: 3 }) }),
);
const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 });

describe("metrics", () => {
  it("come back as they were written, NaN and infinities too, in pieces of any sizes", () =>
    fc.assert(fc.asyncProperty(rows, sizes, async (rows, sizes) => {
      const lines = await Array.fromAsync(readLines(pieces(encodeRows(rows), sizes)));
      // JSON has no negative zero.
      const plain = (x: number) => x === 0 ? 0 : x;
      const expected = rows.map((row) => ({
        ...row,
        loss: plain(row.loss),
        list: row.list.map(plain),
      }));
      expect(lines.map(({ row }) => row)).toEqual(expected);
      expect(lines.every(({ ended }) => ended)).toBe(true);
    })));

  it("keep every byte of every line, of rows and of anything else", () =>
    fc.assert(fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), sizes, async (bytes, sizes) => {
      const read = () => readLines(pieces(bytes, sizes));
      const kept = await Array.fromAsync(gather(read(), () => true));
      const text = new TextDecoder("latin1").decode(bytes);
      const whole = text.split("\n").filter((line) => line !== "").map((line) => line + "\n");
      expect(kept.map((part) => new TextDecoder("latin1").decode(part)).join(""))
        .toBe(whole.join(""));
    })));

  it("that are a single line without end are not gathered in memory", async () => {
    const piece = new Uint8Array(1 << 18);
    const endless = pieces(new Uint8Array(32 << 20), [piece.length]);
    let [longest, total] = [0, 0];
    for await (const { row, bytes } of readLines(endless)) {
      expect(row).toBeUndefined();
      longest = Math.max(longest, bytes.length);
      total += bytes.length;
    }
    expect(total).toBe(32 << 20);
    expect(longest).toBeLessThan(2 << 20);
  });
});
