/** The markers of a JPEG: what the file is, and where its scans are (ITU-T T.81, annex B). */

import { CorruptError, type DataError, TruncatedError, UnsupportedError } from "../../errors.ts";
import { checkLimit, type Limits, type Place } from "../../limits.ts";
import { BitReader, CodedDataError, type HuffmanTable, huffmanTable } from "./huffman.ts";
import type { ColourSpace } from "./samples.ts";
import { type Component, decodeScan, zigzag } from "./scan.ts";

const again = "Download the file again";

/** A decoded file before its coefficients become pixels. */
export interface Frame {
  readonly width: number;
  readonly height: number;
  readonly components: readonly Component[];
  /** The largest sampling factors. */
  readonly h: number;
  readonly v: number;
  readonly space: ColourSpace;
  /** The payload of the Exif segment, if there is one. */
  readonly exif: Uint8Array | undefined;
}

// Start-of-frame markers that are not read, and what they stand for.
const otherFrames: { readonly [marker: number]: string } = {
  0xc3: "lossless coding",
  0xc5: "hierarchical coding",
  0xc6: "hierarchical coding",
  0xc7: "hierarchical lossless coding",
  0xc9: "arithmetic coding",
  0xca: "arithmetic coding",
  0xcb: "arithmetic lossless coding",
  0xcd: "hierarchical arithmetic coding",
  0xce: "hierarchical arithmetic coding",
  0xcf: "hierarchical arithmetic coding",
};

/** Reads all markers and decodes all scans. */
export function readFrame(bytes: Uint8Array, path?: string, limits: Partial<Limits> = {}): Frame {
  return new Reader(bytes, path, limits).read();
}

interface FrameHeader extends Omit<Frame, "space" | "exif"> {
  readonly progressive: boolean;
}

