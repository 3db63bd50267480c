/** The bench's command line. */
import { cases, casesNamed } from "./cases.ts";
import { type Subject, subjects } from "./subjects.ts";
import type { Case } from "./cases.ts";

/** What was asked for. */
export interface Args {
  readonly cases: readonly Case[];
  readonly subjects: readonly Subject[];
  /** Steady calls of each subject, at least. */
  readonly calls: number;
}

/** What the command line may say. */
export const usage = `deno task bench [options]
  --only a,b,f512      cases, or all of a letter (default: all)
  --backend onnx       our backends, by comma (default: onnx,webgpu)
  --peers jax,torch    peers, by comma; "none" (default: all that are found)
  --calls 21           steady calls of each; slow subjects make fewer`;

/** @throws Error naming what is not understood. */
export function parseArgs(args: readonly string[]): Args {
  const given = new Map<string, string>();
  for (let i = 0; i < args.length; i++) {
    const [name, value = args[++i]] = args[i]!.split("=");
    if (!/^--(only|backend|peers|calls)$/.test(name!) || value === undefined) {
      throw new Error(`not understood: ${name}\n${usage}`);
    }
    given.set(name!, value);
  }
  const list = (name: string) => given.get(name)?.split(",").filter((x) => x !== "");
  const only = list("--only");
  const backends = list("--backend") ?? ["onnx", "webgpu"];
  const peers = list("--peers");
  return {
    cases: only ? casesNamed(only) : cases,
    subjects: subjects.filter(({ ours, name }) =>
      ours
        ? backends.includes(ours)
        : !peers || peers.some((p) => name === p || name.startsWith(`${p} `))
    ),
    calls: Number(given.get("--calls") ?? 21),
  };
}
