/** Weights as files: by names of the paths in the tree of parameters, as `train export` writes them. */
import { type MapTree, np, type ShapeDType, type Tensor, tree } from "../index.ts";
import type { DiscoveryParams } from "../models/index.ts";
import { decodeSafetensors, encodeSafetensors } from "../safetensors/format.ts";

/** Parameters without their values. */
type Shapes = MapTree<DiscoveryParams, Tensor, ShapeDType>;

/** Parameters from the bytes of a file. @throws Error where a parameter is missing, or of another shape. */
export function readWeights(bytes: Uint8Array, like: Shapes): DiscoveryParams {
  const { tensors } = decodeSafetensors(bytes);
  const [leaves, structure] = tree.flatten(like);
  const read = tree.paths(structure).map((path, i) => {
    const name = nameOf(path);
    const found = tensors[name];
    const { shape } = leaves[i] as ShapeDType; // all leaves are
    if (found?.shape.join() !== shape.join()) {
      throw new Error(
        `the weights have no ${name} of shape [${shape.join(", ")}]; they are of another model`,
      );
    }
    return np.array(found.data, { shape: [...shape] });
  });
  return tree.unflatten<DiscoveryParams>(structure, read);
}

/** Parameters as the bytes of a file. */
export async function writeWeights(params: DiscoveryParams): Promise<Uint8Array> {
  const [leaves, structure] = tree.flatten(params);
  const entries = tree.paths(structure).map(async (path, i) => {
    const { dtype, shape, data } = await onHost(leaves[i] as Tensor); // the parameters are tensors
    return [nameOf(path), { dtype, shape, data }] as const;
  });
  return encodeSafetensors({
    tensors: Object.fromEntries(await Promise.all(entries)),
    metadata: { model: "object discovery" },
  });
}

/** The name that PyTorch gives a parameter: `.gru.weightIh` is `gru.weight_ih`, and `.convs[0]` is `convs.0`. */
export const nameOf = (path: string): string =>
  path.replaceAll(/\[(\d+)\]/g, ".$1")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
    .replace(/^\./, "");

/** A tensor's elements in the type that it has: the reference computes in double precision. */
async function onHost(x: Tensor) {
  return { dtype: x.dtype, shape: x.shape, data: Float32Array.from(await x.data()) };
}
