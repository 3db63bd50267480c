/** Node's modules that the cache needs; found at run time, so that bundles for browsers need not have them. */

/** Files, paths, checksums, and values as bytes. */
export function host() {
  const { process } = globalThis;
  return {
    process,
    fs: process.getBuiltinModule("node:fs"),
    os: process.getBuiltinModule("node:os"),
    path: process.getBuiltinModule("node:path"),
    url: process.getBuiltinModule("node:url"),
    crypto: process.getBuiltinModule("node:crypto"),
    v8: process.getBuiltinModule("node:v8"),
  };
}
