/** Bare numbers where programs find them: the same ones come again and again, and to place one costs as much as a run. */
import type { Backend, DeviceBuffer } from "./backend.ts";
import { allocate } from "../core/dtype.ts";
import { LruCache } from "../core/lru.ts";
import type { Aval } from "../core/aval.ts";

/** The number of numbers a backend keeps. */
const kept = 256;

const placed = new WeakMap<Backend, LruCache<DeviceBuffer>>();

/** A number on a backend, which keeps it for the next time and alone may free it. */
export function cachedScalar(value: number, aval: Aval, backend: Backend): DeviceBuffer {
  let numbers = placed.get(backend);
  if (!numbers) placed.set(backend, numbers = new LruCache(kept, (unused) => backend.free(unused)));
  const key = `${aval.dtype} ${Object.is(value, -0) ? "-0" : value}`;
  return numbers.get(key) ?? numbers.add(key, upload(value, aval, backend));
}

function upload(value: number, aval: Aval, backend: Backend): DeviceBuffer {
  const data = allocate(aval.dtype, 1);
  data[0] = value;
  return backend.upload(data, aval);
}
