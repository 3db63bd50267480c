/** NumPy's headers and archives as Python writes them, and what they must not be taken for. */

import { deflateRawSync } from "node:zlib";
import { zipSync } from "fflate";
import { readFile } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { DataError, openDsprites } from "trilevel/data";
import { npyHeader, parseNpyHeader } from "../../src/data/formats/npy.ts";
import { openNpz } from "../../src/data/formats/npz.ts";
import { failure, fixture, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();

function header(text: string, version = 1): Uint8Array {
  const length = Buffer.alloc(version === 1 ? 2 : 4);
  if (version === 1) length.writeUInt16LE(text.length);
  else length.writeUInt32LE(text.length);
  return Buffer.concat([
    Buffer.from("\x93NUMPY", "latin1"),
    Uint8Array.of(version, 0),
    length,
    Buffer.from(text),
  ]);
}

const fault = (bytes: Uint8Array, limits = {}): string => {
  try {
    parseNpyHeader(bytes, "a.npy", limits);
  } catch (error) {
    expect(error).toBeInstanceOf(DataError);
    return `${(error as DataError)._tag}: ${(error as DataError).message}`;
  }
  return "nothing";
};
const dictionary = (descr: string, shape: string, fortran = "False") =>
  `{'descr': ${descr}, 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

describe("a header", () => {
  it.each([
    ["of Python 2", dictionary("'<f4'", "(3L, 4L)"), [3, 4]],
    ["of one axis", dictionary("'<f4'", "(3,)"), [3]],
    ["of one axis in Python 2", dictionary("'<f4'", "(3L,)"), [3]],
    ["of a scalar", dictionary("'<f4'", "()"), []],
    ["in another order", "{'shape': (2, 3), 'fortran_order': False, 'descr': '<f4'}", [2, 3]],
    ["without spaces", "{'descr':'<f4','fortran_order':False,'shape':(2,3)}", [2, 3]],
  ])("%s is read", (_, text, shape) => {
    for (const version of [1, 2, 3]) {
      expect(parseNpyHeader(header(text, version)).shape).toEqual(shape);
    }
  });

  it.each([
    ["big-endian numbers", dictionary("'>f4'", "(3,)"), /^Unsupported.*element type '>f4'/],
    ["half precision", dictionary("'<f2'", "(3,)"), /^Unsupported.*Save it in C order/s],
    ["objects", dictionary("'|O'", "(3,)"), /^Unsupported/],
    ["records", dictionary("[('a', '<f4')]", "(3,)"), /^Unsupported/],
    ["names of Object.prototype", dictionary("'constructor'", "(3,)"), /^Unsupported/],
    ["Fortran order", dictionary("'<f4'", "(3, 4)", "True"), /^Unsupported.*Fortran/],
    ["a number for a shape", dictionary("'<f4'", "(3)"), /^Corrupt/],
    ["a negative length", dictionary("'<f4'", "(-3,)"), /^Corrupt/],
    ["more elements than can be counted", dictionary("'<f4'", "(1, 1e9)"), /^Corrupt/],
    ["a product beyond 2⁵³", dictionary("'<f4'", "(4294967296, 4294967296)"), /^Corrupt/],
    ["a key twice", `{'shape': (1,), ${dictionary("'<f4'", "(3,)").slice(1)}`, /^Corrupt/],
    ["a key too many", `{'more': (1,), ${dictionary("'<f4'", "(3,)").slice(1)}`, /^Corrupt/],
    ["no shape", "{'descr': '<f4', 'fortran_order': False}", /^Corrupt/],
    ["no dictionary", "hello", /^Corrupt/],
  ])("with %s is refused with the right class", (_, text, expected) => {
    expect(fault(header(text))).toMatch(expected);
  });

  it("of another version, or longer than NumPy reads, is refused before it is read", () => {
    expect(fault(header(dictionary("'<f4'", "(3,)"), 4))).toMatch(/^Unsupported.*version 4/);
    const claim = header("", 2);
    new DataView(claim.buffer, claim.byteOffset).setUint32(8, 3e8, true);
    expect(fault(claim)).toMatch(/^LimitError: .*300000000 bytes.*limits: \{ headerBytes/s);
    const long = header(dictionary("'<f4'", "(3,)").padEnd(20_000), 2);
    expect(fault(long)).toMatch(/^LimitError/);
    expect(fault(long, { headerBytes: 20_000 })).toBe("nothing");
  });
});

interface ZipEntry {
  readonly name: string;
  readonly data: Uint8Array;
}
const entries: readonly ZipEntry[] = ["imgs", "latents_values", "latents_classes"].map((
  name,
  i,
) => ({
  name: `${name}.npy`,
  data: i === 0
    ? Buffer.concat([
      npyHeader("uint8", [2, 64, 64]),
      Uint8Array.from({ length: 8192 }, (_, p) => p % 2),
    ])
    : Buffer.concat([
      npyHeader("float64", [2, 6]),
      new Uint8Array(Float64Array.from({ length: 12 }, (_, k) => k + 100 * i).buffer),
    ]),
}));
const archive = (level: 0 | 9 = 9) =>
  zipSync(Object.fromEntries(entries.map(({ name, data }) => [name, data])), { level });
const open = async (bytes: Uint8Array, options = {}) =>
  await openDsprites(await put(temporary(`${crypto.randomUUID()}.npz`), bytes), options);

describe("an archive", () => {
  it("with a comment, even one that looks like the end of an archive, is read", async () => {
    for (const text of ["a comment", "PK\x05\x06".repeat(30)]) {
      const comment = Buffer.from(text, "latin1");
      const whole = Buffer.concat([archive(), comment]);
      whole.writeUInt16LE(comment.length, whole.length - comment.length - 2);
      expect((await (await open(whole)).get(1)).latents.data[0]).toBe(106);
    }
  });

  it("behind a prefix, as self-extracting archives have it, is read", async () => {
    const prefixed = Buffer.concat([Buffer.from("#!/bin/sh\nexec unzip\n"), archive()]);
    expect((await (await open(prefixed)).get(1)).classes.data[5]).toBe(211);
  });

  it("notices entries that were swapped, in the directory or in the data", async () => {
    const swap = (bytes: Uint8Array, which: (places: number[]) => number[]) => {
      const swapped = Buffer.from(bytes);
      const places = (name: string) => {
        const found: number[] = [];
        for (let at = swapped.indexOf(name); at >= 0; at = swapped.indexOf(name, at + 1)) {
          found.push(at);
        }
        return which(found);
      };
      const [values, classes] = [places("latents_values.npy"), places("latents_classes.n")];
      // Names of different lengths cannot be exchanged in place; one letter each will do.
      for (const at of values) swapped.write("latents_valueS.npy", at);
      for (const at of classes) swapped.write("latents_classeS.n", at);
      return swapped;
    };
    const wrong = await failure(open(swap(archive(), (places) => places.slice(0, 1))));
    expect([wrong._tag, /entry "latents_values.npy" is damaged/.test(wrong.message)]).toEqual([
      "CorruptError",
      true,
    ]);

    // Offsets exchanged in the directory.
    const bytes = Buffer.from(archive(0));
    const directory = [...bytes.keys()].filter((at) =>
      at + 46 < bytes.length && bytes.readUInt32LE(at) === 0x02014b50
    );
    const [a, b] = [directory[1]! + 42, directory[2]! + 42];
    const [first, second] = [bytes.readUInt32LE(a), bytes.readUInt32LE(b)];
    bytes.writeUInt32LE(second, a);
    bytes.writeUInt32LE(first, b);
    expect((await failure(open(bytes)))._tag).toBe("CorruptError");
  });

  it("that is encrypted, compressed otherwise, or has a name twice is refused", async () => {
    const patched = (at: number, value: number) => {
      const bytes = Buffer.from(archive());
      for (const [signature, shift] of [[0x02014b50, 2], [0x04034b50, 0]] as const) {
        for (let p = 0; p + 30 < bytes.length; p++) {
          if (bytes.readUInt32LE(p) === signature) bytes.writeUInt16LE(value, p + at + shift);
        }
      }
      return bytes;
    };
    expect((await failure(open(patched(6, 1))))._tag).toBe("UnsupportedError");
    expect((await failure(open(patched(8, 14))))._tag).toBe("UnsupportedError");
    const twice = Buffer.from(
      zipSync({ "imgs.npy": entries[0]!.data, "img2.npy": entries[0]!.data }),
    );
    twice.write("imgs", twice.lastIndexOf("img2"));
    expect((await failure(open(twice))).message).toContain('two arrays "imgs"');
  });

  it("that claims more than its bytes can inflate to is refused before it is read", async () => {
    // An entry of 5 MB of zeros that says 4 GB, in its own header and in the directory.
    const claim = npyHeader("uint8", [1_000_000, 64, 64]);
    const data = deflateRawSync(Buffer.concat([claim, new Uint8Array(1000)]));
    const zip = Buffer.from(zipSync({ "imgs.npy": [data, { level: 0 }] }));
    const size = 128 + 1_000_000 * 4096;
    const directory = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]));
    for (const at of [0, directory + 2]) {
      zip.writeUInt16LE(8, at + 8);
      zip.writeUInt32LE(size, at + 22);
    }
    const error = await failure(open(zip));
    expect([error._tag, /entry "imgs.npy" is damaged/.test(error.message)]).toEqual([
      "CorruptError",
      true,
    ]);
  });

  it("that holds more than it says is refused where its contents end", async () => {
    const zip = Buffer.from(archive());
    const directory = zip.indexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]));
    for (const at of [0, directory + 2]) zip.writeUInt32LE(8192, at + 22);
    expect((await failure(open(zip)))._tag).toBe("CorruptError");
  });
});

describe("a part of dSprites", () => {
  const damaged = () => {
    const bytes = Buffer.from(archive(0));
    const at = bytes.indexOf("imgs.npy") + 8 + 128 + 8000; // in the second picture
    bytes[at]! ^= 1;
    return bytes;
  };

  it("is checked as a whole, unless told otherwise", async () => {
    const error = await failure(open(damaged(), { limit: 1 }));
    expect(error.message).toContain('checksum or length of "imgs.npy" is wrong');
    const unchecked = await open(damaged(), { limit: 1, verify: false });
    expect(unchecked.size).toBe(1);
  });

  it("has the same pictures either way", async () => {
    const bytes = await readFile(fixture("dsprites.npz"));
    const [one, other] = await Promise.all(
      [true, false].map((verify) => open(bytes, { limit: 2, verify })),
    );
    expect(await one!.get(1)).toEqual(await other!.get(1));
  });

  it("is named by its array, and limits are its own", async () => {
    const path = await put(temporary("own.npz"), archive());
    const npz = await openNpz(path, { headerBytes: 10 });
    expect((await failure(npz.stream("imgs")))._tag).toBe("LimitError");
    await npz.close();
  });
});
