/** Exports the outputs of a trained model, and its weights, as files that other programs read. */
import { extname, join } from "node:path";
import { Effect } from "effect";
import { encode } from "fast-png";
import { zipSync } from "fflate";
import { npyHeader } from "../../data/formats/npy.ts";
import { collate } from "../../data/index.ts";
import { dispose, jit, random, scope, type Tensor } from "../../index.ts";
import { argmaxMasks } from "../../metrics/index.ts";
import { colored, type Picture } from "../display/canvas.ts";
import { fileError, modelError, RunError } from "../errors.ts";
import { makeFolders, writeFileAtomically } from "../../data/atomic.ts";
import { nodeDisk } from "../../data/disk.ts";
import type { OpenRun } from "../runs/open.ts";
import { encodeSafetensors, type HostTensor } from "../../safetensors/format.ts";
import type { ExportSpec, Outputs, Params } from "../tasks/task.ts";
import { placeBatch, readTree } from "./device.ts";
import { type LookOptions, openBest } from "./evaluateRun.ts";

/** The outputs to write, and their place. */
export interface ExportOptions extends LookOptions {
  /** Outputs of the task by name, and the file or folder of each. */
  readonly outputs: { readonly [name: string]: string };
  /** The file of the weights. */
  readonly weights?: string | undefined;
  /** The number of samples; all unless given. */
  readonly count?: number | undefined;
}

const arrays: readonly string[] = [".npy", ".npz", ".safetensors"];
const batchSize = 32;

/** Writes outputs and weights of a run's best checkpoint; gives what was written, in words. */
export const exportRun = Effect.fn("exportRun")(function* (run: OpenRun, options: ExportOptions) {
  const { outputs, weights, count } = options;
  const asked = Object.entries(outputs);
  if (asked.length === 0 && weights === undefined) {
    return yield* Effect.fail(
      new RunError(
        "No output was requested.",
        "Name a file or folder for some of the outputs, or for --weights; --help lists them.",
      ),
    );
  }
  if (weights !== undefined) yield* checkEnding("weights", weights, [".npz", ".safetensors"]);
  const { task, system, state, data, step } = yield* openBest(run, options);
  const specs = task.exports ?? {};
  for (const [name, path] of asked) {
    const spec = specs[name];
    if (spec === undefined || system.represent === undefined) {
      return yield* Effect.fail(
        new RunError(
          `The task "${task.name}" has no output "${name}".`,
          `It has ${Object.keys(specs).join(", ") || "none"}.`,
        ),
      );
    }
    if (spec.picture === undefined) yield* checkEnding(name, path, arrays);
  }
  const written: string[] = [];
  const size = Math.min(count ?? data.size, data.size);
  if (asked.length > 0) {
    // Nothing else that the task could make is computed.
    const represent = jit((params: Params, batch: Outputs, key: Tensor): Outputs => {
      const all = system.represent!(params, batch, key); // it was looked for
      return Object.fromEntries(asked.flatMap(([name]) => all[name] ? [[name, all[name]]] : []));
    });
    const gathered = new Map<string, HostTensor[]>();
    for (let start = 0; start < size; start += batchSize) {
      const found = yield* Effect.tryPromise({
        try: async () => {
          const length = Math.min(batchSize, size - start);
          const samples = await Promise.all(Array.from({ length }, (_, i) => data.get(start + i)));
          const batch = placeBatch(task.inputs, collate(samples));
          const key = scope(() => random.foldIn(random.key(1), start));
          const result = represent(state.params, batch, key);
          const host = await readTree(result);
          dispose([result, batch, key]);
          return host;
        },
        catch: modelError("The model cannot be run."),
      });
      for (const [name, path] of asked) {
        const tensor = found[name];
        if (tensor === undefined) {
          return yield* Effect.fail(
            new RunError(
              `The task "${task.name}" has the output "${name}" among its exports, but its \`represent\` does not give it.`,
              "Return it there, or leave it out of `exports`.",
            ),
          );
        }
        if (arrays.includes(extname(path))) {
          gathered.set(name, [...gathered.get(name) ?? [], tensor]);
          continue;
        }
        yield* writePictures(path, start, tensor, specs[name]!.picture!); // checked above
      }
    }
    for (const [name, path] of asked) {
      const parts = gathered.get(name);
      if (parts === undefined) {
        written.push(`${name}: pictures of ${size} ${task.samples} in ${path}`);
        continue;
      }
      const whole = joined(parts);
      yield* writeFile(path, encodeArrays(path, { [name]: whole }));
      written.push(`${name}: float32 [${whole.shape}] in ${path}`);
    }
  }
  if (weights !== undefined) {
    const tensors = yield* Effect.tryPromise({
      try: () => readTree(state.params),
      catch: modelError("The weights cannot be read."),
    });
    const named = Object.fromEntries(
      Object.entries(tensors).map(([path, tensor]) => [torchName(path), tensor]),
    );
    const bytes = encodeArrays(weights, named, { run: run.folder.name, step: String(step) });
    yield* writeFile(weights, bytes);
    written.push(`weights: ${Object.keys(named).length} tensors of step ${step} in ${weights}`);
  }
  return written;
}, Effect.scoped);

