/** Learning rates that shrink when a validation score no longer improves. */
import { ArgumentError, dispose, np, optim, scope } from "../../index.ts";
import type { Plateau, Scores } from "../tasks/task.ts";

const transformationOf = ({ patience, factor }: Plateau) =>
  optim.reduceOnPlateau({ patience, factor, rtol: 0 });

/** The state before the first evaluation; null without a plateau, which holds no tensors. */
export function plateauState(plateau: Plateau | undefined): optim.PlateauState | null {
  return plateau === undefined ? null : transformationOf(plateau).init({});
}

/**
 * The state after an evaluation; that before it is let go.
 *
 * @throws ArgumentError when the scores have not the one that is looked at.
 */
export function afterScores(
  plateau: Plateau,
  state: optim.PlateauState,
  scores: Scores,
): optim.PlateauState {
  const value = scores[plateau.score];
  if (value === undefined) {
    throw new ArgumentError(
      `plateau of the task: there is no score "${plateau.score}"`,
      `give one of ${Object.keys(scores).join(", ")}`,
    );
  }
  const next = scope(() =>
    transformationOf(plateau).update({}, state, undefined, { value: np.array(value) })[1]
  );
  dispose(state);
  return next;
}
