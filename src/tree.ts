/** What the package exports as `tree`. */
export * from "./core/tree.ts";
export { ravel } from "./numpy/ravelTree.ts";
