/** TFRecord framing and tf.Example: round trips, checksums, and every way a file can be cut short. */

import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { DataError, maskedCrc, parseExample, readTfRecords } from "trilevel/data";
import { crc32c } from "../../src/data/formats/crc32c.ts";
import { failure, put, slowCrc32c, temporaryFolder, tfExample, tfRecords } from "./support.ts";

const temporary = temporaryFolder();
const bytes = (maxLength: number) => fc.uint8Array({ maxLength });
const all = async (path: string) => {
  const records = [];
  for await (const record of readTfRecords(path)) records.push(record);
  return records;
};

describe("CRC-32C", () => {
  it("is the division of polynomials, for every length and alignment", () => {
    fc.assert(fc.property(bytes(60), fc.nat(7), (data, skip) => {
      const part = data.subarray(skip);
      expect(crc32c(part)).toBe(slowCrc32c(part));
    }));
  });

  it("gives the test vectors of RFC 3720", () => {
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(255))).toBe(0x62a8ab43);
    expect(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i))).toBe(0x46dd794e);
    expect(crc32c(new TextEncoder().encode("123456789"))).toBe(0xe3069283);
  });

  it("is masked as TensorFlow masks it", () => {
    // The length field 0 and its checksum begin every empty record that TensorFlow writes.
    expect(maskedCrc(new Uint8Array(8))).toBe(
      (((0x8c28b28a >>> 15) | (0x8c28b28a << 17)) + 0xa282ead8) >>> 0,
    );
  });
});

