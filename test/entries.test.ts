/** Every entry works by itself: a process that imports it before anything else computes with it. */
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("..", import.meta.url));
const config = JSON.parse(readFileSync(`${root}deno.json`, "utf8"));
const entries = Object.keys(config.imports);

/** For each entry an expression of its module `m`, and its value. Entries that make no tensors import `trilevel` later. */
const uses: { readonly [entry: string]: readonly [expression: string, value: unknown] } = {
  "trilevel": ["await m.np.sum(m.np.array([1, 2])).item()", 3],
  "trilevel/nn": ["await m.relu(2).item()", 2],
  "trilevel/numpy": ["await m.add(1, 2).item()", 3],
  "trilevel/optim": [
    "await m.linearSchedule({ initValue: 1, endValue: 0, transitionSteps: 2 })(1).item()",
    0.5,
  ],
  "trilevel/metrics": ["m.ari([0, 1, 1], [5, 7, 7])", 1],
  "trilevel/data": ["m.stack([m.ndarray(new Float32Array(2), [2])]).shape", [1, 2]],
  "trilevel/lint": ["m.default.name", "trilevel"],
  "trilevel/models": [
    "await import('trilevel').then(({ np, random }) => Object.keys(m.slotAttention({ slots: 2, inputSize: 3, slotSize: 4 }).init(random.key(0))).length > 0)",
    true,
  ],
  "trilevel/nested": [
    "await import('trilevel').then(({ np, optim, random }) => m.minimise((w, z) => np.square(z.sub(1)), { init: () => np.array(0), optimizer: optim.sgd(0.5), steps: 2 })(null, null, random.key(0)).value.item())",
    1,
  ],
  "trilevel/safetensors": [
    "(await m.load(await m.encode({ a: { dtype: 'int32', shape: [], data: Int32Array.of(7) } }))).tensors.a.data[0]",
    7,
  ],
  "trilevel/experiments": ["typeof m.train", "function"],
  "trilevel/tfjs": ["[typeof m.fromTfjs, typeof m.toTfjs]", ["function", "function"]],
};

test("each entry has a use here", () => {
  expect(Object.keys(uses).toSorted()).toEqual(entries.toSorted());
});

test.each(entries)("%s", async (entry) => {
  const [expression, value] = uses[entry]!;
  const script = `const m = await import("${entry}"); console.log(JSON.stringify(${expression}));`;
  const { stdout } = await promisify(execFile)(process.execPath, ["eval", "--no-check", script], {
    cwd: root,
  });
  expect(JSON.parse(stdout.trim().split("\n").at(-1)!)).toEqual(value);
}, 60_000);
