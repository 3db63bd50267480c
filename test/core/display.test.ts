/** Tensors on consoles, in template strings and in notebooks: values where they are known, and never an exception. */
import { expect, test, vi } from "vitest";
const inspect = Deno.inspect;
import { jit, np, setBackend, type Tensor } from "trilevel";
import { storageOf } from "../../src/runtime/memory.ts";
import { backends } from "../support/backends.ts";

const text = "[[1.  2. ]\n [3.  4.5]]";
const sample = () => np.array([[1, 2], [3, 4.5]]);

for (const name of ["reference", ...backends.map((b) => b.name)] as const) {
  test(`${name}: values show once they are on the host`, async () => {
    await setBackend(name);
    const x = sample().mul(1);
    const before = inspect(x);
    if (name === "webgpu") {
      expect(before).toBe(
        "Tensor float32[2, 2] webgpu (not read yet: await x.print() shows its values)",
      );
      expect(String(x)).toBe(before);
    }
    await x.data();
    expect(inspect(x)).toBe(`Tensor float32[2, 2] ${name}\n${text}`);
    expect(String(x)).toBe(text);
    expect(`${np.array(2.5)}`).toBe("2.5");
    expect(inspect({ a: [x] })).toContain("[[1.  2. ]\n ");
  });

  test(`${name}: print waits for the values`, async () => {
    await setBackend(name);
    const log = vi.spyOn(console, "log").mockImplementation(() => {});
    try {
      await sample().print();
      expect(log.mock.calls).toEqual([[`Tensor float32[2, 2] ${name}\n${text}`]]);
    } finally {
      log.mockRestore();
    }
  });

  test(`${name}: a notebook shows the values`, async () => {
    await setBackend(name);
    const display = Reflect.get(sample(), Symbol.for("Jupyter.display")) as () => Promise<unknown>;
    expect(await display.call(sample())).toEqual({
      "text/plain": `Tensor float32[2, 2] ${name}\n${text}`,
    });
  });
}

test("a traced tensor says that it is traced", async () => {
  await setBackend("reference");
  const seen: string[] = [];
  jit((x: Tensor) => {
    seen.push(inspect(x), x.toString());
    return x;
  })(sample());
  expect(seen).toHaveLength(2);
  for (const s of seen) expect(s).toMatch(/^Tensor float32\[2, 2\] \(traced: /);
});

test("a disposed tensor, and one whose run failed, say so", async () => {
  await setBackend("reference");
  const x = sample();
  x.dispose();
  expect(inspect(x)).toBe("Tensor float32[2, 2] reference (disposed)");
  const failed = sample();
  vi.spyOn(storageOf(failed)!.backend, "peek").mockImplementationOnce(() => {
    throw new Error("out of luck\nmore");
  });
  expect(inspect(failed)).toBe(
    "Tensor float32[2, 2] reference (the run that makes it failed: out of luck)",
  );
});

test("what is shown is not what others may change", async () => {
  await setBackend("reference");
  const x = sample();
  (await x.data()).fill(0);
  expect(String(x)).toBe(text);
});

test("arithmetic on a tensor throws, as it has no number yet", () => {
  expect(() => Number(sample())).toThrow(/was used as a number/);
  expect(() => `${sample() as unknown as number + 1}`).toThrow(/was used as a number/);
});
