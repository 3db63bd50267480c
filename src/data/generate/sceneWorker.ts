/** The thread behind `parallel.ts`: answers each {@linkcode SceneRequest} with one reply. */

import { parentPort } from "node:worker_threads";
import { toPlainError } from "../errors.ts";
import { generateScene } from "./generator.ts";
import type { SceneReply, SceneRequest } from "./parallel.ts";

parentPort?.on("message", ({ spec, seed, start, count }: SceneRequest) => {
  let reply: SceneReply;
  try {
    const scenes = Array.from({ length: count }, (_, i) => generateScene(spec, seed, start + i));
    reply = { scenes };
    const buffers = scenes.flatMap(({ image, masks }) => [image.data.buffer, masks.data.buffer]);
    parentPort?.postMessage(reply, buffers as ArrayBuffer[]);
  } catch (error) {
    reply = { error: toPlainError(error) };
    parentPort?.postMessage(reply);
  }
});
