/** Paths of configs, by which tasks open files and sweeps identify the data of their cells. */
import { isAbsolute, join } from "node:path";
import process from "node:process";

/** The path of a config, below TRILEVEL_DATA where that is set. */
export function dataPath(path: string): string {
  const root = process.env["TRILEVEL_DATA"];
  return root === undefined || isAbsolute(path) ? path : join(root, path);
}
