/**
 * metrics.jsonl: a line of numbers for every step and every evaluation. It is read as a stream, so that its length does
 * not matter, and a line that cannot be read is given to the caller as bytes, so that it need not be lost.
 *
 * Each line ends with a checksum of what is before it, under the name "crc32": a digit that has changed would be a number,
 * too. Files of earlier versions have none, so that lines may lack one up to the first that has it.
 */
import { crc32 } from "node:zlib";

/** Numbers, or lists of them, of one step by name; `step` counts finished updates. */
export type MetricRow = {
  readonly step: number;
  readonly [name: string]: number | readonly number[];
};

/** A line of the file. */
export interface MetricLine {
  /** Undefined where the bytes are no row. */
  readonly row: MetricRow | undefined;
  readonly bytes: Uint8Array;
  /** True if a line feed ends it; otherwise the next row would become part of it. */
  readonly ended: boolean;
}

// JSON has no NaN and no infinity; a reader of metrics.jsonl gets them as text.
const spelled: readonly string[] = ["NaN", "Infinity", "-Infinity"];
const finite = (_: string, value: unknown) =>
  typeof value === "number" && !Number.isFinite(value) ? String(value) : value;

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Rows as lines of the file. */
export function encodeRows(rows: readonly MetricRow[]): Uint8Array {
  return encoder.encode(
    rows.map((row) => `${withChecksum(JSON.stringify(row, finite))}\n`).join(""),
  );
}

/** A row has at least a step, so that another field may follow. */
const withChecksum = (text: string) => `${text.slice(0, -1)},"crc32":${crc32(text)}}`;

/** A row's text without its checksum; undefined where it has none. */
function withoutChecksum(text: string): string | undefined {
  const at = text.lastIndexOf(',"crc32":');
  return at > 0 && /^\d+\}$/.test(text.slice(at + 9)) ? `${text.slice(0, at)}}` : undefined;
}

/** The lines of a file that comes in pieces. */
export async function* readLines(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<MetricLine> {
  let checked = false;
  for await (const line of split(pieces)) {
    const text = textOf(line.bytes);
    const body = text === undefined ? undefined : withoutChecksum(text);
    const whole = body !== undefined && withChecksum(body) === text;
    const old = body === undefined && !checked;
    checked ||= whole;
    yield { ...line, row: whole ? parseRow(body) : old && text ? parseRow(text) : undefined };
  }
}

function textOf(bytes: Uint8Array): string | undefined {
  try {
    return decoder.decode(bytes);
  } catch {
    return undefined; // no UTF-8
  }
}

/** The lines that `keep` says, as they are, many at a time. */
export async function* gather(
  lines: AsyncIterable<MetricLine>,
  keep: (line: MetricLine) => boolean,
): AsyncGenerator<Uint8Array> {
  let held = new Uint8Array(1 << 16);
  let length = 0;
  for await (const line of lines) {
    if (!keep(line)) continue;
    const needed = line.bytes.length + 1;
    if (length + needed > held.length) {
      if (length > 0) yield held.subarray(0, length);
      [held, length] = [new Uint8Array(Math.max(1 << 16, needed)), 0];
    }
    held.set(line.bytes, length);
    held[length + needed - 1] = 10;
    length += needed;
  }
  if (length > 0) yield held.subarray(0, length);
}

/** No row is longer; what seems so is a damaged file, which must not be gathered in memory. */
const longest = 1 << 20;

/** The bytes between line feeds. */
async function* split(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly ended: boolean }> {
  let held: Uint8Array[] = [];
  let length = 0;
  const take = (ended: boolean) => {
    const bytes = new Uint8Array(length);
    let at = 0;
    for (const part of held) {
      bytes.set(part, at);
      at += part.length;
    }
    [held, length] = [[], 0];
    return { bytes, ended };
  };
  for await (const piece of pieces) {
    let start = 0;
    for (;;) {
      const end = piece.indexOf(10, start);
      const part = piece.subarray(start, end < 0 ? piece.length : end);
      if (part.length > 0) held.push(part);
      length += part.length;
      if (end < 0) break;
      if (length > 0) yield take(true);
      start = end + 1;
    }
    if (length > longest) yield take(false);
  }
  if (length > 0) yield take(false);
}

function parseRow(text: string): MetricRow | undefined {
  try {
    const row: unknown = JSON.parse(text);
    if (typeof row !== "object" || row === null || Array.isArray(row)) return undefined;
    const numbers = Object.entries(row).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(numberOf) : numberOf(value),
    ]);
    const { step } = row as { readonly step?: unknown };
    return Number.isSafeInteger(step) && Number(step) >= 0
      ? Object.fromEntries(numbers) as MetricRow // all values were found to be numbers
      : undefined;
  } catch {
    return undefined;
  }
}

function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (spelled.includes(String(value))) return Number(value);
  throw new TypeError("no number");
}
