/**
 * The two tiers of tests. `TRILEVEL_TESTS=full`, as in CI, tries every case. The everyday tier (`deno task test`) ends within
 * minutes: properties are tried on fewer cases where many take long, and `deno task test` leaves out the files below,
 * which take long as a whole. They run when they are named, or their folder is.
 */
import process from "node:process";

/** True where every case is tried. */
export const full = process.env["TRILEVEL_TESTS"] === "full";

/** Files of end-to-end tests that are left to the full tier, unless they are named. */
export const long: readonly string[] = [
  "test/package/**", // packs, installs and bundles
  "test/page/**", // opens a browser
  "test/backends/webgpuDawn*.test.ts", // compiles kernels in a second implementation of WebGPU
  "test/docs/site.test.ts", // documents every entry
  "test/nested/amortized.test.ts", // trains until it converges
  // Runs of a real model; `tasks`, `resume` and `durability` try the runner on tasks that take milliseconds.
  "test/experiments/{train,look,probe,command,slate,memory,studies}.test.ts",
];

/**
 * Folders whose files share the processes that run them, so that the library is loaded once for all of them. They begin on the
 * backend `reference` (`support/fresh.ts`), and name another one where they need it. Their tests replace no modules and leave no
 * settings of the process behind (`test/together.test.ts`); files of other folders have a process of their own each.
 */
export const together: readonly string[] = [
  "data",
  "lint",
  "metrics",
  "nn",
  "numpy",
  "optim",
  "random",
  "safetensors",
].map((folder) => `test/${folder}/**/*.test.ts`);

/** The number of random cases that a property is tried on, given that of CI: a fifteenth in the everyday tier, two at least. */
export function runs(all: number): number {
  return full ? all : Math.min(all, Math.max(2, Math.ceil(all / 15)));
}

/**
 * Every case in CI, and in the everyday tier every seventh. Seven has no factor in common with the sizes of most tables, so
 * that in products of tables every entry meets some of the others. `shift` moves the first case, so that tables that are
 * sampled several times are not always sampled at the same places.
 */
export function someOf<T>(cases: readonly T[], shift = 0): readonly T[] {
  const first = shift % Math.max(1, Math.min(7, cases.length));
  return full ? cases : cases.filter((_, i) => i % 7 === first);
}
