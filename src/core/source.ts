/**
 * The places where the value of a tensor may be. Core knows device memory and open traces by the interfaces here; the runtime
 * implements the first, `trace.ts` the second.
 */
import type { Aval, Var } from "./aval.ts";
import type { TypedArray } from "./dtype.ts";

/** The names of the backends. */
export type BackendName = "reference" | "onnx" | "webgpu";

/** A tensor as the owner of its storage. */
export interface Owner {
  dispose(): void;
}

/** Memory on a backend that holds a value. Several tensors may own it together. */
export interface Storage {
  /** The backend whose memory it is. */
  readonly backend: { readonly name: BackendName };
  /** Reads the elements, once the run that makes them is over. */
  read(aval: Aval): Promise<TypedArray>;
  /** The elements if the host can see them without waiting: to look at, not to keep. */
  peek(): TypedArray | undefined;
  /** A copy of the value on another backend; this storage, if that is where it is. */
  copyTo(name: BackendName, aval: Aval): Promise<Storage>;
  /** Makes a tensor one of the owners. */
  refer(owner: Owner): StorageRef;
}

/** The reference of one tensor to the storage that it owns, alone or with others. */
export interface StorageRef {
  /** The storage; throws a DisposedError after the tensor was disposed, even if other tensors own it. */
  readonly storage: Storage;
  /** Gives up the tensor's ownership; the last owner's release frees the memory. */
  release(): void;
}

/** A program being written, as far as tensors must know it. */
export interface OpenTrace {
  /** True while the function that is being traced still runs. */
  readonly open: boolean;
  /** Variables of this trace that are used in place of tensors whose own trace has ended: see `traceLater`. */
  readonly substitutes: Map<object, Var>;
}

/** The place of a tensor's value. */
export type Source =
  | { readonly kind: "literal"; readonly value: number }
  | { readonly kind: "stored"; readonly storage: Storage }
  | { readonly kind: "traced"; readonly trace: OpenTrace; readonly variable: Var };
