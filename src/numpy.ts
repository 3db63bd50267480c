/**
 * The array language as an entry of its own, `trilevel/numpy`: the functions of `np`, and the backends that run them.
 *
 * @module
 */
import "./backends/index.ts";

export * from "./numpy/index.ts";
