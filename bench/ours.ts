/** Trilevel's side: `ours.ts <case> <backend>`. */
import { type BackendName, setBackend } from "trilevel";
import { serve } from "./serve.ts";
import { conv } from "./workloads/conv.ts";
import { discovery } from "./workloads/discovery.ts";
import { elementwise } from "./workloads/elementwise.ts";
import { generation } from "./workloads/generation.ts";
import { loops } from "./workloads/loops.ts";
import { matmul } from "./workloads/matmul.ts";
import { mlp } from "./workloads/mlp.ts";
import { slotAttentionGradient } from "./workloads/slotAttention.ts";

// The command line is written by the bench.
await setBackend(Deno.args[1] as BackendName);

const { default: { version } } = await import("../package.json", { with: { type: "json" } });

await serve((c) => {
  switch (c.workload) {
    case "slotAttention":
      return slotAttentionGradient(c);
    case "mlp":
      return mlp();
    case "conv":
      return conv(c);
    case "discovery":
      return discovery();
    case "elementwise":
      return elementwise(c);
    case "matmul":
      return matmul(c);
    case "generation":
      return generation();
    case "loop":
      return loops(c);
  }
}, () => ({ trilevel: version, deno: Deno.version.deno }));
