/** From a config to the parts of its data that have no image, and no scene, in common. */
import {
  cachedSamples,
  type Dataset,
  fileStamp,
  MissingFileError,
  type Sample,
  select,
  split,
} from "../../../data/index.ts";
import type { BrokenFile, OnProgress } from "../task.ts";
import type { ImageConfig } from "./config.ts";
import type { Part } from "./readers.ts";
import { dataPath } from "../../dataPath.ts";
import { cacheFolder, openSource } from "./sources.ts";

/** Samples to train on, to validate on and to test with; a part without any is missing. */
export interface Parts {
  readonly train: Dataset<Sample>;
  readonly validation?: Dataset<Sample>;
  readonly test?: Dataset<Sample>;
}

/** Opens the parts of a config. */
export function openParts(
  data: ImageConfig,
  onProgress: OnProgress,
  onBroken: (files: readonly BrokenFile[]) => void,
): Promise<Parts> {
  return data.split === "official"
    ? openPublished(data, onProgress, onBroken)
    : openDivided(data, onProgress, onBroken);
}

/** Closes what {@link openParts} opened. */
export async function closeParts({ train, validation, test }: Parts): Promise<void> {
  for (const part of [train, validation, test]) await part?.close();
}

/** The parts as they were published, each with as many samples as the config takes, by seed. */
async function openPublished(
  data: ImageConfig,
  onProgress: OnProgress,
  onBroken: (files: readonly BrokenFile[]) => void,
): Promise<Parts> {
  const opened: Dataset<Sample>[] = [];
  const open = async (part: Part, scenes: number) => {
    const samples = await openSource({ ...data, scenes }, onProgress, onBroken, part);
    opened.push(samples);
    return samples;
  };
  try {
    return {
      train: await open("train", data.scenes),
      validation: await open("validation", data.evaluate),
      ...(data.test > 0 ? { test: await open("test", data.test) } : {}),
    };
  } catch (error) {
    for (const part of opened) await part.close();
    throw error;
  }
}

/** One dataset in parts, by seed or in order; scenes that several samples show stay whole. */
async function openDivided(
  data: ImageConfig,
  onProgress: OnProgress,
  onBroken: (files: readonly BrokenFile[]) => void,
): Promise<Parts> {
  const all = await openSource(data, onProgress, onBroken);
  try {
    const wanted = Math.min(all.size, data.scenes);
    if (wanted === 0) {
      throw new MissingFileError("no images are left to train on", {
        path: dataPath(data.path ?? ""),
        hint: "Raise data.maxObjects, or give other data",
      });
    }
    const some = wanted === all.size
      ? all
      : select(all, Array.from({ length: wanted }, (_, i) => i));
    const groups = await groupsOf(some, data);
    const most = Math.max(1, Math.round(0.15 * wanted));
    const validation = Math.min(data.evaluate, most, wanted - 1);
    const test = Math.min(data.test, most, wanted - 1 - validation);
    const parts = split(some, {
      seed: data.seed,
      fractions: [1 - (validation + test) / wanted, validation / wanted, test / wanted],
      shuffle: data.split === "random",
      ...(groups === undefined ? {} : { groups }),
    });
    return {
      train: parts.train,
      ...(parts.validation.size > 0 ? { validation: parts.validation } : {}),
      ...(parts.test.size > 0 ? { test: parts.test } : {}),
    };
  } catch (error) {
    await all.close();
    throw error;
  }
}

type Groups = readonly (string | number)[];

/** The group of every sample, where there are groups. Reading them all reads the images, so the list is cached, too. */
async function groupsOf(samples: Dataset<Sample>, data: ImageConfig): Promise<Groups | undefined> {
  if (!("group" in samples.schema)) return undefined;
  const { evaluate: _, test: __, ...contents } = data;
  const list = await cachedSamples<{ readonly groups: Groups }>(() =>
    Promise.resolve({
      schema: { groups: { shape: [], dtype: "json" } },
      samples: (async function* () {
        const groups: (string | number)[] = [];
        for (let i = 0; i < samples.size; i++) {
          groups.push((await samples.get(i))["group"] as string | number); // as sources.ts makes it
        }
        yield { groups };
      })(),
    }), {
    directory: cacheFolder,
    key: ["groups", await fileStamp(dataPath(data.path ?? "")), contents],
  });
  try {
    return (await list.get(0)).groups;
  } finally {
    await list.close();
  }
}

/** A description, in words, of the way in which the parts were made. */
export function describeSplit(
  { split, seed, splitName }: ImageConfig,
  train: Dataset<Sample>,
): string {
  const how = {
    random: `by seed ${seed}`,
    inOrder: "in the order of the files",
    official: splitName === undefined ? "official" : `official, ${splitName}`,
  }[split];
  return how +
    ("group" in train.schema ? "; images of one scene, video or folder stay together" : "");
}
