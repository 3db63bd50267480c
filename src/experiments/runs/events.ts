/**
 * TensorBoard's event files: TFRecord frames of `Event` messages. Only what is needed of the protocol is
 * written here: scalars, PNG images, and the mark that a run went on from an earlier step.
 *
 * ```text
 * Event    1 wall_time double · 2 step int64 · 3 file_version string · 5 summary · 7 session_log
 * Summary  1 value { 1 tag string · 2 simple_value float · 4 image { 1 height 2 width 3 colorspace 4 png } }
 * ```
 */
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import { maskedCrc } from "../../data/formats/tfrecord.ts";
import type { Png } from "../display/png.ts";

/** Values of one moment: numbers, or pictures. */
export interface EventValues {
  readonly step: number;
  /** Seconds since 1970. */
  readonly time: number;
  readonly scalars?: { readonly [tag: string]: number };
  readonly images?: { readonly [tag: string]: Png };
}

/** The name of a file that begins at a time in milliseconds. */
export const eventFileName = (time: number) =>
  `events.out.tfevents.${String(Math.floor(time / 1000)).padStart(10, "0")}.trilevel`;

/** The first record of every file, and that what came before from `step` on is void. */
export function encodeHeader(time: number, step: number): Uint8Array {
  const version = event(time, 0).tag(3, WireType.LengthDelimited).string("brain.Event:2");
  const records = [version];
  if (step > 0) {
    const log = new BinaryWriter().tag(1, WireType.Varint).int32(1);
    records.push(event(time, step).tag(7, WireType.LengthDelimited).bytes(log.finish()));
  }
  return join(records.map((writer) => frameTfRecord(writer.finish())));
}

/** Events as bytes to append. Scalars are in single precision, as the format has them: those beyond are infinite. */
export function encodeEvents(events: readonly EventValues[]): Uint8Array {
  return join(events.map(({ step, time, scalars = {}, images = {} }) => {
    const summary = new BinaryWriter();
    for (const [tag, value] of Object.entries(scalars)) {
      const encoded = new BinaryWriter()
        .tag(1, WireType.LengthDelimited).string(tag)
        .tag(2, WireType.Bit32).float(Math.fround(value)); // beyond float32: infinite
      summary.tag(1, WireType.LengthDelimited).bytes(encoded.finish());
    }
    for (const [tag, { width, height, bytes }] of Object.entries(images)) {
      const image = new BinaryWriter()
        .tag(1, WireType.Varint).int32(height)
        .tag(2, WireType.Varint).int32(width)
        .tag(3, WireType.Varint).int32(3)
        .tag(4, WireType.LengthDelimited).bytes(bytes);
      const encoded = new BinaryWriter()
        .tag(1, WireType.LengthDelimited).string(tag)
        .tag(4, WireType.LengthDelimited).bytes(image.finish());
      summary.tag(1, WireType.LengthDelimited).bytes(encoded.finish());
    }
    const whole = event(time, step).tag(5, WireType.LengthDelimited).bytes(summary.finish());
    return frameTfRecord(whole.finish());
  }));
}

/** A TFRecord frame: length, its checksum, the bytes, their checksum. */
function frameTfRecord(bytes: Uint8Array): Uint8Array {
  const frame = new Uint8Array(bytes.length + 16);
  const view = new DataView(frame.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint32(8, maskedCrc(frame.subarray(0, 8)), true);
  frame.set(bytes, 12);
  view.setUint32(12 + bytes.length, maskedCrc(bytes), true);
  return frame;
}

function event(time: number, step: number): BinaryWriter {
  return new BinaryWriter()
    .tag(1, WireType.Bit64).double(time)
    .tag(2, WireType.Varint).int64(step);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
