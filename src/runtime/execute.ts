/**
 * Running operations at once, when no trace is open: programs of one operation, which are compiled and cached.
 */
import { type Backend, checkSupported, type DeviceBuffer, numberOf } from "./backend.ts";
import { backendOf, type Runnable } from "./compiled.ts";
import { setRuntime } from "../core/dispatch.ts";
import { collectChecks } from "./effects.ts";
import { evaluate } from "../core/evaluate.ts";
import { compile, runByHost } from "./hosted.ts";
import { LruCache } from "../core/lru.ts";
import { DeviceStorage, donate, type LazyFill, readAfter, storageOf } from "./memory.ts";
import { callsHost, type Params, type Primitive, type Program } from "../core/program.ts";
import { type Aval, formatAval, Var } from "../core/aval.ts";
import { formatParams } from "../core/printer.ts";
import { lazyFillOf, mayWait, operandsOf } from "./lazyFill.ts";
import { Tensor } from "../core/tensor.ts";

// Enough for the distinct operations of a large model.
const eager = new LruCache<Runnable>(2048, (unused) => unused.dispose());

/** Compiles a program, or finds it compiled. Programs of the same text are the same. */
export function compileCached(key: string, make: () => Program, backend: Backend): Runnable {
  const fullKey = `${numberOf(backend)} ${key}`;
  return eager.get(fullKey) ?? eager.add(fullKey, compile(make(), backend));
}

/** Runs one primitive at once. */
function runEquation<P extends Params>(
  primitive: Primitive<P>,
  inputs: readonly Tensor[],
  params: P,
  avals: readonly Aval[],
): Tensor[] {
  if (primitive.inline) return evaluate(primitive.inline(params), inputs);
  const backend = backendOf(inputs);
  if (callsHost({ primitive, params })) return runByHost(primitive, inputs, params, avals, backend);
  // The key determines the program; printing the program each time would take longer than running it.
  const types = inputs.map((x) => `${formatAval(x.aval)}${lazyFillOf(x) ? " throughout" : ""}`);
  const key = `${primitive.name}${formatParams(params)} ${types.join(" ")}`;
  const program = () => {
    const { variables, operands, equations } = operandsOf(inputs);
    const outputs = avals.map((a) => new Var(a));
    const equation = { primitive, params, inputs: operands, outputs };
    return { inputs: variables, equations: [...equations, equation], outputs };
  };
  const run = () =>
    compileCached(key, program, backend).run(inputs.map((x) => lazyFillOf(x)?.number ?? x));
  return mayWait(primitive, inputs, avals[0]!)
    ? [waiting(inputs[0]!, { primitive, params }, avals[0]!, backend, run)]
    : run();
}

/** A tensor of one number whose memory `run` will fill. */
function waiting(
  number: Tensor,
  equation: LazyFill["equation"],
  aval: Aval,
  backend: Backend,
  run: () => readonly Tensor[],
): Tensor {
  checkSupported(aval, backend);
  const fill = () => {
    const filled = run()[0]!;
    const { buffer } = storageOf(filled)!; // what was computed is stored
    donate(filled);
    return buffer;
  };
  const storage = new DeviceStorage(backend, { number, equation, fill });
  return new Tensor(aval, { kind: "stored", storage });
}

/** A device buffer of one tensor, for backends' own interchange. */
export function bufferOf(x: Tensor): DeviceBuffer | undefined {
  return storageOf(x)?.buffer;
}

setRuntime({
  run: runEquation,
  guard(f, inputs) {
    const [outputs, checks] = collectChecks(f);
    if (checks.length > 0) readAfter(checks, outputs, inputs.map(storageOf));
    return outputs;
  },
});
