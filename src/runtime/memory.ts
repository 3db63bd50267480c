/**
 * Ownership of device memory. Several tensors may share one storage (a function that returns its input);
 * it is freed when the last of them is disposed, or collected as garbage.
 */
import { summarizedAbove } from "../core/arrayText.ts";
import { type Backend, checkSupported, type DeviceBuffer } from "./backend.ts";
import { openBackend } from "./choice.ts";
import { OpeningBackend } from "./opening.ts";
import type { BackendName, Owner, Storage, StorageRef } from "../core/source.ts";
import type { TypedArray } from "../core/dtype.ts";
import { ArgumentError, CallSite, DisposedError, InternalError } from "../core/errors.ts";
import type { Aval } from "../core/aval.ts";
import type { Equation } from "../core/program.ts";
import { Tensor } from "../core/tensor.ts";
import { currentTrace } from "../core/trace.ts";
import { flatten } from "../core/tree.ts";

/** Live tensors' storages, and their bytes. */
export interface MemoryUse {
  /** The number of tensors. */
  tensors: number;
  /** The number of bytes they hold. Tensors of one number hold none until something needs them filled. */
  bytes: number;
}

const uses = new Map<BackendName, MemoryUse>();
/** Use of backends whose name is not certain yet. */
const early: { readonly backend: Backend; readonly use: MemoryUse }[] = [];

function useOf(backend: Backend): MemoryUse {
  const opening = backend instanceof OpeningBackend;
  let use = opening ? early.find((e) => e.backend === backend)?.use : uses.get(backend.name);
  if (use) return use;
  use = { tensors: 0, bytes: 0 };
  opening ? early.push({ backend, use }) : uses.set(backend.name, use);
  return use;
}

/** A tensor of one number throughout, whose memory is filled when something asks for it: see `lazyFill.ts`. */
export interface LazyFill {
  /** The number. */
  readonly number: Tensor;
  /** The equation that makes a tensor of the number. */
  readonly equation: Pick<Equation, "primitive" | "params">;
  /** Memory that is filled. */
  fill(): DeviceBuffer;
}

/** A piece of device memory, and how many tensors share it. */
export class DeviceStorage implements Storage {
  #owners = 0;
  /** Checks of the run that made the value: all must succeed before it may be read. */
  guard: Promise<unknown> | undefined;

  #buffer: DeviceBuffer | undefined;
  #seen: TypedArray | undefined;
  /** The number that is all it holds, where it is known. */
  readonly lazyFill: LazyFill | undefined;
  readonly #use: MemoryUse;
  #bytes = 0;

  readonly #backend: Backend;

  constructor(backend: Backend, contents: DeviceBuffer | LazyFill) {
    this.#backend = backend;
    this.#use = useOf(backend);
    this.#use.tensors++;
    if ("fill" in contents) this.lazyFill = contents;
    else this.#hold(contents);
  }

