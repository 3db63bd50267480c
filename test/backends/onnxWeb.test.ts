/**
 * The onnx backend on ONNX Runtime's WebAssembly, as in browsers, loaded from the package's files: every primitive gives what
 * the reference gives. `test/page` tries it in a browser.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aval } from "../../src/core/aval.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { openOnnxWeb } from "../../src/index.ts";
import { sessionOptions } from "../../src/backends/onnx/options.ts";
import { loadWeb } from "../../src/backends/onnx/web.ts";
import { agree, supported } from "../support/agree.ts";
import { subjects } from "../support/primitiveCases.ts";
import { runs } from "../support/tier.ts";

const folder = new URL("../../node_modules/onnxruntime-web/dist/", import.meta.url);
const backend = await openOnnxWeb(() => import(`${folder}ort-wasm-simd-threaded.mjs`));

describe("every primitive", () => {
  for (const [i, subject] of subjects.entries()) {
    const dtypes = subject.spec.dtypes;
    // The lowering is that of the native library, which is tried on every type.
    const dtype = dtypes[i % dtypes.length]!;
    test(`${subject.name} ${dtype}`, () =>
      fc.assert(
        fc.asyncProperty(subject.spec.cases(dtype), async (example) => {
          const values = example.operands();
          const avals = values.map((x) => aval(x.shape, x.dtype));
          const program = traceClosed((...xs) => subject.apply(xs, example.params), avals);
          if (supported(program, backend)) await agree(backend, program, values);
        }),
        { numRuns: runs(2) },
      ));
  }
});

test("an address that is none, and a folder without the files, are refused with a cure", async () => {
  await expect(openOnnxWeb("somewhere")).rejects.toThrow(
    /openOnnxWeb: the folder must be an address, got "somewhere".*import\.meta\.url/s,
  );
  await expect(openOnnxWeb("file:///nowhere")).rejects.toThrow(
    /ONNX Runtime cannot be loaded: .*copy the folder `dist` of npm's onnxruntime-web/s,
  );
});

test("an error of ONNX Runtime says what it says", async () => {
  const { InferenceSession } = await loadWeb(folder.href);
  const options = sessionOptions({ inputs: [], equations: [], outputs: [] }, "alone");
  const noModel = new Uint8Array([1, 2, 3]);
  expect(() => new InferenceSession().loadModel(noModel.buffer, 0, 3, options)).toThrow(
    /protobuf parsing failed/,
  );
});
