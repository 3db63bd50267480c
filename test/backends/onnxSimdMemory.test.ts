/** What kernels write, and where: several vectors abreast, memory that is handed over, and no other. */
import { expect, test } from "vitest";
import type { OnnxBuffer } from "../../src/backends/onnx/buffers.ts";
import type { DeviceBuffer } from "../../src/runtime/backend.ts";
import { aval } from "../../src/core/aval.ts";
import { literal } from "../../src/core/tensor.ts";
import { traceClosed } from "../../src/core/trace.ts";
import * as lax from "../../src/primitives/index.ts";
import { agree, host, onnx, random } from "./againstReference.ts";

const types = [["bool", "float32"], ["float32", "bool"], ["int32", "float32"]] as const;

test("one operation alone takes several vectors at a time", async () => {
  for (const n of [1, 3, 4, 15, 16, 17, 31, 64, 65, 1000]) {
    for (const [from, to] of types) {
      await agree((x) => [lax.convert(x!, to)], [host(from, [n], [0, 1, 1, 0, 0])]);
    }
    await agree((x, y) => [lax.eq(x!, y!)], [
      host("float32", [n], [0, 1, 1, 0, 0]),
      host("float32", [n], [1, 0]),
    ]);
  }
});

test("a result overwrites only what is as large and was donated", async () => {
  const n = 1000;
  for (const [from, to] of types) {
    const [given, taken] = [aval([n], from), aval([n], to)];
    const convert = onnx.compile(traceClosed((x) => [lax.convert(x!, to)], [given]));
    const x = host(from, [n], [1, 0, 0]);
    const copies = Array.from({ length: 5 }, () => onnx.upload(x.data, given));
    const [y] = convert.run([copies[2]!], new Set([0]));
    const [z] = convert.run([copies[3]!]);
    copies[2] = onnx.upload(x.data, given);
    for (const b of copies) expect(await onnx.download(b, given)).toEqual(x.data);
    for (const b of [y!, z!]) expect([...await onnx.download(b, taken)]).toEqual([...x.data]);
  }
});

test("10,000 steps of training go around in the same memory", () => {
  const shape = [64, 64];
  const f32 = aval(shape, "float32");
  const matrices = { lhsContract: [1], rhsContract: [0], lhsBatch: [], rhsBatch: [] };
  const c = (value: number) => lax.broadcast(literal(value, "float32"), shape, []);
  const step = onnx.compile(traceClosed((w, m, v, x) => {
    const g = lax.dot(x!, w!, matrices);
    const m2 = lax.add(lax.mul(m!, c(0.9)), lax.mul(g, c(0.1)));
    const v2 = lax.add(lax.mul(v!, c(0.99)), lax.mul(lax.mul(g, g), c(0.01)));
    const update = lax.div(m2, lax.add(lax.sqrt(v2), c(1e-3)));
    return [lax.sub(w!, lax.mul(update, c(1e-3))), m2, v2];
  }, [f32, f32, f32, f32]));
  const place = (low: number) => onnx.upload(random("float32", shape, low, 1).data, f32);
  const x = place(-1);
  let state: DeviceBuffer[] = [place(-1), place(-1), place(0)];
  const places = new Set<number>();
  const start = (b: DeviceBuffer) => (b as OnnxBuffer).data.byteOffset; // made by this backend
  for (let i = 0; i < 10_000; i++) {
    state = step.run([...state, x], new Set([0, 1, 2]));
    state.forEach((b) => places.add(start(b)));
  }
  expect(places.size).toBeLessThanOrEqual(8);
  expect(places).not.toContain(start(x));
});
