/**
 * One training step of every preset of images at its full size, on images of noise, with both adjoints: seconds and memory,
 * each in a process of its own. Batches are cut to a few samples (`--batch`, 2), since the time of a sample is the
 * question; memory is the peak of the process.
 *
 *     deno run -A bench/presets.ts [--backend onnx] [--batch 2] [--limit 1200] [preset …]
 *
 * Writes docs/presets.md. Rows of presets that are not named, or that took longer than the limit (in seconds), stay as
 * they were.
 */
import { parseArgs } from "node:util";
import process from "node:process";
import { Effect } from "effect";
import { type BackendName, random, setBackend } from "trilevel";
import { decodeConfig, tasks } from "trilevel/experiments";
import { taskOf } from "../src/experiments/tasks/index.ts";
import { makeTrainer } from "../src/experiments/train/step.ts";
import { replaceRows, type Row } from "./presetsTable.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    backend: { type: "string", default: "onnx" },
    batch: { type: "string", default: "2" },
    limit: { type: "string", default: "1200" },
    child: { type: "boolean", default: false },
  },
});

interface Preset {
  readonly name: string;
  readonly model: { readonly adjoint: string; readonly slots: number };
  readonly data: { readonly resolution: number };
}

/** Presets that learn from images by slots. */
const presets = tasks.flatMap((task) => Object.entries(task.presets)).flatMap(([name, preset]) => {
  const { model, data } = preset as { model: unknown; data: unknown };
  const fits = typeof Object(model).adjoint === "string" && Number(Object(model).slots) > 0 &&
    typeof Object(data).resolution === "number" && typeof Object(data).source === "string";
  return fits ? [{ ...preset, name } as unknown as Preset] : []; // as was looked at
});
const adjoints = ["oneStep", "unrolled"] as const;

type Measured = Pick<Row, "firstSeconds" | "seconds" | "peakMiB">;

/** The first step, and the faster of two more. */
async function measure(name: string, adjoint: string, batch: number): Promise<Measured> {
  await setBackend(values.backend as BackendName); // an unknown name is refused with the names there are
  const preset = presets.find((one) => one.name === name);
  const program = Effect.gen(function* () {
    const config = yield* decodeConfig(
      { ...preset, model: { ...preset?.model, adjoint } },
      name,
    );
    const task = yield* taskOf(config);
    return { config, system: task.system(config) };
  });
  const { config, system } = await Effect.runPromise(program);
  const trainer = makeTrainer(system, config.optimizer);
  const { resolution } = config.data as Preset["data"]; // as presets are chosen
  const { slots } = config.model as unknown as Preset["model"];
  const inputs = {
    image: random.uniform(random.key(0), [batch, resolution, resolution, 3]),
    targets: random.uniform(random.key(1), [batch, slots, 19]),
  };
  let state = trainer.init(0);
  const times: number[] = [];
  for (let i = 0; i < 3; i++) {
    const start = performance.now();
    const [next, row] = trainer.step(state, inputs);
    await row.data();
    state = next;
    times.push((performance.now() - start) / 1000);
  }
  const peak = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return {
    firstSeconds: times[0]!,
    seconds: Math.min(times[1]!, times[2]!),
    peakMiB: Number(peak) / 1024,
  };
}

const batch = Number(values.batch);
if (values.child) {
  const [name, adjoint] = positionals as [string, string];
  console.log(JSON.stringify(await measure(name, adjoint, batch)));
  process.exit(0);
}

/** Presets with one model and one size of images take the same step. */
const stepOf = ({ model, data }: Preset) => JSON.stringify([model, data.resolution]);
const wanted = presets.filter(({ name }) => positionals.length === 0 || positionals.includes(name));
const path = new URL("../docs/presets.md", import.meta.url);
for (
  const preset of wanted.filter((one, i) =>
    wanted.findIndex((other) => stepOf(other) === stepOf(one)) === i
  )
) {
  for (const adjoint of adjoints) {
    const args = ["run", "-A", import.meta.filename!, "--child", "--backend", values.backend];
    const { stdout, success } = await new Deno.Command(Deno.execPath(), {
      args: [...args, "--batch", values.batch, preset.name, adjoint],
      stderr: "inherit",
      signal: AbortSignal.timeout(1000 * Number(values.limit)),
    }).output();
    if (!success) {
      console.log(`${preset.name} with ${adjoint}: no step within ${values.limit} s, or a failure`);
      continue;
    }
    const measured: Measured = JSON.parse(new TextDecoder().decode(stdout));
    const names = presets.filter((one) => stepOf(one) === stepOf(preset)).map(({ name }) => name);
    const rows = names.map((name): Row => ({ name, adjoint, batch, ...measured }));
    console.log(rows);
    const order = presets.flatMap(({ name }) => adjoints.map((adjoint) => ({ name, adjoint })));
    const old = await Deno.readTextFile(path).catch(() => "");
    Deno.writeTextFileSync(path, replaceRows(old, rows, order, values.backend));
  }
}
