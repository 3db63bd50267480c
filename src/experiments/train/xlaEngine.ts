/**
 * The engine that exports the step once and has XLA run it: every device takes a part of each batch, and XLA's partitioner
 * adds the communication. Measurements and state stay there until they are asked for.
 */
import {
  ArgumentError,
  dispose,
  evalShape,
  np,
  type ShapeDType,
  type Tensor,
  toStableHlo,
  tree,
  type TypedArray,
} from "../../index.ts";
import type { Sample } from "../../data/index.ts";
import { isBelow, pathNames } from "../paths.ts";
import type { EngineConfig } from "../schema.ts";
import type { Compilation, Machine, Operand, StepProgram } from "../xla/machine.ts";
import { inputOf, placeBatch } from "./device.ts";
import type { Engine } from "./engine.ts";
import type { Trainer, TrainState } from "./step.ts";

/** A step for XLA, and the order of the fields in its batch. */
export interface ExportedStep {
  readonly program: StepProgram;
  readonly fields: readonly string[];
}

/** The engine of a machine, whose step is compiled. */
export interface XlaEngine extends Engine {
  /** XLA's account of the step. */
  readonly compilation: Compilation;
}

/**
 * The step of a trainer for batches like this one, on some devices.
 *
 * @throws BackendError when the step calls the host; ArgumentError when a rule of `shard` divides nothing.
 */
export async function exportStep(
  trainer: Trainer,
  inputs: readonly string[],
  state: TrainState,
  batch: Sample,
  { devices, shard }: { readonly devices: number } & Pick<EngineConfig, "shard">,
): Promise<ExportedStep> {
  const placed = placeBatch(inputs, batch);
  const [leaves, structure] = tree.flatten(state);
  const tensors = leaves as Tensor[]; // state is made of nothing else
  const axes = axesOfState(state, devices, shard);
  const [order] = tree.flatten(
    Object.fromEntries(inputs.map((name) => [name, index(name, inputs)])),
  );
  const fields = (order as number[]).map((i) => inputs[i]!);
  try {
    const text = await toStableHlo(trainer.plainStep, state, placed);
    const shapes = tree.flatten(evalShape(trainer.plainStep, state, placed))[0] as ShapeDType[];
    const [before, after] = [tensors, shapes].map((xs) => xs.slice(0, tensors.length).map(typeOf));
    const changed = before!.findIndex((type, i) => type !== after![i]);
    if (changed >= 0) {
      throw new ArgumentError(
        `The step changes the type of ${pathNames(structure)[changed]} from ${
          before![changed]
        } to ${after![changed]}, and XLA keeps state in place`,
        "convert it to the type that it had",
      );
    }
    const operandOf = ({ dtype, shape }: Tensor | ShapeDType, shard: number | null): Operand => ({
      dtype,
      shape,
      shard,
    });
    return {
      fields,
      program: {
        text,
        devices,
        inputs: [
          ...tensors.map((x, i) => operandOf(x, axes[i]!)),
          ...fields.map((name) => operandOf(placed[name]!, 0)),
        ],
        outputs: shapes.map(({ dtype, shape }) => ({ dtype, shape })),
        state: tensors.length,
      },
    };
  } finally {
    dispose(placed);
  }
}

const index = (name: string, names: readonly string[]) => names.indexOf(name);
const typeOf = ({ dtype, shape }: Tensor | ShapeDType) => `${dtype}[${shape}]`;

/**
 * The axis of each leaf of the state that devices share; null where each has all of it.
 *
 * @throws ArgumentError when a rule divides nothing.
 */
export function axesOfState(
  state: TrainState,
  devices: number,
  rules: EngineConfig["shard"],
): (number | null)[] {
  const [leaves, structure] = tree.flatten(state);
  const names = pathNames(structure);
  const used = new Set<string>();
  const axes = names.map((name, i) => {
    const [path, axis] = Object.entries(rules).find(([path]) => isBelow(path, name)) ?? [];
    if (path === undefined || axis === undefined) return null;
    const size = (leaves[i] as Tensor).shape[axis]; // state is made of nothing else
    if (size === undefined || size % devices !== 0) return null;
    used.add(path);
    return axis;
  });
  const idle = Object.keys(rules).filter((path) => !used.has(path));
  if (idle.length === 0) return axes;
  throw new ArgumentError(
    `engine.shard: expected state whose axis ${devices} devices can share below ${
      idle.map((path) => `"${path}" (axis ${rules[path]})`).join(", ")
    }, found none`,
    `paths are those of the state, such as "params.…" and "optimizer.…"; "**.name" is any of them`,
  );
}

/** Compiles a step, gives it its state, and is its engine. */
export async function openXlaEngine(
  machine: Machine,
  { program, fields }: ExportedStep,
  initial: TrainState,
): Promise<XlaEngine> {
  const structure = tree.structure(initial);
  const operands = program.inputs.slice(0, program.state);
  const compilation = await machine.compile(program);
  const load = async (state: TrainState) => {
    const leaves = tree.flatten(state)[0] as Tensor[]; // state is made of nothing else
    await machine.load(
      await Promise.all(leaves.map(async (x, i) => {
        const data = await x.data();
        // The reference backend keeps float32 in double precision.
        return operands[i]!.dtype === "float32" ? Float32Array.from(data) : data;
      })),
    );
  };
  await load(initial);
  let here: TrainState | undefined = initial;
  return {
    compilation,
    async advance(batch) {
      dispose(here);
      here = undefined;
      await machine.step(fields.map((name, i) => {
        const { data, shape } = inputOf(name, batch);
        const expected = program.inputs[program.state + i]!.shape;
        if (`${shape}` === `${expected}`) return data;
        throw new ArgumentError(
          `XLA's step takes "${name}" of the shape [${expected}], got [${shape}]`,
          "give all batches one shape, or train with engine.name=local",
        );
      }));
    },
    async measure() {
      return new Float32Array((await machine.measure()).buffer);
    },
    async state() {
      if (here !== undefined) return here;
      const { buffer } = await machine.fetch();
      let at = 0;
      here = tree.unflatten<TrainState>(
        structure,
        operands.map(({ dtype, shape }) => {
          const size = shape.reduce((a, b) => a * b, 1);
          const data = elements(dtype, buffer, at, size);
          at += data.byteLength;
          return np.fromData(data, { dtype, shape });
        }),
      );
      return here;
    },
    async replace(next) {
      here = next;
      await load(next);
    },
  };
}

/** A part of a buffer as elements; bytes of booleans may end anywhere, so that a part is copied. */
function elements(
  dtype: Operand["dtype"],
  buffer: ArrayBuffer,
  from: number,
  size: number,
): TypedArray {
  const { [dtype]: Kind } = {
    float32: Float32Array,
    float64: Float64Array,
    int32: Int32Array,
    uint32: Uint32Array,
    bool: Uint8Array,
  };
  return new Kind(buffer.slice(from, from + size * Kind.BYTES_PER_ELEMENT));
}
