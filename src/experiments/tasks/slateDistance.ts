/** The Fréchet distance between images and those generated from their slots, with features that have a name. */
import { readFileSync } from "node:fs";
import type { Tensor } from "../../index.ts";
import { frechetReport } from "../../metrics/index.ts";
import { inceptionFeatures, randomFeatures } from "../../models/index.ts";
import { decodeSafetensors } from "../../safetensors/format.ts";
import { dataPath } from "../dataPath.ts";
import type { Scores, ScoreSpec } from "./task.ts";

/** Features of images in [0, 1], and the name of distances of them. */
export interface DistanceFeatures {
  readonly name: "FID" | "FD-random";
  readonly of: (images: Tensor) => Tensor;
}

/** FID's features with the weights of a file; without one, those of a fixed random network. */
export function distanceFeatures(path: string | undefined): DistanceFeatures {
  if (path === undefined) return { name: "FD-random", of: randomFeatures() };
  // PyTorch's counters of batches are 64-bit integers, which nobody needs.
  const wanted = (name: string) => !name.endsWith("num_batches_tracked");
  const { tensors } = decodeSafetensors(readFileSync(dataPath(path)), wanted);
  return { name: "FID", of: inceptionFeatures(tensors) };
}

const keys = { "FID": "fid", "FD-random": "fdRandom" } as const;

/** The distances as people know them, each with its floor: what two halves of the images are apart. */
export const distanceScores: readonly ScoreSpec[] = Object.entries(keys).flatMap(([name, key]) => [
  { key, name, digits: 3, better: "lower" },
  { key: `${key}Floor`, name: `${name}, floor`, digits: 3 },
]);

/** Gathers features of images and of generated ones. */
export function distanceScorer(name: DistanceFeatures["name"]) {
  const real: number[] = [];
  const generated: number[] = [];
  let images = 0;
  return {
    add(image: ArrayLike<number>, reconstruction: ArrayLike<number>): void {
      images++;
      real.push(...Array.from(image));
      generated.push(...Array.from(reconstruction));
    },
    result(): Scores {
      if (images < 4) return {}; // the floor is a distance of two halves
      const { distance, floor } = frechetReport(real, generated, real.length / images, name);
      return { [keys[name]]: distance, [`${keys[name]}Floor`]: floor };
    },
  };
}
