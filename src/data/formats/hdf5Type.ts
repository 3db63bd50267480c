/**
 * The element type of an HDF5 array, read from its object header (HDF5 File Format Specification 3.0, IV.A).
 *
 * h5wasm reports class and size of a type, but neither offset nor precision: an integer of 12 bits in two bytes, or
 * one that begins at another bit, comes out with the bits beside it. So the type is read here as well, and what is
 * not an ordinary number is refused.
 */

import type { RandomAccessFile } from "../files.ts";

const [DATATYPE, CONTINUATION] = [0x03, 0x10];
const [FIXED, FLOAT, ENUM] = [0, 1, 8];
const classes = [
  "integers",
  "floats",
  "times",
  "texts",
  "bit fields",
  "opaque bytes",
  "records",
  "references",
  "enumerations",
  "lists",
  "arrays",
  "complex numbers",
];

/**
 * Why the elements of an array are no plain numbers; nothing when they are.
 *
 * @param base where addresses count from.
 * @param address of the array's object header.
 * @throws {RangeError} when the header makes no sense.
 */
export async function oddElements(
  file: RandomAccessFile,
  base: number,
  address: number,
): Promise<string | undefined> {
  for await (const { type, flags, body } of messages(file, base, address)) {
    if (type !== DATATYPE) continue;
    return (flags & 2) !== 0 ? "has a named element type" : oddType(body);
  }
  throw new RangeError("an array has no element type");
}

function oddType(body: DataView): string | undefined {
  const kind = body.getUint8(0) & 15;
  const size = body.getUint32(4, true);
  if (kind === ENUM) return oddType(view(body, 8, body.byteLength - 8));
  if (kind !== FIXED && kind !== FLOAT) return `holds ${classes[kind] ?? "unknown elements"}`;
  const name = classes[kind]!;
  const [offset, precision] = [body.getUint16(8, true), body.getUint16(10, true)];
  if (offset !== 0 || precision !== 8 * size) {
    return `holds ${name} of ${precision} bits, from bit ${offset}, in ${size} bytes`;
  }
  if (kind === FIXED) {
    return [1, 2, 4, 8].includes(size) ? undefined : `holds ${name} of ${size} bytes`;
  }
  // Sign, exponent and mantissa, and the bias, as IEEE 754 has them in 32 and 64 bits.
  const layout = [12, 13, 14, 15].map((at) => body.getUint8(at)).join();
  const bias = body.getUint32(16, true);
  const ieee = size === 4
    ? layout === "23,8,0,23" && bias === 127
    : size === 8 && layout === "52,11,0,52" && bias === 1023;
  return ieee ? undefined : `holds floats of ${precision} bits`;
}

interface Message {
  readonly type: number;
  readonly flags: number;
  readonly body: DataView;
}

const view = ({ buffer, byteOffset }: DataView | Uint8Array, at: number, length: number) =>
  new DataView(buffer, byteOffset + at, length);

async function* messages(
  file: RandomAccessFile,
  base: number,
  address: number,
): AsyncGenerator<Message> {
  const read = async (at: number, length: number) => {
    if (!(at >= 0 && length >= 0 && at + length <= file.size)) {
      throw new RangeError("an object header points outside of the file");
    }
    return view(await file.read(at, length), 0, length);
  };
  const start = base + address;
  const head = await read(start, Math.min(64, file.size - start));
  const second = head.getUint32(0, true) === 0x5244484f; // "OHDR": version 2
  if (!second && head.getUint8(0) !== 1) throw new RangeError("an object header is damaged");
  const flags = second ? head.getUint8(5) : 0;
  const ordered = (flags & 4) !== 0;
  let [at, length] = [16, second ? 0 : head.getUint32(8, true)];
  if (second) {
    at = 6 + ((flags & 32) !== 0 ? 16 : 0) + ((flags & 16) !== 0 ? 4 : 0);
    const width = 1 << (flags & 3);
    length = width === 8
      ? Number(head.getBigUint64(at, true))
      : width === 4
      ? head.getUint32(at, true)
      : width === 2
      ? head.getUint16(at, true)
      : head.getUint8(at);
    at += width;
  }
  const blocks = [{ at: start + at, length }];
  // A block that continues another may be visited only once, or headers could go in circles.
  for (let i = 0; i < blocks.length && i < 1000; i++) {
    const block = await read(blocks[i]!.at, blocks[i]!.length);
    const prefix = second ? (ordered ? 6 : 4) : 8;
    for (let p = 0; p + prefix <= block.byteLength;) {
      const type = second ? block.getUint8(p) : block.getUint16(p, true);
      const size = block.getUint16(p + (second ? 1 : 2), true);
      const own = block.getUint8(p + (second ? 3 : 4));
      if (p + prefix + size > block.byteLength) break; // padding at the end
      const body = view(block, p + prefix, size);
      yield { type, flags: own, body };
      if (type === CONTINUATION) {
        const [to, more] = [body.getBigUint64(0, true), body.getBigUint64(8, true)].map(Number);
        // Version 2 frames continuations with a signature and a checksum.
        blocks.push(
          second ? { at: base + to! + 4, length: more! - 8 } : { at: base + to!, length: more! },
        );
      }
      p += prefix + size;
    }
  }
}
