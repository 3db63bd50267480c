/** `sweep`: many configs at once, by one process or many; and the commands that look at a sweep and steer it. */
import { basename, join } from "node:path";
import process from "node:process";
import { Console, Effect, Option } from "effect";
import { Argument, Command, Flag } from "effect/cli";
import { readConfig } from "../config/compose.ts";
import { presetNamed } from "../config/presets.ts";
import { openDisplay } from "../display/progress.ts";
import { shownDatabase } from "../sweep/database.ts";
import { gridOf } from "../sweep/grid.ts";
import { cellTable, tellCounts, tellStatus } from "../sweep/status.ts";
import { addCells, asked, openPlace, refuseOtherCode, selected, work } from "../sweep/sweep.ts";
import { trainerProcess } from "../sweep/trainerProcess.ts";
import { file, preset, root } from "./flags.ts";
import { answerInterruption } from "./interruption.ts";

/** The database of cells. */
export const database = Flag.String("database").pipe(
  Flag.withMetavar("url|file"),
  Flag.withDescription(
    "Postgres as postgres://user:password@host/name, or a file of this host " +
      "(default: TRILEVEL_DATABASE, else sweep.sqlite in the folder of runs)",
  ),
  Flag.optional,
);

/** The number of child processes that train. */
export const workers = Flag.Int("workers").pipe(
  Flag.filter(
    (count) => count >= 0,
    (count) => `a whole number of at least 0, found ${count}`,
  ),
  Flag.withDescription("Processes to train in (default: this one; 0: none, others will)"),
  Flag.optional,
);

/** The time that a loan of a cell lasts. */
export const lease = Flag.Int("lease").pipe(
  Flag.filter(
    (seconds) => seconds >= 2,
    (seconds) => `at least 2 seconds, found ${seconds}`,
  ),
  Flag.withDescription("Seconds after which a silent worker's cell goes to another (default: 30)"),
  Flag.withDefault(30),
);

/** The database and the folder of runs that flags name. */
export const placeOf = (
  { runs, database }: { readonly runs: string; readonly database: Option.Option<string> },
) => ({
  root: runs,
  database: Option.getOrElse(
    database,
    () => process.env["TRILEVEL_DATABASE"] ?? join(runs, "sweep.sqlite"),
  ),
});

const cells = Argument.String("cell").pipe(
  Argument.withDescription("Cells by name or by the first digits of their key (default: all)"),
  Argument.atLeast(0),
);
const named = Flag.String("sweep").pipe(
  Flag.withDescription("The cells of this sweep alone"),
  Flag.optional,
);

const worker = Command.make(
  "worker",
  {
    runs: root,
    database,
    workers,
    lease,
    stay: Flag.Boolean("stay").pipe(
      Flag.withDescription("Wait for further cells when all are done"),
      Flag.withDefault(false),
    ),
  },
  Effect.fn(function* ({ workers, lease, stay, ...flags }) {
    const place = placeOf(flags);
    const database = yield* openPlace(place, { first: false });
    if (!stay) yield* refuseOtherCode(place, database.store);
    const display = openDisplay();
    const count = Option.getOrElse(workers, () => 1);
    const ended = yield* work(place, database, {
      workers: count,
      leaseSeconds: lease,
      stay,
      display,
    });
    yield* Console.log(`${ended} cell${ended === 1 ? "" : "s"} ended here`);
  }, Effect.scoped),
).pipe(Command.withDescription("Train cells of a sweep that was made here or on another host"));

const status = Command.make(
  "status",
  {
    cells,
    runs: root,
    database,
    sweep: named,
    each: Flag.Boolean("cells").pipe(
      Flag.withDescription("A row for each cell"),
      Flag.withDefault(false),
    ),
  },
  Effect.fn(function* ({ cells, sweep, each, ...flags }) {
    const place = placeOf(flags);
    const { store } = yield* openPlace(place, { first: false });
    const rows = yield* selected(place, store, { sweep: Option.getOrUndefined(sweep), cells });
    yield* Console.log(tellStatus(rows, yield* asked(place, store.workers)));
    if (each) yield* Console.log(`\n${cellTable(rows)}`);
  }, Effect.scoped),
).pipe(Command.withDescription("Cells, workers, failures with their reasons, and the time left"));

const steer = (
  name: "cancel" | "retry",
  description: string,
  done: string,
) =>
  Command.make(
    name,
    { cells, runs: root, database, sweep: named },
    Effect.fn(function* ({ cells, sweep, ...flags }) {
      const place = placeOf(flags);
      const { store } = yield* openPlace(place, { first: false });
      const selection = { sweep: Option.getOrUndefined(sweep), cells };
      yield* selected(place, store, selection);
      const count = yield* asked(place, store[name](selection));
      yield* Console.log(`${count} cell${count === 1 ? "" : "s"} ${done}`);
    }, Effect.scoped),
  ).pipe(Command.withDescription(description));

const trainer = Command.make("trainer", {}, () => trainerProcess).pipe(
  Command.withDescription("Train what standard input says; workers start this themselves"),
);

/** The subcommand. */
export const sweepCommand = Command.make(
  "sweep",
  {
    preset,
    config: file,
    set: Flag.String("set").pipe(
      Flag.withAlias("s"),
      Flag.withMetavar("path=value,value"),
      Flag.withDescription("Change any field; several values make a grid; may be repeated"),
      Flag.atLeast(0),
    ),
    name: Flag.String("name").pipe(
      Flag.withDescription("Name of the sweep (default: that of the preset)"),
      Flag.optional,
    ),
    runs: root,
    database,
    workers,
    lease,
  },
  Effect.fn(function* ({ preset, config, set, name, workers, lease, ...flags }) {
    const place = placeOf(flags);
    const base = Option.isSome(config)
      ? (yield* readConfig(config.value)).config
      : yield* presetNamed(preset);
    const configs = yield* gridOf(base, set);
    const database = yield* openPlace(place, { first: true });
    const sweep = Option.getOrElse(
      name,
      () => Option.isSome(config) ? basename(config.value, ".json") : preset,
    );
    const made = yield* addCells(place, database.store, sweep, configs);
    const rows = () => asked(place, database.store.rows({ sweep }));
    const display = openDisplay();
    display.line(`sweep "${sweep}" in ${shownDatabase(place.database)}`);
    display.line(tellCounts(yield* rows()));
    const count = Option.getOrUndefined(workers);
    if (count === 0) {
      return display.line(
        "on each host: deno task sweep worker, with the same --database and --runs",
      );
    }
    yield* answerInterruption;
    let ended = 0;
    yield* work(place, database, {
      workers: count,
      leaseSeconds: lease,
      display,
      settled: () => display.update({ what: "cell", step: ++ended, steps: made.length, facts: [] }),
    });
    display.end();
    const final = yield* rows();
    yield* Console.log(`${tellStatus(final, [])}\n\n${cellTable(final)}`);
  }, Effect.scoped),
).pipe(
  Command.withDescription("Train a grid of configs, in this process, in several, on many hosts"),
  Command.withExamples([
    {
      command: "sweep --set seed=0,1,2 --set model.adjoint=oneStep,unrolled",
      description: "Six runs, one after the other",
    },
    {
      command: "sweep --set seed=0,1,2,3 --workers 2",
      description: "Two at a time, each in a process of its own",
    },
  ]),
  Command.withSubcommands([
    worker,
    status,
    steer(
      "cancel",
      "End cells that have no result",
      "cancelled",
    ),
    steer("retry", "Let cells that failed or were cancelled wait again", "waiting again"),
    trainer,
  ]),
);
