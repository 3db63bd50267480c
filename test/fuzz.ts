/**
 * Many random programs: `deno task fuzz` runs 100 for each of 100 seeds on every backend. A seed that fails is told and
 * the next one follows; the last lines say how many programs passed. With `--log` each finished seed is written to a
 * file, and a run that is started again leaves out those that are there.
 */
import "./support/quickDriver.ts";
import "../src/runtime/execute.ts";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import process from "node:process";
import { parseArgs } from "node:util";
import fc from "fast-check";
import { backends } from "./support/backends.ts";
import { checkExport, checkProgram } from "./support/random/checkProgram.ts";
import {
  largePrograms,
  type RandomProgram,
  randomPrograms,
} from "./support/random/randomProgram.ts";
import { python, Xla } from "./support/xla.ts";

const usage = `deno task fuzz [options]
  --seeds 1-100        the first and the last seed
  --programs 100       programs of each seed
  --backend onnx       backends, by comma (default: all that are here); xla runs what toStableHlo writes
  --log fuzz.log       a file that keeps which seeds are done`;

/** A machine that programs are checked on. */
interface Machine {
  readonly name: string;
  readonly programs: fc.Arbitrary<RandomProgram>;
  readonly check: (random: RandomProgram) => Promise<void>;
}

const xla = python === undefined ? undefined : new Xla(python);
const machines: readonly Machine[] = [
  ...backends.map((backend) => ({
    name: backend.name,
    programs: largePrograms,
    check: (random: RandomProgram) => checkProgram(backend, random),
  })),
  // Compiling takes XLA longer than all backends: its programs are smaller.
  ...(xla === undefined ? [] : [{
    name: "xla",
    programs: randomPrograms,
    check: (random: RandomProgram) => checkExport(xla, random),
  }]),
];

interface Finished {
  readonly backend: string;
  readonly seed: number;
  readonly programs: number;
  readonly passed: boolean;
}

function options() {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1-100" },
      programs: { type: "string", default: "100" },
      backend: { type: "string", default: backends.map((b) => b.name).join() },
      log: { type: "string" },
    },
  });
  const range = /^(\d+)(?:-(\d+))?$/.exec(values.seeds);
  const names = values.backend.split(",");
  const unknown = names.find((name) => !machines.some((b) => b.name === name));
  if (!range || !/^[1-9]\d*$/.test(values.programs) || unknown !== undefined) {
    throw new Error(unknown === undefined ? usage : `no backend ${unknown} is here\n${usage}`);
  }
  const [first, last] = [Number(range[1]), Number(range[2] ?? range[1])];
  return {
    seeds: Array.from({ length: last - first + 1 }, (_, i) => first + i),
    programs: Number(values.programs),
    chosen: machines.filter((b) => names.includes(b.name)),
    log: values.log,
  };
}

/** Stops at a seed's first failure, unshrunk: shrinking takes long, and the test of one seed does it. */
async function runSeed(machine: Machine, seed: number, numRuns: number): Promise<Finished> {
  const property = fc.asyncProperty(machine.programs, machine.check);
  const details = await fc.check(property, { seed, numRuns, endOnFailure: true });
  if (details.failed) {
    console.log(fc.defaultReportMessage(details));
    console.log(details.errorInstance);
    console.log(
      `to shrink it: TRILEVEL_FUZZ_PROGRAMS=${numRuns} TRILEVEL_FUZZ_SEED=${seed} ` +
        `deno run -A npm:vitest run test/fuzz.test.ts -t ${machine.name}`,
    );
  }
  const programs = details.numRuns - (details.failed ? 1 : 0); // those that passed
  return { backend: machine.name, seed, programs, passed: !details.failed };
}

const { seeds, programs, chosen, log } = options();
const finished: Finished[] = log !== undefined && existsSync(log)
  ? readFileSync(log, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line))
  : [];
for (const backend of chosen) {
  for (const seed of seeds) {
    if (finished.some((f) => f.backend === backend.name && f.seed === seed)) continue;
    const result = await runSeed(backend, seed, programs);
    finished.push(result);
    if (log !== undefined) appendFileSync(log, `${JSON.stringify(result)}\n`);
    console.log(
      `${backend.name}, seed ${seed}: ${result.programs} passed${
        result.passed ? "" : ", then one failed"
      }`,
    );
  }
}
for (const { name } of chosen) {
  const ours = finished.filter((f) => f.backend === name && seeds.includes(f.seed));
  const total = ours.reduce((n, f) => n + f.programs, 0);
  const failed = ours.filter((f) => !f.passed).map((f) => f.seed);
  console.log(
    `${name}: ${total} programs passed, seeds ${seeds[0]} to ${seeds.at(-1)}, ` +
      (failed.length === 0 ? "no failure" : `failures at seeds ${failed.join(", ")}`),
  );
  if (failed.length > 0) process.exitCode = 1;
}
xla?.close();
