/**
 * The store of cells under random work of several workers whose loans end at any moment: no cell has two holders, none is
 * lost, and a worker whose loan has ended changes nothing. The same on SQLite and on Postgres.
 */
import { Effect } from "effect";
import * as fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { type Loan, mostAttempts, type Store } from "../../../src/experiments/sweep/store.ts";
import { openDatabase } from "../../../src/experiments/sweep/database.ts";
import {
  freePort,
  havePostgres,
  startPostgres,
  type TestPostgres,
} from "../../support/postgres.ts";
import { runs } from "../../support/tier.ts";
import { failure } from "../support.ts";
import { cellNamed, withStore, workerNamed } from "./support.ts";

let postgres: TestPostgres | undefined;
const databases: Record<string, () => Promise<string>> = {
  sqlite: () => Promise.resolve(":memory:"),
  ...(havePostgres ? { postgres: async () => (postgres ??= await startPostgres()).url } : {}),
};
afterAll(() => postgres?.stop());

const keys = ["a", "b", "c"];
const workers = ["one", "two"].map((id) => workerNamed(id));
const results = { loss: 0.5, score: null };

/** An operation of a worker. It speaks of the latest loan that it was given, valid or not. */
const action = fc.record({
  worker: fc.nat(workers.length - 1),
  what: fc.constantFrom(
    "claim",
    "claimBriefly",
    "renew",
    "save",
    "finish",
    "fail",
    "release",
    "cancel",
    "retry",
  ),
});
type Action = { readonly worker: number; readonly what: string };

/** The rule of a cell in a few lines, to hold the database against. */
interface Model {
  state: string;
  epoch: number;
  attempts: number;
  saved: number;
  claimed: number;
  holder: number | undefined;
  over: boolean;
}

const play = Effect.fnUntraced(function* (store: Store, actions: readonly Action[], round: number) {
  const code = `round-${round}`;
  const players = workers.map((worker) => ({ ...worker, id: `${worker.id}-${round}`, code }));
  const named = (key: string) => `${key}-${round}`;
  yield* store.add(code, keys.map((key) => cellNamed(named(key), code)));
  const model = new Map(keys.map((key): [string, Model] => [named(key), {
    state: "waiting",
    epoch: 0,
    attempts: 0,
    saved: 0,
    claimed: 0,
    holder: undefined,
    over: false,
  }]));
  const loans: (Loan | undefined)[] = players.map(() => undefined);
  const exhausted = (cell: Model) => cell.attempts >= mostAttempts && cell.saved <= cell.claimed;
  const back = (cell: Model) => {
    cell.state = exhausted(cell) ? "failed" : "waiting";
    cell.holder = undefined;
  };
  for (const { worker, what } of actions) {
    const [me, loan] = [players[worker]!, loans[worker]];
    const cell = loan && model.get(loan.cell.key);
    const valid = cell?.state === "running" && cell.holder === worker && cell.epoch === loan?.epoch;
    if (what.startsWith("claim")) {
      for (const one of model.values()) {
        if (one.state === "running" && (one.over || one.holder === worker)) back(one);
      }
      const next = [...model].find(([, { state }]) => state === "waiting");
      const given = yield* store.claim(me, what === "claim" ? 1000 : -1);
      expect(given?.cell.key).toBe(next?.[0]);
      if (given === undefined || next === undefined) continue;
      const [, one] = next;
      one.attempts = one.saved > one.claimed ? 1 : one.attempts + 1;
      Object.assign(one, {
        state: "running",
        epoch: one.epoch + 1,
        claimed: one.saved,
        holder: worker,
        over: what !== "claim",
      });
      expect(given).toMatchObject({ epoch: one.epoch, saved: one.saved });
      loans[worker] = given;
    } else if (what === "cancel" || what === "retry") {
      yield* store[what]({ sweep: code, cells: [named("a")] });
      const one = model.get(named("a"))!;
      if (what === "cancel" && ["waiting", "running"].includes(one.state)) one.state = "cancelled";
      if (what === "retry" && ["failed", "cancelled"].includes(one.state)) {
        Object.assign(one, { state: "waiting", attempts: 0 });
      }
    } else if (loan === undefined || cell === undefined) continue;
    else if (what === "renew" || what === "save") {
      const saved = valid && what === "save" ? cell.saved + 1 : cell.saved;
      const answer = yield* store.renew(me, loan, 1000, { step: saved, saved });
      expect(answer).toBe(valid);
      if (valid) Object.assign(cell, { saved, over: false });
    } else if (what === "release") {
      yield* store.release(me, loan);
      if (valid) Object.assign(cell, { state: "waiting", attempts: cell.attempts - 1 });
    } else {
      const state = what === "finish" ? "finished" as const : "failed" as const;
      const counts = yield* store.settle(me, loan, { state, step: cell.saved, results });
      if (valid) {
        if (state === "failed") back(cell);
        else cell.state = state;
      }
      // The answer to a repeated question is that of the first.
      expect(counts).toBe(valid || (cell.state === state && cell.epoch === loan.epoch));
    }
    const rows = yield* store.rows({ sweep: code });
    expect(
      rows.map(({ key, state, epoch, attempts, saved }) => ({
        key,
        state,
        epoch,
        attempts,
        saved,
      })),
    )
      .toEqual(
        [...model].map(([key, { state, epoch, attempts, saved }]) => ({
          key,
          state,
          epoch,
          attempts,
          saved,
        })),
      );
  }
});

