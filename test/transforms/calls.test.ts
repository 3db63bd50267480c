/** `jit` and `checkpoint` of every primitive are the primitive, with its derivatives. */
import fc from "fast-check";
import { beforeAll, describe, test } from "vitest";
import { isFloat } from "../../src/core/dtype.ts";
import type { Tensor } from "../../src/core/tensor.ts";
import { checkpoint, savePolicies } from "../../src/transforms/checkpoint.ts";
import { grad } from "../../src/transforms/grad.ts";
import { jit } from "../../src/transforms/jit.ts";
import { jvp } from "../../src/transforms/jvp.ts";
import { setBackend } from "../../src/runtime/choice.ts";
import { place, read } from "../support/arrays.ts";
import { expectClose } from "../support/close.ts";
import { type Case, type Subject, subjects } from "../support/primitiveCases.ts";
import { reference } from "../support/reference.ts";
import {
  directions,
  floatsOf,
  inner,
  likeTensors,
  onFloats,
  type Restricted,
  restricted,
} from "../support/subject.ts";
import { runs } from "../support/tier.ts";

beforeAll(() => setBackend(reference));

const policies = { none: undefined, ...savePolicies };

const settings = { numRuns: runs(10) };

/** The weighted sum of a function's float results. */
function summed({ f, xs }: Restricted, seed: number): (...xs: Tensor[]) => Tensor {
  const weights = directions(likeTensors(floatsOf(f(...xs))), seed).map((d) => place(d, reference));
  return (...at) => inner(floatsOf(f(...at)), weights);
}

async function jitIsEager(subject: Subject, example: Case) {
  const { f, xs } = restricted(subject, example, () => true);
  const compiled = jit(f);
  const expected = await read(f(...xs));
  expectClose(await read(compiled(...xs)), expected);
  expectClose(await read(compiled(...xs)), expected); // from the cache
  const eager = onFloats(subject, example);
  if (eager.xs.length === 0 || !example.reverse) return;
  const all = { argnums: eager.xs.map((_, i) => i) };
  const gradient = grad(summed(eager, example.seed), all) as (...xs: Tensor[]) => Tensor[];
  expectClose(await read(jit(gradient)(...eager.xs)), await read(gradient(...eager.xs)));
}

async function checkpointIsPlain(subject: Subject, example: Case) {
  const plain = onFloats(subject, example);
  const { f, xs, hosts } = plain;
  if (xs.length === 0) return;
  const vs = directions(hosts, example.seed).map((d) => place(d, reference));
  const all = { argnums: xs.map((_, i) => i) };
  for (const policy of Object.values(policies)) {
    const again = { f: checkpoint(f, policy ? { policy } : {}), xs, hosts };
    expectClose(await read(jit(again.f)(...xs)), await read(f(...xs)));
    const push = (g: typeof f) => floatsOf(jvp(g, xs, vs)[1]);
    expectClose(await read(push(again.f)), await read(push(f)));
    if (!example.reverse) continue;
    const first = (r: Restricted) =>
      grad(summed(r, example.seed), all) as (...at: Tensor[]) => Tensor[];
    const second = (r: Restricted) =>
      (grad((...at: Tensor[]) => inner(first(r)(...at), vs), all) as typeof f)(...xs);
    expectClose(await read(first(again)(...xs)), await read(first(plain)(...xs)));
    expectClose(await read(second(again)), await read(second(plain)));
  }
}

describe.each([...subjects])("$name", (subject) => {
  test.each([...subject.spec.dtypes])("jit is eager, %s", (dtype) =>
    fc.assert(
      fc.asyncProperty(subject.spec.cases(dtype), (example) => jitIsEager(subject, example)),
      settings,
    ));

  const types = subject.spec.dtypes.filter((d) => isFloat(d));
  test.each(types)("checkpoint changes nothing, %s", (dtype) =>
    fc.assert(
      fc.asyncProperty(subject.spec.cases(dtype), (example) => checkpointIsPlain(subject, example)),
      settings,
    ));
});
