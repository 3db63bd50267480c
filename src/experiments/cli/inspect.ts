/** `inspect DIR`: a look at data before there is a config, by the first task that can. */
import { writeFile } from "node:fs/promises";
import { Console, Effect } from "effect";
import { toPng } from "../display/panel.ts";
import { fileError, RunError } from "../errors.ts";
import { Tasks } from "../tasks/index.ts";
import type { InspectOptions } from "../tasks/task.ts";

/** Says what is at a path, and draws some of it. */
export const inspectPath = Effect.fn("inspectPath")(function* (
  path: string,
  out: string,
  { resolution, ...options }: Omit<InspectOptions, "resolution"> & { readonly resolution: string },
) {
  const sides = resolution.split(/[,×x]/).map(Number);
  const task = (yield* Tasks).find(({ inspect }) => inspect !== undefined);
  if (task?.inspect === undefined || !sides.every((side) => Number.isInteger(side) && side > 0)) {
    return yield* Effect.fail(
      new RunError(
        task?.inspect === undefined
          ? "No task of this program can look at data without a config"
          : `--resolution: expected a side, or "height,width", found "${resolution}"`,
        "write for example --resolution 64, or --resolution 96,128",
      ),
    );
  }
  const { facts, panel } = yield* task.inspect(path, {
    ...options,
    resolution: sides.length === 1 ? sides[0]! : sides,
  });
  for (const [label, text] of facts) {
    yield* Console.log(`${label.padEnd(12)}${text.replaceAll("\n", "\n" + " ".repeat(12))}`);
  }
  if (panel.heads.length === 0) return;
  yield* Effect.tryPromise({
    try: async () => await writeFile(out, (await toPng(panel)).bytes),
    catch: fileError(`${out} cannot be written.`),
  });
  yield* Console.log(`${"drawn".padEnd(12)}${out}`);
});
