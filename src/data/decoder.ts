/**
 * Decoding image files on background threads.
 *
 * A {@linkcode Decoder} reads, checks, decodes and prepares one file per call. With workers, calls
 * queue for the next idle one; the result has the same bits as without. Idle workers do not keep the
 * process alive, so that a forgotten `close()` costs nothing.
 */

import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { decodeImage, type DecodeOptions, type Image } from "./codec.ts";
import {
  ClosedError,
  CorruptError,
  fromPlainError,
  type PlainDataError,
  WorkerError,
} from "./errors.ts";
import { dataOptions, imageKinds, readKinds } from "./options.ts";
import { readBytes } from "./files.ts";
import { type Prepare, prepareImage } from "./image.ts";
import type { Limits } from "./limits.ts";

/** Options of reading one image file. */
export interface ReadOptions extends Pick<DecodeOptions, "rotate"> {
  /** Bounds of the sizes that a file may claim, see {@linkcode Limits}. */
  readonly limits?: Partial<Limits> | undefined;
}

/** Options of every reader of image files. */
export interface ImageOptions extends Prepare, ReadOptions {
  /** Threads that decode: by default one fewer than the machine has, at most 4; 0 decodes here. */
  readonly workers?: number | undefined;
}

/** The size that an image has according to its labels. */
export interface ExpectedSize {
  /** In pixels, before anything is cropped or resized. */
  readonly height: number;
  /** In pixels. */
  readonly width: number;
  /** The origin of the claim, for errors. */
  readonly source: string;
}

/** Reads image files. */
export interface Decoder {
  /** Reads, checks, decodes and prepares one file, which has the expected size if there is one. */
  decode(path: string, expected?: ExpectedSize): Promise<Image>;
  /** Ends the threads; what is pending rejects with a {@linkcode ClosedError}. */
  close(): Promise<void>;
}

/** The request to a worker. */
export interface DecodeRequest {
  readonly path: string;
  readonly options: Prepare & ReadOptions;
  readonly expected: ExpectedSize | undefined;
}

/** The answer of a worker. */
export type DecodeReply = { readonly image: Image } | { readonly error: PlainDataError };

const checkRead = dataOptions<Prepare & ReadOptions>("readImage", ["path"], readKinds);
const checkOpen = dataOptions<ImageOptions>("openDecoder", [], imageKinds);

/**
 * Reads, checks, decodes and prepares one image file on this thread.
 *
 * @throws {CorruptError} when the image has another size than expected.
 */
export async function readImage(
  path: string,
  options: Prepare & ReadOptions = {},
  expected?: ExpectedSize,
): Promise<Image> {
  checkRead(options);
  const { rotate, limits } = options;
  const bytes = await readBytes(path, "imageBytes", limits);
  const image = decodeImage(bytes, path, { rotate, limits });
  const [height, width] = image.shape;
  if (expected !== undefined && (height !== expected.height || width !== expected.width)) {
    throw new CorruptError(
      `the image has ${width}×${height} pixels, but ${expected.source} says ` +
        `${expected.width}×${expected.height}`,
      {
        path,
        hint: "Check that images and labels belong together; if the labels are for the image as " +
          "stored, without the camera's orientation, set rotate: false",
      },
    );
  }
  return prepareImage(image, options);
}

interface Job {
  readonly path: string;
  readonly expected: ExpectedSize | undefined;
  readonly resolve: (image: Image) => void;
  readonly reject: (error: unknown) => void;
}

/** A decoder that prepares every image in one way; threads start at the first call. */
export function openDecoder(
  given: ImageOptions = {},
): Decoder {
  checkOpen(given);
  const { workers = Math.min(4, availableParallelism() - 1), ...options } = given;
  if (workers <= 0) {
    return {
      decode: (path, expected) => readImage(path, options, expected),
      close: () => Promise.resolve(),
    };
  }
  const waiting: Job[] = [];
  const idle: Worker[] = [];
  const running = new Map<Worker, Job>();
  let closed = false;

  const next = (worker: Worker) => {
    const job = waiting.shift();
    if (job === undefined) {
      worker.unref();
      idle.push(worker);
      return;
    }
    worker.ref();
    running.set(worker, job);
    const { path, expected } = job;
    worker.postMessage({ path, options, expected } satisfies DecodeRequest);
  };
  const start = () => {
    // The source is .ts in the repository and .js once packed.
    const file = import.meta.url.endsWith(".ts") ? "./decodeWorker.ts" : "./decodeWorker.js";
    const worker = new Worker(new URL(file, import.meta.url));
    worker.on("message", (reply: DecodeReply) => {
      const job = running.get(worker);
      running.delete(worker);
      if ("image" in reply) job?.resolve(reply.image);
      else job?.reject(fromPlainError(reply.error));
      next(worker);
    });
    worker.on("error", (error: unknown) => {
      const job = running.get(worker);
      running.delete(worker);
      job?.reject(
        new WorkerError(`the thread that decoded this image died: ${error}`, {
          path: job.path,
          hint: "Decode without threads (workers: 0) to see where",
          cause: error,
        }),
      );
      if (!closed && waiting.length > 0) next(start());
    });
    return worker;
  };
  return {
    decode: (path, expected) =>
      new Promise((resolve, reject) => {
        waiting.push({ path, expected, resolve, reject });
        const worker = idle.pop() ?? (running.size < workers ? start() : undefined);
        if (worker !== undefined) next(worker);
      }),
    async close() {
      closed = true;
      const threads = [...idle, ...running.keys()];
      for (const { path, reject } of [...waiting.splice(0), ...running.values()]) {
        reject(
          new ClosedError("the dataset was closed before this image was decoded", {
            path,
            hint: "Await pending samples before closing",
          }),
        );
      }
      running.clear();
      await Promise.all(threads.map((worker) => worker.terminate()));
    },
  };
}
