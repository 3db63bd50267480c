/**
 * One training step of every preset at its full size, on images of noise: seconds and memory, each preset in a process of its
 * own. Batches are cut to a few samples (`--batch`, 2), since the time of a sample is the question; memory is the peak of the
 * process.
 *
 *     deno run -A bench/presets.ts [--backend onnx] [--batch 2] [preset …]
 *
 * Writes docs/presets.md.
 */
import { parseArgs } from "node:util";
import process from "node:process";
import { Effect } from "effect";
import { type BackendName, memory, random, setBackend } from "trilevel";
import { decodeConfig, tasks } from "trilevel/experiments";
import { taskOf } from "../src/experiments/tasks/index.ts";
import { makeTrainer } from "../src/experiments/train/step.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    backend: { type: "string", default: "onnx" },
    batch: { type: "string", default: "2" },
    child: { type: "boolean", default: false },
  },
});

const presets = new Map(tasks.flatMap((task) => Object.entries(task.presets)));

interface Measured {
  readonly firstSeconds: number;
  readonly seconds: number;
  readonly peakMiB: number;
}

/** The first step, and the faster of two more. */
async function measure(name: string, batch: number): Promise<Measured> {
  await setBackend(values.backend as BackendName); // an unknown name is refused with the names there are
  const program = Effect.gen(function* () {
    const config = yield* decodeConfig(presets.get(name), name);
    const task = yield* taskOf(config);
    return { config, system: task.system(config) };
  });
  const { config, system } = await Effect.runPromise(program);
  const trainer = makeTrainer(system, config.optimizer);
  const { resolution } = config.data as { resolution: number }; // of the presets' own tasks
  const { slots } = config.model as unknown as { slots: number };
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
  console.assert(memory()[values.backend as BackendName] !== undefined);
  const peak = /VmHWM:\s+(\d+) kB/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return {
    firstSeconds: times[0]!,
    seconds: Math.min(times[1]!, times[2]!),
    peakMiB: Number(peak) / 1024,
  };
}

const batch = Number(values.batch);
if (values.child) {
  console.log(JSON.stringify(await measure(positionals[0]!, batch)));
  process.exit(0);
}

const rows: string[] = [];
for (const name of positionals.length > 0 ? positionals : presets.keys()) {
  const args = ["run", "-A", import.meta.filename!, "--child", "--backend", values.backend];
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [...args, "--batch", values.batch, name],
    stderr: "inherit",
  }).output();
  if (!success) throw new Error(`${name} failed`);
  const found: Measured = JSON.parse(new TextDecoder().decode(stdout));
  const numbers = [found.firstSeconds, found.seconds, found.seconds / batch];
  const row = [name, batch, ...numbers.map((x) => x.toFixed(2)), found.peakMiB.toFixed(0)];
  rows.push(`| ${row.join(" | ")} |`);
  console.log(rows.at(-1));
}
if (positionals.length === 0) {
  const head = ["preset", "batch", "first step (s)", "a step (s)", "a sample (s)", "peak (MiB)"];
  Deno.writeTextFileSync(
    new URL("../docs/presets.md", import.meta.url),
    [
      "# One step of every preset",
      "",
      `Written by \`deno task bench:presets\` on ${navigator.hardwareConcurrency} cores, backend \`${values.backend}\`:`,
      "one training step at the preset's full resolution and size of model, on a small batch; the first step compiles.",
      "",
      `| ${head.join(" | ")} |`,
      `| ${head.map(() => "---").join(" | ")} |`,
      ...rows,
      "",
    ].join("\n"),
  );
}