  #hold(buffer: DeviceBuffer): DeviceBuffer {
    this.#use.bytes += this.#bytes = buffer.bytes;
    return this.#buffer = buffer;
  }

  /** The backend it is on. */
  get backend(): Backend {
    return this.#backend.opened ?? this.#backend;
  }

  /**
   * The memory; that of a lazy fill is filled now.
   *
   * @throws what went wrong if it was to be made before its backend had opened.
   */
  get buffer(): DeviceBuffer {
    const buffer = this.#buffer ?? this.#hold(this.lazyFill!.fill()); // it is one or the other
    return buffer.became ?? buffer;
  }

  /** The number of tensors that share it. */
  get owners(): number {
    return this.#owners;
  }

  // deno-lint-ignore require-await -- what went wrong rejects
  async read(aval: Aval): Promise<TypedArray> {
    const value = this.backend.download(this.buffer, aval);
    const sound = this.guard ? this.guard.then(() => value) : value;
    return this.backend.peek ? sound : sound.then((data) => this.#remember(data));
  }

  /** The elements if the host can see them without waiting: to look at, not to keep. */
  peek(): TypedArray | undefined {
    return this.backend.peek?.(this.buffer) ?? this.#seen;
  }

  /** Few elements stay on the host once they were read, so that consoles can show them again. */
  #remember(data: TypedArray): TypedArray {
    if (data.length <= summarizedAbove) this.#seen = data.slice();
    return data;
  }

  async copyTo(name: BackendName, aval: Aval): Promise<DeviceStorage> {
    if (this.backend instanceof OpeningBackend) await this.backend.ready;
    if (this.backend.name === name) return this;
    const target = await openBackend(name);
    const data = await this.read(aval);
    checkSupported(aval, target);
    return new DeviceStorage(target, target.upload(data, aval));
  }

  refer(owner: Owner): StorageRef {
    this.#owners++;
    return new DeviceStorageRef(owner, this);
  }

  /** One owner less; after the last one, the memory is treated as `end` says. */
  release(end: (buffer: DeviceBuffer) => void = (buffer) => this.backend.free(buffer)): void {
    if (--this.#owners > 0) return;
    this.#use.tensors--;
    if (!this.#buffer) return;
    this.#use.bytes -= this.#bytes;
    let buffer: DeviceBuffer;
    try {
      buffer = this.buffer;
    } catch {
      return; // it was never made
    }
    end(buffer);
  }
}

/**
 * Makes results readable only when checks have gone well. What was an input is left as it is: its owner had it before.
 */
export function readAfter(
  checks: readonly Promise<unknown>[],
  results: readonly Tensor[],
  inputs: readonly (DeviceStorage | undefined)[],
): void {
  if (checks.length === 0) return;
  const given = new Set<DeviceStorage | undefined>(inputs);
  const all = Promise.all(checks);
  all.catch(() => {}); // reported when a result is read
  for (const x of results) {
    const storage = storageOf(x);
    if (!storage || given.has(storage)) continue;
    storage.guard = storage.guard ? Promise.all([storage.guard, all]) : all;
    storage.guard.catch(() => {});
  }
}

/** Host data placed on a backend. */
export function tensorFromHost(data: TypedArray, aval: Aval, backend: Backend): Tensor {
  checkSupported(aval, backend);
  const storage = new DeviceStorage(backend, backend.upload(data, aval));
  return new Tensor(aval, { kind: "stored", storage });
}

/** The storage of a tensor, if it has one. Throws when the tensor was disposed. */
export function storageOf(x: Tensor): DeviceStorage | undefined {
  return x.storageRef && asDeviceStorage(x.storageRef.storage);
}

/** The storage as this runtime made it. */
export function asDeviceStorage(storage: Storage): DeviceStorage {
  if (storage instanceof DeviceStorage) return storage;
  throw new InternalError("a tensor holds memory that this runtime did not make");
}

/** The tensor was the only owner, and its memory was handed to a run: it is not freed here. */
export function donate(x: Tensor): void {
  if (x.storageRef instanceof DeviceStorageRef) x.storageRef.donate();
}

/** The reference of one tensor to a storage. */
class DeviceStorageRef implements StorageRef {
  #ended = false;
  #site: CallSite | undefined;

  constructor(owner: Owner, private readonly held: DeviceStorage) {
    finalizer.register(owner, this, this);
    scoped?.add(owner);
  }

  /** The storage; throws when the tensor was disposed, even if other tensors share it. */
  get storage(): DeviceStorage {
    if (!this.#ended) return this.held;
    const line = this.#site?.line;
    throw new DisposedError(
      `this tensor was disposed${line ? ` at ${line}` : ""}`,
      "use it before dispose(), or return it from the scope that made it; a tensor given to " +
        "`donate` is gone after the call",
    );
  }

  release(): void {
    if (this.#close()) this.held.release();
  }

  /** Gives the memory away: it is not freed. */
  donate(): void {
    if (this.#close()) this.held.release(() => {});
  }

  #close(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    this.#site = siteOfEnd();
    finalizer.unregister(this);
    return true;
  }
}

const finalizer = new FinalizationRegistry<DeviceStorageRef>((ref) => ref.release());
let scoped: Set<Owner> | undefined;

let siteOfEnd = (): CallSite | undefined => new CallSite();

/**
 * Tensors that are disposed in `f` share one call site, because capturing one costs more than disposing a tensor.
 * With `internal`, the tensors are out of the user's reach, so that no error will ever name the site: none is captured.
 *
 * The site is captured before `f` runs. A captured stack keeps the functions on it alive, and `f` remembers
 * the tensors of its caller: every round of a loop would keep the next.
 */
export function disposeTogether(f: () => void, { internal = false } = {}): void {
  const outer = siteOfEnd;
  const shared = internal ? undefined : new CallSite();
  siteOfEnd = () => shared;
  try {
    f();
  } finally {
    siteOfEnd = outer;
  }
}

/**
 * Live tensors and their bytes on each backend that was used.
 *
 * ```ts
 * import { memory, np, setBackend } from "trilevel";
 * await setBackend("reference");
 * const before = memory().reference?.tensors ?? 0;
 * { using x = np.zeros([3]); console.assert(memory().reference!.tensors === before + 1, x); }
 * console.assert(memory().reference!.tensors === before);
 * ```
 */
export function memory(): Partial<Record<BackendName, MemoryUse>> {
  const all = new Map([...uses].map(([name, use]) => [name, { ...use }]));
  for (const { backend: { name }, use } of early) {
    const { tensors, bytes } = all.get(name) ?? { tensors: 0, bytes: 0 };
    all.set(name, { tensors: tensors + use.tensors, bytes: bytes + use.bytes });
  }
  return Object.fromEntries(all);
}

/** Disposes every tensor in a tree, and those that functions in it own (pullbacks of `vjp`). */
export function dispose(tree: unknown): void {
  disposeTogether(() => tensorsOf(tree).forEach((x) => x.dispose()));
}

const ownedTensors = new WeakMap<object, readonly Tensor[]>();

/** The function as owner of tensors: `using` and `dispose` free them, else the garbage collector does. */
export function owning<F extends object>(f: F, tensors: readonly Tensor[]): F & Disposable {
  ownedTensors.set(f, tensors);
  return Object.assign(f, { [Symbol.dispose]: () => dispose(f) });
}

/** The tensors of a tree, and those that its other leaves own. */
function tensorsOf(tree: unknown): readonly Tensor[] {
  return flatten(tree)[0].flatMap((leaf) => {
    if (leaf instanceof Tensor) return [leaf];
    return typeof leaf === "function" ? ownedTensors.get(leaf) ?? [] : [];
  });
}

/**
 * Runs `f`, then disposes every tensor made meanwhile, except those in the tree it returns. Constants that a
 * function makes while it is differentiated or batched are among them, unless `jit` has compiled them in. Within a
 * traced function it only runs `f`: there is nothing to free.
 *
 * ```ts
 * import { np, scope } from "trilevel";
 * const y = scope(() => np.exp(np.array([1, 2])).mul(3));   // the intermediates are gone
 * console.assert(y.shape[0] === 2);
 * ```
 *
 * @throws ArgumentError when `f` is async: what other tasks make meanwhile would be disposed too.
 */
export function scope<R>(f: () => R): R {
  return scopeOf(() => {
    const result = f();
    if (result instanceof Promise) {
      throw new ArgumentError("scope() was given an async function", "await outside the scope");
    }
    return result;
  }, false);
}

/** A scope whose intermediates only `f` has seen. */
export function internalScope<R>(f: () => R): R {
  return scopeOf(f, true);
}

function scopeOf<R>(f: () => R, internal: boolean): R {
  // A tensor that is made while a function is traced is a constant of its program.
  if (currentTrace()) return f();
  const outer = scoped;
  const inner = scoped = new Set<Owner>();
  let kept = new Set<Owner>();
  try {
    const result = f();
    kept = new Set(tensorsOf(result));
    return result;
  } finally {
    scoped = outer;
    if (inner.size > 0) {
      disposeTogether(() => {
        for (const tensor of inner) {
          kept.has(tensor) ? outer?.add(tensor) : tensor.dispose();
        }
      }, { internal });
    }
  }
}

/** Runs `f` outside of all scopes: the tensors that it makes belong to their holders. */
export function unscoped<R>(f: () => R): R {
  const outer = scoped;
  scoped = undefined;
  try {
    return f();
  } finally {
    scoped = outer;
  }
}
