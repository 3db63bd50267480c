/**
 * The generators under one roof: a description of scenes, as JSON, that workers and caches understand.
 */

import { type ClevrObject, type ClevrOptions, clevrScene } from "./clevrLike.ts";
import type { Scene } from "./scene.ts";
import { type Sprite, type SpritesOptions, spritesScene } from "./sprites.ts";
import { type Tetromino, type TetrominoesOptions, tetrominoesScene } from "./tetrominoes.ts";

/** Options and objects of every kind of scene. */
export interface SceneKinds {
  /** Flat sprites, see {@linkcode spritesScene}. */
  readonly sprites: { readonly options: SpritesOptions; readonly object: Sprite };
  /** See {@linkcode tetrominoesScene}. */
  readonly tetrominoes: { readonly options: TetrominoesOptions; readonly object: Tetromino };
  /** See {@linkcode clevrScene}. */
  readonly clevr: { readonly options: ClevrOptions; readonly object: ClevrObject };
}

/** The name of a generator. */
export type SceneKind = keyof SceneKinds;

/** The scenes to make: their kind and its options, as JSON. */
export type SceneSpec<K extends SceneKind = SceneKind> = {
  readonly [Kind in K]: { readonly kind: Kind } & SceneKinds[Kind]["options"];
}[K];

/** Scenes of a kind. */
export type SceneOf<K extends SceneKind> = Scene<SceneKinds[K]["object"]>;

type Generators = {
  readonly [K in SceneKind]: (
    options: SceneKinds[K]["options"],
    seed: number,
    index: number,
  ) => SceneOf<K>;
};

const generators: Generators = {
  sprites: spritesScene,
  tetrominoes: tetrominoesScene,
  clevr: clevrScene,
};

/**
 * The scene that belongs to a description, a seed and an index: always the same bits, in whatever
 * order and on whatever thread scenes are made.
 *
 * @throws {OptionError} when such scenes hardly exist.
 *
 * ```ts
 * import { generateScene } from "trilevel/data";
 * const { objects } = generateScene({ kind: "tetrominoes" }, 0, 41);
 * if (objects.length !== 3) throw new Error("three tetrominoes");
 * ```
 */
export function generateScene<K extends SceneKind>(
  spec: SceneSpec<K>,
  seed: number,
  index: number,
): SceneOf<K> {
  const { kind, ...options } = spec;
  // The table pairs every kind with its own options, which destructuring forgets.
  const generate = generators[kind] as (o: typeof options, s: number, i: number) => SceneOf<K>;
  return generate(options, seed, index);
}
