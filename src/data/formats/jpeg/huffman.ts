/** The entropy-coded data of a JPEG: bits, Huffman codes, and signed numbers of a given length. */

/** A Huffman table in canonical form (ITU-T T.81, annex C). */
export interface HuffmanTable {
  /** For the next 8 bits: length of the code (0 when longer than 8 bits) shifted by 8, and its symbol. */
  readonly lookup: Uint16Array;
  /** The largest code of each length, −1 when there is none. */
  readonly last: Int32Array;
  /** The number to add to a code of each length to get the index of its symbol. */
  readonly shift: Int32Array;
  readonly symbols: Uint8Array;
}

/** A table from the numbers of codes of 1 … 16 bits and their symbols; none when the numbers are impossible. */
export function huffmanTable(counts: Uint8Array, symbols: Uint8Array): HuffmanTable | undefined {
  const lookup = new Uint16Array(256);
  const last = new Int32Array(18).fill(-1);
  const shift = new Int32Array(18);
  let [code, index] = [0, 0];
  for (let length = 1; length <= 16; length++) {
    shift[length] = index - code;
    for (let i = 0; i < counts[length - 1]!; i++, code++, index++) {
      if (code >= 1 << length) return undefined;
      if (length > 8) continue;
      const first = code << (8 - length);
      lookup.fill((length << 8) | symbols[index]!, first, first + (1 << (8 - length)));
    }
    if (counts[length - 1]! > 0) last[length] = code - 1;
    code <<= 1;
  }
  return { lookup, last, shift, symbols };
}

/** Why coded data cannot be read; the decoder adds the place. */
export class CodedDataError extends Error {
  /** The coded data ends before its last block. */
  constructor(message: string, readonly ended: boolean = false) {
    super(message);
  }
}

/** Reads bits up to the next marker; `restart` goes on behind a restart marker. */
export class BitReader {
  #bits = 0; // the lowest #count bits are unread
  #count = 0;
  #missing = 0; // how many of them are zeros made up behind the end

  /** Reads from `at`; coded data ends at the first marker. */
  constructor(private readonly bytes: Uint8Array, private at: number) {}

  /** The offset of the next marker, once all data before it is used. */
  get position(): number {
    return this.at;
  }

  #fill(): void {
    while (this.#count <= 16) {
      let byte = this.bytes[this.at] ?? 0xff;
      if (byte === 0xff) {
        if (this.bytes[this.at + 1] === 0) this.at += 2;
        else {
          byte = 0;
          this.#missing += 8;
        }
      } else this.at++;
      this.#bits = (this.#bits << 8) | byte;
      this.#count += 8;
    }
  }

  #take(count: number): void {
    this.#count -= count;
    this.#bits &= (1 << this.#count) - 1;
    if (this.#count < this.#missing) {
      throw new CodedDataError("the coded data ends before its last block", true);
    }
  }

  /** The next `count` bits, at most 16. */
  bits(count: number): number {
    if (count === 0) return 0;
    if (this.#count < count) this.#fill();
    const value = this.#bits >> (this.#count - count);
    this.#take(count);
    return value;
  }

  /** A number whose leading bit tells its sign (T.81, F.2.2.1). */
  signed(length: number): number {
    const value = this.bits(length);
    return value < 1 << (length - 1) ? value - (1 << length) + 1 : value;
  }

  /** The symbol of the next code. */
  symbol({ lookup, last, shift, symbols }: HuffmanTable): number {
    if (this.#count < 16) this.#fill();
    const found = lookup[(this.#bits >> (this.#count - 8)) & 255]!;
    if (found !== 0) {
      this.#take(found >> 8);
      return found & 255;
    }
    for (let length = 9; length <= 16; length++) {
      const code = this.#bits >> (this.#count - length);
      if (code > last[length]!) continue;
      this.#take(length);
      return symbols[code + shift[length]!]!;
    }
    throw new CodedDataError("the coded data has a code that its table lacks", this.#missing > 0);
  }

  /** Goes on behind the restart marker of this number (0 … 7). */
  restart(number: number): void {
    const { bytes } = this;
    if (bytes[this.at] !== 0xff || bytes[this.at + 1] !== 0xd0 + number) {
      throw new CodedDataError(`the restart marker ${number} is missing`);
    }
    this.at += 2;
    this.#bits = this.#count = this.#missing = 0;
  }
}
