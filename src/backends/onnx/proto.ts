/**
 * Writes protocol buffers: exactly as much of the wire format as an ONNX model needs.
 * https://protobuf.dev/programming-guides/encoding/
 */

const encoder = new TextEncoder();

/** A message being written, field by field. */
export class ProtoWriter {
  #bytes = new Uint8Array(256);
  #length = 0;

  /** The bytes written so far; valid until the next write. */
  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  /** A whole number: int32, int64, enum. */
  int(field: number, value: number): this {
    this.#varint(field * 8);
    this.#signed(value);
    return this;
  }

  /** Whole numbers, packed. */
  ints(field: number, values: readonly number[]): this {
    return this.message(field, (packed) => {
      for (const value of values) packed.#signed(value);
    });
  }

  /** A 32-bit float. */
  float(field: number, value: number): this {
    this.#varint(field * 8 + 5);
    this.#reserve(4);
    new DataView(this.#bytes.buffer).setFloat32(this.#length, value, true);
    this.#length += 4;
    return this;
  }

  /** Text. */
  text(field: number, value: string): this {
    this.#reserve(3 * value.length + 10);
    this.#varint(field * 8 + 2);
    // Names are short: their length takes one byte, and is known when they are written.
    const { written } = encoder.encodeInto(value, this.#bytes.subarray(this.#length + 1));
    if (written > 0x7f) return this.#long(encoder.encode(value));
    this.#bytes[this.#length] = written;
    this.#length += written + 1;
    return this;
  }

  /** Bytes as they are. */
  data(field: number, value: Uint8Array): this {
    this.#varint(field * 8 + 2);
    return this.#long(value);
  }

  #long(value: Uint8Array): this {
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
    return this;
  }

  /** A message within this one: written in place, then moved to make room for its length. */
  message(field: number, write: (inner: this) => void): this {
    this.#varint(field * 8 + 2);
    const start = this.#length;
    write(this);
    const size = this.#length - start;
    this.#varint(size);
    const prefix = this.#length - start - size;
    const length = this.#bytes.slice(start + size, this.#length);
    this.#bytes.copyWithin(start + prefix, start, start + size);
    this.#bytes.set(length, start);
    return this;
  }

  #signed(value: number): void {
    if (value >= 0) return this.#varint(value);
    // Negative numbers are written as 64 bits in two's complement: ten groups of seven.
    let rest = BigInt.asUintN(64, BigInt(value));
    while (rest > 0x7fn) {
      this.#byte(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    this.#byte(Number(rest));
  }

  #varint(value: number): void {
    let rest = value;
    while (rest > 0x7f) {
      this.#byte((rest % 0x80) | 0x80);
      rest = Math.floor(rest / 0x80);
    }
    this.#byte(rest);
  }

  #byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  #reserve(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(2 * this.#bytes.length, this.#length + more));
    grown.set(this.bytes);
    this.#bytes = grown;
  }
}
