/** Tells datasets by the files that they consist of. */
import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Dataset, openNem, openShapes3d, type Sample } from "../../../data/index.ts";
import type { ReaderName } from "./readers.ts";

/** A dataset that a path seems to hold, and the file or folder by which it is known. */
interface Recognized {
  readonly source: ReaderName;
  readonly sign: string;
}

/** The dataset that a path seems to hold; undefined where nothing speaks for any. */
export async function recognize(path: string): Promise<Recognized | undefined> {
  const kind = await stat(path).then(
    (found) => found.isDirectory() ? "folder" : "file",
    () => null,
  );
  if (kind === null) return undefined;
  const name = path.toLowerCase();
  const sign = path.split(/[\\/]/).at(-1)!; // split gives at least one part
  if (kind === "folder") return recognizeFolder(path);
  if (name.endsWith(".npz")) return { source: "dsprites", sign };
  if (name.endsWith(".h5") || name.endsWith(".hdf5")) {
    if (await opens(() => openShapes3d(path))) return { source: "3dshapes", sign };
    if (await opens(() => openNem(path))) return { source: "nem", sign };
    return { source: name.includes("shapes") ? "3dshapes" : "nem", sign };
  }
  if (name.includes("tetromino")) return { source: "tetrominoes-file", sign };
  if (name.includes("objects_room")) return { source: "objects-room", sign };
  if (name.includes("clevr")) return { source: "clevr-with-masks", sign };
  if (name.includes("dsprites")) return { source: "multi-dsprites", sign };
  return undefined;
}

async function recognizeFolder(path: string): Promise<Recognized | undefined> {
  const names = await readdir(path).catch((): string[] => []);
  if (names.includes("recordings")) return { source: "shapestacks", sign: "recordings/" };
  for (const part of ["", "train/", "validation/", "test/"]) {
    const sign = `${part}labels.json`;
    if (await stat(join(path, sign)).then(() => true, () => false)) return { source: "coco", sign };
  }
  if (names.includes("images") && (names.includes("scenes") || /clevr/i.test(path))) {
    return { source: "clevr-files", sign: "images/" };
  }
  const images = await readdir(join(path, "images")).catch((): string[] => []);
  if (images.some((name) => /clevr|^(train|val|test)$/i.test(name))) {
    return { source: "clevr-files", sign: `images/${images[0]}` };
  }
  return undefined;
}

/** The contents of a path in words: the first names of a folder, or the beginning of a file. */
export async function describeContents(path: string): Promise<string> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return "nothing";
  if (!found.isDirectory()) return `a file of ${found.size} bytes`;
  const names = (await readdir(path).catch((): string[] => [])).sort();
  if (names.length === 0) return "an empty folder";
  const more = names.length > 4 ? ` and ${names.length - 4} more` : "";
  return `a folder with ${names.slice(0, 4).join(", ")}${more}`;
}

async function opens(open: () => Promise<Dataset<Sample>>): Promise<boolean> {
  try {
    await (await open()).close();
    return true;
  } catch {
    return false;
  }
}
