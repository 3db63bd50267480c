/**
 * Videos of balls that bounce off walls and off one another, heavy ones more than light ones: the simulation of the
 * recurrent temporal restricted Boltzmann machine (Sutskever et al., 2009), as relational N-EM uses it. The box has a side
 * of ten units; a frame is two steps of time.
 */
import {
  boolean,
  count as countKind,
  fraction,
  listOf,
  pairOf,
  positive,
  size as sizeKind,
} from "../../options/index.ts";
import { type NdArray, ndarray } from "../ndarray.ts";
import { dataOptions } from "../options.ts";
import type { Random } from "../seeded.ts";
import { rejectionSample } from "./scene.ts";
import { between, choice, integer, sceneRandom } from "./threefry.ts";

/** A ball as it is in the first frame: the place of its centre and its velocity per frame, in units of the box. */
export type Ball = {
  readonly radius: number;
  /** The square of the radius, unless all balls weigh the same. */
  readonly mass: number;
  readonly x: number;
  readonly y: number;
  readonly vx: number;
  readonly vy: number;
};

/** A video; also a `Sample` of a `Dataset`. */
export type BouncingBalls = {
  /** 1 where a ball is seen, `[frames, height, width]`. */
  readonly video: NdArray<Uint8Array>;
  /** Ball k alone is seen where this is k, `[frames, height, width]`; 0 for the background and where balls overlap. */
  readonly groups: NdArray<Uint8Array>;
  /** 1 where a ball is seen that hit another one since the frame before, `[frames, height, width]`. */
  readonly collisions: NdArray<Uint8Array>;
  /** 1 if any ball hit another one since the frame before, `[frames]`. */
  readonly events: NdArray<Uint8Array>;
  /** The centres of balls in each frame, x and y from 0 to 10, `[frames, balls, 2]`; also of those behind a curtain. */
  readonly places: NdArray<Float32Array>;
  /** The balls; number k − 1 has the label k. */
  readonly objects: readonly Ball[];
};

/** Options of {@linkcode bouncingBalls}. */
export interface BouncingBallsOptions {
  /** The number of frames, default 31. */
  readonly frames?: number;
  /** Height and width in pixels, default 64. */
  readonly size?: number;
  /** Least and greatest number of balls, default 4 and 4. */
  readonly count?: readonly [least: number, greatest: number];
  /** Radii, in units of a tenth of the side, of which each ball has one; default 1, 1.4. */
  readonly radii?: readonly number[];
  /** The norm of the velocities of all balls together, in units of the box per frame; default 0.5. */
  readonly speed?: number;
  /** The width of an invisible curtain in the middle, as a fraction of the side, behind which balls are not seen; default 0. */
  readonly curtain?: number;
  /** If true, balls of any radius weigh the same; default false: the mass is the square of the radius. */
  readonly equalMasses?: boolean;
}

const checkOptions = dataOptions<BouncingBallsOptions>("bouncingBalls", [], {
  frames: sizeKind,
  size: sizeKind,
  count: pairOf(countKind),
  radii: listOf(positive),
  speed: positive,
  curtain: fraction,
  equalMasses: boolean,
});

/** The side of the box. */
const side = 10;
/** Steps of time in a frame. */
const substeps = 2;

/** A ball on its way. */
type Moving = { -readonly [name in keyof Ball]: number };

/**
 * The video that belongs to `seed` and `index`.
 *
 * ```ts
 * import { bouncingBalls } from "trilevel/data";
 * const { video, groups, events, objects } = bouncingBalls({ frames: 10, size: 24, count: [3, 3] }, 0, 7);
 * if (`${video.shape}` !== "10,24,24" || `${events.shape}` !== "10") throw new Error("ten frames");
 * if (groups.data.some((k, p) => k > 0 && video.data[p] === 0)) throw new Error("groups are on balls");
 * if (objects.some(({ mass, radius }) => mass !== radius ** 2)) throw new Error("large balls are heavy");
 * ```
 *
 * @throws {OptionError} when so many balls hardly fit.
 */
export function bouncingBalls(
  options: BouncingBallsOptions,
  seed: number,
  index: number,
): BouncingBalls {
  checkOptions(options);
  const {
    frames = 31,
    size = 64,
    count: [least, greatest] = [4, 4],
    curtain = 0,
  } = options;
  const random = sceneRandom(seed, index);
  const objects = place(random, integer(random, least, greatest), options);
  const balls: Moving[] = objects.map((ball) => ({ ...ball }));
  const pixels = size * size;
  const video = new Uint8Array(frames * pixels);
  const groups = new Uint8Array(frames * pixels);
  const collisions = new Uint8Array(frames * pixels);
  const events = new Uint8Array(frames);
  const places = new Float32Array(frames * balls.length * 2);
  for (let t = 0; t < frames; t++) {
    const hit = new Set<number>();
    for (let step = 0; t > 0 && step < substeps; step++) {
      for (const k of advance(balls, 1 / substeps)) hit.add(k);
    }
    events[t] = hit.size > 0 ? 1 : 0;
    balls.forEach(({ x, y }, k) => places.set([x, y], 2 * (t * balls.length + k)));
    draw(balls, size, curtain, (pixel, owners) => {
      const at = t * pixels + pixel;
      video[at] = 1;
      groups[at] = owners.length === 1 ? owners[0]! + 1 : 0;
      collisions[at] = owners.some((k) => hit.has(k)) ? 1 : 0;
    });
  }
  const shape = [frames, size, size];
  return {
    video: ndarray(video, shape),
    groups: ndarray(groups, shape),
    collisions: ndarray(collisions, shape),
    events: ndarray(events, [frames]),
    places: ndarray(places, [frames, balls.length, 2]),
    objects,
  };
}

