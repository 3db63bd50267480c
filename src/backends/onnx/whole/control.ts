/**
 * Loops and branches. What a loop carries stays in one place, in variables or in scratch memory, and each step puts its
 * results there: the body writes them there itself where nothing still needs what it replaces.
 */
import { sizeOf } from "../../../core/aval.ts";
import { isEquation } from "../../../compiler/rewrite.ts";
import { type Code, i32, i32x4 } from "../simd/assembler.ts";
import {
  type Address,
  all,
  isAll,
  type Place,
  type Root,
  type Source,
  stridesOf,
} from "./place.ts";
import type { Plan } from "./plan.ts";
import { type Context, copy, load1, type ProgramWriter, type StepWriter } from "./table.ts";

/** Values that a loop carries, in the places of its results. */
class Carry {
  readonly places: readonly Place[];

  constructor(
    private readonly context: Context,
    private readonly roots: readonly Root[],
    init: readonly Place[],
  ) {
    this.places = init.map((p, i) => all(roots[i]!, p.shape));
    // Everything is read before anything is written: no result is an operand of its own loop.
    init.forEach((p, i) => copy(context.w, p, roots[i]!.source!));
  }

  /** Lets steps of the body write what they compute where it is carried. */
  settle(plan: Plan): void {
    const results = plan.program.outputs.map((a) => plan.place(a));
    results.slice(0, this.roots.length).forEach((p, i) => {
      const own = this.roots[i]!;
      const at = plan.stepOf(p.root);
      if (own.size === 1 || at < 0 || p.root.source || !isAll(p)) return;
      const writer = plan.steps[at]!;
      const safe = plan.steps.every((step, k) => {
        if (!step.reads.has(own) || k < at) return true;
        return k === at && readsInOrder(plan, step.kind === "cluster" ? step : undefined, own);
      }) && results.every((q, k) => k === i || q.root !== own);
      if (safe && writer.kind !== "copy") p.root.source = own.source!;
    });
  }

  /** Replaces what is carried by other values, which may be made of it. */
  replace(next: readonly Place[]): void {
    const { w } = this.context;
    const mine = new Set(this.roots);
    const [locals, values]: [Code[], Code[]] = [[], []];
    const temporaries: Root[] = [];
    const copies: (() => void)[] = [];
    next.forEach((p, i) => {
      const root = this.roots[i]!;
      const target = root.source!;
      if (p.root === root && isAll(p)) return;
      if ("splat" in target) {
        locals.push(target.splat);
        values.push(load1(w, p));
        return;
      }
      if (p.root.source === target && isAll(p)) return;
      if (!mine.has(p.root)) {
        copies.push(() => copy(w, p, target));
        return;
      }
      const kept: Root = { size: root.size, dtype: root.dtype };
      kept.source = w.take(kept);
      temporaries.push(kept);
      copy(w, p, kept.source);
      copies.push(() => copy(w, all(kept, p.shape), target));
    });
    copies.forEach((f) => f());
    w.setAll(locals, values);
    temporaries.forEach((t) => w.give(t));
  }
}

/** True if a cluster reads an element of a value only when it writes the same one. */
function readsInOrder(
  plan: Plan,
  cluster: Extract<Plan["steps"][number], { kind: "cluster" }> | undefined,
  root: Root,
) {
  return cluster !== undefined && cluster.equations.every((e) =>
    e.inputs.every((a) => {
      const p = plan.place(a);
      return p.root !== root || isAll(p);
    })
  );
}

