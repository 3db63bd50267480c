/**
 * Reads damaged files and says what went wrong beyond named errors: run by `mutations.test.ts` in a process of its
 * own, so that its memory can be measured and a crash is one finding.
 *
 * `mutations.ts <first> <count>`: the files with these numbers. Prints one line of JSON for each finding, and a
 * summary at the end. A number always gives the same file.
 */

import { zipSync } from "fflate";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { Readable } from "node:stream";
import {
  crc32,
  createDeflate,
  createDeflateRaw,
  createGzip,
  deflateRawSync,
  gunzipSync,
  gzipSync,
} from "node:zlib";
import {
  cached,
  DataError,
  type Dataset,
  fromArrays,
  maskedCrc,
  ndarray,
  openClevr,
  openCoco,
  openDsprites,
  openFolder,
  openNem,
  openScenes,
  openShapes3d,
  openTetrominoes,
  type Random,
  type Sample,
  seeded,
} from "trilevel/data";
import { fixture, png, put, tfExample, tfRecords } from "./support.ts";

const [first = 0, count = 100] = process.argv.slice(2).map(Number);
const folder = await mkdtemp(join(tmpdir(), "trilevel-mutations-"));
const seconds = 2;
const megabytes = 500;

/** A kind of file: how to damage one, and how to read it. */
interface Kind {
  readonly seeds: readonly Uint8Array[];
  readonly suffix: string;
  /** Whether whatever is damaged is noticed, since checksums cover all that matters. */
  readonly checked?: boolean;
  /** Mutates inside what a checksum covers, and makes the checksum fit again. */
  readonly inside?: (bytes: Uint8Array, random: Random) => Uint8Array;
  readonly open: (path: string) => Promise<Dataset<Sample>>;
}

const kinds: { readonly [name: string]: Kind } = {
  png: {
    seeds: await files("pngs.json"),
    suffix: "/a.png",
    checked: true,
    inside: insidePng,
    open: (path) => openFolder(join(path, ".."), { workers: 0, channels: "file" }),
  },
  jpeg: {
    seeds: await files("jpegs.json"),
    suffix: "/a.jpg",
    open: (path) => openFolder(join(path, ".."), { workers: 0 }),
  },
  npz: {
    seeds: [new Uint8Array(await readFile(fixture("dsprites.npz")))],
    suffix: ".npz",
    checked: true,
    open: (path) => openDsprites(path),
  },
  npy: { // an archive that fits its damaged arrays
    seeds: [arrays()],
    suffix: ".npz",
    inside: (bytes, random) => {
      const parts = [bytes.slice(0, 4224), bytes.slice(4224, 4400), bytes.slice(4400)];
      const wrong = parts.map((part, i) => i === random.below(3) ? mutate(part, random) : part);
      return archive(wrong);
    },
    open: (path) => openDsprites(path),
  },
  shapes3d: {
    seeds: [new Uint8Array(await readFile(fixture("shapes3d.h5")))],
    suffix: ".h5",
    open: (path) => openShapes3d(path),
  },
  nem: {
    seeds: [new Uint8Array(await readFile(fixture("nem.h5")))],
    suffix: ".h5",
    open: (path) => openNem(path),
  },
  tfrecord: {
    seeds: [tetrominoes()],
    suffix: ".tfrecords",
    checked: true,
    inside: (bytes, random) => tfRecords([mutate(recordOf(bytes), random)]),
    open: (path) => openTetrominoes(path),
  },
  "gzipped tfrecord": {
    seeds: [gzipSync(tetrominoes())],
    suffix: ".tfrecords",
    checked: true,
    inside: (bytes, random) => gzipSync(mutate(gunzipSync(bytes), random)),
    open: (path) => openTetrominoes(path),
  },
  coco: {
    seeds: [labels()],
    suffix: "/labels.json",
    inside: insideJson,
    open: (path) => openCoco(join(path, ".."), { workers: 0, crowd: true }),
  },
  clevr: {
    seeds: [scenes()],
    suffix: "/scenes/CLEVR_train_scenes.json",
    inside: insideJson,
    open: (path) => openClevr(join(path, "../.."), { workers: 0 }),
  },
};
const names = [...Object.keys(kinds), "cache", "shard", "bomb"];

