/**
 * Exchange with TensorFlow.js. On `webgpu` both libraries work on one device, and tensors change hands without
 * a copy; elsewhere they are copied through the host. tfjs is loaded when one of these is first called.
 *
 * @module
 */
import type { DataType } from "@tensorflow/tfjs-core";
import type { Backend } from "../runtime/backend.ts";
import { currentBackend } from "../runtime/choice.ts";
import type { DType, TypedArray } from "../core/dtype.ts";
import { DeviceStorage, storageOf, tensorFromHost } from "../runtime/memory.ts";
import { type Aval, aval, formatAval } from "../core/aval.ts";
import { DTypeError, setBackend, Tensor } from "../public.ts";
import { WebGpuBackend } from "../backends/webgpu/backend.ts";
import { WebGpuBuffer } from "../backends/webgpu/memory.ts";
import type { SharedDevice } from "./device.ts";

/** A tensor of TensorFlow.js; found through its module, since its classes are no part of our documentation. */
export type TfTensor = (typeof import("@tensorflow/tfjs-core"))["Tensor"]["prototype"];

/** The backend in use, once it is there. */
async function openedBackend(): Promise<Backend> {
  await setBackend();
  return currentBackend();
}

async function deviceOf(backend: WebGpuBackend): Promise<SharedDevice | undefined> {
  const { shareDevice } = await import("./device.ts");
  return shareDevice(backend);
}

/**
 * A tensor of tfjs as one of ours, on the backend in use. On `webgpu`, if tfjs works on our device (see
 * {@link toTfjs}), both are the same memory: neither library changes it.
 *
 * ```ts
 * import { fromTfjs } from "trilevel/tfjs";
 * import { tensor } from "@tensorflow/tfjs-core";
 * import "@tensorflow/tfjs-backend-cpu"; // or another of tfjs's
 * const x = await fromTfjs(tensor([1, 2, 3]));
 * console.assert(await x.sum().item() === 6);
 * ```
 *
 * @throws DTypeError for strings and complex numbers.
 */
export async function fromTfjs(x: TfTensor): Promise<Tensor> {
  const type = aval(x.shape, ownType(x.dtype));
  const backend = await openedBackend();
  if (backend instanceof WebGpuBackend && x.size > 0) {
    const buffer = (await deviceOf(backend))?.borrow(x, type);
    if (buffer) {
      return new Tensor(type, { kind: "stored", storage: new DeviceStorage(backend, buffer) });
    }
  }
  // Numeric and boolean tensors have typed arrays: strings were refused above.
  return tensorFromHost(await x.data() as TypedArray, type, backend);
}

/**
 * The tensor as one of tfjs. On `webgpu` tfjs gets a backend "webgpu" on our device, unless it has opened one
 * already, and both tensors are the same memory, which is freed when both are disposed.
 *
 * ```ts
 * import { np } from "trilevel";
 * import { toTfjs } from "trilevel/tfjs";
 * import "@tensorflow/tfjs-backend-cpu"; // or another of tfjs's
 * const x = await toTfjs(np.array([1, 2, 3]));
 * console.assert((await x.data())[2] === 3);
 * ```
 *
 * @throws DTypeError for uint32 and float64, which tfjs lacks; BackendError if the run that should have
 * made the value failed.
 */
export async function toTfjs(x: Tensor): Promise<TfTensor> {
  const type = tfjsType(x.aval);
  await openedBackend();
  const storage = x.size > 0 ? storageOf(x) : undefined;
  if (storage) {
    const { backend, buffer } = storage;
    if (backend instanceof WebGpuBackend && buffer instanceof WebGpuBuffer) {
      const kept = x.alias(); // lives until tfjs lets go
      const error = await buffer.failure;
      const device = error ? undefined : await deviceOf(backend);
      if (device) return device.lend(buffer, x.shape, type, () => kept.dispose());
      kept.dispose();
      if (error) throw error;
    }
  }
  const { tensor } = await import("@tensorflow/tfjs-core");
  const data = await x.data();
  // On the reference, float32 comes in double precision.
  const values = data instanceof Float64Array ? new Float32Array(data) : data;
  return tensor(values as Float32Array | Int32Array | Uint8Array, [...x.shape], type);
}

function ownType(type: DataType): DType {
  if (type === "float32" || type === "int32" || type === "bool") return type;
  throw new DTypeError(
    `a tensor of tfjs's type ${type} has no counterpart`,
    "convert it in tfjs first: x.cast, tf.real, tf.imag",
  );
}

function tfjsType(x: Aval): "float32" | "int32" | "bool" {
  if (x.dtype === "float32" || x.dtype === "int32" || x.dtype === "bool") return x.dtype;
  throw new DTypeError(
    `tfjs has no ${formatAval(x)}`,
    `convert first: x.astype("${x.dtype === "uint32" ? "int32" : "float32"}")`,
  );
}
