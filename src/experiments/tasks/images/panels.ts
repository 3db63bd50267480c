/**
 * Pictures of what a model sees, one row an image:
 *
 * - `reconstruction`: image, reconstruction, and each slot's own picture where its mask is
 * - `masks`: image, true objects (where known), and whose pixel it is
 * - `attention`: image, and where each slot looks: the image there, white elsewhere
 */
import { argmaxMasks } from "../../../metrics/index.ts";
import { blank, colored, enlarge, grid, type Picture, toPng } from "../../report/canvas.ts";
import type { Png } from "../../runs/events.ts";

/** A look at a batch, on the host; the shapes of `Look`. */
export interface HostLook {
  readonly images: number;
  readonly slots: number;
  readonly height: number;
  readonly width: number;
  readonly image: ArrayLike<number>;
  readonly reconstruction: ArrayLike<number> | null;
  readonly components: ArrayLike<number> | null;
  readonly masks: ArrayLike<number> | null;
  readonly attention: {
    readonly rows: number;
    readonly columns: number;
    readonly data: ArrayLike<number>;
  };
  /** `[images, height, width]`. */
  readonly labels: ArrayLike<number> | null;
}

/** The pictures of a look by name. */
export function drawPanels(look: HostLook): { readonly [name: string]: Png } {
  const rows = Array.from({ length: look.images }, (_, n) => n);
  const times = Math.max(1, Math.round(96 / look.height));
  const finish = (tiles: Picture[][], headColumns: number) =>
    toPng(grid(tiles.map((row) => row.map((tile) => enlarge(tile, times))), {
      gap: 4,
      headColumns,
    }));
  const { reconstruction, components, masks } = look;
  const attention = { attention: finish(rows.map((n) => attentionRow(look, n)), 1) };
  if (reconstruction === null || components === null || masks === null) return attention;
  return {
    reconstruction: finish(
      rows.map((n) => [
        imageOf(look, look.image, n),
        imageOf(look, reconstruction, n),
        ...slotsOf(look).map((k) => slotPicture(look, components, masks, n, k)),
      ]),
      2,
    ),
    masks: finish(rows.map((n) => maskRow(look, masks, n)), 1),
    ...attention,
  };
}

const slotsOf = ({ slots }: HostLook) => Array.from({ length: slots }, (_, k) => k);

/** Image n of a batch in [-1, 1]. */
function imageOf({ height, width }: HostLook, batch: ArrayLike<number>, n: number): Picture {
  const picture = blank(width, height);
  const start = n * picture.data.length;
  for (let i = 0; i < picture.data.length; i++) picture.data[i] = (batch[start + i]! + 1) / 2;
  return picture;
}

/** A slot's picture times its mask, on white. */
function slotPicture(
  { height, width, slots }: HostLook,
  components: ArrayLike<number>,
  masks: ArrayLike<number>,
  n: number,
  k: number,
): Picture {
  const picture = blank(width, height);
  const start = (n * slots + k) * height * width;
  for (let p = 0; p < height * width; p++) {
    const m = masks[start + p]!;
    for (let c = 0; c < 3; c++) {
      const value = (components[(start + p) * 3 + c]! + 1) / 2;
      picture.data[3 * p + c] = Math.min(1, Math.max(0, value)) * m + 1 - m;
    }
  }
  return picture;
}

function maskRow(look: HostLook, masks: ArrayLike<number>, n: number): Picture[] {
  const { height, width, slots, labels } = look;
  const pixels = height * width;
  const own = slice(masks, n * slots * pixels, slots * pixels);
  const truth = labels === null
    ? []
    : [colored(slice(labels, n * pixels, pixels), width, height, 0)];
  const hard = colored(argmaxMasks(own, slots), width, height);
  const soft = slotsOf(look).map((k) => {
    const picture = blank(width, height);
    for (let p = 0; p < pixels; p++) picture.data.fill(own[k * pixels + p]!, 3 * p, 3 * p + 3);
    return picture;
  });
  return [imageOf(look, look.image, n), ...truth, hard, ...soft];
}

function attentionRow(look: HostLook, n: number): Picture[] {
  const { height, width, slots, attention: { rows, columns, data } } = look;
  const image = imageOf(look, look.image, n);
  const overlays = slotsOf(look).map((k) => {
    const picture = blank(width, height);
    const start = (n * slots + k) * rows * columns;
    for (let y = 0; y < height; y++) {
      const row = start + Math.floor((y * rows) / height) * columns;
      for (let x = 0; x < width; x++) {
        const a = Math.min(1, data[row + Math.floor((x * columns) / width)]!);
        for (let c = 0; c < 3; c++) {
          const at = (y * width + x) * 3 + c;
          picture.data[at] = image.data[at]! * a + 1 - a;
        }
      }
    }
    return picture;
  });
  return [image, ...overlays];
}

function slice(values: ArrayLike<number>, start: number, length: number): Float32Array {
  return Float32Array.from({ length }, (_, i) => values[start + i]!);
}