/** Small files that claim much: how to write each, and how to read it. All are refused. */
const bombs: readonly (readonly [
  suffix: string,
  make: () => Promise<Uint8Array> | Uint8Array,
  kind: string,
])[] = [
  ["/a.png", async () => pngOf(1, 1, await zeros(createDeflate)), "png"],
  ["/a.png", () => pngOf(20000, 20000, new Uint8Array(10)), "png"],
  ["/a.png", () => pngOf(5000, 5000, new Uint8Array(10)), "png"],
  ["/a.jpg", () => jpegOf(9000, 9000), "jpeg"],
  ["/a.jpg", () => jpegOf(5000, 5000), "jpeg"],
  [".npz", async () => zipOf(await zeros(createDeflateRaw, npyClaim(MOST - 12)), MOST), "npz"],
  [".npz", () => zipOf(deflateRawSync(header("|u1", "(1000000, 64, 64)")), 128 + 4096e6), "npz"],
  [".tfrecords", async () => await zeros(createGzip, recordClaim(2n ** 32n)), "gzipped tfrecord"],
  [".tfrecords", () => recordClaim(2n ** 62n), "tfrecord"],
  ...[1e9, -1e300].map((far) =>
    ["/labels.json", () => labels([[[1, 1, far, 1, 4, 3]]]), "coco"] as const
  ),
  [
    "/labels.json",
    () => labels([Array(30).fill(Array.from({ length: 5e4 }, (_, i) => (i & 2) * 5e3))]),
    "coco",
  ],
  ["/labels.json", () => new Uint8Array(5e6).fill(0x5b), "coco"],
  ["/scenes/CLEVR_train_scenes.json", () => new Uint8Array(5e6).fill(0x5b), "clevr"],
];
const MOST = 3e8;

/** So many zeros behind some bytes, compressed piece by piece. */
async function zeros(
  open: typeof createDeflate | typeof createDeflateRaw | typeof createGzip,
  start: Uint8Array = new Uint8Array(0),
): Promise<Uint8Array> {
  const piece = new Uint8Array(1e6);
  const stream = Readable.from((function* () {
    yield start;
    for (let length = start.length; length < MOST; length += piece.length) {
      yield piece.subarray(0, Math.min(piece.length, MOST - length));
    }
  })()).pipe(open({ level: 1 }));
  return Buffer.concat(await Array.fromAsync(stream));
}

function pngOf(width: number, height: number, data: Uint8Array): Uint8Array {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width);
  head.writeUInt32BE(height, 4);
  head[8] = 8;
  return Buffer.concat([
    Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
    ...[["IHDR", head], ["IDAT", data], ["IEND", new Uint8Array(0)]].flatMap(([type, body]) =>
      framed(Buffer.concat([Buffer.from(type as string), body as Uint8Array]))
    ),
  ]);
}

function jpegOf(width: number, height: number): Uint8Array {
  const file = Buffer.from(kinds["jpeg"]!.seeds[0]!);
  const at = file.indexOf(Buffer.from([0xff, 0xc0]));
  file.writeUInt16BE(height, at + 5);
  file.writeUInt16BE(width, at + 7);
  return file;
}

function npyClaim(length: number): Uint8Array {
  const claim = Buffer.from("\x93NUMPY\x02\x00\0\0\0\0", "latin1");
  claim.writeUInt32LE(length, 8);
  return claim;
}

/** An archive of one array with this compressed data, which is said to inflate to so many bytes. */
function zipOf(data: Uint8Array, size: number): Uint8Array {
  const zip = Buffer.from(zipSync({ "imgs.npy": [data, { level: 0 }] }));
  const directory = zip.lastIndexOf(Buffer.from([0x50, 0x4b, 0x01, 0x02]));
  for (const at of [0, directory + 2]) {
    zip.writeUInt16LE(8, at + 8);
    zip.writeUInt32LE(size, at + 22);
  }
  return zip;
}

function recordClaim(length: bigint): Uint8Array {
  const claim = Buffer.alloc(12);
  claim.writeBigUInt64LE(length);
  claim.writeUInt32LE(maskedCrc(claim.subarray(0, 8)), 8);
  return claim;
}

