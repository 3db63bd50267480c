/** A program as one function: inputs, outputs and scratch memory by their positions, and nothing outside in between. */
import type { Var } from "../../../core/aval.ts";
import { sizeOf } from "../../../core/aval.ts";
import { type Program, subprograms } from "../../../core/program.ts";
import { isEquation } from "../../../compiler/rewrite.ts";
import { type Code, f32x4, i32, i32x4, v128 } from "../simd/assembler.ts";
import type { KernelCode } from "../simd/kernel.ts";
import { all, isAll, type Place, type Root } from "./place.ts";
import { writeProgram } from "./program.ts";
import { addressOf, copy, load1 } from "./table.ts";
import { Writer } from "./writer.ts";

/** The code of a program for a memory of so many pages. */
export function wholeCode(program: Program, pages: number): KernelCode {
  const w = new Writer();
  let entries = 0;
  const entry = () => w.set(w.local("i32"), i32.load(i32.constant(0), 4 * entries++));
  const given = program.inputs.map(entry);
  const wanted = program.outputs.map(entry);
  w.set(w.scratchBase, i32.load(i32.constant(0), 4 * entries++));
  const ramps = { int32: ramp(w, program, "int32"), float32: ramp(w, program, "float32") };
  const inputs = program.inputs.map((v, i) => input(w, v, given[i]!));
  writeProgram(
    { w, ramps },
    program,
    inputs,
    (outputs) =>
      outputs.forEach((p, i) => output(w, p, program.outputs[i]!.aval.dtype, wanted[i]!)),
    (plan) => {
      for (const [i, a] of program.outputs.entries()) {
        const p = plan.place(a);
        const direct = p.root.size > 1 && p.root.dtype !== "bool" && !p.root.source && isAll(p) &&
          plan.stepOf(p.root) >= 0 && plan.steps[plan.stepOf(p.root)]!.kind !== "copy";
        if (direct) p.root.source = { base: wanted[i]!, offset: 0 };
      }
    },
  );
  w.add(i32.store(i32.constant(0), w.failure, 4 * entries));
  return {
    kind: "kernel",
    text: `whole: ${textOf(program)}`,
    reuses: program.outputs.map(() => undefined),
    bytes: [],
    scratch: w.scratchBytes,
    module: w.module(pages),
    imports: w.imports,
  };
}

/** An input as other values are: in a variable if it is a number, and with four bytes for a boolean. */
function input(w: Writer, { aval: { shape, dtype } }: Var, base: Code): Place {
  const root: Root = { size: sizeOf(shape), dtype, source: { base, offset: 0 } };
  if (dtype !== "bool") {
    if (root.size > 1) return all(root, shape);
    const splat = w.set(w.local("v128"), v128.loadSplat(base));
    return all({ ...root, source: { splat } }, shape);
  }
  const held: Root = { size: root.size, dtype };
  held.source = w.take(held);
  if ("splat" in held.source) {
    w.set(held.source.splat, i32x4.ne(i32x4.splat(i32.loadByte(base)), w.bits(0)));
  } else {
    const target = held.source;
    bytes(
      w,
      root.size,
      [{ base, step: 4 }, { base: w.pointer(target).base, step: 16 }],
      ([from, to]) => {
        w.add(v128.store(to!, i32x4.ne(v128.loadBytes(from!), w.bits(0))));
      },
    );
  }
  return all(held, shape);
}

/** Puts a result where it is wanted. */
function output(w: Writer, p: Place, dtype: Root["dtype"], base: Code): void {
  const { source } = p.root as { source: Root["source"] };
  if (dtype !== "bool") {
    if (source && !("splat" in source) && source.base === base) return;
    const target = { base, offset: 0 };
    if (sizeOf(p.shape) === 1) w.add(v128.storeLane(base, load1(w, p), 0));
    else copy(w, p, target);
    return;
  }
  w.scoped(() => {
    const size = sizeOf(p.shape);
    const one = (x: Code) => w.keep(v128.and(x, w.bits(1)));
    if (size === 1) return w.add(v128.storeBytes(base, one(load1(w, p))));
    const held: Root = { size, dtype };
    held.source = w.take(held);
    copy(w, p, held.source);
    const from = w.pointer(addressOf(held)).base;
    bytes(w, size, [{ base: from, step: 16 }, { base, step: 4 }], ([from, to]) => {
      w.add(v128.storeBytes(to!, one(v128.load(from!))));
    });
    w.give(held);
  });
}

/** Goes through vectors of booleans, whole ones: all memory has room for that. */
function bytes(
  w: Writer,
  size: number,
  moving: readonly { readonly base: Code; readonly step: number }[],
  inside: (at: readonly Code[]) => void,
): void {
  w.scoped(() => {
    const streams = moving.map(({ base, step }) => ({ from: { base, offset: 0 }, steps: [step] }));
    w.over([Math.ceil(size / 4)], streams, false, (at) => inside(at.map((a) => a.base)));
  });
}

/** The numbers 0, 1, 2, … as far as any program within needs them. */
function ramp(w: Writer, program: Program, dtype: "int32" | "float32"): Root {
  const size = longest(program, dtype);
  const root: Root = { size, dtype };
  if (size === 0) return root;
  root.source = w.take(root);
  w.scoped(() => {
    const at = w.set(w.local("v128"), w.lanes([0, 1, 2, 3]));
    const value = dtype === "float32" ? f32x4.fromInt32(at) : at;
    const { source } = root;
    if ("splat" in source!) return void w.set(source.splat, w.bits(0));
    const to = { from: source!, steps: [16] };
    w.over([Math.ceil(size / 4)], [to], false, ([to]) => {
      w.add(v128.store(to!.base, value, to!.offset));
      w.set(at, i32x4.add(at, w.bits(4)));
    });
  });
  return root;
}

function longest(program: Program, dtype: "int32" | "float32"): number {
  return program.equations.reduce((most, e) => {
    const inner = subprograms(e.params).map((p) => longest(p, dtype));
    const own = isEquation(e, "iota") && (e.params.dtype === "float32") === (dtype === "float32")
      ? e.params.shape[e.params.axis]!
      : 0;
    return Math.max(most, own, ...inner);
  }, 0);
}

/** The names of instructions, those of loops in braces. */
function textOf(program: Program): string {
  return program.equations.map((e) => {
    const inner = subprograms(e.params).map(textOf);
    return inner.length === 0 ? e.primitive.name : `${e.primitive.name} { ${inner.join("; ")} }`;
  }).join(" ");
}
