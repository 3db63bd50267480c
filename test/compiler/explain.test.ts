/** explain: the stages of a program, and its counts. */
import { beforeAll, describe, expect, test } from "vitest";
import { explain, grad, makeProgram, np, scan, setBackend, type Tensor } from "../../src/index.ts";
import { formatProgram } from "../../src/core/printer.ts";
import { validateProgram } from "../../src/core/validate.ts";

describe.each(["reference", "onnx"] as const)("on %s", (backend) => {
  beforeAll(() => setBackend(backend));

  test("begins with the traced program, and every stage is well formed", () => {
    const f = grad((x: Tensor) => np.sum(np.softmax(np.matmul(x, x.T))));
    const x = np.ones([3, 3]);
    const { stages } = explain(f, x);
    expect(formatProgram(stages[0]!.program)).toBe(String(makeProgram(f, x)));
    for (const { program } of stages) validateProgram(program);
  });

  test("counts multiply-adds and bytes", () => {
    const { cost, peakBytes } = explain(
      (x: Tensor, y: Tensor) => np.matmul(x, y).add(1),
      np.ones([2, 3]),
      np.ones([3, 4]),
    );
    expect(cost.multiplyAdds).toBe(24);
    expect(cost.ioBytes).toBe(4 * (6 + 12 + 8));
    expect(peakBytes).toBeGreaterThanOrEqual(4 * 8);
  });

  test("counts loops as often as they run", () => {
    const w = np.ones([3, 3]);
    const power = (x: Tensor) =>
      scan((c: Tensor, _: null) => [np.matmul(c, w), null], x, null, { length: 5 })[0];
    expect(explain(power, np.ones([3, 3])).cost.multiplyAdds).toBe(5 * 27);
  });

  test("tells kernels where the backend does", () => {
    const found = explain((x: Tensor) => np.exp(x).mul(2), np.ones([3]));
    expect(found.dispatches).toBe(backend === "onnx" ? 1 : undefined);
    expect(String(found)).toContain("── traced");
    expect(found.summary()).toContain("multiply-adds: 0");
  });
});
