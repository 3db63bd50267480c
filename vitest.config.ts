/**
 * How vitest runs under Deno. Bare `trilevel` specifiers resolve as `deno.json` says, so that tests
 * import what users import and the two runners cannot disagree.
 */
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";
import manifest from "./deno.json" with { type: "json" };
import { together } from "./test/support/tier.ts";

export default defineConfig({
  resolve: {
    alias: Object.entries(manifest.imports).map(([name, path]) => ({
      find: new RegExp(`^${name}$`),
      replacement: fileURLToPath(new URL(path, import.meta.url)),
    })),
  },
  test: {
    setupFiles: ["test/support/seed.ts"],
    // Deno does not implement what vitest's thread pool needs.
    pool: "forks",
    maxWorkers: 2,
    testTimeout: 120_000,
    hookTimeout: 120_000,
    reporters: ["default", "json"],
    outputFile: { json: ".cache/unit-tests.json" },
    projects: [
      {
        extends: true,
        test: {
          name: "together",
          isolate: false,
          include: [...together],
          setupFiles: ["test/support/fresh.ts"],
        },
      },
      {
        extends: true,
        test: {
          name: "alone",
          // Not as `exclude`, which would hide that of the command line from this project.
          include: ["test/**/*.test.ts", ...together.map((pattern) => `!${pattern}`)],
        },
      },
    ],
  },
});
