/**
 * Tetrominoes (Greff et al., 2019): three of the 19 fixed tetrominoes, in six colours, that do not
 * overlap, on black, 35×35. Numbering, shading and factors are those of DeepMind's data set: a scene
 * rendered from the factors of a genuine one has the same bits.
 */

import { count as countKind } from "../../options/index.ts";
import { dataOptions } from "../options.ts";
import { coverage, makeScene, rejectionSample, type Scene } from "./scene.ts";
import { choice, integer, sceneRandom } from "./threefry.ts";

const SIZE = 35;
const CELL = 5;

/** The colours of tetrominoes: full or no red, green and blue, without black and white. */
export const tetrominoColors = {
  red: [1, 0, 0],
  green: [0, 1, 0],
  blue: [0, 0, 1],
  yellow: [1, 1, 0],
  magenta: [1, 0, 1],
  cyan: [0, 1, 1],
} as const;

/** Shape n is entry n−1: its cells, row by row. */
const SHAPES = [
  ["####"],
  ["#", "#", "#", "#"],
  ["###", "#.."],
  ["#..", "###"],
  ["..#", "###"],
  ["###", "..#"],
  ["##", ".#", ".#"],
  [".#", ".#", "##"],
  ["##", "#.", "#."],
  ["#.", "#.", "##"],
  ["##.", ".##"],
  [".##", "##."],
  [".#", "##", "#."],
  ["#.", "##", ".#"],
  [".#.", "###"],
  ["###", ".#."],
  [".#", "##", ".#"],
  ["#.", "##", "#."],
  ["##", "##"],
] as const;

/** Brightness inside a cell: a plate with bevelled edges, lit from above. */
const BEVEL = [
  [191, 255, 255, 255, 223],
  [127, 159, 159, 159, 191],
  [127, 159, 159, 159, 191],
  [127, 159, 159, 159, 191],
  [95, 63, 63, 63, 127],
] as const;

/** One tetromino. */
export type Tetromino = {
  /** 1 to 19, as in the data set. */
  readonly shape: number;
  readonly color: keyof typeof tetrominoColors;
  /** The top *row* in pixels: the data set calls rows x. */
  readonly x: number;
  /** The left column in pixels. */
  readonly y: number;
};

/** Options of scenes of tetrominoes. */
export interface TetrominoesOptions {
  /** Number of tetrominoes, default 3. */
  readonly count?: number;
}

const checkOptions = dataOptions<TetrominoesOptions>("tetrominoesScene", [], {
  count: countKind,
});

/**
 * The Tetrominoes scene that belongs to `seed` and `index`.
 *
 * @throws {OptionError} when so many tetrominoes hardly find room.
 *
 * ```ts
 * import { tetrominoesScene } from "trilevel/data";
 * const { masks, visibility } = tetrominoesScene({}, 0, 0);
 * const pixels = masks.data.filter((label) => label === 1).length;
 * if (pixels !== 4 * 25 || visibility[0] !== 1) throw new Error("four whole cells of 5×5 pixels");
 * ```
 */
export function tetrominoesScene(
  options: TetrominoesOptions,
  seed: number,
  index: number,
): Scene<Tetromino> {
  checkOptions(options);
  const { count = 3 } = options;
  const random = sceneRandom(seed, index);
  const colors = Object.keys(tetrominoColors) as Tetromino["color"][];
  return rejectionSample("arrangement of tetrominoes", () => {
    const objects = Array.from({ length: count }, (): Tetromino => {
      const shape = integer(random, 1, SHAPES.length);
      const rows = SHAPES[shape - 1]!;
      return {
        shape,
        color: choice(random, colors),
        x: random.below(SIZE - CELL * rows.length + 1),
        y: random.below(SIZE - CELL * rows[0].length + 1),
      };
    });
    const scene = renderTetrominoes(objects);
    return scene.visibility.every((fraction) => fraction === 1) ? scene : undefined;
  });
}

/** The picture of given tetrominoes; where they overlap, later ones lie over earlier ones. */
export function renderTetrominoes(objects: readonly Tetromino[]): Scene<Tetromino> {
  const image = new Uint8Array(SIZE * SIZE * 3);
  const seen = coverage(SIZE * SIZE, objects.length, (pixel, covered) => {
    const [row, column] = [Math.floor(pixel / SIZE), pixel % SIZE];
    let front = 0;
    objects.forEach(({ shape, color, x, y }, k) => {
      const cells = SHAPES[shape - 1]!;
      if (cells[Math.floor((row - x) / CELL)]?.[Math.floor((column - y) / CELL)] !== "#") return;
      covered(k);
      front = k + 1;
      const brightness = BEVEL[(row - x) % CELL]![(column - y) % CELL]!;
      tetrominoColors[color].forEach((on, channel) => image[pixel * 3 + channel] = on * brightness);
    });
    return front;
  });
  return makeScene([SIZE, SIZE], image, seen, objects);
}
