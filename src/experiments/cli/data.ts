/** `data make` and `data inspect`: the data of a config before any training. */
import { writeFile } from "node:fs/promises";
import { Console, Effect } from "effect";
import { describeSchema } from "../../data/cache.ts";
import { blank, colored, enlarge, grid, type Picture, toPng } from "../report/canvas.ts";
import type { ExperimentConfig } from "../config/config.ts";
import { type Example, openExamples, tellScenes } from "../tasks/images/examples.ts";
import { datasetError, fileError } from "../errors.ts";
import type { Display } from "../report/progress.ts";

/** Makes generated scenes, or converts files, so that training begins at once. */
export const makeData = Effect.fn("makeData")(function* (
  config: ExperimentConfig,
  display: Display,
) {
  const { train, heldOut } = yield* openExamples(config, tellScenes(display));
  display.line(`${train.size + heldOut.size} images of ${config.data.source} are ready`);
}, Effect.scoped);

/** Says what there is, and draws the first held-out examples with their masks. */
export const inspectData = Effect.fn("inspectData")(function* (
  config: ExperimentConfig,
  out: string,
  display: Display,
) {
  const { train, heldOut, schema } = yield* openExamples(config, tellScenes(display));
  const labelled = "masks" in schema || "mask" in schema;
  yield* Console.log(
    `source      ${config.data.source}${config.data.path ? ` (${config.data.path})` : ""}`,
  );
  yield* Console.log(
    `fields      ${describeSchema(schema).replaceAll("\n", "\n" + " ".repeat(12))}`,
  );
  yield* Console.log(
    `images      ${train.size} to train on, ${heldOut.size} held out`,
  );
  yield* Console.log(`segmented   ${labelled ? "yes" : "no, so that FG-ARI cannot be computed"}`);
  const count = Math.min(8, heldOut.size);
  const examples = yield* Effect.tryPromise({
    try: () => Promise.all(Array.from({ length: count }, (_, i) => heldOut.get(i))),
    catch: datasetError("An example cannot be read."),
  });
  const rows = [examples.map(imagePicture), ...(labelled ? [examples.map(labelPicture)] : [])];
  const times = Math.max(1, Math.round(96 / config.data.resolution));
  const { bytes } = toPng(
    grid(rows.map((row) => row.map((tile) => enlarge(tile, times))), { gap: 4 }),
  );
  yield* Effect.tryPromise({
    try: () => writeFile(out, bytes),
    catch: fileError(`${out} cannot be written.`),
  });
  yield* Console.log(`drawn       ${out}`);
}, Effect.scoped);

function imagePicture({ image: { data, shape } }: Example): Picture {
  const picture = blank(shape[1]!, shape[0]!);
  picture.data.set(data.map((x) => (x + 1) / 2));
  return picture;
}

function labelPicture({ image: { shape }, labels }: Example): Picture {
  const [height, width] = shape as readonly [number, number, number];
  return labels === null ? blank(width, height) : colored(labels.data, width, height, 0);
}
