/** The shapes of neural expectation maximization as small pictures: a square, and triangles that point up and down. */

/** The name of a shape. */
export type StampName = "square" | "up" | "down";

/** A small picture, 0 where it is not. */
export type Stamp = {
  readonly height: number;
  readonly width: number;
  readonly data: Uint8Array;
};

const triangle = Array.from(
  { length: 7 },
  (_, row) => Array.from({ length: 13 }, (_, column) => Math.abs(column - 6) <= row ? 1 : 0),
);
const shapes: readonly { readonly name: StampName; readonly rows: readonly number[][] }[] = [
  { name: "square", rows: Array.from({ length: 8 }, () => new Array<number>(8).fill(1)) },
  { name: "up", rows: triangle },
  { name: "down", rows: triangle.toReversed() },
];

/** The width of a triangle, the largest side of a shape. */
export const largest = 13;

/** All shapes, filled or as outlines two pixels wide. */
export function stamps(
  style: "filled" | "outline",
): readonly { readonly name: StampName; readonly stamp: Stamp }[] {
  return shapes.map(({ name, rows }) => {
    const [height, width] = [rows.length, rows[0]!.length];
    const inside = (row: number, column: number) => rows[row]?.[column] === 1;
    // Inside of an outline is what has the shape two pixels away on all four sides.
    const deep = (row: number, column: number) =>
      [[2, 0], [-2, 0], [0, 2], [0, -2]].every(([i, j]) => inside(row + i!, column + j!));
    const data = Uint8Array.from({ length: height * width }, (_, p) => {
      const [row, column] = [Math.floor(p / width), p % width];
      return inside(row, column) && (style === "filled" || !deep(row, column)) ? 1 : 0;
    });
    return { name, stamp: { height, width, data } };
  });
}
