/** A kernel once it is written, and the layout of its invocations. */
import type { Value } from "../value.ts";

/** A value that a kernel reads or writes. */
export interface Binding {
  readonly value: Value;
  readonly access: "read" | "read_write";
}

/** A kernel ready to be compiled. */
export interface Kernel {
  readonly text: string;
  readonly bindings: readonly Binding[];
  /** The loops whose step it reads, from the outermost. */
  readonly loops: readonly number[];
  readonly workgroups: number;
}

/** The most workgroups along one axis that every device runs; more are folded into a second axis. */
export const workgroupsPerAxis = 65535;

/** The numbers of workgroups along x and y. */
export function gridOf(workgroups: number): readonly [x: number, y: number] {
  const y = Math.ceil(workgroups / workgroupsPerAxis);
  return [Math.ceil(workgroups / y), y];
}

/** The fewest invocations of a workgroup. */
export const smallestWorkgroup = 64;

/**
 * The number of invocations that share one row of a reduction: a power of two, more where rows are few. On a CPU only
 * one: waiting for each other costs more than they would gain.
 */
export function lanesFor(rows: number, columns: number, software: boolean): number {
  let lanes = 1;
  while (!software && lanes < 256 && rows * lanes < 4096 && lanes * 4 <= columns) lanes *= 2;
  return lanes;
}