class Reader {
  readonly #dc = new Map<number, HuffmanTable>();
  readonly #ac = new Map<number, HuffmanTable>();
  readonly #steps = new Map<number, Uint16Array>();
  #frame: FrameHeader | undefined;
  #restart = 0;
  #scans = 0;
  #jfif = false;
  #adobe: number | undefined;
  #exif: Uint8Array | undefined;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly path: string | undefined,
    private readonly limits: Partial<Limits>,
  ) {}

  read(): Frame {
    const { bytes } = this;
    let at = 2;
    while (at + 1 < bytes.length) {
      if (bytes[at] !== 0xff) throw this.#corrupt("a marker was expected", at);
      const marker = bytes[at + 1]!;
      if (marker === 0xff) { // a fill byte
        at++;
        continue;
      }
      if (marker === 0xd9) return this.#finish(at);
      if (marker === 0x01 || (marker >= 0xd0 && marker <= 0xd8)) { // without a length
        throw this.#corrupt(`the marker ${marker.toString(16)} is out of place`, at);
      }
      if (at + 4 > bytes.length) break;
      const length = (bytes[at + 2]! << 8) | bytes[at + 3]!;
      if (length < 2) {
        throw this.#corrupt(
          "the length of a segment is below 2, the bytes of the length itself",
          at,
        );
      }
      const end = at + 2 + length;
      if (end > bytes.length) break;
      at = this.#segment(marker, bytes.subarray(at + 4, end), at, end);
    }
    throw this.#truncated("ends before its end marker", bytes.length);
  }

  // Takes in one segment; returns where the next marker should be.
  #segment(marker: number, body: Uint8Array, at: number, end: number): number {
    const starts = (text: string) => [...text].every((c, i) => body[i] === c.charCodeAt(0));
    const other = otherFrames[marker];
    if (other !== undefined) throw this.#unsupported(other, at);
    if (marker >= 0xc0 && marker <= 0xc2) this.#startFrame(marker === 0xc2, body, at);
    else if (marker === 0xc4) this.#huffman(body, at);
    else if (marker === 0xdb) this.#quantization(body, at);
    else if (marker === 0xdc) throw this.#unsupported("a height that follows the scan", at);
    else if (marker === 0xdd) {
      if (body.length !== 2) throw this.#corrupt("the restart interval is damaged", at);
      this.#restart = (body[0]! << 8) | body[1]!;
    } else if (marker === 0xe0 && body.length >= 12 && starts("JFIF\0")) this.#jfif = true;
    else if (marker === 0xe1 && starts("Exif\0\0")) this.#exif ??= body.subarray(6);
    else if (marker === 0xee && body.length >= 12 && starts("Adobe")) this.#adobe = body[11]!;
    else if (marker === 0xda) return this.#scan(body, at, end);
    return end;
  }

  #startFrame(progressive: boolean, body: Uint8Array, at: number): void {
    if (this.#frame !== undefined) throw this.#corrupt("there are two frames", at);
    const count = body[5] ?? 0;
    if (body.length !== 6 + 3 * count) throw this.#corrupt("the frame's header is damaged", at);
    if (body[0] !== 8) throw this.#unsupported(`${body[0]} bits a sample`, at);
    const height = (body[1]! << 8) | body[2]!;
    const width = (body[3]! << 8) | body[4]!;
    if (height === 0) throw this.#unsupported("a height that follows the scan", at);
    if (width === 0) throw this.#corrupt("the image is 0 pixels wide", at);
    if (![1, 3, 4].includes(count)) throw this.#unsupported(`${count} components`, at);
    const place: Place = { path: this.path, offset: at };
    checkLimit(
      "pixels",
      width * height,
      `the image has ${width}×${height} pixels`,
      this.limits,
      place,
    );
    const specs = Array.from({ length: count }, (_, i) => body.subarray(6 + 3 * i, 9 + 3 * i));
    const factors = specs.map((spec) => ({ h: spec[1]! >> 4, v: spec[1]! & 15 }));
    const h = Math.max(...factors.map((f) => f.h));
    const v = Math.max(...factors.map((f) => f.v));
    if (factors.some((f) => f.h < 1 || f.v < 1 || f.h > 4 || f.v > 4)) {
      throw this.#corrupt("a sampling factor is not 1 to 4", at);
    }
    if (factors.some((f) => h % f.h !== 0 || v % f.v !== 0)) {
      throw this.#unsupported("sampling factors that are not multiples of each other", at);
    }
    const across = Math.ceil(width / (8 * h));
    const down = Math.ceil(height / (8 * v));
    const blocks = factors.reduce((sum, f) => sum + across * f.h * down * f.v, 0);
    // Each block takes at least one bit, so that a small file cannot ask for a large image.
    if (blocks > 8 * this.bytes.length) {
      throw this.#truncated(
        `has ${this.bytes.length} bytes, too few for ${width}×${height} pixels`,
        this.bytes.length,
      );
    }
    const components = specs.map((spec, i): Component => {
      const { h: own, v: ownV } = factors[i]!;
      const [columns, rows] = [across * own, down * ownV];
      return {
        id: spec[0]!,
        h: own,
        v: ownV,
        table: spec[2]!,
        width: Math.ceil((width * own) / h),
        height: Math.ceil((height * ownV) / v),
        columns,
        rows,
        coefficients: new Int16Array(64 * columns * rows),
        steps: undefined,
      };
    });
    this.#frame = { width, height, components, h, v, progressive };
  }

  #huffman(body: Uint8Array, at: number): void {
    for (let p = 0; p < body.length;) {
      const [kind, number] = [body[p]! >> 4, body[p]! & 15];
      const counts = body.subarray(p + 1, p + 17);
      const total = counts.reduce((sum, count) => sum + count, 0);
      const symbols = body.subarray(p + 17, p + 17 + total);
      const fits = kind <= 1 && number <= 3 && counts.length === 16 && symbols.length === total;
      const table = fits && total <= 256 ? huffmanTable(counts, symbols) : undefined;
      if (table === undefined) throw this.#corrupt("a Huffman table is damaged", at);
      (kind === 0 ? this.#dc : this.#ac).set(number, table);
      p += 17 + total;
    }
  }

  #quantization(body: Uint8Array, at: number): void {
    for (let p = 0; p < body.length;) {
      const wide = body[p]! >> 4;
      const number = body[p]! & 15;
      const size = wide === 1 ? 128 : 64;
      if (wide > 1 || number > 3 || p + 1 + size > body.length) {
        throw this.#corrupt("a quantization table is damaged", at);
      }
      const steps = new Uint16Array(64);
      for (let k = 0; k < 64; k++) {
        const from = p + 1 + (wide === 1 ? 2 * k : k);
        steps[zigzag[k]!] = wide === 1 ? (body[from]! << 8) | body[from + 1]! : body[from]!;
      }
      this.#steps.set(number, steps);
      p += 1 + size;
    }
  }

  #scan(body: Uint8Array, at: number, start: number): number {
    const frame = this.#frame;
    if (frame === undefined) throw this.#corrupt("a scan comes before the frame", at);
    this.#scans++;
    const place: Place = { path: this.path, offset: at };
    checkLimit("scans", this.#scans, `the JPEG image has ${this.#scans} scans`, this.limits, place);
    const count = body[0] ?? 0;
    if (count < 1 || count > 4 || body.length !== 4 + 2 * count) {
      throw this.#corrupt("a scan's header is damaged", at);
    }
    const components = Array.from({ length: count }, (_, i) => {
      const [id, tables] = [body[1 + 2 * i]!, body[2 + 2 * i]!];
      const component = frame.components.find((c) => c.id === id);
      if (component === undefined) throw this.#corrupt(`a scan names the component ${id}`, at);
      return { component, dc: this.#dc.get(tables >> 4), ac: this.#ac.get(tables & 15) };
    });
    const blocks = components.reduce((sum, { component: { h, v } }) => sum + h * v, 0);
    if (new Set(components.map((c) => c.component)).size < count || (count > 1 && blocks > 10)) {
      throw this.#corrupt("the components of a scan are invalid", at);
    }
    const [first, last, bits] = body.subarray(1 + 2 * count) as unknown as [number, number, number];
    const [high, low] = [bits >> 4, bits & 15];
    const { progressive } = frame;
    const band = !progressive || (low <= 13 && (high === 0 || high === low + 1) &&
      (first === 0 ? last === 0 : first <= last && last < 64 && count === 1));
    if (!band) throw this.#corrupt("the spectral band of a scan is invalid", at);
    for (const { component } of components) {
      component.steps ??= this.#steps.get(component.table)?.slice();
      if (component.steps === undefined) {
        throw this.#corrupt(`the quantization table ${component.table} is missing`, at);
      }
    }
    try {
      decodeScan({
        components,
        progressive,
        first,
        last,
        high,
        low,
        restart: this.#restart,
        across: Math.ceil(frame.width / (8 * frame.h)),
        down: Math.ceil(frame.height / (8 * frame.v)),
      }, new BitReader(this.bytes, start));
    } catch (error) {
      if (!(error instanceof CodedDataError)) throw error;
      const end = this.#endOfData(start);
      throw error.ended && end === this.bytes.length
        ? this.#truncated("ends inside its coded data", end)
        : this.#corrupt(error.message, start);
    }
    return this.#endOfData(start);
  }

  // Coded data goes on to the first marker that is neither a stuffed zero nor a restart.
  #endOfData(start: number): number {
    const { bytes } = this;
    let at = bytes.indexOf(0xff, start);
    while (at >= 0) {
      const code = bytes[at + 1];
      if (code === undefined) break;
      if (code !== 0 && !(code >= 0xd0 && code <= 0xd7)) return at;
      at = bytes.indexOf(0xff, at + 2);
    }
    return bytes.length;
  }

  #finish(at: number): Frame {
    const frame = this.#frame;
    if (frame === undefined) throw this.#corrupt("it has no frame", at);
    if (frame.components.some(({ steps }) => steps === undefined)) {
      throw this.#corrupt("a component has no scan", at);
    }
    return { ...frame, space: this.#space(frame.components), exif: this.#exif };
  }

  // As libjpeg decides: JFIF is always YCbCr, Adobe's marker tells, and names of components hint.
  #space(components: readonly Component[]): ColourSpace {
    if (components.length === 1) return "grey";
    if (components.length === 4) return (this.#adobe ?? 0) === 0 ? "cmyk" : "ycck";
    if (this.#jfif) return "ycc";
    if (this.#adobe !== undefined) return this.#adobe === 0 ? "rgb" : "ycc";
    return String.fromCharCode(...components.map(({ id }) => id)) === "RGB" ? "rgb" : "ycc";
  }

  #corrupt(what: string, offset: number): DataError {
    const { path } = this;
    return new CorruptError(`the JPEG image cannot be decoded: ${what}`, {
      path,
      offset,
      hint: again,
    });
  }

  #truncated(what: string, offset: number): DataError {
    return new TruncatedError(`the JPEG image ${what}`, { path: this.path, offset, hint: again });
  }

  #unsupported(what: string, offset: number): DataError {
    return new UnsupportedError(`a JPEG image with ${what} is not supported`, {
      path: this.path,
      offset,
      hint: "Convert it to a baseline or progressive JPEG of 8 bits, or to PNG",
    });
  }
}