async function files(name: string): Promise<Uint8Array[]> {
  const cases: { readonly [name: string]: { file: string } } = JSON.parse(
    await readFile(fixture(name), "utf8"),
  );
  return Object.values(cases).map(({ file }) => new Uint8Array(Buffer.from(file, "base64")));
}

function header(descr: string, shape: string, length = 128): Uint8Array {
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': ${shape}, }`;
  return Buffer.concat([
    Buffer.from("\x93NUMPY\x01\x00\x76\x00", "latin1"),
    Buffer.from(text.padEnd(length - 11) + "\n"),
  ]);
}

function arrays(): Uint8Array {
  const factors = header("<f8", "(1, 6)");
  const row = new Uint8Array(48);
  return Buffer.concat([
    header("|u1", "(1, 64, 64)"),
    new Uint8Array(4096),
    factors,
    row,
    factors,
    row,
  ]);
}

function archive([imgs, values, classes]: readonly Uint8Array[]): Uint8Array {
  return zipSync({
    "imgs.npy": imgs!,
    "latents_values.npy": values!,
    "latents_classes.npy": classes!,
  });
}

function tetrominoes(): Uint8Array {
  const bytes = (length: number) => ({ bytes: new Uint8Array(length).fill(7), joined: true });
  const floats = (length: number) => ({ floats: Array.from({ length }, (_, i) => i / 3) });
  return tfRecords([tfExample({
    image: bytes(35 * 35 * 3),
    mask: bytes(4 * 35 * 35),
    x: floats(4),
    y: floats(4),
    shape: floats(4),
    color: floats(12),
    visibility: { floats: [1, 1, 1, 0] },
    more: { integers: [1, 2, 3] },
  })]);
}

const recordOf = (bytes: Uint8Array) => bytes.slice(12, bytes.length - 4);

function labels(segmentations?: readonly unknown[]): Uint8Array {
  const annotation = (id: number, segmentation: unknown, iscrowd: unknown = 0) => ({
    ...{ id, image_id: 3, category_id: 1, bbox: [1, 2, 3, 4], area: 1, iscrowd, segmentation },
  });
  return new TextEncoder().encode(JSON.stringify({
    categories: [{ id: 1, name: "person" }],
    images: [{ id: 3, file_name: "3.png", height: 4, width: 6 }],
    annotations: segmentations?.map((segmentation, i) => annotation(i, segmentation)) ?? [
      annotation(1, [[1, 1, 4, 1, 4, 3, 1, 3]]),
      annotation(2, { size: [4, 6], counts: [4, 4, 16] }),
      annotation(3, { size: [4, 6], counts: "84<" }, true),
    ],
  }));
}

function scenes(): Uint8Array {
  const object = {
    ...{ size: "small", material: "metal", shape: "cube", color: "gray", rotation: 12.5 },
    ...{ "3d_coords": [0, 3, -3], pixel_coords: [1, 2, 3] },
  };
  return new TextEncoder().encode(JSON.stringify({
    scenes: [{ image_filename: "a.png", objects: [object, object] }],
  }));
}

/** A PNG with one chunk damaged, whose checksum fits. */
function insidePng(bytes: Uint8Array, random: Random): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Uint8Array[] = [];
  for (let at = 8; at + 12 <= bytes.length; at += 12 + view.getUint32(at)) {
    chunks.push(bytes.slice(at + 4, at + 8 + view.getUint32(at)));
  }
  const damaged = random.below(chunks.length);
  return Buffer.concat([
    bytes.subarray(0, 8),
    ...chunks.flatMap((chunk, i) => {
      const body = i === damaged ? mutate(chunk, random) : chunk;
      return framed(body);
    }),
  ]);
}

/** A chunk of a PNG from its type and data: its length before, its checksum behind. */
function framed(body: Uint8Array): Uint8Array[] {
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(Math.max(0, body.length - 4));
  ends.writeUInt32BE(crc32(body), 4);
  return [ends.subarray(0, 4), body, ends.subarray(4)];
}

