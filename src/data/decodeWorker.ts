/** The thread behind `decoder.ts`: answers each {@linkcode DecodeRequest} with one reply. */

import { parentPort } from "node:worker_threads";
import { type DecodeReply, type DecodeRequest, readImage } from "./decoder.ts";
import { toPlainError } from "./errors.ts";

parentPort?.on("message", async ({ path, options, expected }: DecodeRequest) => {
  let reply: DecodeReply;
  try {
    reply = { image: await readImage(path, options, expected) };
    parentPort?.postMessage(reply, [reply.image.data.buffer as ArrayBuffer]);
  } catch (error) {
    reply = { error: toPlainError(error) };
    parentPort?.postMessage(reply);
  }
});
