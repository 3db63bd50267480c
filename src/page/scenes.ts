/** Images to learn from: sprites, made in the browser a few at a time and used again. */
import { spritesScene } from "../data/generate/sprites.ts";
import { resolution } from "./protocol.ts";

const options = {
  size: resolution,
  count: [3, 3],
  radius: [0.17, 0.24],
  upright: true,
  background: "random",
  distinctColors: true,
  minVisibility: 0.9,
} as const;

const trainingSeed = 1;
const shownSeed = 2;
const most = 512;
const perBatch = 8;

/** The image of a number that training does not see, [height, width, 3], from 0 to 1. */
export function shownScene(index: number): Float32Array {
  return sceneOf(shownSeed, index);
}

function sceneOf(seed: number, index: number): Float32Array {
  return Float32Array.from(spritesScene(options, seed, index).image.data, (x) => x / 255);
}

/** Images in batches. */
export class Scenes {
  readonly #made: Float32Array[] = [];

  /** A batch of images from −1 to 1, one after the other. */
  batch(size: number): Float32Array {
    for (let i = 0; i < perBatch && this.#made.length < most; i++) {
      this.#made.push(sceneOf(trainingSeed, this.#made.length).map((x) => 2 * x - 1));
    }
    const length = 3 * resolution ** 2;
    const batch = new Float32Array(size * length);
    for (let i = 0; i < size; i++) {
      batch.set(this.#made[Math.floor(Math.random() * this.#made.length)]!, i * length);
    }
    return batch;
  }
}
