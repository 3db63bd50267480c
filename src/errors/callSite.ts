/**
 * The line of the user's code from which the library was called, found in call stacks: the innermost frame that is not
 * the library's own.
 *
 * Unbundled, the library's frames are known by their folder. In a bundle, library and user share one file. There, the
 * library's modules stand together, in the order in which they are evaluated: functions for users are declared all
 * over them (`declareOptions`), and each declaration marks its place in the file. What lies between the first mark and
 * the last is the library's. Where a bundle is split into files that are loaded when they are needed, the modules that
 * backends share, these among them, have a file without users' code and without declarations: all of it is the
 * library's, and so is what lies before the last mark of another file, for modules come before those that import them.
 */

/**
 * An error for its stack, deep enough to reach out of the library: engines keep ten frames otherwise. It is the first
 * function of the first module, so that its own place is where the library begins in a bundle.
 */
function stackHere(): Error {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 40;
  const error = new Error();
  Error.stackTraceLimit = limit;
  return error;
}

/** A runtime that knows call stacks: remembers where an operation was called, at little cost. */
export class CallSite {
  readonly #error: Error;

  constructor() {
    this.#error = stackHere();
  }

  /** The user's line, as `file:line:column`, or undefined when unknown. */
  get line(): string | undefined {
    return firstUserLine(this.#error.stack);
  }
}

/** The innermost line of the current call stack outside the array library. */
export function userLine(): string | undefined {
  return firstUserLine(stackHere().stack);
}

/** Undefined in bundles of a format without `import.meta`. */
const url: string | undefined = import.meta.url;
const bundled = !/\/errors\/callSite\.[jt]s$/.test(url ?? "");
const library = bundled ? "" : new URL("../", url).href;
const folders = [
  "errors",
  "core",
  "runtime",
  "options",
  "primitives",
  "numpy",
  "random",
  "control",
  "transforms",
  "inspect",
  "nested",
  "solvers",
  "implicit",
  "nn",
  "optim",
  "models",
  "compiler",
  "backends",
  "data",
  "metrics",
  "safetensors",
].map((folder) => `${library}${folder}/`);

interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** The first and the last mark of each file, in bundles. */
const marks = new Map<string, { first: Place; last: Place }>();

/** In bundles, marks the place of the caller's caller as the library's; called while modules are evaluated. */
export function markOwnCode(depth = 2): void {
  if (!bundled) return;
  const place = placesOf(stackHere().stack)[depth + 1];
  if (!place) return;
  const { first, last } = marks.get(place.file) ?? { first: place, last: place };
  marks.set(place.file, {
    first: before(place, first) ? place : first,
    last: before(last, place) ? place : last,
  });
}

markOwnCode(-1); // the place of `stackHere`

/** The file of this module, in bundles. */
const [home] = marks.keys();

function firstUserLine(stack: string | undefined): string | undefined {
  const place = placesOf(stack).find((place) => !isOwn(place));
  return place && `${place.file.replace(/^file:\/\//, "")}:${place.line}:${place.column}`;
}

function isOwn(place: Place): boolean {
  if (place.file.includes("/node_modules/")) return true;
  if (!bundled) return folders.some((folder) => place.file.startsWith(folder));
  const range = marks.get(place.file);
  if (!range) return false;
  if (place.file !== home) return !before(range.last, place);
  if (range.first === range.last) return true;
  return !before(place, range.first) && !before(range.last, place);
}

function before(a: Place, b: Place): boolean {
  return a.line < b.line || (a.line === b.line && a.column < b.column);
}

/** The places of a stack's frames, the innermost first, as far as they are in files. */
function placesOf(stack: string | undefined): Place[] {
  // Behind a space, a bracket or, in Firefox, an @: `node:internal/…` is no path.
  const frame = /(?:^|[\s(@])((?:file|https?):\/\/[^)\s]+|\/[^)\s]+):(\d+):(\d+)\)?$/;
  return (stack?.split("\n") ?? []).flatMap((text) => {
    const found = frame.exec(text);
    if (!found) return [];
    const [, file, line, column] = found as unknown as [string, string, string, string]; // all groups matched
    const address = file.startsWith("/") ? `file://${file}` : file;
    return [{ file: address, line: Number(line), column: Number(column) }];
  });
}
