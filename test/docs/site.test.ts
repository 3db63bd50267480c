/** The documentation site: every public name has a page, and every link leads somewhere. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, normalize } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import * as trilevel from "trilevel";
import { np, random, Tensor, tree } from "trilevel";
import * as data from "trilevel/data";
import * as experiments from "trilevel/experiments";
import * as metrics from "trilevel/metrics";
import * as models from "trilevel/models";
import * as nn from "trilevel/nn";
import * as nested from "trilevel/nested";
import * as optim from "trilevel/optim";
import * as safetensors from "trilevel/safetensors";
import * as tfjs from "trilevel/tfjs";
import { entries, guides, writeSite } from "../../docs/site.ts";
import { elsewhere } from "../../src/numpy/traps.ts";

const site = mkdtempSync(join(tmpdir(), "trilevel-site-"));
beforeAll(() => writeSite(site));
afterAll(() => rmSync(site, { recursive: true }));

const spaces: Record<string, object> = {
  ".": trilevel,
  data,
  experiments,
  lint: {},
  metrics,
  models,
  nn,
  np,
  nested,
  optim,
  safetensors,
  tfjs,
  random,
  tree,
};

test("every entry is here", () => {
  const names = entries().map(({ name }) => name.replace("./", "")).sort();
  expect(names).toEqual(Object.keys(spaces).sort());
});

test.each(Object.entries(spaces))("%s: every exported name has a page", (entry, space) => {
  const has = (name: string) => existsSync(join(site, entry, "~", `${name}.html`));
  const found = new Set(Object.entries(space).filter(([name]) => has(name)).map(([, it]) => it));
  // A second name of one thing, such as np.var, has no page of its own.
  const missing = Object.entries(space).filter(([, it]) => !found.has(it)).map(([name]) => name);
  expect(missing).toEqual([]);
});

test("the page of tensors leads to all of their methods", () => {
  const page = readFileSync(join(site, "~/Tensor.html"), "utf8");
  expect(page.includes("TensorMethods.html")).toBe(true);
  const methods = page + readFileSync(join(site, "~/TensorMethods.html"), "utf8");
  const names = Object.getOwnPropertyNames(Tensor.prototype).filter((name) =>
    name !== "constructor" && !(name in elsewhere)
  );
  expect(names.length).toBeGreaterThan(60);
  expect(
    names.filter((name) => !new RegExp(`title="${name}"|[._]${name}(_0|[.]html)`).test(methods)),
  ).toEqual([]);
});

test("the front page leads to all guides and entries", () => {
  const front = readFileSync(join(site, "index.html"), "utf8").replaceAll("&#x2F;", "/");
  for (const { name } of guides()) expect(front.includes(`${name}/index.html`), name).toBe(true);
  for (const { name } of entries().filter(({ name }) => name !== ".")) {
    expect(front.includes(`${name}/index.html`), name).toBe(true);
  }
});

test("links lead to pages, and none to files of this machine", () => {
  const broken = new Set<string>();
  let count = 0;
  for (const path of readdirSync(site, { recursive: true, encoding: "utf8" })) {
    if (!path.endsWith(".html")) continue;
    const page = readFileSync(join(site, path), "utf8").replaceAll("&#x2F;", "/");
    for (const [, target] of page.matchAll(/(?:href|src)="([^"]+)"/g)) {
      if (/^(https?:|data:|#)/.test(target!)) continue;
      // Members that are named by symbols have pages, to which `deno doc` makes wrong links.
      if (/\[Symbol\.for\(/.test(target!)) continue;
      count++;
      const file = decodeURIComponent(target!.split(/[#?]/)[0]!);
      if (!existsSync(normalize(join(site, dirname(path), file)))) broken.add(`${path}: ${target}`);
    }
  }
  expect(count).toBeGreaterThan(10_000);
  expect([...broken]).toEqual([]);
});
