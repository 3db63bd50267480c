/**
 * Writes docs/coverage.md: which public functions of JAX and optax exist here. The names there are what the
 * libraries export; a pair is listed only if it is recorded with calls, which a test makes on both sides. Another
 * test fails when the page is stale.
 *
 * Run it with `deno task coverage`.
 */
import more from "../test/fixtures/coverage-arrays.json" with { type: "json" };
import complex from "../test/fixtures/coverage-complex.json" with { type: "json" };
import learning from "../test/fixtures/coverage-learning.json" with { type: "json" };
import padding from "../test/fixtures/coverage-padding.json" with { type: "json" };
import arrays from "../test/fixtures/coverage-pairs.json" with { type: "json" };
import transforms from "../test/fixtures/coverage-transforms.json" with { type: "json" };
import jax from "../test/fixtures/jax-names.json" with { type: "json" };

/** The page. */
export function coveragePage(): string {
  const recorded = [
    ...arrays.pairs,
    ...more.pairs,
    ...complex.pairs,
    ...padding.pairs,
    ...learning.pairs,
    ...transforms.pairs,
  ];
  const pairs = new Map(recorded.map(({ there, here }) => [there, here]));
  const sections = Object.entries(jax.modules).map(([module, names]) => {
    const rows = names.map((name) => ({ name, ours: pairs.get(`${module}.${name}`) }));
    const present = rows.filter((row) => row.ours !== undefined);
    const missing = rows.filter((row) => row.ours === undefined);
    return [
      `## ${module}: ${present.length} of ${rows.length}`,
      "",
      "| there | here |",
      "| --- | --- |",
      ...present.map((row) => `| \`${row.name}\` | \`${row.ours}\` |`),
      "",
      `Not here: ${missing.map((row) => `\`${row.name}\``).join(", ") || "nothing"}.`,
      "",
    ].join("\n");
  });
  return [
    "# What exists",
    "",
    `The public functions of JAX ${jax.versions.jax} and optax ${jax.versions.optax}, and ours beside them. This page`,
    "is written by `deno task coverage`. Each pair is called on both sides with the same arguments, and gives the same",
    "values in the same element types; random functions give the same bits. Complex numbers are pairs of reals here. That",
    "does not say that every option of a function exists here; functions about devices, meshes, sharding and small floats",
    "have no place.",
    "",
    ...sections,
  ].join("\n");
}

if (import.meta.main) {
  Deno.writeTextFileSync(new URL("coverage.md", import.meta.url), coveragePage());
}
