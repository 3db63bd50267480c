/** Instructions whose indices are data. An index out of range is noted as a failure, and taken for 0. */
import { isEquation } from "../../../compiler/rewrite.ts";
import { type Code, f32x4, i32, i32x4 } from "../simd/assembler.ts";
import { nest, type Operand } from "./nest.ts";
import { type Address, type Place, type Root, stridesOf } from "./place.ts";
import { type Context, copy, operandOf, type StepWriter, streamOf } from "./table.ts";

/** The axes of an operation with indices `[…, k]`. */
interface Indexed {
  /** The value that is indexed. */
  readonly x: Place;
  readonly indices: Place;
  /** The blocks that lie at each index, on the other side. */
  readonly blocks: { readonly place: Place; readonly from: Address };
}

/** Does `inside` for every index, with the bytes from the first element of `x` to what is indexed. */
function everyIndex(
  { w }: Context,
  { x, indices, blocks }: Indexed,
  inside: (bytes: Code, block: Address) => void,
): void {
  const depth = indices.shape.at(-1)!;
  const outer = indices.shape.slice(0, -1);
  const { source } = operandOf(indices);
  const streams = [
    streamOf(w, indices, indices.strides.slice(0, -1)),
    { from: blocks.from, steps: blocks.place.strides.slice(0, outer.length).map((s) => 4 * s) },
  ];
  w.over(outer, streams, false, ([at, block]) =>
    w.scoped(() => {
      let bytes: Code = i32.constant(0);
      for (let k = 0; k < depth; k++) {
        const offset = at!.offset + 4 * k * indices.strides.at(-1)!;
        const index = w.set(
          w.local("i32"),
          "splat" in source ? i32x4.lane(source.splat, 0) : i32.load(at!.base, offset),
        );
        const valid = w.set(w.local("i32"), i32.lt(index, i32.constant(x.shape[k]!)));
        w.noteFailure(i32.isZero(valid));
        const safe = i32.select(valid, index, i32.constant(0));
        bytes = w.set(
          w.local("i32"),
          i32.add(bytes, i32.mul(safe, i32.constant(4 * x.strides[k]!))),
        );
      }
      inside(bytes, block!);
    }));
}

const gather: StepWriter = (context, equation, [x, indices], [out]) => {
  const { w } = context;
  const { shape } = equation.outputs[0]!.aval;
  const depth = indices!.shape.at(-1)!;
  const source = operandOf(x!).source;
  if ("splat" in source) {
    // All indices are 0: there is one element. They are still looked at.
    return copy(w, { root: x!.root, shape, offset: 0, strides: shape.map(() => 0) }, out!.source!);
  }
  const to = out!.source!;
  const outer = indices!.shape.length - 1;
  const place: Place = { root: out!, shape, offset: 0, strides: stridesOf(shape) };
  const from = "splat" in to ? { base: w.scratchBase, offset: 0 } : to;
  everyIndex(context, { x: x!, indices: indices!, blocks: { place, from } }, (bytes, block) => {
    const at: Address = {
      base: w.set(w.local("i32"), i32.add(source.base, bytes)),
      offset: source.offset,
    };
    const root: Root = { size: Infinity, dtype: x!.root.dtype, source: at };
    const rest: Place = {
      root,
      shape: x!.shape.slice(depth),
      offset: 0,
      strides: x!.strides.slice(depth),
    };
    copy(w, rest, "splat" in to ? to : block, place.strides.slice(outer));
  });
};

const scatter: StepWriter = (context, equation, [x, indices, updates], [out]) => {
  if (!isEquation(equation, "scatter")) return;
  const { w } = context;
  const { mode } = equation.params;
  const { aval: { shape, dtype } } = equation.outputs[0]!;
  const add = dtype === "float32" ? f32x4.add : i32x4.add;
  copy(w, x!, out!.source!);
  const to = out!.source!;
  const target: Place = { root: out!, shape, offset: 0, strides: stridesOf(shape) };
  const depth = indices!.shape.at(-1)!;
  const outer = indices!.shape.length - 1;
  const given = operandOf(updates!);
  const from = streamOf(w, updates!, []).from;
  const place = { ...updates!, strides: given.strides };
  everyIndex(context, { x: target, indices: indices!, blocks: { place, from } }, (bytes, block) => {
    const update: Operand = {
      source: "splat" in given.source ? given.source : block,
      strides: given.strides.slice(outer),
    };
    const rest = shape.slice(depth);
    if ("splat" in to) {
      // One element: whatever the index, it is this.
      w.scoped(() => {
        const one: Root = { size: 1, dtype, source: update.source };
        const sum: Root = { size: 1, dtype, source: { splat: w.local("v128") } };
        copy(w, { root: one, shape: [], offset: 0, strides: [] }, sum.source!);
        const { splat } = sum.source as { splat: Code };
        w.set(to.splat, mode === "add" ? add(to.splat, splat) : splat);
      });
      return;
    }
    const at: Address = { base: w.set(w.local("i32"), i32.add(to.base, bytes)), offset: to.offset };
    const here: Operand = { source: at, strides: target.strides.slice(depth) };
    const writes = [{ source: at, strides: here.strides, exact: true }];
    if (mode === "add") nest(w, rest, [here, update], writes, 1, ([a, b]) => [add(a!, b!)]);
    else nest(w, rest, [update], writes, 0, (v) => v);
  });
};

/** The indexing family, but for `sort`. */
export const indexingWriters: { readonly [name: string]: StepWriter } = { gather, scatter };
