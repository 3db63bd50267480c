/** What a kernel is once it is written. */
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

/** How workgroups are laid out along x and y. */
export function gridOf(workgroups: number): readonly [x: number, y: number] {
  const y = Math.ceil(workgroups / workgroupsPerAxis);
  return [Math.ceil(workgroups / y), y];
}
