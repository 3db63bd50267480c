/** A machine without XLA: it speaks the protocol in this process, and its steps are those of a trainer. */
import { PassThrough } from "node:stream";
import { jit, np, type Tensor, tree, type TypedArray } from "trilevel";
import type { Outputs } from "../../src/experiments/tasks/task.ts";
import type { Trainer, TrainState } from "../../src/experiments/train/step.ts";
import { Connection, encodeFrame, readFrames } from "../../src/experiments/xla/connection.ts";
import { type Facts, Machine, type StepProgram } from "../../src/experiments/xla/machine.ts";

/** The arrays of some operands in a buffer, on the backend. */
function unpack(operands: StepProgram["inputs"], bytes: Uint8Array<ArrayBuffer>): Tensor[] {
  let at = 0;
  return operands.map(({ dtype, shape }) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const Kind = { float32: Float32Array, int32: Int32Array, uint32: Uint32Array }[
      dtype as "float32" // those that the tests have
    ];
    const data = new Kind(bytes.buffer.slice(at, at += 4 * size));
    return np.fromData(data, { dtype, shape });
  });
}

/** Counts what was asked of it. */
export interface FakeXla {
  readonly machine: Promise<Machine>;
  readonly asked: string[];
}

/** A machine whose steps are a trainer's. It ends, unless `dies` is undefined, in place of that step. */
export function fakeXla(
  trainer: Trainer,
  fields: readonly string[],
  { dies, ...facts }: Partial<Facts> & { readonly dies?: number } = {},
): FakeXla {
  const [there, back] = [new PassThrough(), new PassThrough()];
  const asked: string[] = [];
  const gone = Promise.withResolvers<Error>();
  const answer = (header: object, arrays: readonly TypedArray[] = []) => {
    for (const part of encodeFrame({ ...header }, arrays)) back.write(part);
  };
  const step = jit(trainer.plainStep);
  const structure = tree.structure(trainer.init(0));
  const hosts = (xs: readonly Tensor[]) => Promise.all(xs.map((x) => x.data()));
  const serve = async () => {
    answer({
      jax: "0.10.2",
      platform: "cpu",
      kind: "fake",
      devices: 2,
      process: 0,
      pid: 0,
      ...facts,
    });
    let program: Omit<StepProgram, "text"> | undefined;
    let state: Tensor[] = [];
    let rows: Tensor[] = [];
    let steps = 0;
    for await (const { header, body } of readFrames(there)) {
      asked.push(String(header["do"]));
      if (header["do"] === "compile") {
        program = header as unknown as StepProgram; // as the engine wrote it
        answer({ memory: {}, exchanges: [] });
      } else if (header["do"] === "load") {
        state = unpack(program!.inputs.slice(0, program!.state), body);
        answer({});
      } else if (header["do"] === "step") {
        if (++steps === dies) break;
        const batch = unpack(program!.inputs.slice(program!.state), body);
        const [next, row] = step(
          tree.unflatten<TrainState>(structure, state),
          Object.fromEntries(batch.map((x, i) => [fields[i]!, x])) as Outputs,
        );
        state = tree.flatten(next)[0] as Tensor[]; // state is made of nothing else
        rows.push(row);
      } else if (header["do"] === "measure") {
        answer({}, await hosts(rows));
        rows = [];
      } else answer({}, await hosts(state));
    }
    back.end();
    gone.resolve(new Error("the fake has ended"));
  };
  void serve();
  const connection = new Connection(there, back, gone.promise);
  return { machine: Machine.over(connection, () => there.end(), "fake"), asked };
}
