/**
 * The generators under one roof: a description of scenes, as JSON, that workers and caches understand.
 */

import { type ClevrObject, type ClevrOptions, clevrScene } from "./clevrLike.ts";
import { type RoomScene, roomScene, type RoomsOptions } from "./rooms.ts";
import type { Scene } from "./scene.ts";
import { type Sprite, type SpritesOptions, spritesScene } from "./sprites.ts";
import { type Tetromino, type TetrominoesOptions, tetrominoesScene } from "./tetrominoes.ts";
import { type TowerScene, towerScene, type TowersOptions } from "./towers.ts";

/** Options and scenes of every kind. */
export interface SceneKinds {
  /** Flat sprites, see {@linkcode spritesScene}. */
  readonly sprites: { readonly options: SpritesOptions; readonly scene: Scene<Sprite> };
  /** See {@linkcode tetrominoesScene}. */
  readonly tetrominoes: {
    readonly options: TetrominoesOptions;
    readonly scene: Scene<Tetromino>;
  };
  /** See {@linkcode clevrScene}. */
  readonly clevr: { readonly options: ClevrOptions; readonly scene: Scene<ClevrObject> };
  /** See {@linkcode roomScene}. */
  readonly rooms: { readonly options: RoomsOptions; readonly scene: RoomScene };
  /** See {@linkcode towerScene}. */
  readonly towers: { readonly options: TowersOptions; readonly scene: TowerScene };
}

/** The name of a generator. */
export type SceneKind = keyof SceneKinds;

/** The scenes to make: their kind and its options, as JSON. */
export type SceneSpec<K extends SceneKind = SceneKind> = {
  readonly [Kind in K]: { readonly kind: Kind } & SceneKinds[Kind]["options"];
}[K];

/** Scenes of a kind. */
export type SceneOf<K extends SceneKind> = SceneKinds[K]["scene"];

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
  rooms: roomScene,
  towers: towerScene,
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