describe("a TFRecord file", () => {
  it("comes back as written, plain and gzipped", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(bytes(300), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        async (records, gzip) => {
          const file = tfRecords(records);
          const path = await put(temporary("round.tfrecords"), gzip ? gzipSync(file) : file);
          const found = await all(path);
          expect(found.map((record) => [...record.bytes])).toEqual(records.map((r) => [...r]));
          expect(found[0]!.offset).toBe(0);
          if (found.length > 1) expect(found[1]!.offset).toBe(16 + records[0]!.length);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("tells where it is cut off, wherever that is", async () => {
    const file = tfRecords([Uint8Array.of(1, 2, 3), new Uint8Array(20)]);
    const boundary = 16 + 3;
    for (let length = 0; length < file.length; length++) {
      const path = await put(temporary("cut.tfrecords"), file.subarray(0, length));
      if (length === boundary) {
        expect(await all(path)).toHaveLength(1);
        continue;
      }
      const error = await failure(all(path));
      expect(error._tag).toBe("TruncatedError");
      expect([error.path, error.offset]).toEqual([path, length]);
    }
  });

  it("notices any flipped bit, with an offset in the damaged record", async () => {
    const file = tfRecords([Uint8Array.of(1, 2, 3), new Uint8Array(20)]);
    await fc.assert(
      fc.asyncProperty(fc.nat(file.length * 8 - 1), async (bit) => {
        const damaged = Uint8Array.from(file);
        damaged[bit >> 3]! ^= 1 << (bit & 7);
        const path = await put(temporary("flip.tfrecords"), damaged);
        const error = await failure(all(path));
        expect(["CorruptError", "WrongKindError"]).toContain(error._tag);
        expect(error.offset! >= 19).toBe(bit >> 3 >= 19);
      }),
      { numRuns: 100 },
    );
  });

  it("tells how a gzip file is broken", async () => {
    const noise = Uint8Array.from({ length: 5000 }, (_, i) => Math.imul(i, 2654435761) >>> 24);
    const file = gzipSync(tfRecords([noise]));
    for (const length of [2, 11, file.length >> 1, file.length - 4]) {
      const path = await put(temporary("cut.gz"), file.subarray(0, length));
      const error = await failure(all(path));
      expect([error._tag, error.offset]).toEqual(["TruncatedError", length]);
    }
    const damaged = Uint8Array.from(file);
    damaged[file.length - 8]! ^= 1;
    expect((await failure(all(await put(temporary("crc.gz"), damaged))))._tag)
      .toBe("CorruptError");
  });

  it("is refused when a record claims more than the limit, before it is read", async () => {
    const claim = new DataView(new ArrayBuffer(12));
    claim.setBigUint64(0, 2n ** 32n, true);
    claim.setUint32(8, maskedCrc(new Uint8Array(claim.buffer, 0, 8)), true);
    const bomb = gzipSync(Buffer.concat([new Uint8Array(claim.buffer), new Uint8Array(1e6)]));
    const error = await failure(all(await put(temporary("bomb.gz"), bomb)));
    expect(error._tag).toBe("LimitError");
    expect(error.message).toMatch(/record 0 has 4294967296 bytes.*recordBytes: 4294967296/s);
    const plain = await put(temporary("plain.tfrecords"), tfRecords([new Uint8Array(100)]));
    const small = await failure(
      Array.fromAsync(readTfRecords(plain, { limits: { recordBytes: 99 } })),
    );
    expect(small._tag).toBe("LimitError");
  });

  it("is not taken for one when it is something else", async () => {
    const page = await put(temporary("page.tfrecords"), "<!DOCTYPE html><title>404</title>");
    expect((await failure(all(page)))._tag).toBe("WrongKindError");
    expect((await failure(all(temporary("absent"))))._tag).toBe("MissingFileError");
    expect((await failure(all(temporary("."))))._tag).toBe("WrongKindError");
  });
});

describe("tf.Example", () => {
  const integers = fc.array(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }));

  it("comes back as written, packed or not, one string or many", () => {
    fc.assert(fc.property(
      bytes(200),
      fc.array(fc.float({ noNaN: true })),
      integers,
      fc.boolean(),
      (data, floats, numbers, other) => {
        const example = parseExample(tfExample({
          b: { bytes: data, joined: other },
          f: { floats, unpacked: other },
          "ünïcode": { integers: numbers, unpacked: other },
        }));
        expect(example.get("b")).toEqual({ kind: "bytes", data });
        expect(example.get("f")).toEqual({ kind: "float", data: Float32Array.from(floats) });
        // As numbers, those beyond 2⁵³ would be rounded.
        const found = example.get("ünïcode");
        expect(found?.kind).toBe("int64");
        expect([...found!.data]).toEqual(numbers);
      },
    ));
  });

  it("merges what comes more than once, as protobuf does", () => {
    const message = (field: number, ...parts: readonly Uint8Array[]) =>
      new BinaryWriter().tag(field, WireType.LengthDelimited).bytes(Buffer.concat(parts)).finish();
    const text = (name: string) =>
      new BinaryWriter().tag(1, WireType.LengthDelimited).string(name).finish();
    const one = (field: number, x: number) => {
      const list = field === 2
        ? new BinaryWriter().tag(1, WireType.Bit32).float(x).finish()
        : new BinaryWriter().tag(1, WireType.Varint).int64(x).finish();
      return message(field, list); // one field of a Feature
    };
    const feature = (...parts: readonly Uint8Array[]) => message(2, ...parts);
    const entry = (name: string, ...parts: readonly Uint8Array[]) =>
      message(1, text(name), ...parts);
    const parse = (...maps: readonly Uint8Array[]) =>
      parseExample(Buffer.concat(maps.map((map) => message(1, map))));
    const values = (example: ReturnType<typeof parse>, name: string) => [
      ...example.get(name)?.data ?? [],
    ];

    // A list in two parts, inside one feature or in two features of one entry.
    expect(values(parse(entry("a", feature(one(2, 1), one(2, 2)))), "a")).toEqual([1, 2]);
    expect(values(parse(entry("a", feature(one(2, 1)), feature(one(2, 2)))), "a")).toEqual([1, 2]);
    // A list of another kind replaces what was there.
    expect(parse(entry("a", feature(one(2, 1), one(3, 7)))).get("a")?.kind).toBe("int64");
    expect(values(parse(entry("a", feature(one(2, 1), one(3, 7), one(3, 8)))), "a")).toEqual([
      7n,
      8n,
    ]);
    // The last entry of a name counts, also when it is empty; both messages of features do.
    const [first, second] = [entry("a", feature(one(2, 1))), entry("a", feature(one(2, 2)))];
    expect(values(parse(Buffer.concat([first, second])), "a")).toEqual([2]);
    expect(parse(Buffer.concat([first, entry("a", feature())])).has("a")).toBe(false);
    const both = parse(first, entry("b", feature(one(3, 3))));
    expect([values(both, "a"), values(both, "b")]).toEqual([[1], [3n]]);
  });

  it("never fails otherwise than with a DataError", () => {
    fc.assert(
      fc.property(bytes(80), (data) => {
        try {
          parseExample(data, { path: "some/file", offset: 7 });
        } catch (error) {
          expect(error).toBeInstanceOf(DataError);
          expect(error).toMatchObject({ path: "some/file", offset: 7 });
        }
      }),
      { numRuns: 1000 },
    );
  });
});
