/** A server of static files, for this machine alone: the live page is looked at with it, and browsers are tested. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

/** Gives what is at a path, without the slash that it begins with; undefined where there is nothing. */
export type Files = (path: string) => Promise<Uint8Array | string | undefined>;

/** The files of a folder. */
export function filesIn(folder: string): Files {
  return async (path) => {
    const file = normalize(join(folder, path || "index.html"));
    return file.startsWith(folder) && existsSync(file) ? await readFile(file) : undefined;
  };
}

/** A server that is running. */
export interface Server {
  /** The address of its root, which ends with a slash. */
  readonly url: string;
  close(): Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  ".css": "text/css",
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/** The headers with which a page may share memory between threads. */
export const isolation: Readonly<Record<string, string>> = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Serves files at a port, or at any that is free. */
export async function serve(
  files: Files,
  headers: Readonly<Record<string, string>> = {},
  port = 0,
): Promise<Server> {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url!, "http://localhost").pathname).slice(1);
    const found = await files(path);
    const type = types[extname(path || "index.html")] ?? "application/octet-stream";
    response.writeHead(found === undefined ? 404 : 200, { "Content-Type": type, ...headers });
    response.end(found);
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", resolve);
  });
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return {
    url: `http://127.0.0.1:${address.port}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
