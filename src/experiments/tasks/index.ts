/** The tasks that the command line knows. */
import { Context, Effect } from "effect";
import type { ExperimentConfig } from "../schema.ts";
import { discovery } from "./discovery.ts";
import { efficientMorlTask } from "./efficientMorl.ts";
import { iodineTask } from "./iodine.ts";
import { iterativeAmortizedInferenceTask } from "./iterativeAmortizedInference.ts";
import { mixturesTask } from "./mixtures.ts";
import { multisetPredictionTask } from "./multisetPrediction.ts";
import { neuralEmTask } from "./neuralEm.ts";
import { op3Task } from "./op3.ts";
import { partsTask } from "./parts.ts";
import { properties } from "./properties.ts";
import { relationalNeuralEmTask } from "./relationalNeuralEm.ts";
import { saviTask } from "./savi.ts";
import { slate } from "./slate.ts";
import { stochasticVariationalInferenceTask } from "./stochasticVariationalInference.ts";
import type { Task } from "./task.ts";
import { vaeTask } from "./vae.ts";

export { discovery, properties };

/** The tasks of this package; the first preset of the first is the default of the command line. */
export const tasks: readonly Task[] = [
  discovery,
  properties,
  slate,
  neuralEmTask,
  mixturesTask,
  vaeTask,
  stochasticVariationalInferenceTask,
  saviTask,
  partsTask,
  iterativeAmortizedInferenceTask,
  iodineTask,
  efficientMorlTask,
  multisetPredictionTask,
  relationalNeuralEmTask,
  op3Task,
];

/** The tasks in use: those of this package, or those that a program provides. */
export const Tasks = Context.Reference<readonly Task[]>("trilevel/Tasks", {
  defaultValue: () => tasks,
});

/** The task of a config that was checked. */
export const taskOf = ({ model }: ExperimentConfig) =>
  Effect.map(Tasks, (tasks) => tasks.find(({ name }) => name === model.task)!); // decodeConfig looked for it
