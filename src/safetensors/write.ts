/** Writing safetensors files. */
import { MissingFileError, OptionError } from "../data/errors.ts";
import { dataOptions } from "../data/options.ts";
import { type Kind, kind, nested, requireArgument, text } from "../options/index.ts";
import type { DType, TypedArray } from "../public.ts";
import { encodeSafetensors, type HostTensor } from "./format.ts";

/** A tensor of the library, or its parts on the host as {@linkcode load} gives them. */
export interface Savable {
  /** The element type. */
  readonly dtype: DType;
  /** The length of every axis. */
  readonly shape: readonly number[];
  /** The elements, or a function that reads them from the device. */
  readonly data: TypedArray | (() => Promise<TypedArray>);
}

/** Options of {@linkcode save} and {@linkcode encode}. */
export interface SaveOptions {
  /** Texts to keep with the tensors; none unless given. */
  readonly metadata?: { readonly [key: string]: string } | undefined;
}

const metadata: Kind<{ readonly [key: string]: string }> = kind(
  "an object of strings",
  '{ license: "Apache-2.0" }',
  (value) =>
    nested().accepts(value) && Object.values(Object(value)).every((x) => typeof x === "string"),
);
const pathKind: Kind<string> = {
  ...text,
  example: '"weights.safetensors"',
  refusal: (what, hint) => new OptionError(what, { hint }),
};
const checkSave = dataOptions<SaveOptions>("safetensors.save", ["path", "tensors"], { metadata });
const checkEncode = dataOptions<SaveOptions>("safetensors.encode", ["tensors"], { metadata });

/**
 * The bytes of a safetensors file with tensors by name. Element types stay as they are: float32 is F32, bool is BOOL.
 *
 * @throws {OptionError} when a value is no tensor, its elements do not fill its shape, or a name is `__metadata__`, which
 * the format keeps for itself.
 *
 * ```ts
 * import { nn, random } from "trilevel";
 * import { encode, load } from "trilevel/safetensors";
 * const { weight, bias } = nn.linear({ in: 3, out: 2 }).init(random.key(0));
 * const bytes = await encode({ "fc.weight": weight, "fc.bias": bias! }, { metadata: { step: "100" } });
 * console.assert((await load(bytes)).tensors["fc.weight"]!.shape.join() === "2,3");
 * ```
 */
export async function encode(
  tensors: { readonly [name: string]: Savable },
  options: SaveOptions = {},
): Promise<Uint8Array> {
  checkEncode(options);
  const read = Object.entries(tensors).map(async ([name, tensor]) =>
    [name, await onHost(name, tensor)] as const
  );
  const { metadata = {} } = options;
  return encodeSafetensors({ tensors: Object.fromEntries(await Promise.all(read)), metadata });
}

/**
 * Writes a safetensors file, which readers see whole or not at all, also after a power failure.
 *
 * @throws as {@linkcode encode} does, and {@linkcode MissingFileError} when the file cannot be written.
 *
 * ```ts
 * import { np } from "trilevel";
 * import { load, save } from "trilevel/safetensors";
 * const path = await Deno.makeTempFile({ suffix: ".safetensors" });
 * await save(path, { "encoder.weight": np.ones([2, 3]) });
 * console.assert((await load(path)).tensors["encoder.weight"]!.data.length === 6);
 * await Deno.remove(path);
 * ```
 */
export async function save(
  path: string,
  tensors: { readonly [name: string]: Savable },
  options: SaveOptions = {},
): Promise<void> {
  checkSave(options);
  requireArgument("safetensors.save", "path", pathKind, path);
  const bytes = await encode(tensors, options);
  const { writeFileAtomically } = await import("../data/atomic.ts");
  await writeFileAtomically(path, bytes).catch((cause) => {
    throw new MissingFileError(
      `the file cannot be written: ${cause instanceof Error ? cause.message : cause}`,
      { path, hint: "Check that its folder exists and may be written to", cause },
    );
  });
}

const arrays = {
  float32: Float32Array,
  float64: Float64Array,
  int32: Int32Array,
  uint32: Uint32Array,
  bool: Uint8Array,
} as const;

async function onHost(name: string, tensor: Savable): Promise<HostTensor> {
  const { dtype, shape, data: given } = Object(tensor) as Partial<Savable>;
  const data = typeof given === "function" ? await given.call(tensor) : given;
  const refuse = (found: string, hint: string) =>
    new OptionError(`safetensors: ${found}`, { hint });
  if (name === "__metadata__") {
    throw refuse("no tensor can have the name __metadata__", "Give the texts as `metadata`");
  }
  const known = dtype !== undefined && Object.hasOwn(arrays, dtype) && Array.isArray(shape);
  if (!known || !ArrayBuffer.isView(data)) {
    throw refuse(
      `"${name}" is not a tensor`,
      "Give tensors by name: flatten trees of parameters first",
    );
  }
  const length = shape.reduce((n, size) => n * size, 1);
  if (data.length !== length) {
    throw refuse(
      `"${name}" of shape [${shape}] has ${data.length} elements`,
      `Give ${length} elements, or another shape`,
    );
  }
  // The reference backend computes float32 in double precision.
  const fits = data instanceof arrays[dtype];
  return { dtype, shape, data: fits ? data : arrays[dtype].from(data) };
}
