/** The memory and the communication of a training step on several devices, counted from its program before anything runs. */
import { dispose, explain, np, type Tensor, tree } from "../../index.ts";
import type { Sample } from "../../data/index.ts";
import type { EngineConfig } from "../schema.ts";
import type { Compilation } from "../xla/machine.ts";
import { placeBatch } from "./device.ts";
import type { Trainer, TrainState } from "./step.ts";
import { axesOfState } from "./xlaEngine.ts";

/** Numbers for one device and one step; sizes are bytes. */
export interface StepPlan {
  readonly devices: number;
  /** The number of parameters of the model. */
  readonly parameters: number;
  readonly parameterBytes: number;
  /** The state: what every device has all of, and its part of what devices share. */
  readonly wholeBytes: number;
  readonly sharedBytes: number;
  /** Its part of the batch. */
  readonly batchBytes: number;
  /** The most that values made inside the step occupy at one time, the next state included. */
  readonly intermediateBytes: number;
  /** Multiplications with additions of products and convolutions. */
  readonly multiplyAdds: number;
  /**
   * The bytes that it sends and those that it receives: gradients of b bytes are summed in a ring of n devices, which
   * sends 2 b (n − 1) / n from each (Patarasuk & Yuan, 2009). Parameters that devices share are gathered, and their
   * gradients summed in parts, each of which sends b (n − 1) / n: the same.
   */
  readonly exchangedBytes: number;
}

/** The plan of a trainer's step for batches like this one. */
export function planStep(
  trainer: Trainer,
  inputs: readonly string[],
  state: TrainState,
  batch: Sample,
  { devices, shard }: { readonly devices: number } & Pick<EngineConfig, "shard">,
): StepPlan {
  const placed = placeBatch(inputs, batch);
  const part = Object.fromEntries(
    Object.entries(placed).map(([name, { shape: [size = 1, ...shape], dtype }]) => [
      name,
      np.zeros([size / devices, ...shape], { dtype }),
    ]),
  );
  const axes = axesOfState(state, devices, shard);
  const leaves = tree.flatten(state)[0] as Tensor[]; // state is made of nothing else
  const parameters = tree.flatten(state.params)[0] as Tensor[];
  const { cost, peakBytes } = explain(trainer.plainStep, state, part);
  const bytes = (xs: readonly Tensor[]) => sum(xs.map(bytesOf));
  const parameterBytes = bytes(parameters);
  const plan = {
    devices,
    parameters: sum(parameters.map((x) => x.size)),
    parameterBytes,
    wholeBytes: bytes(leaves.filter((_, i) => axes[i] === null)),
    sharedBytes: bytes(leaves.filter((_, i) => axes[i] !== null)) / devices,
    batchBytes: bytes(Object.values(part)),
    intermediateBytes: peakBytes,
    multiplyAdds: cost.multiplyAdds,
    exchangedBytes: 2 * parameterBytes * (devices - 1) / devices,
  };
  dispose([placed, part]);
  return plan;
}

const widths = { float32: 4, float64: 8, int32: 4, uint32: 4, bool: 1 } as const;
const bytesOf = ({ size, dtype }: Tensor) => size * widths[dtype];
const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0);

/** The bytes of the results of XLA's exchanges, by their kind. */
export function exchangesOf({ exchanges }: Compilation): { readonly [kind: string]: number } {
  const found: { [kind: string]: number } = {};
  for (const line of exchanges) {
    const [, types, kind] = /= (.*?) ([a-z]+(?:-[a-z]+)+?)(?:-start)?\(/.exec(line) ?? [];
    if (types === undefined || kind === undefined) continue;
    const sizes = [...types.matchAll(/\b([a-z]+)(\d+)?\[([\d,]*)\]/g)].map(([, , bits, shape]) =>
      (Number(bits ?? 8) / 8) * shape!.split(",").filter(Boolean).reduce((n, d) => n * Number(d), 1)
    );
    found[kind] = (found[kind] ?? 0) + sum(sizes);
  }
  return found;
}

const MiB = (bytes: number) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;

/** The plan in words, a line each. */
export function describePlan(plan: StepPlan): string[] {
  const { wholeBytes, sharedBytes, batchBytes, intermediateBytes } = plan;
  return [
    `parameters      ${plan.parameters.toLocaleString("en")} (${MiB(plan.parameterBytes)})`,
    `of each of the ${plan.devices} devices:`,
    `  state         ${MiB(wholeBytes + sharedBytes)}` +
    (sharedBytes === 0 ? "" : `, ${MiB(sharedBytes)} of it shared`),
    `  batch         ${MiB(batchBytes)}`,
    `  intermediates ${MiB(intermediateBytes)} at most, when nothing is fused`,
    `  together      ${MiB(wholeBytes + sharedBytes + batchBytes + intermediateBytes)}`,
    `  arithmetic    ${(plan.multiplyAdds / 1e9).toFixed(1)} billion multiply-adds a step`,
    `  sent          ${MiB(plan.exchangedBytes)} a step, for the sum of gradients`,
  ];
}

/** XLA's own numbers, a line each. */
export function describeCompilation(compilation: Compilation): string[] {
  const { argument, temp, alias, output } = compilation.memory;
  const exchanged = Object.entries(exchangesOf(compilation))
    .map(([kind, bytes]) => `${kind} ${MiB(bytes)}`);
  return [
    "compiled by XLA, each device:",
    ...(argument === undefined || temp === undefined ? [] : [
      `  memory        ${MiB(argument)} of arguments, ${MiB(temp)} of intermediates, ${
        MiB((output ?? 0) - (alias ?? 0))
      } of results beside them`,
    ]),
    `  exchanges     ${exchanged.join(", ") || "none"}`,
  ];
}
