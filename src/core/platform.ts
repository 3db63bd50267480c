/** The host that runs this program. Messages use it, so that their advice can be followed there. */
export function platform(): "deno" | "node" | "browser" {
  if ("Deno" in globalThis) return "deno";
  return typeof globalThis.process?.getBuiltinModule === "function" ? "node" : "browser";
}
