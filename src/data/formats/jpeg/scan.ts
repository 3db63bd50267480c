/** One scan of a JPEG: coded data to coefficients, sequential or progressive (ITU-T T.81, annexes F and G). */

import { type BitReader, CodedDataError, type HuffmanTable } from "./huffman.ts";

/** A colour component: its sampling, its tables, and its coefficients, 64 a block in natural order. */
export interface Component {
  readonly id: number;
  /** Sampling factors: blocks of one MCU in each direction. */
  readonly h: number;
  readonly v: number;
  /** The index of its quantization table. */
  readonly table: number;
  /** Samples in each direction. */
  readonly width: number;
  readonly height: number;
  /** Blocks in each direction, as many as whole MCUs have. */
  readonly columns: number;
  readonly rows: number;
  coefficients: Int16Array;
  /** The quantization table, latched by the component's first scan; steps in natural order. */
  steps: Uint16Array | undefined;
}

/** The contents of a scan's header. */
export interface Scan {
  readonly components: readonly {
    readonly component: Component;
    readonly dc: HuffmanTable | undefined;
    readonly ac: HuffmanTable | undefined;
  }[];
  readonly progressive: boolean;
  /** The first and last coefficient of the band, in zigzag order. */
  readonly first: number;
  readonly last: number;
  /** The bit position before (0: none) and now. */
  readonly high: number;
  readonly low: number;
  /** MCUs between restart markers, 0 for none. */
  readonly restart: number;
  /** MCUs of the whole frame in each direction. */
  readonly across: number;
  readonly down: number;
}

/** Natural order of the coefficients, by their place in zigzag order. */
export const zigzag = Uint8Array.from(
  // deno-fmt-ignore
  [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6, 7, 14, 21,
    28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61,
    54, 47, 55, 62, 63,
  ],
);

type Block = (coefficients: Int16Array, at: number, place: number) => void;

/** Decodes a scan into the coefficients of its components. */
export function decodeScan(scan: Scan, reader: BitReader): void {
  const predictions = new Int32Array(scan.components.length);
  const run = { ends: 0 }; // blocks that are still to end without a code
  const decoders = scan.components.map(({ dc, ac }) =>
    blockDecoder(scan, reader, predictions, run, dc, ac)
  );
  let done = 0;
  const next = () => {
    if (scan.restart > 0 && done > 0 && done % scan.restart === 0) {
      reader.restart((done / scan.restart - 1) & 7);
      predictions.fill(0);
      run.ends = 0;
    }
    done++;
  };
  if (scan.components.length === 1) { // not interleaved: only blocks that hold samples
    const { component: { width, height, columns, coefficients } } = scan.components[0]!;
    const decode = decoders[0]!;
    const [across, down] = [Math.ceil(width / 8), Math.ceil(height / 8)];
    for (let y = 0; y < down; y++) {
      for (let x = 0; x < across; x++) {
        next();
        decode(coefficients, 64 * (y * columns + x), 0);
      }
    }
    return;
  }
  for (let row = 0; row < scan.down; row++) {
    for (let column = 0; column < scan.across; column++) {
      next();
      for (let place = 0; place < decoders.length; place++) {
        const { h, v, columns, coefficients } = scan.components[place]!.component;
        for (let y = row * v; y < (row + 1) * v; y++) {
          for (let x = column * h; x < (column + 1) * h; x++) {
            decoders[place]!(coefficients, 64 * (y * columns + x), place);
          }
        }
      }
    }
  }
}

function blockDecoder(
  { progressive, first, last, high, low }: Scan,
  reader: BitReader,
  predictions: Int32Array,
  run: { ends: number },
  dc: HuffmanTable | undefined,
  ac: HuffmanTable | undefined,
): Block {
  const needed = (table: HuffmanTable | undefined) => {
    if (table === undefined) {
      throw new CodedDataError("a scan names a Huffman table that is missing");
    }
    return table;
  };
  const difference = (table: HuffmanTable, place: number) => {
    const length = reader.symbol(table);
    if (length > 15) throw new CodedDataError("a coefficient has more than 15 bits");
    return predictions[place] = predictions[place]! + (length === 0 ? 0 : reader.signed(length));
  };
  if (!progressive) {
    const [dcTable, acTable] = [needed(dc), needed(ac)];
    return (coefficients, at, place) => {
      coefficients[at] = difference(dcTable, place);
      for (let k = 1; k < 64; k++) {
        const symbol = reader.symbol(acTable);
        const length = symbol & 15;
        if (length === 0) {
          if (symbol !== 0xf0) break;
          k += 15;
          continue;
        }
        k += symbol >> 4;
        if (k > 63) throw new CodedDataError("a block has more than 64 coefficients");
        coefficients[at + zigzag[k]!] = reader.signed(length);
      }
    };
  }
  if (first === 0) {
    if (high > 0) {
      return (coefficients, at) => {
        if (reader.bits(1) === 1) coefficients[at]! |= 1 << low;
      };
    }
    const table = needed(dc);
    return (coefficients, at, place) => {
      coefficients[at] = difference(table, place) << low;
    };
  }
  const table = needed(ac);
  const endRun = (symbol: number) => {
    const length = symbol >> 4;
    run.ends = (1 << length) + reader.bits(length);
  };
  if (high === 0) {
    return (coefficients, at) => {
      if (run.ends > 0) {
        run.ends--;
        return;
      }
      for (let k = first; k <= last; k++) {
        const symbol = reader.symbol(table);
        const length = symbol & 15;
        if (length === 0) {
          if (symbol === 0xf0) {
            k += 15;
            continue;
          }
          endRun(symbol);
          run.ends--;
          break;
        }
        k += symbol >> 4;
        if (k > last) throw new CodedDataError("a block has more coefficients than its band");
        coefficients[at + zigzag[k]!] = reader.signed(length) << low;
      }
    };
  }
  const bit = 1 << low;
  // Reads one more bit of a coefficient that is known to be different from zero.
  const refine = (coefficients: Int16Array, at: number) => {
    const value = coefficients[at]!;
    if (reader.bits(1) === 1 && (value & bit) === 0) {
      coefficients[at] = value + (value > 0 ? bit : -bit);
    }
  };
  return (coefficients, at) => {
    let k = first;
    if (run.ends === 0) {
      for (; k <= last; k++) {
        const symbol = reader.symbol(table);
        let zeros = symbol >> 4;
        let value = 0;
        if ((symbol & 15) === 0) {
          if (zeros < 15) {
            endRun(symbol);
            break;
          }
        } else value = reader.bits(1) === 1 ? bit : -bit;
        // The value belongs behind so many zeros; what is not zero on the way is refined.
        for (; k <= last; k++) {
          const to = at + zigzag[k]!;
          if (coefficients[to] !== 0) refine(coefficients, to);
          else if (--zeros < 0) break;
        }
        if (value !== 0) {
          if (k > last) throw new CodedDataError("a block has more coefficients than its band");
          coefficients[at + zigzag[k]!] = value;
        }
      }
    }
    if (run.ends > 0) {
      for (; k <= last; k++) {
        const to = at + zigzag[k]!;
        if (coefficients[to] !== 0) refine(coefficients, to);
      }
      run.ends--;
    }
  };
}
