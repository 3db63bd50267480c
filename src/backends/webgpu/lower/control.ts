/**
 * Instructions that contain programs. A device cannot branch on its own values without the host: all branches
 * of a `cond` run, and each element selects; a `while` takes all its steps, and those after the end do
 * nothing; a `scan` is a loop over the body's kernels.
 */
import type { controlPrimitives } from "../../../primitives/control.ts";
import { BackendError, InternalError } from "../../../core/errors.ts";
import { boundedLoop, type CondParams, type ScanParams } from "../../../primitives/index.ts";
import type { WhileParams } from "../../../primitives/index.ts";
import { code, typeOf, variable } from "../expression.ts";
import { type Carry, type Expr, type Loop, type Region, Value } from "../value.ts";
import { copy, type Lowering, type Lowerings, pointwise } from "./table.ts";

const cond: Lowering<CondParams> = ([index, ...operands], { branches }, context) => {
  const { region, inline, outputs } = context;
  const known = constantOf(index!);
  if (known !== undefined) {
    return inline(branches[Math.min(Math.max(known, 0), branches.length - 1)]!, operands);
  }
  const results = branches.map((b) => inline(b, operands));
  return outputs.map((out, i) =>
    results.slice(1).reduce((before, result, k) => {
      const type = typeOf(out.dtype);
      const [yes, no] = [result[i]!, before];
      return pointwise(region, out, [index!, yes, no], 1, (read, at) => {
        const reached = code("bool", `$0 > ${k}`, read(index!, []));
        return code(type, "select($2, $1, $0)", reached, read(yes, at), read(no, at));
      });
    }, results[0]![i]!)
  );
};

/** The value of a constant; undefined for others. */
function constantOf(x: Value): number | undefined {
  const { definition } = x;
  if (definition.kind !== "pointwise" || definition.inputs.length > 0 || x.shape.length > 0) {
    return undefined;
  }
  const { node } = definition.element(() => {
    throw new InternalError("a constant reads nothing");
  }, []);
  return node.kind === "constant" ? node.value : undefined;
}

const scan: Lowering<ScanParams> = (inputs, params, context) => {
  const { body, consts, carry, length, reverse } = params;
  const { region, depth, outputs } = context;
  const init = inputs.slice(consts, consts + carry);
  const xs = inputs.slice(consts + carry);
  if (length === 0) return outputs.map((out, i) => init[i] ?? pointwise(region, out, [], 0, empty));
  const step = variable(`step${depth}`, "u32", { level: 0, bound: length });

  const before: Value[] = [];
  const { region: inner, outputs: next } = context.body(body, (r) => {
    init.forEach((x) => before.push(new Value(r, x.shape, x.dtype, { kind: "stored" })));
    const slices = xs.map((x) =>
      pointwise(
        r,
        { shape: x.shape.slice(1), dtype: x.dtype },
        [x],
        0,
        (read, at) => read(x, [step, ...at]),
      )
    );
    return [...inputs.slice(0, consts), ...before, ...slices];
  });

  const carries: Carry[] = [];
  const stacks: { slice: Value; stack: Value }[] = [];
  const loop: Loop = { length, reverse, depth, body: inner, carries, stacks };
  const left = (r: Region, shape: Value["shape"], dtype: Value["dtype"]) =>
    new Value(r, shape, dtype, { kind: "loop", loop });
  // The loop's initial values are made before it, so that they come before its results.
  const initial = init.map((x) => copy(region, x));
  return outputs.map((out, i) => {
    const result = left(region, out.shape, out.dtype);
    if (i < carry) {
      const after = copy(inner, next[i]!);
      carries.push({ initial: initial[i]!, before: before[i]!, after, result });
    } else {
      const slice = copy(inner, next[i]!, { slice: { of: result, step } });
      stacks.push({ slice, stack: result });
    }
    return result;
  });
};

const empty = (): Expr => {
  throw new InternalError("an empty value has no elements");
};

const whileLoop: Lowering<WhileParams> = (inputs, params, context) => {
  const { maxSteps } = params;
  if (maxSteps === undefined) {
    throw new BackendError(
      "whileLoop without a bound cannot run on webgpu, which cannot read its condition",
      'give whileLoop a bound: { maxSteps: 100 }, or use another backend: await setBackend("onnx")',
    );
  }
  const avals = inputs.map((x) => ({ shape: x.shape, dtype: x.dtype, weak: false }));
  return context.inline(boundedLoop(avals, params, maxSteps), inputs);
};

/** The control family. */
export const controlLowerings: Lowerings<keyof typeof controlPrimitives> = {
  scan,
  cond,
  while: whileLoop,
  barrier: (inputs, _, { region }) => inputs.map((x) => copy(region, x, { after: inputs })),
};
