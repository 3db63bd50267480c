/** The lint plugin on mistakes, and on code that is right, as `deno lint` runs it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const always = /^tensor-condition: .* is always true/;

/** Lines of a script, each with the message that it deserves, or none. */
const lines: readonly [line: string, message?: RegExp][] = [
  ["if (x.greater(1)) f();", always],
  ["while (np.any(x)) f();", always],
  ["do f(); while (x.less(2).any());", always],
  ["for (; np.isnan(x);) f();", always],
  ["f(x.equal(1) ? 1 : 2);", always],
  ["f(x.equal(1) && f());", always],
  ["if (!np.allclose(x, y)) f();", always],
  ["f(np.logicalAnd(a, b) || f());", always],
  ["if (await x.greater(1).item()) f();"],
  ["f(np.where(x.greater(1), a, b));"],
  ["if (list.includes(1) && ready) f();"],
  ["if (Promise.any(xs)) f();"],
  ["while (x.ndim > 2) f();"],
  ["np.concat_([x, y]);", /^unknown-name: np has no `concat_`; did you mean `concat/],
  ["np.Sum(x);", /^unknown-name: np has no `Sum`; did you mean `sum`\?/],
  ["o.Adam(1);", /^unknown-name: optim has no `Adam`; did you mean `adam`\?/],
  ["tree.qqqqqq(x);", /^unknown-name: tree has no `qqqqqq`$/],
  ["np.sum(x);"],
  ["np.linalg.norm(x);"],
  ["o.adam(1);"],
  ["other.concat_(x);"],
  ["np[name](x);"],
];

/** What `deno lint` says with the plugin alone, by line. */
function lint(script: string): Map<number, string> {
  const folder = mkdtempSync(join(tmpdir(), "trilevel-lint-"));
  try {
    const plugin = fileURLToPath(new URL("../../src/lint/index.ts", import.meta.url));
    const config = { lint: { plugins: [plugin], rules: { tags: [] } } };
    writeFileSync(join(folder, "deno.json"), JSON.stringify(config));
    writeFileSync(join(folder, "script.js"), script);
    const args = ["lint", "--json", "--config", join(folder, "deno.json"), "script.js"];
    const output = (() => {
      try {
        return execFileSync(process.execPath, args, {
          cwd: folder,
          stdio: ["ignore", "pipe", "pipe"],
        });
      } catch (error) {
        return (error as { stdout: Uint8Array }).stdout; // it exits with 1 when it finds something
      }
    })();
    const { diagnostics, errors } = JSON.parse(new TextDecoder().decode(output)) as {
      diagnostics: { code: string; message: string; range: { start: { line: number } } }[];
      errors: unknown[];
    };
    expect(errors).toEqual([]);
    return new Map(diagnostics.map(({ code, message, range }) => [
      range.start.line,
      `${code.replace("trilevel/", "")}: ${message}`,
    ]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("each line has the message that it deserves", () => {
  const head = 'import { np, optim as o, tree } from "trilevel";';
  const found = lint([head, ...lines.map(([line]) => line)].join("\n"));
  const wrong = lines.flatMap(([line, message], i) => {
    const said = found.get(i + 2);
    const right = message === undefined ? said === undefined : message.test(said ?? "");
    return right ? [] : [`${line} → ${said}`];
  });
  expect(wrong).toEqual([]);
});
