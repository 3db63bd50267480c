/** Backends keep one order: a file for each family of primitives, under the name it has in `primitives/`, and one lookup. */
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { entryOf } from "../../src/backends/lookup.ts";
import { aval, Var } from "../../src/core/aval.ts";
import { primitives } from "../../src/primitives/index.ts";

const src = fileURLToPath(new URL("../../src/", import.meta.url));

/** The families, each with the names of its primitives: those of which `primitives` is put together. */
const families = new Map<string, readonly string[]>();
for (const file of readdirSync(`${src}primitives`).filter((name) => name.endsWith(".ts"))) {
  const family = file.replace(".ts", "");
  const found = (await import(`${src}primitives/${file}`))[`${family}Primitives`];
  // Effects are lifted out of programs before a backend sees them.
  if (found && family !== "host") families.set(family, Object.keys(found));
}

test("the families are the instruction set", () => {
  expect([...families.values()].flat().toSorted()).toEqual(Object.keys(primitives).toSorted());
});

const backends = {
  reference: { folder: "reference/kernels", suffix: "Kernels", table: "reference/interpret.ts" },
  onnx: { folder: "onnx/lower", suffix: "Lowerings", table: "onnx/lower/index.ts" },
  webgpu: { folder: "webgpu/lower", suffix: "Lowerings", table: "webgpu/lower/index.ts" },
} as const;

describe.each(Object.entries(backends))("%s", (_, { folder, suffix, table }) => {
  test.each([...families])("has the family %s in a file of this name", async (family, names) => {
    const module = await import(`${src}backends/${folder}/${family}.ts`);
    const found = module[`${family}${suffix}`];
    // Loops and branches are given what lowers the programs inside them.
    const entries = typeof found === "function" ? found(() => []) : found;
    expect(Object.keys(entries).toSorted()).toEqual(names.toSorted());
  });

  test("looks entries up in the one way there is", () => {
    expect(readFileSync(`${src}backends/${table}`, "utf8")).toContain("entryOf<");
  });
});

test("a primitive that a backend does not know is an inconsistency, told with its operands", () => {
  const unknown = { ...primitives.sin, name: "sine" };
  const x = new Var(aval([2], "float32"));
  const equation = { primitive: unknown, params: {}, inputs: [x], outputs: [new Var(x.aval)] };
  expect(() => entryOf(primitives, "onnx", equation))
    .toThrow('internal: the backend "onnx" has no sine(float32[2])');
  expect(entryOf(primitives, "onnx", { ...equation, primitive: primitives.sin }))
    .toBe(primitives.sin);
});
