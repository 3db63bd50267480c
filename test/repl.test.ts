/** `deno task repl`: its names are there, nothing is opened before the first operation, and values are printed. */
import { spawnSync } from "node:child_process";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** The lines that the prompt prints for lines of input. */
function session(...lines: readonly string[]): string[] {
  const { stdout, stderr } = spawnSync(process.execPath, ["task", "-q", "repl"], {
    cwd: fileURLToPath(new URL("..", import.meta.url)),
    input: lines.map((line) => `${line}\n`).join(""),
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1", TRILEVEL_BACKEND: "reference" },
  });
  expect(stderr).toBe("");
  return stdout.trim().split("\n");
}

test("names are at hand, and the first operation opens a backend", () => {
  const [greeting, ...printed] = session(
    "JSON.stringify(memory())",
    "Object.keys(trilevel).filter((name) => globalThis[name] !== trilevel[name]).length",
    "[models.slotAttention, data.openMnist, safetensors.load].map((f) => typeof f).join()",
    "JSON.stringify(memory())",
    "const w = np.array([1, 2, 3]);",
    "await grad((w) => np.sum(np.square(w)))(w).print();",
    "Object.keys(memory()).join()",
    "const grad = 3; grad",
  );
  expect(greeting).toMatch(/^np, random, nn, optim/);
  const values = printed.map((line) => line.replaceAll(/^["']|["']$/g, ""));
  expect(values.filter((line) => line !== "undefined")).toEqual([
    "{}",
    "0",
    "function,function,function",
    "{}",
    "Tensor float32[3] reference",
    "[2. 4. 6.]",
    "reference",
    "3",
  ]);
}, 60_000);

test("a mistake says what is wrong, and the prompt goes on", () => {
  const printed = session("np.ones([2]).add(np.ones([3]))", "1 + 1").join("\n");
  expect(printed).toMatch(/add: shapes do not fit: \[2\] and \[3\][^]*\n2$/);
}, 60_000);
