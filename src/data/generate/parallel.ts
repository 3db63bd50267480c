/**
 * Scenes made by several threads.
 *
 * A scene depends on its description, seed and index only, so threads take runs of indices as they come
 * and the results have the same bits as without threads.
 */

import { count } from "../../options/index.ts";
import { dataOptions } from "../options.ts";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { ClosedError, CorruptError, fromPlainError, type PlainDataError } from "../errors.ts";
import { generateScene, type SceneKind, type SceneOf, type SceneSpec } from "./generator.ts";

/** Makes scenes on its threads. */
export interface ScenePool extends AsyncDisposable {
  /** Scenes `start` to `start + count − 1`, in order. */
  generate<K extends SceneKind>(
    spec: SceneSpec<K>,
    seed: number,
    start: number,
    count: number,
  ): Promise<SceneOf<K>[]>;
  /** Ends the threads; scenes not made by then are rejected with a {@linkcode ClosedError}. */
  close(): Promise<void>;
}

/** A run of scenes, as a worker is asked for it. */
export interface SceneRequest {
  readonly spec: SceneSpec;
  readonly seed: number;
  readonly start: number;
  readonly count: number;
}

/** The answer of a worker. */
export type SceneReply =
  | { readonly scenes: readonly SceneOf<SceneKind>[] }
  | { readonly error: PlainDataError };

interface Job {
  readonly request: SceneRequest;
  readonly resolve: (scenes: readonly SceneOf<SceneKind>[]) => void;
  readonly reject: (error: unknown) => void;
}

// Small enough to keep all threads busy to the end, large enough to make messages cheap.
const RUN = 8;

const checkPool = dataOptions<{ readonly workers?: number }>("openScenePool", [], {
  workers: count,
});

/**
 * A pool of threads that make scenes; they start when first needed.
 *
 * @param options.workers number of threads, by default as many as the machine runs at once, at most 8;
 *   0 makes scenes on the calling thread.
 *
 * ```ts
 * import { openScenePool } from "trilevel/data";
 * await using pool = openScenePool({ workers: 2 });
 * const scenes = await pool.generate({ kind: "sprites" }, 0, 0, 20);
 * if (scenes.length !== 20) throw new Error("20 scenes");
 * ```
 */
export function openScenePool(
  options: { readonly workers?: number } = {},
): ScenePool {
  checkPool(options);
  const { workers = Math.min(8, availableParallelism()) } = options;
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
    worker.postMessage(job.request);
  };
  const finish = (worker: Worker): Job | undefined => {
    const job = running.get(worker);
    running.delete(worker);
    return job;
  };
  const start = (): Worker => {
    // The source is .ts in the repository and .js once packed.
    const file = import.meta.url.endsWith(".ts") ? "./sceneWorker.ts" : "./sceneWorker.js";
    const worker = new Worker(new URL(file, import.meta.url));
    worker.on("message", (reply: SceneReply) => {
      const job = finish(worker);
      if ("scenes" in reply) job?.resolve(reply.scenes);
      else job?.reject(fromPlainError(reply.error));
      next(worker);
    });
    worker.on("error", (error: Error) => {
      finish(worker)?.reject(
        new CorruptError(`the thread that made these scenes died: ${error.message}`, {
          hint: "Make them without threads (workers: 0) to see where",
          cause: error,
        }),
      );
      if (!closed && waiting.length > 0) next(start());
    });
    return worker;
  };
  const submit = (request: SceneRequest) =>
    new Promise<readonly SceneOf<SceneKind>[]>((resolve, reject) => {
      if (closed) reject(closedError());
      waiting.push({ request, resolve, reject });
      const worker = idle.pop() ?? (running.size < workers ? start() : undefined);
      if (worker !== undefined) next(worker);
    });
  const close = async () => {
    closed = true;
    const threads = [...idle.splice(0), ...running.keys()];
    for (const job of [...waiting.splice(0), ...running.values()]) job.reject(closedError());
    running.clear();
    await Promise.all(threads.map((worker) => worker.terminate()));
  };
  return {
    async generate<K extends SceneKind>(
      spec: SceneSpec<K>,
      seed: number,
      first: number,
      count: number,
    ) {
      if (workers <= 0) {
        return Array.from({ length: count }, (_, i) => generateScene(spec, seed, first + i));
      }
      const runs: Promise<readonly SceneOf<SceneKind>[]>[] = [];
      for (let i = 0; i < count; i += RUN) {
        const length = Math.min(RUN, count - i);
        runs.push(submit({ spec: spec as SceneSpec, seed, start: first + i, count: length }));
      }
      return (await Promise.all(runs)).flat() as SceneOf<K>[]; // workers make what spec says
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

const closedError = () =>
  new ClosedError("the pool was closed before these scenes were made", {
    hint: "Await pending scenes before closing",
  });
