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

  it("that have changed are no rows, whichever bit it is", async () => {
    const rows = [{ step: 1, loss: 0.125 }, { step: 2, loss: 1.5e-7, list: [1, NaN] }, { step: 3 }];
    const bytes = encodeRows(rows);
    const known = new Set(rows.map((row) => JSON.stringify(row)));
    const second = bytes.indexOf(10) + 1;
    for (let bit = 8 * second; bit < 8 * bytes.length; bit++) {
      const changed = bytes.slice();
      changed[bit >> 3]! ^= 1 << (bit & 7);
      for await (const { row } of readLines(pieces(changed, [1000]))) {
        if (row !== undefined) expect(known).toContain(JSON.stringify(row));
      }
    }
  });

  it("of earlier versions, which have no checksums, are read, and new ones may follow", async () => {
    const old = '{"step":1,"loss":0.5}\n{"step":2,"loss":"NaN"}\n';
    const bytes = new TextEncoder().encode(
      old + new TextDecoder().decode(encodeRows([{ step: 3 }])),
    );
    const lines = await Array.fromAsync(readLines(pieces(bytes, [7])));
    expect(lines.map(({ row }) => row)).toEqual([
      { step: 1, loss: 0.5 },
      { step: 2, loss: NaN },
      { step: 3 },
    ]);
  });

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
