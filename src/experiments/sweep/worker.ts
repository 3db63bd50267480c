/**
 * A worker: borrows a cell, trains it while the loan lasts, tells how it ended, and borrows the next. Whatever happens to
 * it, the cell is not lost: the database ends loans that are not renewed.
 *
 * The worker counts the time of a loan from before it asked for it, so that its own clock never gives it longer than the
 * database does. When that time is over and no renewal was answered, training is ended at once.
 */
import { hostname } from "node:os";
import process from "node:process";
import { Effect, Fiber, Schedule } from "effect";
import type { SqlError } from "effect/sql/SqlError";
import { formatDuration } from "../display/progress.ts";
import { messageOf } from "../errors.ts";
import { CurrentProcesses } from "../runs/lock.ts";
import { beginAttempt, forgetAttempts } from "./attempt.ts";
import type { Cell, Outcome } from "./cell.ts";
import { codeIdentity, dataIdentity } from "./identity.ts";
import type { Loan, Store, WorkerIdentity } from "./store.ts";
import type { CellProgress } from "./trainCell.ts";
import type { Trainer } from "./trainer.ts";

/** Options of {@link runWorker}. */
export interface WorkerOptions {
  readonly store: Store;
  /** The folder of all runs, the same for all workers. */
  readonly root: string;
  readonly trainer: Trainer;
  /** Seconds that a loan lasts unless it is renewed, which it is at least three times as often. */
  readonly leaseSeconds: number;
  /** Seconds between two looks where no cell waits. */
  readonly pollSeconds: number;
  /** Waits for further cells when all are done. */
  readonly stay?: boolean;
  readonly line: (text: string) => void;
  /** Called when a cell has an end that counts. */
  readonly settled?: (cell: Cell, outcome: Outcome) => void;
}

let made = 0;

/** This process as a worker; a process may be several. */
export const identify = Effect.gen(function* () {
  const processes = yield* CurrentProcesses;
  const started = yield* Effect.promise(() => processes.startOf(processes.pid));
  const identity: WorkerIdentity = {
    id: `${hostname()}-${process.pid}-${++made}-${crypto.randomUUID().slice(0, 4)}`,
    host: processes.host,
    pid: processes.pid,
    started: started ?? "",
    code: yield* codeIdentity,
  };
  return identity;
});

/** Ends the loans of processes of this host that are gone, which need not be waited for. */
export const endDeadLoans = Effect.fnUntraced(function* (store: Store) {
  const processes = yield* CurrentProcesses;
  for (const { id, host, pid, started } of yield* store.workers) {
    if (host !== processes.host) continue;
    if ((yield* Effect.promise(() => processes.startOf(pid))) !== started) yield* store.leave(id);
  }
});

/** Works until no cell of this code waits or is trained, and gives the number of cells that it ended. */
export const runWorker = Effect.fn("runWorker")(function* (options: WorkerOptions) {
  const { store, leaseSeconds, pollSeconds, line } = options;
  const me = yield* identify;
  let away = false;
  // The database may be restarted: a question is asked again until it is answered.
  const patiently = <A>(question: Effect.Effect<A, SqlError>) =>
    question.pipe(
      Effect.timeout(`${Math.min(10, Math.max(2, leaseSeconds))} seconds`),
      Effect.tapError((error) =>
        Effect.sync(() => {
          if (!away) line(`the database does not answer (${messageOf(error)}); waiting for it`);
          away = true;
        })
      ),
      Effect.retry(Schedule.spaced("500 millis")),
      Effect.tap(() =>
        Effect.sync(() => {
          if (away) line("the database answers again");
          away = false;
        })
      ),
      Effect.orDie, // nothing is left that ends the repetition
    );
  yield* Effect.acquireRelease(
    patiently(store.greet(me)),
    () => store.leave(me.id).pipe(Effect.timeout("2 seconds"), Effect.ignore),
  );
  let ended = 0;
  while (true) {
    yield* patiently(endDeadLoans(store));
    const asked = performance.now();
    const loan = yield* patiently(store.claim(me, leaseSeconds));
    if (loan !== undefined) {
      if (yield* attempt(me, loan, asked, options, patiently)) ended++;
      continue;
    }
    const left = (yield* patiently(store.counts)).some(({ state, code }) =>
      code === me.code && (state === "waiting" || state === "running")
    );
    if (!left && options.stay !== true) return ended;
    yield* patiently(store.greet(me));
    yield* Effect.sleep(`${pollSeconds} seconds`);
  }
}, Effect.scoped);

