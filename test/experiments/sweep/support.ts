/** An open database and the identity of a worker, which the tests of sweeps share. */
import { Effect, type Scope } from "effect";
import type { ExperimentConfig } from "../../../src/experiments/schema.ts";
import type { Cell } from "../../../src/experiments/sweep/cell.ts";
import { openDatabase } from "../../../src/experiments/sweep/database.ts";
import type { WorkerIdentity } from "../../../src/experiments/sweep/store.ts";

/** Runs an effect with a database that is open meanwhile. */
export const withStore = <A, E>(
  where: string,
  use: (
    database: Effect.Success<ReturnType<typeof openDatabase>>,
  ) => Effect.Effect<A, E, Scope.Scope>,
): Promise<A> => Effect.runPromise(Effect.scoped(Effect.flatMap(openDatabase(where), use)));

/** A worker that is only a name. */
export const workerNamed = (id: string, code = "code"): WorkerIdentity => ({
  id,
  host: "nowhere",
  pid: 1,
  started: "",
  code,
});

/** A cell that is only a name; its config is never read. */
export const cellNamed = (key: string, code = "code"): Cell => ({
  key,
  name: `cell-${key}`,
  config: { steps: 10 } as ExperimentConfig,
  data: "",
  code,
  folder: `cell-${key}`,
});
