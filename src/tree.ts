/** Functions of trees, exported by the package as `tree`. */
export * from "./core/tree.ts";
export { ravel } from "./numpy/ravelTree.ts";
