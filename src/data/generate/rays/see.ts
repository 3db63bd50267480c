/** Finds the body seen at the centre of every pixel, and the number of pixels that each would cover alone. */

import type { Coverage } from "../scene.ts";
import { aim, type Camera, LENGTH, makeRay, type View } from "./camera.ts";
import { shorten, type Solid } from "./solid.ts";
import type { Stage } from "./stage.ts";
import { shortenByMirror } from "./trace.ts";
import { dot, sub } from "./vector.ts";

/** Finds the bodies of a stage in a picture; planes lie behind them all. */
export function see({ bodies, mirror }: Stage, camera: Camera, view: View): Coverage {
  const { height, width, top, left, stepX, stepY } = view;
  const masks = new Uint8Array(height * width);
  const depths = new Float64Array(height * width).fill(Infinity);
  const covered = new Array<number>(bodies.length).fill(0);
  const visible = new Array<number>(bodies.length).fill(0);
  const ray = makeRay();
  bodies.forEach((body, k) => {
    const [x0, x1, y0, y1] = frameBox(body, camera);
    // The centres of pixels between two coordinates.
    const [first, last] = [Math.ceil((x0 - left) / stepX - 0.5), (x1 - left) / stepX - 0.5];
    const [above, below] = [Math.ceil((y0 - top) / stepY - 0.5), (y1 - top) / stepY - 0.5];
    for (let row = Math.max(above, 0); row <= Math.min(below, height - 1); row++) {
      for (let column = Math.max(first, 0); column <= Math.min(last, width - 1); column++) {
        aim(ray, camera, left + (column + 0.5) * stepX, top + (row + 0.5) * stepY);
        if (!shorten(body, ray)) continue;
        covered[k]!++;
        const pixel = row * width + column;
        if (ray[LENGTH]! >= depths[pixel]!) continue;
        if (mirror !== undefined && shortenByMirror(mirror, ray)) continue;
        depths[pixel] = ray[LENGTH]!;
        masks[pixel] = k + 1;
      }
    }
  });
  for (const label of masks) if (label > 0) visible[label - 1]!++;
  return { masks, covered, visible };
}

/** A box of the frame around what it shows of a solid: that of the cube around the sphere around it. */
function frameBox(
  { x, y, z, bound }: Solid,
  camera: Camera,
): readonly [left: number, right: number, top: number, bottom: number] {
  const { position, right, up, forward, focal, frame } = camera;
  const d = sub([x, y, z], position);
  const depth = dot(d, forward);
  if (depth <= bound) return [-Infinity, Infinity, -Infinity, Infinity];
  const range = (middle: number) => {
    const [low, high] = [middle - bound, middle + bound];
    return [
      focal * low / (low < 0 ? depth - bound : depth + bound),
      focal * high / (high > 0 ? depth - bound : depth + bound),
    ] as const;
  };
  const across = range(dot(d, right));
  const down = range(-dot(d, up));
  return [
    frame[0] / 2 + across[0],
    frame[0] / 2 + across[1],
    frame[1] / 2 + down[0],
    frame[1] / 2 + down[1],
  ];
}