const oddValues = [null, true, false, -1, 0, 1.5, 1e9, -1e300, 2 ** 53, "", "x", [], {}, [[[]]]];

/** JSON with one to three values that are others, missing or twice. */
function insideJson(bytes: Uint8Array, random: Random): Uint8Array {
  const json: unknown = JSON.parse(new TextDecoder().decode(bytes));
  for (let i = random.below(3); i >= 0; i--) {
    let node = json as { [key: string]: unknown };
    for (;;) {
      const keys = Object.keys(node);
      const key = keys[random.below(Math.max(1, keys.length))];
      if (key === undefined) break;
      const value = node[key];
      if (typeof value === "object" && value !== null && random.below(4) > 0) {
        node = value as { [key: string]: unknown };
        continue;
      }
      if (random.below(4) === 0 && !Array.isArray(node)) delete node[key];
      else if (random.below(4) === 0 && Array.isArray(node)) node.push(structuredClone(value));
      else node[key] = structuredClone(oddValues[random.below(oddValues.length)]);
      break;
    }
  }
  return new TextEncoder().encode(JSON.stringify(json));
}

const extremes = [0, 1, 0x7f, 0x80, 0xff, 0x5b, 0x7b, 0x22, 0x30, 0x39, 0x65, 0x2d];

/** One to three changes: bits, bytes, numbers, pieces removed, repeated or exchanged, or an end that is missing. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let out: Uint8Array = Uint8Array.from(bytes);
  for (let i = random.below(3); i >= 0 && out.length > 0; i--) {
    const at = random.below(out.length);
    const length = 1 + random.below(Math.min(40, out.length - at));
    const piece = out.slice(at, at + length);
    const with_ = (...parts: readonly Uint8Array[]) => new Uint8Array(Buffer.concat(parts));
    switch (random.below(8)) {
      case 0:
        out[at]! ^= 1 << random.below(8);
        break;
      case 1:
        out[at] = random.below(256);
        break;
      case 2:
        out[at] = extremes[random.below(extremes.length)]!;
        break;
      case 3: // a number of four bytes
        out.fill(extremes[random.below(5)]!, at, at + 4);
        break;
      case 4:
        out = with_(out.subarray(0, at), out.subarray(at + length));
        break;
      case 5:
        out = with_(
          out.subarray(0, at),
          ...Array(1 + random.below(4)).fill(piece),
          out.subarray(at),
        );
        break;
      case 6: {
        const to = random.below(out.length);
        out.copyWithin(to, at, at + length);
        break;
      }
      default:
        out = out.slice(0, at);
    }
  }
  return out;
}

/** All samples, at most four of them; errors that `get` throws count like others. */
async function read(open: () => Promise<Dataset<Sample>>): Promise<Sample[]> {
  await using dataset = await open();
  const samples: Sample[] = [];
  for (let i = 0; i < Math.min(4, dataset.size); i++) samples.push(await dataset.get(i));
  return samples;
}

const text = (samples: readonly Sample[]) =>
  JSON.stringify(
    samples,
    (_, value) => ArrayBuffer.isView(value) ? [...value as Uint8Array] : value,
  );
const tally: Record<string, Record<string, number>> = {};
const say = (finding: object) => console.log(JSON.stringify(finding));

/** The most memory that this process has had since `forgetPeak`, in megabytes; 0 where the system does not tell. */
async function peak(): Promise<number> {
  const status = await readFile("/proc/self/status", "utf8").catch(() => "");
  return Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
}
const forgetPeak = () => writeFile("/proc/self/clear_refs", "5").catch(() => {});

