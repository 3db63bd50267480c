/**
 * The cost of dispatching a cell: `deno task bench:sweep [counts]`, cells without any work, by eight workers in this process
 * over a database that waits for the disk at every commit. So many cells wait, of which the first 400 are lent and ended. Beside the table of cells the two engines that Effect has: its
 * persisted queue, and its workflows on a cluster of one runner. Then two questions about fitness: how evenly a cluster of
 * three runners shares sixty cells, and whether a worker that lost its lock learns of it.
 *
 * Seconds are those of this machine now; compare the columns.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { NodeServices } from "@effect/platform-node";
import * as NodeCrypto from "@effect/platform-node/NodeCrypto";
import * as PgClient from "@effect/sql-pg/PgClient";
import { Effect, Hash, Layer, Redacted, Schema } from "effect";
import { ClusterWorkflowEngine, SingleRunner } from "effect/cluster";
import { PersistedQueue } from "effect/persistence";
import { Activity, Workflow } from "effect/workflow";
import type { Cell } from "../src/experiments/sweep/cell.ts";
import { openDatabase } from "../src/experiments/sweep/database.ts";
import type { ExperimentConfig } from "../src/experiments/schema.ts";
import { havePostgres, startPostgres } from "../test/support/postgres.ts";

const counts = (process.argv[2] ?? "100,1000,10000").split(",").map(Number);
const workers = 8;
const most = 400;

const cellsOf = (count: number): Cell[] =>
  Array.from({ length: count }, (_, i) => ({
    key: `${count}-${String(i).padStart(6, "0")}`,
    name: `cell-${i}`,
    config: { steps: 1 } as ExperimentConfig, // never read
    data: "",
    code: `code-${count}`,
    folder: `cell-${i}`,
  }));

const timed = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.suspend(() => {
    const began = performance.now();
    return Effect.map(effect, () => (performance.now() - began) / 1000);
  });

/** Adds cells, then lends and settles each; seconds of both. */
const ourTable = (where: string, count: number) =>
  Effect.gen(function* () {
    const { store } = yield* openDatabase(where);
    const code = `code-${count}`;
    const adding = yield* timed(store.add(code, cellsOf(count)));
    let left = Math.min(count, most);
    const worker = (i: number) =>
      Effect.gen(function* () {
        const me = { id: `${code}-${i}`, host: "here", pid: 1, started: "", code };
        while (left-- > 0) {
          const loan = yield* store.claim(me, 60);
          if (loan === undefined) return;
          yield* store.settle(me, loan, { state: "finished", step: 1, results: {} });
        }
      });
    const working = yield* timed(
      Effect.all(Array.from({ length: workers }, (_, i) => worker(i)), {
        concurrency: "unbounded",
      }),
    );
    return { adding, working };
  }).pipe(Effect.scoped);

const client = (url: string) => PgClient.layer({ url: Redacted.make(url), maxConnections: 8 });

const queueOf = (name: string) =>
  PersistedQueue.make({ name, schema: Schema.Struct({ cell: Schema.String }) });

const persistedQueue = (url: string, count: number) =>
  Effect.gen(function* () {
    const queue = yield* queueOf(`cells-${count}`);
    const adding = yield* timed(
      Effect.forEach(cellsOf(count), ({ key }) => queue.offer({ cell: key }, { id: key }), {
        concurrency: workers,
      }),
    );
    let left = Math.min(count, most);
    const worker = Effect.gen(function* () {
      while (left-- > 0) yield* queue.take(() => Effect.void);
    });
    const working = yield* timed(
      Effect.all(Array.from({ length: workers }, () => worker), { concurrency: "unbounded" }),
    );
    return { adding, working };
  }).pipe(
    Effect.provide(
      PersistedQueue.layer.pipe(
        Layer.provide(PersistedQueue.layerStoreSql()),
        Layer.provide(client(url)),
      ),
    ),
  );

const CellWorkflow = Workflow.make("Cell", {
  payload: { cell: Schema.String },
  idempotencyKey: ({ cell }) => cell,
});
const cellLayer = CellWorkflow.toLayer(() =>
  Activity.make({ name: "train", execute: Effect.void })
);

