/** The fewest invocations of a workgroup. */
export const smallest = 64;

/**
 * How many invocations share one row of a reduction: a power of two, more where rows are few. On a CPU only one: to
 * wait for each other costs more than they would gain.
 */
export function lanesFor(rows: number, columns: number, software: boolean): number {
  let lanes = 1;
  while (!software && lanes < 256 && rows * lanes < 4096 && lanes * 4 <= columns) lanes *= 2;
  return lanes;
}
