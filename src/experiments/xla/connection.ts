/**
 * Frames over two streams: the sizes of a JSON header (uint32) and of the bytes after it (uint64), little-endian, then
 * both.
 */
import { once } from "node:events";
import type { Readable, Writable } from "node:stream";
import type { TypedArray } from "../../index.ts";

/** A message: a header, and the elements of arrays. */
export interface Frame {
  readonly header: { readonly [key: string]: unknown };
  readonly body: Uint8Array<ArrayBuffer>;
}

const sizes = 12;

/** The bytes of a frame, in parts. */
export function encodeFrame(
  header: Frame["header"],
  arrays: readonly TypedArray[] = [],
): Uint8Array[] {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const head = new Uint8Array(sizes + text.length);
  const view = new DataView(head.buffer);
  view.setUint32(0, text.length, true);
  view.setBigUint64(4, BigInt(arrays.reduce((sum, x) => sum + x.byteLength, 0)), true);
  head.set(text, sizes);
  return [head, ...arrays.map((x) => new Uint8Array(x.buffer, x.byteOffset, x.byteLength))];
}

/** The frames of a stream, until it ends. One that is cut short is none. */
export async function* readFrames(stream: Readable): AsyncGenerator<Frame, void, undefined> {
  const chunks = stream[Symbol.asyncIterator]();
  let rest: Uint8Array = new Uint8Array();
  const take = async (size: number): Promise<Uint8Array<ArrayBuffer> | undefined> => {
    const taken = new Uint8Array(size);
    for (let at = 0; at < size;) {
      if (rest.length === 0) {
        // A stream that breaks has ended: the process it belongs to tells why.
        const next = await chunks.next().catch(() => undefined);
        if (next === undefined || next.done) return undefined;
        rest = next.value;
      }
      const part = rest.subarray(0, size - at);
      taken.set(part, at);
      at += part.length;
      rest = rest.subarray(part.length);
    }
    return taken;
  };
  while (true) {
    const head = await take(sizes);
    if (head === undefined) return;
    const view = new DataView(head.buffer);
    const text = await take(view.getUint32(0, true));
    const body = await take(Number(view.getBigUint64(4, true)));
    if (text === undefined || body === undefined) return;
    yield { header: JSON.parse(new TextDecoder().decode(text)), body };
  }
}

/** One end of a conversation in which every answer belongs to the question before it. */
export class Connection {
  readonly #frames: AsyncGenerator<Frame, void, undefined>;

  constructor(
    private readonly input: Writable,
    output: Readable,
    /** Settles when the other end is gone, with the reason in words. */
    private readonly gone: Promise<Error>,
  ) {
    this.#frames = readFrames(output);
    input.on("error", () => {}); // the missing answer tells it
  }

  /** Sends a frame, and waits while the other end is behind. */
  async send(header: Frame["header"], arrays: readonly TypedArray[] = []): Promise<void> {
    for (const part of encodeFrame(header, arrays)) {
      if (this.input.write(part)) continue;
      const drained = await Promise.race([
        once(this.input, "drain").then(() => true, () => false),
        this.gone.then(() => false),
      ]);
      if (!drained) await this.receive(); // fails with the reason
    }
  }

  /** The next frame. */
  async receive(): Promise<Frame> {
    const { value, done } = await this.#frames.next();
    if (done || value === undefined) throw await this.gone;
    return value;
  }
}
