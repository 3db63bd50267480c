/**
 * What a cache of compiled programs saves: first calls of the onnx backend without one, with an empty one, and with a
 * full one.
 *
 *     deno run -A bench/firstCalls.ts a3,a7,b,d 9
 *
 * The arguments are the cases, and how often each is started; starts take turns, each is a process of its own. Times
 * are milliseconds, the median and the least: of the first call, and from the start of the process to its result.
 */
import { casesNamed } from "./cases.ts";
import { Contestant, median } from "./contestant.ts";
import { subjects } from "./subjects.ts";
import { digits } from "./table.ts";

const [names = "a3,a7,b,d", starts = "9"] = Deno.args;
const onnx = subjects.find((s) => s.ours === "onnx")!;
const caches = ["none", "empty", "full"] as const;

for (const c of casesNamed(names.split(","))) {
  const directory = await Deno.makeTempDir();
  const calls = caches.map((): number[] => []);
  const wholes = caches.map((): number[] => []);
  const checks = new Set<number>();
  for (let i = 0; i < Number(starts); i++) {
    await Deno.remove(directory, { recursive: true });
    for (const [k, cache] of caches.entries()) {
      // The process inherits it. What the empty one was filled with, the full one has.
      Deno.env.set("TRILEVEL_CACHE", cache === "none" ? "" : directory);
      const start = performance.now();
      const contestant = (await Contestant.start(c, onnx))!;
      await contestant.first();
      wholes[k]!.push(performance.now() - start);
      const { first, check } = contestant.result();
      calls[k]!.push(first);
      checks.add(check);
      await contestant.end();
    }
  }
  await Deno.remove(directory, { recursive: true });
  console.log(`${c.id}: ${c.title}`);
  if (checks.size > 1) console.error(`  results differ: ${[...checks]}`);
  for (const [k, cache] of caches.entries()) {
    const [call, whole] = [calls[k]!, wholes[k]!];
    const show = (times: readonly number[]) =>
      `${digits(median(times))} (${digits(Math.min(...times))})`;
    console.log(`  cache ${cache}: first call ${show(call)}, whole process ${show(whole)}`);
  }
}