/** The reason why a worker has a cell no longer. */
type Ended = { readonly lost: string };

/** Trains one cell; true if its end counts. */
const attempt = Effect.fnUntraced(function* (
  me: WorkerIdentity,
  loan: Loan,
  asked: number,
  { store, root, trainer, leaseSeconds, line, settled }: WorkerOptions,
  patiently: <A>(question: Effect.Effect<A, SqlError>) => Effect.Effect<A>,
) {
  const { cell } = loan;
  // Also a long loan tells of progress.
  const renewSeconds = Math.min(10, leaseSeconds / 3);
  const title = `${cell.name} (${cell.key.slice(0, 8)})`;
  let deadline = asked + 1000 * leaseSeconds;
  let progress: CellProgress = { step: 0, saved: loan.saved };
  const lend = (until: number) => {
    deadline = until;
    trainer.lend(Date.now() + deadline - performance.now());
  };
  lend(deadline);

  const renewing: Effect.Effect<Ended> = Effect.gen(function* () {
    while (true) {
      yield* Effect.sleep(`${1000 * renewSeconds} millis`);
      const before = performance.now();
      const answer = yield* Effect.result(
        store.renew(me, loan, leaseSeconds, progress).pipe(
          Effect.timeout(`${renewSeconds} seconds`),
        ),
      );
      if (answer._tag === "Failure") continue; // `watching` looks at the time
      if (!answer.success) return { lost: "it was cancelled, or went to another worker" };
      lend(before + 1000 * leaseSeconds);
    }
  });
  // Beside the renewals, which may hang where a network swallows what is sent.
  const watching: Effect.Effect<Ended> = Effect.gen(function* () {
    while (performance.now() < deadline) {
      yield* Effect.sleep(`${Math.max(1, deadline - performance.now())} millis`);
    }
    return { lost: `the database did not answer for ${formatDuration(leaseSeconds)}` };
  });
  const training: Effect.Effect<Outcome> = Effect.gen(function* () {
    const data = yield* dataIdentity(cell.config);
    if (data !== cell.data) {
      return {
        state: "failed" as const,
        step: 0,
        results: {},
        message: `the data on ${me.host} is not the data that the cell was made with`,
      };
    }
    const folder = yield* beginAttempt(root, loan);
    return yield* trainer.run(cell.config, folder.path, (at) => {
      progress = { step: at.step, saved: Math.max(at.saved, progress.saved) };
    });
  }).pipe(
    Effect.catch((error) =>
      Effect.succeed<Outcome>({
        state: "failed",
        step: 0,
        results: {},
        message: messageOf(error),
      })
    ),
  );

  line(`${title}: attempt ${loan.epoch}${loan.saved > 0 ? `, from step ${loan.saved}` : ""}`);
  const renewal = yield* Effect.forkDetach(renewing);
  const stopRenewing = Effect.asVoid(Effect.forkDetach(Fiber.interrupt(renewal)));
  const end = yield* Effect.raceFirst(
    training.pipe(
      Effect.onInterrupt(() =>
        // The worker stops: what was saved stays, and the cell waits again.
        performance.now() < deadline
          ? store.release(me, loan).pipe(Effect.timeout("2 seconds"), Effect.ignore)
          : Effect.void
      ),
    ),
    Effect.raceFirst(Fiber.join(renewal), watching).pipe(
      Effect.tap(() => Effect.sync(() => trainer.kill())),
    ),
  ).pipe(Effect.ensuring(stopRenewing));
  if ("lost" in end) {
    line(`${title}: given up, since ${end.lost}`);
    return false;
  }
  const counts = yield* patiently(store.settle(me, loan, end));
  if (!counts) {
    line(`${title}: ended after the loan did; another attempt counts`);
    return false;
  }
  if (end.state !== "failed") yield* forgetAttempts(root, loan);
  line(`${title}: ${end.state}${end.message === undefined ? "" : `: ${end.message}`}`);
  settled?.(cell, end);
  return true;
});
