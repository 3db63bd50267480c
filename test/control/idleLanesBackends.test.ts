/** Elements that take different ways, on every backend: gradients and gradients of gradients. */
import "../support/quickDriver.ts";
import { describe, test } from "vitest";
import { grad, np, type Tensor, vmap } from "trilevel";
import { aval } from "../../src/core/aval.ts";
import { eliminateDeadCode } from "../../src/core/program.ts";
import { traceClosed } from "../../src/core/trace.ts";
import { agree } from "../support/agree.ts";
import { hostArray } from "../support/arrays.ts";
import { backends } from "../support/backends.ts";
import { flows, partials } from "./partial.ts";

const chosen = [
  ["cond of operands", "sqrt"],
  ["switchCase", "reciprocal"],
  ["cond in cond", "log"],
  ["whileLoop", "sqrt"],
  ["foriLoop to a bound", "negativePower"],
  ["cond in scan", "logOfShared"],
  ["whileLoop in cond", "reciprocal"],
] as const;

// No element is where a rounding would decide which way it takes.
const numbers = [2.4, -1.5, 0.8, -0.2, 1.7];

describe.each(backends)("$name", (backend) => {
  test.each(chosen)("%s: %s", async (flow, partial) => {
    const f = vmap(flows[flow]!(partials[partial]!), { inAxes: [0, null] });
    const first = grad((x: Tensor, w: Tensor) => np.sum(f(x, w)), { argnums: [0, 1] });
    const second = grad((x: Tensor, w: Tensor) => {
      const [gx, gw] = first(x, w);
      return np.sum(gx).mul(0.1).add(gw.mul(0.1));
    }, { argnums: [0, 1] });
    const program = eliminateDeadCode(
      traceClosed((x, w) => [...first(x!, w!), ...second(x!, w!)], [
        aval([numbers.length], "float32"),
        aval([], "float32"),
      ]),
    );
    const next = numbers.values();
    const inputs = [
      hostArray("float32", [numbers.length], () => next.next().value!),
      hostArray("float32", [], () => 0.7),
    ];
    await agree(backend, program, inputs);
  });
});