const workflows = (url: string, count: number) =>
  Effect.gen(function* () {
    const working = yield* timed(
      Effect.forEach(cellsOf(count), ({ key }) => CellWorkflow.execute({ cell: key }), {
        concurrency: workers,
      }),
    );
    return { adding: 0, working };
  }).pipe(
    Effect.provide(
      cellLayer.pipe(
        Layer.provideMerge(ClusterWorkflowEngine.layer),
        Layer.provideMerge(SingleRunner.layer({ runnerStorage: "memory" })),
        Layer.provide([client(url), NodeCrypto.layer, NodeServices.layer]),
      ),
    ),
  );

/** Cells of the busiest of three runners, over the cells of an even share; the mean of many sweeps of sixty. */
function imbalance(): number {
  const [sweeps, cells, runners, shards] = [1000, 60, 3, 300];
  let sum = 0;
  for (let sweep = 0; sweep < sweeps; sweep++) {
    const loads = new Array<number>(runners).fill(0);
    for (let cell = 0; cell < cells; cell++) {
      // As the cluster does: a shard by the hash of the address; runners have a third of the shards each.
      loads[Math.abs(Hash.string(`${sweep}-${cell}`) % shards) % runners]! += 1;
    }
    sum += Math.max(...loads) / (cells / runners);
  }
  return sum / sweeps;
}

/** Two workers of a persisted queue, the first of which is kept busy for longer than its lock lasts. */
const lostLock = (url: string) => {
  const store = PersistedQueue.layerStoreSql({
    lockExpiration: "2 seconds",
    lockRefreshInterval: "10 minutes", // as for a process that is busy with a long step, or cut off
    pollInterval: "200 millis",
  });
  const process = PersistedQueue.layer.pipe(Layer.provide(store), Layer.provide(client(url)));
  let [now, most] = [0, 0];
  const train = (seconds: number) =>
    Effect.gen(function* () {
      most = Math.max(most, ++now);
      yield* Effect.sleep(`${seconds} seconds`);
      now--;
    });
  const one = (seconds: number, wait: number) =>
    Effect.gen(function* () {
      const queue = yield* queueOf("lost");
      yield* queue.offer({ cell: "lost" }, { id: "lost" });
      yield* Effect.sleep(`${wait} seconds`);
      return yield* Effect.result(queue.take(() => train(seconds)));
    }).pipe(Effect.provide(Layer.fresh(process)));
  return Effect.map(
    Effect.all([one(6, 0), one(1, 1)], { concurrency: 2 }),
    ([first]) => ({ most, told: first._tag === "Failure" }),
  );
};

if (!havePostgres) {
  console.log("Postgres is not installed: apt-get install postgresql");
  process.exit(1);
}
const postgres = await startPostgres({ durable: true });
const folder = await mkdtemp(join(tmpdir(), "trilevel-bench-"));
const engines: Record<string, (count: number) => Promise<{ adding: number; working: number }>> = {
  "cells in SQLite": (count) => Effect.runPromise(ourTable(join(folder, `${count}.sqlite`), count)),
  "cells in Postgres": (count) => Effect.runPromise(ourTable(postgres.url, count)),
  "persisted queue, Postgres": (count) => Effect.runPromise(persistedQueue(postgres.url, count)),
  "workflows on a cluster, Postgres": (count) =>
    Effect.runPromise(Effect.scoped(workflows(postgres.url, count))),
};
console.log(`| engine | ${counts.map((n) => `${n} cells wait`).join(" | ")} |`);
console.log(`| --- | ${counts.map(() => "---").join(" | ")} |`);
for (const [name, run] of Object.entries(engines)) {
  const cells: string[] = [];
  for (const count of counts) {
    // Cells enter a workflow engine one by one, as they enter the queue: thousands take minutes.
    if (count > (name.startsWith("workflows") ? 100 : name.startsWith("cells") ? Infinity : 1000)) {
      cells.push("–");
      continue;
    }
    const { working } = await run(count);
    cells.push(`${(Math.min(count, most) / working).toFixed(0)} a second`);
  }
  console.log(`| ${name} | ${cells.join(" | ")} |`);
}
console.log(
  `\nthe busiest of three runners has ${imbalance().toFixed(2)} times an even share of 60 cells`,
);
const { most: together, told } = await Effect.runPromise(lostLock(postgres.url));
console.log(
  `a persisted queue whose worker lost its lock: ${together} workers at one cell; the first is told: ${
    told ? "yes" : "no"
  }`,
);
await postgres.stop();
await rm(folder, { recursive: true, force: true });
process.exit(0);
