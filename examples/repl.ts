/**
 * The start of `deno task repl`: every name of `trilevel` is a global one (`np`, `nn`, `optim`, `grad`, …), and its other entries are
 * `models`, `data` and `safetensors`. No backend is opened before the first operation.
 */
import * as trilevel from "trilevel";
import * as data from "trilevel/data";
import * as models from "trilevel/models";
import * as safetensors from "trilevel/safetensors";

Object.assign(globalThis, trilevel, { trilevel, data, models, safetensors });
console.log(
  "np, random, nn, optim, models, data, safetensors, grad, jit, vmap, infer, …  await x.print() shows values",
);