/**
 * The name that PyTorch gives a parameter: `encoder.convs[0].weight` is `encoder.convs.0.weight`, and
 * `gru.weightIh` is `gru.weight_ih`. Shapes are PyTorch's already.
 */
export const torchName = (path: string): string =>
  path.replaceAll(/\[(\d+)\]/g, ".$1")
    .replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

const checkEnding = (name: string, path: string, endings: readonly string[]) =>
  endings.includes(extname(path)) ? Effect.void : Effect.fail(
    new RunError(
      `--${name}: expected a file that ends in ${endings.join(" or ")}, found "${path}".`,
      `Say, for example, --${name} ${name}${endings.at(-1)}.`,
    ),
  );

const writeFile = (path: string, bytes: Uint8Array) =>
  Effect.tryPromise({
    try: async () => {
      await makeFolders(join(path, ".."), nodeDisk);
      await writeFileAtomically(path, bytes, nodeDisk);
    },
    catch: fileError(`${path} cannot be written.`),
  });

/** Arrays one after another along the first axis. */
function joined(parts: readonly HostTensor[]): HostTensor {
  const [first] = parts as readonly [HostTensor]; // there is a batch
  const data = new Float32Array(parts.reduce((sum, part) => sum + part.data.length, 0));
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  const rows = parts.reduce((sum, { shape }) => sum + shape[0]!, 0);
  return { dtype: "float32", shape: [rows, ...first.shape.slice(1)], data };
}

type Named = { readonly [name: string]: HostTensor };

/** Arrays in the format that the ending of a path says; an npy file has one. */
function encodeArrays(
  path: string,
  tensors: Named,
  metadata: { readonly [key: string]: string } = {},
): Uint8Array {
  switch (extname(path)) {
    case ".safetensors":
      return encodeSafetensors({ tensors, metadata });
    case ".npz":
      return zipSync(
        Object.fromEntries(
          Object.entries(tensors).map(([name, tensor]) => [`${name}.npy`, encodeNpy(tensor)]),
        ),
        { level: 0 },
      );
    default:
      return encodeNpy(Object.values(tensors)[0]!);
  }
}

/** An array as NumPy saves it, in float32, or int32 where it is whole. */
export function encodeNpy({ data, shape, dtype }: HostTensor): Uint8Array {
  const whole = dtype === "int32" || dtype === "uint32" || dtype === "bool";
  const values = whole ? Int32Array.from(data) : Float32Array.from(data);
  const bytes = new Uint8Array(values.buffer);
  const header = npyHeader(whole ? "int32" : "float32", shape);
  const file = new Uint8Array(header.length + bytes.length);
  file.set(header);
  file.set(bytes, header.length);
  return file;
}

/** A picture, or several, of each sample; numbered from `start`. */
const writePictures = Effect.fnUntraced(function* (
  folder: string,
  start: number,
  { data, shape: [count = 0, ...shape] }: HostTensor,
  kind: NonNullable<ExportSpec["picture"]>,
) {
  const size = data.length / count;
  for (let n = 0; n < count; n++) {
    const name = String(start + n).padStart(5, "0");
    const own = data.subarray(n * size, (n + 1) * size);
    for (const [ending, bytes] of picturesOf(kind, own, shape)) {
      yield* writeFile(join(folder, `${name}${ending}.png`), bytes);
    }
  }
});

function picturesOf(
  kind: NonNullable<ExportSpec["picture"]>,
  data: ArrayLike<number>,
  shape: readonly number[],
): (readonly [ending: string, bytes: Uint8Array])[] {
  const byte = (x: number) => Math.round(255 * Math.min(1, Math.max(0, x)));
  if (kind === "image") {
    const [height, width, channels] = shape as readonly [number, number, number];
    const bytes = Uint8Array.from(data, (x) => byte((x + 1) / 2));
    return [["", encode({ width, height, channels, data: bytes })]];
  }
  const [maps, height, width] = shape as readonly [number, number, number];
  if (kind === "maps") {
    return Array.from({ length: maps }, (_, k) => {
      const bytes = Uint8Array.from(
        { length: height * width },
        (_, p) => byte(data[k * height * width + p]!),
      );
      return [`-${k}`, encode({ width, height, channels: 1, data: bytes })] as const;
    });
  }
  const labels = Uint8Array.from(argmaxMasks(data, maps));
  return [
    ["", encode({ width, height, channels: 1, data: labels })],
    [
      "-colors",
      encode({ width, height, channels: 3, data: bytesOf(colored(labels, width, height)) }),
    ],
  ];
}

const bytesOf = ({ data }: Picture) =>
  Uint8Array.from(data, (x) => Math.round(255 * Math.min(1, Math.max(0, x))));
