/**
 * `deno task bench:webgpu`: how programs lie in a GPU's memory, and what compiling their kernels costs. Writes
 * docs/webgpu.md.
 */
import { explain, limitsOf, openWebGpu, setBackend, valueAndGrad } from "trilevel";
import { type CaseOf, cases } from "./cases.ts";
import { slotInputs, slotLoss, slotParams } from "./workloads/slotAttention.ts";

const rounds = 7;
/** Storage buffers of a kernel: what WebGPU guarantees, and what most GPUs allow. */
const usual = [8, 10];
const slots = cases.filter((c): c is CaseOf<"slotAttention"> => c.workload === "slotAttention");

interface Plan {
  readonly id: string;
  readonly maxBuffers: number;
  readonly dispatches: number | undefined;
  readonly kernels: readonly string[];
  readonly plannedBytes: number | undefined;
  readonly neededBytes: number | undefined;
}

/** Milliseconds until all kernels are compiled and have run, one of each round. */
interface Timed {
  readonly inTurn: readonly number[];
  readonly atOnce: readonly number[];
}

/** Devices are asked about them. */
const adapters: GPUAdapter[] = [];

if (Deno.args[0] === "--compile") console.log(JSON.stringify(await compileAll(Deno.args[1]!)));
else await report();
Deno.exit(0); // a device would keep the process

async function report(): Promise<void> {
  const device = await openDevice();
  const plans: Plan[] = [];
  for (const maxBuffers of [...usual, device.limits.maxStorageBuffersPerShaderStage]) {
    await setBackend(openWebGpu(device, { maxBuffers }));
    for (const c of slots) {
      const found = explain(valueAndGrad(slotLoss(c)), slotParams(), slotInputs());
      plans.push({ id: c.id, maxBuffers, ...found, kernels: [...new Set(found.kernels)] });
    }
  }
  const kernels = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(kernels, JSON.stringify(plans[0]!.kernels));
  const times = compileApart(kernels);
  await Deno.remove(kernels);
  const page = pageOf(plans, times);
  console.log(page);
  await Deno.writeTextFile("docs/webgpu.md", page);
}

async function openDevice(): Promise<GPUDevice> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error("no WebGPU adapter: install a Vulkan driver");
  adapters.push(adapter);
  return await adapter.requestDevice({ requiredLimits: limitsOf(adapter) });
}

/** The times of a process of its own, whose driver remembers nothing. */
function compileApart(kernels: string): Timed {
  const { stdout, stderr, success } = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", import.meta.filename!, "--compile", kernels],
    env: { MESA_SHADER_CACHE_DISABLE: "true" },
  }).outputSync();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

async function compileAll(path: string): Promise<Timed> {
  const texts: string[] = JSON.parse(await Deno.readTextFile(path));
  const device = await openDevice();
  const inTurn: number[] = [];
  const atOnce: number[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const into of round % 2 ? [inTurn, atOnce] : [atOnce, inTurn]) {
      const unseen = texts.map((text) => different(text, 2 * round + Number(into === inTurn)));
      const descriptors = unseen.map((code) => ({
        layout: "auto" as const,
        compute: { module: device.createShaderModule({ code }), entryPoint: "main" },
      }));
      const start = performance.now();
      const pipelines = into === atOnce
        ? await Promise.all(descriptors.map((d) => device.createComputePipelineAsync(d)))
        : descriptors.map((d) => device.createComputePipeline(d));
      // Some only compile what is used.
      const encoder = device.createCommandEncoder();
      const pass = encoder.beginComputePass();
      for (const pipeline of pipelines) pass.setPipeline(pipeline);
      pass.end();
      device.queue.submit([encoder.finish()]);
      await device.queue.onSubmittedWorkDone();
      into.push(performance.now() - start);
    }
  }
  device.destroy();
  return { inTurn, atOnce };
}

/** The same kernel to us, another to every cache. */
function different(text: string, number: number): string {
  return text.replace(
    /(fn main\([^{]*\{)/,
    `$1\n  if (group.x == ${4_000_000_000 + number}u) { return; }`,
  );
}

function pageOf(
  plans: readonly Plan[],
  times: Timed,
): string {
  const MiB = (bytes: number | undefined) => (bytes! / 2 ** 20).toFixed(2);
  const median = (xs: readonly number[]) => xs.toSorted((a, b) => a - b)[xs.length >> 1]!;
  const memory = plans.map(({ id, maxBuffers, dispatches, kernels, plannedBytes, neededBytes }) =>
    `| (${id}) | ${maxBuffers} | ${dispatches} | ${kernels.length} | ${MiB(plannedBytes)} | ${
      MiB(neededBytes)
    } | ${(plannedBytes! / neededBytes!).toFixed(2)} |`
  );
  const [inTurn, atOnce] = [times.inTurn, times.atOnce].map((t) => median(t).toFixed(0));
  return `# Programs on WebGPU

Written by \`deno task bench:webgpu\`: value and gradient of slot attention, the cases (a) of
[performance.md](performance.md).

## Memory

A program's dispatches go into one command buffer, over blocks that its intermediates share. The blocks are buffers of
their own and not ranges of one, because within a dispatch WebGPU lets no buffer be both read-only and written, not
even in different places: in one buffer every operand would have to be declared writable. What that leaves unused is
the difference between the blocks and what is alive at one time, which no plan can do without. The fewer buffers a
kernel may use, the more dispatches: WebGPU guarantees 8, most GPUs allow 10 or more, software Vulkan many more.

| case | buffers a kernel | dispatches | kernels | blocks, MiB | alive at once, MiB | blocks / alive |
| ---- | ---------------: | ---------: | ------: | ----------: | -----------------: | -------------: |
${memory.join("\n")}

## Compiling

The kernels of (${
    plans[0]!.id
  }), new to every cache, on Deno's WebGPU until they are ready to run: ${inTurn} ms made one after
another, and ${atOnce} ms asked for at once with \`createComputePipelineAsync\`, medians of ${rounds}. Deno compiles
within the call all the same, so there Trilevel makes one after another. On other hardware WebGPU, as in browsers,
it asks for all kernels of a program at once; the program and whatever is asked for after it wait their turn, and
the page does not (\`asyncPipelines\` of \`openWebGpu\` says otherwise).
`;
}