/** The velocities of two balls that meet head on, after an elastic collision: momentum and energy stay. */
export function collide(
  [v1, v2]: readonly [number, number],
  [m1, m2]: readonly [number, number],
): [number, number] {
  const second = (2 * m1 * v1 + v2 * (m2 - m1)) / (m1 + m2);
  return [second + v2 - v1, second];
}

/** Balls that touch neither a wall nor one another, with velocities of any direction. */
function place(
  random: Random,
  count: number,
  { radii = [1, 1.4], speed = 0.5, equalMasses = false }: BouncingBallsOptions,
): Ball[] {
  const radius = Array.from({ length: count }, () => choice(random, radii));
  const centres = rejectionSample("arrangement of balls", () => {
    const drawn = radius.map(() => [between(random, 0, side), between(random, 0, side)] as const);
    const free = drawn.every(([x, y], k) =>
      Math.min(x, y, side - x, side - y) >= radius[k]! &&
      drawn.every(([u, v], j) => j >= k || Math.hypot(x - u, y - v) >= radius[k]! + radius[j]!)
    );
    return free ? drawn : undefined;
  }, 20_000);
  const directions = radius.map(() => [normal(random), normal(random)] as const);
  const scale = speed / Math.hypot(...directions.flat());
  return radius.map((r, k) => ({
    radius: r,
    mass: equalMasses ? 1 : r * r,
    x: centres[k]![0],
    y: centres[k]![1],
    vx: directions[k]![0] * scale,
    vy: directions[k]![1] * scale,
  }));
}

/** A normal number (Box and Muller). */
const normal = (random: Random) =>
  Math.sqrt(-2 * Math.log(1 - random.uniform())) * Math.cos(2 * Math.PI * random.uniform());

/** Moves all balls for a time, and names those that hit another. */
function advance(balls: Moving[], time: number): number[] {
  for (const ball of balls) {
    ball.x += time * ball.vx;
    ball.y += time * ball.vy;
    ball.vx = fromWall(ball.x, ball.vx, ball.radius);
    ball.vy = fromWall(ball.y, ball.vy, ball.radius);
  }
  const hit: number[] = [];
  balls.forEach((one, i) =>
    balls.slice(i + 1).forEach((other, j) => {
      const [dx, dy] = [other.x - one.x, other.y - one.y];
      const distance = Math.hypot(dx, dy);
      if (distance >= one.radius + other.radius || distance === 0) return;
      const [ux, uy] = [dx / distance, dy / distance];
      const before = [one.vx * ux + one.vy * uy, other.vx * ux + other.vy * uy] as const;
      // Balls that part already would be turned back into one another, and stick.
      if (before[0] <= before[1]) return;
      const after = collide(before, [one.mass, other.mass]);
      one.vx += (after[0] - before[0]) * ux;
      one.vy += (after[0] - before[0]) * uy;
      other.vx += (after[1] - before[1]) * ux;
      other.vy += (after[1] - before[1]) * uy;
      hit.push(i, i + 1 + j);
    })
  );
  return hit;
}

/** The velocity along an axis of a ball that may have met a wall. */
function fromWall(place: number, velocity: number, radius: number): number {
  if (place < radius) return Math.abs(velocity);
  return place > side - radius ? -Math.abs(velocity) : velocity;
}

/** Calls `seen` for each pixel at whose centre balls are seen, with their numbers. */
function draw(
  balls: readonly Moving[],
  size: number,
  curtain: number,
  seen: (pixel: number, owners: readonly number[]) => void,
): void {
  const centre = (i: number) => (i + 0.5) / size * side;
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      const [x, y] = [centre(column), centre(row)];
      if (Math.abs(x - side / 2) < curtain * side / 2) continue;
      // A ball's brightness is exp(−(d/r)⁸), of which frames keep where it is above a half.
      const owners = balls.flatMap((ball, k) => {
        const near = ((x - ball.x) ** 2 + (y - ball.y) ** 2) / ball.radius ** 2;
        return near ** 4 < Math.LN2 ? [k] : [];
      });
      if (owners.length > 0) seen(row * size + column, owners);
    }
  }
}
