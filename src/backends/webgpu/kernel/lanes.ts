/**
 * How many invocations share one row of a reduction: a power of two, more where rows are few; on a CPU, where
 * they would have to wait for each other, only as many as keep it busy.
 */
export function lanesFor(rows: number, columns: number, software: boolean): number {
  const wanted = software ? 64 : 4096;
  let lanes = 1;
  while (lanes < 256 && rows * lanes < wanted && lanes * 4 <= columns) lanes *= 2;
  return lanes;
}