it.skipIf(!havePostgres)(
  "a Postgres that cannot be used is told of, with the cure and without the password",
  async () => {
    const url = await databases["postgres"]!();
    const refusal = (where: string) => failure(Effect.scoped(openDatabase(where))).then(String);
    const free = await freePort();
    const cases = [
      [url.replace(/:\d+\//, `:${free}/`), "No Postgres can be used", "Start it"],
      [url.replace("secret", "guess"), "refuses the user or the password", "Check both"],
      [url.replace("trilevel:", "nobody:"), "refuses the user or the password", "Check both"],
      [url.replace(/\/postgres$/, "/nothing"), "has no such database", "createdb"],
      [url.replace("trilevel:secret@", ""), "names no user", "postgres://user:password@"],
    ] as const;
    for (const [where, problem, cure] of cases) {
      const told = await refusal(where);
      expect(told).toContain(problem);
      expect(told).toContain(cure);
      expect(told).not.toMatch(/secret|guess/);
    }
  },
);

describe.each(Object.keys(databases))("cells in %s", (name) => {
  it("are as a few rules say, whatever workers do in whatever order", async () => {
    const where = await databases[name]!();
    let round = 0;
    await withStore(where, ({ store }) =>
      Effect.promise(() =>
        fc.assert(
          fc.asyncProperty(
            fc.array(action, { minLength: 10, maxLength: 40 }),
            (actions) => Effect.runPromise(play(store, actions, round++)),
          ),
          { numRuns: runs(60) },
        )
      ));
  });

  it("are added once, and selected by sweep, name and key", async () => {
    await withStore(await databases[name]!(), ({ store }) =>
      Effect.gen(function* () {
        const many = Array.from({ length: 450 }, (_, i) => cellNamed(`x${i}`, "other"));
        yield* store.add("first", many);
        yield* store.add("second", many.slice(0, 3));
        const count = (rows: Effect.Success<ReturnType<typeof store.rows>>) => rows.length;
        expect(count(yield* store.rows({ sweep: "first" }))).toBe(450);
        expect(count(yield* store.rows({ sweep: "second" }))).toBe(3);
        expect(count(yield* store.rows({ cells: ["cell-x7"] }))).toBe(1);
        expect(count(yield* store.rows({ cells: ["x44"] }))).toBe(11);
        expect((yield* store.counts).filter(({ code }) => code === "other"))
          .toEqual([{ state: "waiting", code: "other", n: 450 }]);
      }));
  });
});
