/** The runtime that this program runs in. Messages use it, so that their advice can be followed there. */
export function runtime(): "deno" | "node" | "browser" {
  if ("Deno" in globalThis) return "deno";
  return typeof globalThis.process?.getBuiltinModule === "function" ? "node" : "browser";
}
