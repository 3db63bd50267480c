/**
 * A plugin for `deno lint` and ESLint that finds mistakes which neither JavaScript nor TypeScript reports:
 *
 * - `trilevel/tensor-condition`: a tensor as a condition, `if (x.greater(1))`. A tensor is an object, and so the branch is
 *   always taken. Write `np.where` or `cond` in a traced function, and `await x.greater(1).item()` outside.
 * - `trilevel/unknown-name`: a name that `np`, `nn`, `optim`, `random`, `metrics` or `tree` does not have,
 *   `np.concat_([x, y])`, with the nearest name that it has. (TypeScript reports it too; JavaScript only when it runs.)
 *
 * In `deno.json`: `"lint": { "plugins": ["npm:trilevel/lint"] }`. In `eslint.config.js`:
 *
 * ```js ignore
 * import trilevel from "trilevel/lint";
 * export default [{
 *   plugins: { trilevel },
 *   rules: { "trilevel/tensor-condition": "error", "trilevel/unknown-name": "error" },
 * }];
 * ```
 *
 * @module
 */
import { tensorCondition } from "./tensorCondition.ts";
import { unknownName } from "./unknownName.ts";
import type { Rule } from "./rule.ts";

/** A plugin, as both linters expect it. */
export interface Plugin {
  /** The prefix of the names of rules: `trilevel/…`. */
  readonly name: string;
  /** The rules by name. */
  readonly rules: Readonly<Record<string, Rule>>;
}

export type { Context, Node, Rule } from "./rule.ts";

/** The plugin, as `plugins` in `deno.json` and in ESLint's configuration take it. */
const plugin: Plugin = {
  name: "trilevel",
  rules: { "tensor-condition": tensorCondition, "unknown-name": unknownName },
};

export default plugin;
