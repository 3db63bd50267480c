/** What is asked of a backend before it is there happens as soon as it is, in the same order, and once. */
import { beforeEach, expect, test } from "vitest";
import type { Backend } from "../../src/runtime/backend.ts";
import { OpeningBackend } from "../../src/runtime/opening.ts";
import {
  backend,
  debug,
  explain,
  grad,
  jit,
  memory,
  np,
  scan,
  scope,
  setBackend,
  type Tensor,
} from "trilevel";
import { reference } from "../support/reference.ts";

/** The reference with other passes, which counts what it compiles and keeps. */
function counted(change: Partial<Backend> = {}) {
  const counts = { compiled: 0, uploaded: 0, freed: 0 };
  const inner: Backend = {
    ...reference,
    compile: (program) => (counts.compiled++, reference.compile(program)),
    upload: (data, aval) => (counts.uploaded++, reference.upload(data, aval)),
    free: () => void counts.freed++,
    ...change,
  };
  return { inner, counts };
}

let open: (backend: Backend) => void;
let fail: (error: unknown) => void;
let opening: OpeningBackend;

beforeEach(async () => {
  const later = Promise.withResolvers<Backend>();
  [open, fail] = [later.resolve, later.reject];
  opening = new OpeningBackend(later.promise, "reference");
  await setBackend(opening);
});

const step = (w: Tensor, x: Tensor) => w.sub(grad((w: Tensor) => np.sum(np.tanh(w.mul(x))))(w));

test("values are those of a backend that was there from the start", async () => {
  const run = () => {
    const f = jit(step);
    let w = np.array([0.5, -1, 2]);
    for (let i = 0; i < 3; i++) w = f(w, np.arange(3));
    const [last, all] = scan((c: Tensor, x: Tensor) => [c.add(x), c.mul(2)], w.sum(), w);
    return [w, last, all, np.where(w.greater(0), w, 1), np.full([2, 2], 3).add(w.sum())];
  };
  const early = run();
  open(counted().inner);
  const values = await Promise.all(early.map((x) => x.array()));
  await setBackend(reference);
  expect(values).toEqual(await Promise.all(run().map((x) => x.array())));
});

test("programs are compiled once, before and after", async () => {
  const { inner, counts } = counted();
  const f = jit(step);
  const [w, x] = [np.array([1, 2]), np.array([3, 4])];
  f(w, x);
  f(w, x);
  expect(counts).toEqual({ compiled: 0, uploaded: 0, freed: 0 });
  open(inner);
  await opening.ready;
  expect(counts).toEqual({ compiled: 1, uploaded: 2, freed: 0 });
  await setBackend(inner);
  await f(w, x).data();
  expect(counts.compiled).toBe(1);
});

test("outputs that passes turn into inputs, numbers or one another are still tensors of their own", async () => {
  const { inner, counts } = counted({
    passes: [{
      name: "alias",
      run: (program) => ({ ...program, outputs: program.outputs.map(() => program.inputs[0]!) }),
    }],
  });
  const x = np.array([1, 2]);
  const [same, twice] = jit((x: Tensor) => [x.add(0), x.mul(2)])(x);
  open(inner);
  expect(await twice!.array()).toEqual([2, 4]);
  x.dispose();
  expect(await same!.array()).toEqual([1, 2]);
  same!.dispose();
  twice!.dispose();
  expect(counts.freed).toBe(3);
});

test("memory given up early is freed, and counted as long as it lives", async () => {
  const { inner, counts } = counted();
  const before = memory().reference ?? { tensors: 0, bytes: 0 };
  const use = () => {
    const { tensors, bytes } = memory().reference!;
    return [tensors - before.tensors, bytes - before.bytes];
  };
  const kept = scope(() => np.exp(np.array([1, 2, 3])).mul(np.array([1, 2, 3])));
  const gone = np.array([1]);
  expect(use()).toEqual([2, 16]);
  gone.dispose();
  expect(use()).toEqual([1, 12]);
  open(inner);
  await kept.data();
  expect(counts.freed).toBe(4);
  expect(use()).toEqual([1, 12]);
  kept.dispose();
  expect(counts.freed).toBe(5);
  expect(use()).toEqual([0, 0]);
});

test("donated memory goes to the run", async () => {
  const { inner, counts } = counted();
  const f = jit((x: Tensor) => x.mul(2), { donateArgnums: [0] });
  const x = np.array([1, 2]);
  const y = f(x);
  expect(() => x.add(1)).toThrow(/disposed/);
  open(inner);
  expect(await y.array()).toEqual([2, 4]);
  expect(counts.freed).toBe(0); // a run frees what it was given and does not hand on
});

test("what a backend refuses rejects whatever depends on it, and nothing else", async () => {
  const { inner } = counted({ supports: (dtype) => dtype !== "int32" });
  const whole = np.array([1, 2], { dtype: "int32" });
  const sum = whole.add(1);
  const sound = np.array([1, 2]).add(1);
  open(inner);
  await expect(sum.data()).rejects.toThrow(/the backend "reference" has no int32/);
  await expect(whole.data()).rejects.toThrow(/the backend "reference" has no int32/);
  expect(await sound.array()).toEqual([2, 3]);
  sum.dispose();
  whole.dispose();
});

test("a backend that does not open rejects every reading", async () => {
  const x = np.array([1, 2]);
  const y = x.add(1);
  fail(new Error("no such device"));
  await expect(y.data()).rejects.toThrow("no such device");
  await expect(x.to("onnx")).rejects.toThrow("no such device");
});

test("what a program shows comes when it has run", async () => {
  const seen: number[] = [];
  const y = jit((x: Tensor) => {
    debug.callback((v) => void seen.push(Number(v.data[0])), x);
    return x.add(1);
  })(np.array([1]));
  expect(seen).toEqual([]);
  open(counted().inner);
  await y.data();
  await debug.done();
  expect(seen).toEqual([1]);
});

test("until then a name is expected, and explain() asks to wait", async () => {
  expect(backend()).toBe("reference");
  expect(() => explain((x: Tensor) => x.add(1), np.array([1]))).toThrow(
    /await setBackend\(\) first/,
  );
  open(counted().inner);
  await setBackend();
  expect(explain((x: Tensor) => x.add(1), np.array([1])).backend).toBe("reference");
});