const scan = (writeProgram: ProgramWriter): StepWriter => (context, equation, inputs, outputs) => {
  if (!isEquation(equation, "scan")) return;
  const { w } = context;
  const { body, consts, carry: carried, length, reverse } = equation.params;
  const carry = new Carry(
    context,
    outputs.slice(0, carried),
    inputs.slice(consts, consts + carried),
  );
  const xs = inputs.slice(consts + carried);
  const ys = outputs.slice(carried);
  const first = reverse ? length - 1 : 0;
  const direction = reverse ? -1 : 1;
  /** The address of what the first step reads or writes, in a variable that moves. */
  const start = (source: Source, elements: number): { at: Address; bytes: number } | undefined => {
    if ("splat" in source) return undefined;
    const { base, offset } = source;
    const at = w.pointer({ base, offset: offset + 4 * first * elements });
    return { at, bytes: 4 * direction * elements };
  };
  const read = xs.map((p) => {
    const { source } = p.root as { source: Source };
    if ("splat" in source) return undefined;
    return start({ base: source.base, offset: source.offset + 4 * p.offset }, p.strides[0]!);
  });
  const written = ys.map((root) => start(root.source!, root.size / length));
  w.times(length, () => {
    const slices = xs.map((p, i): Place => {
      const { at } = read[i] ?? {};
      const root = { ...p.root, source: at ?? p.root.source! };
      return { root, shape: p.shape.slice(1), offset: 0, strides: p.strides.slice(1) };
    });
    // A number that every step reads anew is loaded once a step.
    const given = slices.map((p) => {
      if (sizeOf(p.shape) !== 1 || "splat" in p.root.source!) return p;
      return all({ size: 1, dtype: p.root.dtype, source: { splat: load1(w, p) } }, p.shape);
    });
    writeProgram(
      context,
      body,
      [...inputs.slice(0, consts), ...carry.places, ...given],
      (results) => {
        results.slice(carried).forEach((p, i) => {
          const to = written[i]?.at ?? ys[i]!.source!;
          copy(w, p, to, stridesOf(p.shape));
        });
        carry.replace(results.slice(0, carried));
      },
      (plan) => carry.settle(plan),
    );
    for (const moving of [...read, ...written]) {
      if (moving && moving.bytes !== 0) {
        w.set(moving.at.base, i32.add(moving.at.base, i32.constant(moving.bytes)));
      }
    }
  });
};

const loop = (writeProgram: ProgramWriter): StepWriter => (context, equation, inputs, outputs) => {
  if (!isEquation(equation, "while")) return;
  const { w } = context;
  const { condition, body, conditionConsts, bodyConsts, maxSteps } = equation.params;
  const forCondition = inputs.slice(0, conditionConsts);
  const forBody = inputs.slice(conditionConsts, conditionConsts + bodyConsts);
  const carry = new Carry(context, outputs, inputs.slice(conditionConsts + bodyConsts));
  const go = w.local("i32");
  const steps = w.set(w.local("i32"), i32.constant(0));
  w.loopWhile(() => {
    writeProgram(context, condition, [...forCondition, ...carry.places], ([holds]) => {
      w.set(go, i32x4.lane(load1(w, holds!), 0));
    });
    if (maxSteps === undefined || maxSteps > 2 ** 31 - 1) return go;
    return i32.and(go, i32.sub(i32.constant(0), i32.lt(steps, i32.constant(maxSteps))));
  }, () => {
    writeProgram(
      context,
      body,
      [...forBody, ...carry.places],
      (results) => carry.replace(results),
      (plan) => carry.settle(plan),
    );
    w.set(steps, i32.add(steps, i32.constant(1)));
  });
};

const cond = (writeProgram: ProgramWriter): StepWriter => (context, equation, inputs, outputs) => {
  if (!isEquation(equation, "cond")) return;
  const { w } = context;
  const { branches } = equation.params;
  const [index, ...operands] = inputs as [Place, ...Place[]];
  const at = w.set(w.local("i32"), i32x4.lane(load1(w, index), 0));
  const choose = (k: number): void => {
    const run = () =>
      writeProgram(context, branches[k]!, operands, (results) => {
        results.forEach((p, i) => copy(w, p, outputs[i]!.source!));
      });
    if (k === branches.length - 1) return run();
    w.choose(i32.ltSigned(at, i32.constant(k + 1)), run, () => choose(k + 1));
  };
  choose(0);
};

/** The control family. */
export const controlWriters = (
  writeProgram: ProgramWriter,
): { readonly [name: string]: StepWriter } => ({
  scan: scan(writeProgram),
  while: loop(writeProgram),
  cond: cond(writeProgram),
});
