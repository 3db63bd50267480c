/**
 * A browser for tests: the Chromium that is installed, or that `TRILEVEL_CHROMIUM` names; none (and a line saying so) where
 * there is none. Its GPU is SwiftShader, a program on the CPU. Pages are served from this machine, since WebGPU and
 * workers are only for secure origins.
 */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import process from "node:process";
import { type Browser, chromium, type Page } from "playwright-core";

const usual = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

/** The path of the browser; undefined if there is none. */
export const browserPath = process.env["TRILEVEL_CHROMIUM"] ?? usual.find((p) => existsSync(p));
if (!browserPath) {
  console.warn("browsers are not tested: Chromium is not installed, and TRILEVEL_CHROMIUM not set");
}

/** Starts the browser, with a profile of its own that is removed afterwards. */
export async function openBrowser(executablePath: string): Promise<Browser> {
  return await chromium.launch({
    executablePath,
    args: ["--headless=new", "--no-sandbox", "--enable-unsafe-webgpu"],
    timeout: 120_000,
  });
}

/** A page, and everything that went wrong in it. */
export interface Watched {
  readonly page: Page;
  readonly problems: readonly string[];
}

/** Opens a page and takes note of its errors and warnings. */
export async function openPage(
  browser: Browser,
  url: string,
  options: Parameters<Browser["newPage"]>[0] = {},
): Promise<Watched> {
  const page = await browser.newPage(options);
  page.setDefaultTimeout(120_000);
  const problems: string[] = [];
  page.on("pageerror", (error) => problems.push(error.stack ?? error.message));
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) problems.push(message.text());
  });
  await page.goto(url);
  return { page, problems };
}

/** What a server gives for a path, without the slash that it begins with; undefined where it has nothing. */
export type Files = (path: string) => Promise<Uint8Array | string | undefined>;

/** The files of a folder. */
export function filesIn(folder: string): Files {
  return async (path) => {
    const file = normalize(join(folder, path || "index.html"));
    return file.startsWith(folder) && existsSync(file) ? await readFile(file) : undefined;
  };
}

/** A server of files. */
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

/** Serves files to this machine. */
export async function serve(
  files: Files,
  headers: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const server = createServer(async (request, response) => {
    const path = decodeURIComponent(new URL(request.url!, "http://localhost").pathname).slice(1);
    const found = await files(path);
    const type = types[extname(path || "index.html")] ?? "application/octet-stream";
    response.writeHead(found === undefined ? 404 : 200, { "Content-Type": type, ...headers });
    response.end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
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
