/** How many invocations share one row of a reduction: a power of two, more where rows are few. */
export function lanesFor(rows: number, columns: number): number {
  let lanes = 1;
  while (lanes < 256 && rows * lanes < 4096 && lanes * 4 <= columns) lanes *= 2;
  return lanes;
}
