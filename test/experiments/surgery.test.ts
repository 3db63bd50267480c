/** Parameter surgery: what is frozen stays, what is grafted is the other run's, the rest is shared. */
import { Effect } from "effect";
import { describe, expect, it } from "vitest";
import { latestCheckpoint } from "../../src/experiments/runs/checkpoint.ts";
import { train } from "../../src/experiments/train/runner.ts";
import { replaceSubtree, subtreeAt } from "../../src/experiments/train/partialLoad.ts";
import { failure, remember, temporaryFolder, tinyConfig } from "./support.ts";

const folder = temporaryFolder();
const run = Effect.runPromise;

async function trained(name: string, ...overrides: string[]) {
  const config = await tinyConfig(
    "steps=2",
    "backend=reference",
    "data.resolution=8",
    "data.evaluate=1",
    "log.panelEvery=1000",
    "log.firstPanel=1000",
    ...overrides,
  );
  const where = await run(train(config, { root: folder(name), display: remember() }));
  return (await run(latestCheckpoint(where))).checkpoint!;
}

describe("parameter surgery", () => {
  it("replaces subtrees and shares the rest", () => {
    const params = { encoder: { a: [1, 2] }, decoder: { b: { c: 3 } } };
    const changed = replaceSubtree(params, "decoder.b", { d: 4 });
    expect(changed).toEqual({ encoder: { a: [1, 2] }, decoder: { b: { d: 4 } } });
    expect(changed.encoder).toBe(params.encoder);
    expect(params.decoder.b).toEqual({ c: 3 });
    expect(subtreeAt(params, "decoder.x.y")).toBeUndefined();
  });

  it("grafts the encoder of a run onto another, and freezes it there", async () => {
    const donor = await trained("donor", "seed=5");
    const receiver = await trained(
      "receiver",
      `start.from=${donor.path}`,
      'start.only=["encoder"]',
      'optimizer.frozen=["encoder"]',
    );
    const names = Object.keys(donor.tensors).filter((name) => name.startsWith("params."));
    for (const name of names) {
      const same = `${receiver.tensors[name]!.data}` === `${donor.tensors[name]!.data}`;
      if (name.startsWith("params.encoder")) expect(same, name).toBe(true);
    }
    const moved = "params.slotAttention.query.weight";
    expect(receiver.tensors[moved]!.data).not.toEqual(donor.tensors[moved]!.data);
  });

  it("says which parts there are when there is none of a name", async () => {
    for (const name of ["encodr", "constructor", "encoder.toString", "__proto__"]) {
      const config = await tinyConfig("backend=reference", `optimizer.frozen=["${name}"]`);
      const error = await failure(train(config, { root: folder("typo"), display: remember() }));
      expect(error.message).toContain("encoder, slotAttention");
    }
  });

  it("says once what is wrong with a checkpoint that is none", async () => {
    const config = await tinyConfig("backend=reference", "start.from=latest");
    const error = await failure(train(config, { root: folder("none"), display: remember() }));
    expect(error.message).toMatch(/no such file or folder \(ENOENT: latest\)\.\n/);
  });
});