/** Reads one damaged file and reports what is not as it should be; `right` are the samples of the sound one. */
async function judge(
  number: number,
  kind: string,
  open: () => Promise<Dataset<Sample>>,
  right: string | undefined,
): Promise<void> {
  await forgetPeak();
  const before = { cpu: process.cpuUsage(), peak: await peak() };
  let outcome = "read";
  try {
    const samples = text(await read(open));
    // Records that are missing at the end of a plain file leave no trace.
    if (right !== undefined && samples !== right && samples !== "[]") {
      say({ number, kind, what: "other samples" });
    }
  } catch (error) {
    outcome = error instanceof DataError ? error._tag : "raw error";
    if (!(error instanceof DataError)) {
      say({ number, kind, what: String(error), stack: (error as Error).stack });
    } else if (outcome === "WorkerError" || error.hint.length < 5) {
      say({ number, kind, what: error.message });
    }
  }
  const { user, system } = process.cpuUsage(before.cpu);
  const grown = await peak() - before.peak;
  if (user + system > seconds * 1e6) say({ number, kind, what: `${(user + system) / 1e6} s` });
  if (grown > megabytes) say({ number, kind, what: `${grown} MB` });
  const row = tally[kind] ??= {};
  row[outcome] = (row[outcome] ?? 0) + 1;
}

// Folders that are damaged in one of their files: the conversion cache, generated scenes.
const cacheFolder = join(folder, "cache");
const openCache = () =>
  cached<Sample>(
    () =>
      Promise.resolve(
        fromArrays({ x: ndarray(Float32Array.from({ length: 12 }, (_, i) => i), [4, 3]) }),
      ),
    { directory: cacheFolder, key: 1 },
  );
const shardFolder = join(folder, "shards");
const openShard = () =>
  openScenes({ kind: "tetrominoes" }, { size: 2, directory: shardFolder, workers: 0 });
const foldersOf = { cache: [cacheFolder, openCache], shard: [shardFolder, openShard] } as const;

async function damageFolder(
  number: number,
  kind: "cache" | "shard",
  random: Random,
): Promise<void> {
  const [root, open] = foldersOf[kind];
  const right = text(await read(open));
  const [name] = await readdir(root);
  const inside = (await readdir(join(root, name!))).sort();
  const path = join(root, name!, inside[random.below(inside.length)]!);
  const whole = await readFile(path);
  await writeFile(path, mutate(whole, random));
  await judge(number, kind, open, right);
  await writeFile(path, whole);
}

async function damageFile(number: number, name: string, random: Random): Promise<void> {
  const kind = kinds[name]!;
  const seed = kind.seeds[random.below(kind.seeds.length)]!;
  const inside = kind.inside !== undefined && random.below(2) === 0;
  const path = join(folder, `${name}-${number}${kind.suffix}`);
  await withNeighbours(name, path);
  let right: string | undefined;
  if (kind.checked && !inside) {
    await put(path, seed);
    right = await read(() => kind.open(path)).then(text, (error) => `the sound file: ${error}`);
    if (right.startsWith("the")) say({ number, kind: name, what: right });
    await rm(path);
  }
  await put(path, inside ? kind.inside!(seed, random) : mutate(seed, random));
  await judge(number, name, () => kind.open(path), right);
  await rm(join(folder, `${name}-${number}${kind.suffix.split("/")[0]}`), { recursive: true });
}

const made = new Map<unknown, Uint8Array>();
async function dropBomb(number: number): Promise<void> {
  const [suffix, make, kind] = bombs[Math.floor(number / names.length) % bombs.length]!;
  const path = join(folder, `bomb-${number}${suffix}`);
  await withNeighbours(kind, path);
  const bytes = made.get(make) ?? await make();
  made.set(make, bytes);
  await put(path, bytes);
  await judge(number, "bomb", () => kinds[kind]!.open(path), "refused");
  await rm(join(folder, `bomb-${number}${suffix.split("/")[0]}`), { recursive: true });
}

/** The images that labels speak of. */
async function withNeighbours(kind: string, path: string): Promise<void> {
  const image = png(6, 4, 3, (i) => i);
  if (kind === "coco") await put(join(path, "../data/3.png"), image);
  if (kind === "clevr") await put(join(path, "../../images/train/a.png"), image);
}

try {
  for (let number = first; number < first + count; number++) {
    const random = seeded(number);
    const name = names[number % names.length]!;
    if (name === "cache" || name === "shard") await damageFolder(number, name, random);
    else if (name === "bomb") await dropBomb(number);
    else await damageFile(number, name, random);
  }
  say({ tally, peak: await peak() });
} finally {
  await rm(folder, { recursive: true, force: true });
}
process.exit(0); // HDF5 keeps damaged files open
