/**
 * Safetensors files: weights by name, as PyTorch, JAX and others read and write them. `load` and `save` take whole files,
 * `stream` one tensor at a time, `encode` gives bytes where there are no files. A damaged file is one `DataError` of
 * `trilevel/data` with its path and byte.
 *
 * Layers of `nn` keep PyTorch's layout, so a state dict needs other names only.
 *
 * ```ts
 * import { nn, np, random } from "trilevel";
 * import * as safetensors from "trilevel/safetensors";
 *
 * const layer = nn.linear({ in: 3, out: 2 });
 * const { weight } = layer.init(random.key(0));
 * const bytes = await safetensors.encode({ "fc.weight": weight, "fc.bias": np.zeros([2]) });
 *
 * const { tensors } = await safetensors.load(bytes);
 * const tensor = (name: string) => np.array(tensors[name]!.data, { shape: [...tensors[name]!.shape] });
 * const y = layer.apply({ weight: tensor("fc.weight"), bias: tensor("fc.bias") }, np.ones([1, 3]));
 * console.assert(y.shape.join() === "1,2");
 * ```
 *
 * @module
 */
export type { DType, TypedArray } from "../public.ts";
export type { HostTensor, SafetensorsFile } from "./format.ts";
export { load, type LoadOptions, stream } from "./read.ts";
export { encode, type Savable, save, type SaveOptions } from "./write.ts";
