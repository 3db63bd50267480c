/**
 * A browser for tests: the Chromium that is installed, or that `TRILEVEL_CHROMIUM` names; none (and a line saying so) where
 * there is none. Its GPU is SwiftShader, a program on the CPU. `package/serve.ts` serves pages to it.
 */
import { existsSync } from "node:fs";
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
