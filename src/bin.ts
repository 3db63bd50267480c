#!/usr/bin/env node
/**
 * `npx trilevel`: Node's prompt, at which every name of the library is a global one (`np`, `nn`, `optim`, `grad`, …), and its other
 * entries are `models` and `safetensors`. `deno task repl` is the same in Deno. No backend is opened before the first operation.
 */
import { start } from "node:repl";
import * as trilevel from "./index.ts";
import * as models from "./models/index.ts";
import * as safetensors from "./safetensors/index.ts";

console.log(
  "np, random, nn, optim, models, safetensors, grad, jit, vmap, infer, …  await x.print() shows values",
);
const { context } = start();
Object.assign(context, trilevel, { trilevel, models, safetensors });
