/**
 * Writes docs/coverage.md: which public functions of JAX and optax exist here. Both lists are taken from what the
 * libraries export, so that the table cannot claim what is not there; a test fails when the page is stale.
 *
 * Run it with `deno task coverage`.
 */
import * as trilevel from "trilevel";
import jax from "../test/fixtures/jax-names.json" with { type: "json" };

/** JAX's names of which ours are others. */
const renamed: Readonly<Record<string, string>> = {
  "jax.remat": "checkpoint",
  "jax.make_jaxpr": "makeProgram",
  "jax.jacobian": "jacrev",
  "jax.effects_barrier": "debug.done",
  "jax.default_backend": "backend",
  "jax.live_arrays": "memory",
  "jax.device_put": "Tensor.to",
  "jax.device_get": "Tensor.data",
  "jax.block_until_ready": "Tensor.data",
  "jax.closure_convert": "(not needed: closures are lifted)",
  "jax.debug_nans": "debugNans",
  "jax.lax.switch": "switchCase",
  "jax.lax.top_k": "np.topK",
  "jax.lax.custom_linear_solve": "linearSolve",
  "jax.lax.custom_root": "fixedPointIteration",
  "jax.lax.logistic": "np.sigmoid",
  "jax.lax.rev": "np.flip",
  "jax.lax.select": "np.where",
  "jax.lax.select_n": "np.where",
  "jax.lax.rem": "np.fmod",
  "jax.lax.clamp": "np.clip",
  "jax.lax.ne": "np.notEqual",
  "jax.lax.eq": "np.equal",
  "jax.lax.lt": "np.less",
  "jax.lax.le": "np.lessEqual",
  "jax.lax.gt": "np.greater",
  "jax.lax.ge": "np.greaterEqual",
  "jax.lax.neg": "np.negative",
  "jax.lax.mul": "np.multiply",
  "jax.lax.sub": "np.subtract",
  "jax.lax.div": "np.divide",
  "jax.lax.pow": "np.power",
  "jax.lax.convert_element_type": "Tensor.astype",
  "jax.lax.broadcast_in_dim": "np.broadcastTo",
  "jax.lax.iota": "np.arange",
  "jax.lax.is_finite": "np.isfinite",
  "jax.lax.reduce_sum": "np.sum",
  "jax.lax.reduce_max": "np.max",
  "jax.lax.reduce_min": "np.min",
  "jax.lax.reduce_and": "np.all",
  "jax.lax.reduce_or": "np.any",
  "jax.lax.reduce_prod": "np.prod",
  "jax.lax.scatter": "np.at(x, i).set",
  "jax.lax.scatter_add": "np.at(x, i).add",
  "jax.lax.scatter_mul": "np.at(x, i).multiply",
  "jax.lax.scatter_max": "np.at(x, i).max",
  "jax.lax.scatter_min": "np.at(x, i).min",
  "jax.lax.gather": "np.take",
  "jax.numpy.float32": 'dtype: "float32"',
  "jax.random.PRNGKey": "random.key",
};

const spaces = ["np", "np.linalg", "random", "nn", "optim"];

/** Every function we export, by its name in lower case without underscores. */
function ours(): Map<string, string> {
  const found = new Map<string, string>();
  const add = (prefix: string, space: object) => {
    for (const name of Object.keys(space)) {
      found.set(`${prefix}${name}`.toLowerCase(), `${prefix}${name}`);
    }
  };
  add("", trilevel);
  for (const path of spaces) {
    // Walks namespaces by their names; each step is one of the exports.
    const space = path.split(".").reduce<object>((o, key) => o[key as keyof typeof o], trilevel);
    add(`${path}.`, space);
  }
  return found;
}

const homes: Readonly<Record<string, readonly string[]>> = {
  "jax": [""],
  "jax.numpy": ["np."],
  "jax.numpy.linalg": ["np.linalg.", "np."],
  "jax.lax": ["", "np.", "np.linalg."],
  "jax.random": ["random."],
  "jax.nn": ["nn.", "np."],
  "optax": ["optim.", "nn.", "optim.schedules."],
};

/** A name of ours, which must be exported; descriptions and methods are taken as they are. */
function checked(name: string | undefined, have: ReadonlyMap<string, string>): string | undefined {
  if (name === undefined || !/^[a-zA-Z.]+$/.test(name) || /^(Tensor|debug)\./.test(name)) {
    return name;
  }
  if (!have.has(name.toLowerCase())) throw new Error(`coverage: ${name} is not exported`);
  return name;
}

/** The page. */
export function coveragePage(): string {
  const have = ours();
  const sections = Object.entries(jax.modules).map(([module, names]) => {
    const rows = names.map((name) => {
      const plain = name.replaceAll("_", "").toLowerCase();
      const same = homes[module]!.map((home) => have.get(home + plain)).find((x) =>
        x !== undefined
      );
      return { name, ours: checked(renamed[`${module}.${name}`], have) ?? same };
    });
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
    "is written by `deno task coverage` from what the libraries export. A name in the right column says that the",
    "function exists with the same meaning, not that every option of it does; functions about devices, meshes,",
    "sharding, complex numbers and small floats have no place here.",
    "",
    ...sections,
  ].join("\n");
}

if (import.meta.main) {
  Deno.writeTextFileSync(new URL("coverage.md", import.meta.url), coveragePage());
}
