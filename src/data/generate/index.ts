/** Generators of scenes with exact masks and properties, for those without the data. */

export { generateScene } from "./generator.ts";
export type { SceneKind, SceneKinds, SceneOf, SceneSpec } from "./generator.ts";
export type { Scene } from "./scene.ts";
export { spriteColors, spritesScene } from "./sprites.ts";
export type { Sprite, SpriteColor, SpriteShape, SpritesOptions } from "./sprites.ts";
export { renderTetrominoes, tetrominoColors, tetrominoesScene } from "./tetrominoes.ts";
export type { Tetromino, TetrominoesOptions } from "./tetrominoes.ts";
export { clevrColors, clevrScene, clevrSizes, renderClevr } from "./clevrLike.ts";
export type {
  ClevrDescription,
  ClevrMaterial,
  ClevrObject,
  ClevrOptions,
  ClevrShape,
} from "./clevrLike.ts";
export { renderRoom, roomFactors, roomScene } from "./rooms.ts";
export type { RoomFactors, RoomObject, RoomScene, RoomShape, RoomsOptions } from "./rooms.ts";
export { blockColors, towerScene } from "./towers.ts";
export type { Block, BlockShape, TowerScene, TowersOptions } from "./towers.ts";
export { binaryShapes } from "./binaryShapes.ts";
export type { BinaryShape, BinaryShapes, BinaryShapesOptions } from "./binaryShapes.ts";
export type { StampName } from "./stamps.ts";
export { flyingDigits, flyingShapes } from "./flying.ts";
export type { Flying, FlyingDigitsOptions, FlyingShapesOptions, FlyingVideo } from "./flying.ts";
export { bouncingBalls } from "./bouncingBalls.ts";
export type { Ball, BouncingBalls, BouncingBallsOptions } from "./bouncingBalls.ts";
export { movingSprites } from "./movingSprites.ts";
export type { MovingSprite, MovingSprites, MovingSpritesOptions } from "./movingSprites.ts";
export { openScenePool } from "./parallel.ts";
export type { ScenePool } from "./parallel.ts";
export { openScenes } from "./shards.ts";
export type { ScenesOptions } from "./shards.ts";
export { threefry2x32 } from "./threefry.ts";
