/** Tensors as text, for consoles, template strings and notebooks: never waits and never throws. */
import { arrayText } from "./arrayText.ts";
import type { Aval } from "./aval.ts";
import { allocate, type TypedArray } from "./dtype.ts";
import { DisposedError } from "./errors.ts";
import type { Source, StorageRef } from "./source.ts";

/** The parts of a tensor that its text shows. */
interface Displayed {
  readonly aval: Aval;
  readonly source: Source;
  readonly storageRef: StorageRef | undefined;
}

/** `Tensor float32[2, 3] onnx` and the values, or the reason why there are none to show. */
export function inspectText(x: Displayed): string {
  const known = valuesOf(x);
  if ("reason" in known) return `${head(x)}${known.reason}`;
  const text = arrayText(known.data, x.aval.shape, x.aval.dtype);
  return `${head(x)}${x.aval.shape.length === 0 ? ` ${text}` : `\n${text}`}`;
}

/** The values alone where they are known, as `print` shows an array in NumPy; else what `inspectText` says. */
export function valueText(x: Displayed): string {
  const known = valuesOf(x);
  return "reason" in known ? inspectText(x) : arrayText(known.data, x.aval.shape, x.aval.dtype);
}

/** The text of a tensor whose elements have been read. */
export function readText(x: Displayed, data: TypedArray): string {
  return `${head(x)}${x.aval.shape.length === 0 ? " " : "\n"}${
    arrayText(data, x.aval.shape, x.aval.dtype)
  }`;
}

function head(x: Displayed): string {
  const where = x.source.kind === "stored" ? ` ${x.source.storage.backend.name}` : "";
  return `Tensor ${x.aval.dtype}[${x.aval.shape.join(", ")}]${where}`;
}

type Known = { readonly data: TypedArray } | { readonly reason: string };

function valuesOf(x: Displayed): Known {
  switch (x.source.kind) {
    case "literal": {
      const data = allocate(x.aval.dtype, 1);
      data[0] = x.source.value;
      return { data };
    }
    case "traced":
      return { reason: " (traced: it has no value while the function is being traced)" };
    case "stored":
      try {
        const data = x.storageRef!.storage.peek(); // what is stored has a reference
        return data ? { data } : { reason: " (not read yet: await x.print() shows its values)" };
      } catch (error) {
        if (error instanceof DisposedError) return { reason: " (disposed)" };
        const [first] = (error instanceof Error ? error.message : String(error)).split("\n");
        return { reason: ` (the run that makes it failed: ${first})` };
      }
  }
}
