/**
 * Element-wise programs as WebAssembly. Scalars come first; then one loop for each set of equations that share
 * operands of one size, which reads every tensor once and writes every result once. Several vectors go
 * through a loop abreast when few values are alive in it, so that one need not wait for another.
 */
import { byteSize } from "../../../core/dtype.ts";
import { type Atom, Literal, sizeOf, type Var } from "../../../core/aval.ts";
import type { Equation, Program } from "../../../core/program.ts";
import { Body, type Code, f32x4, floatBits, i32, i32x4, v128 } from "./assembler.ts";
import { emitterOf, scalarFunctions } from "./emit.ts";
import { abreastOf, isSum, type Loop, loopsOf, reusesOf, type Root, rootsOf } from "./loops.ts";
import type { Heap } from "./memory.ts";
import { isFill, isRepeat, isScalar, isView } from "./views.ts";

/** A program as WebAssembly: plain data. */
export interface KernelCode {
  readonly kind: "kernel";
  /** A description: equations by the number of elements. */
  readonly text: string;
  /** For an output the input whose memory it may take, if that is not needed any more. */
  readonly reuses: readonly (number | undefined)[];
  /** The bytes of each loop. */
  readonly bytes: readonly number[];
  /** Of a program with loops: the bytes of memory that it needs beside inputs and outputs. */
  readonly scratch?: number | undefined;
  readonly module: Uint8Array<ArrayBuffer>;
  /** The scalar functions that the module calls. */
  readonly imports: readonly string[];
}

/** The code of a program for a memory of so many pages. */
export function kernelCode(program: Program, pages: number): KernelCode {
  const root = rootsOf(program);
  const loops = loopsOf(program, root)!; // stages are made of what has loops
  const scalars = { elements: 1, equations: program.equations.filter(isScalarWork) };
  const text = [scalars, ...loops].filter((l) => l !== scalars || scalars.equations.length > 0)
    .map((l) => [`[${l.elements}]`, ...l.equations.map((e) => e.primitive.name)].join(" "))
    .join(", ");
  const body = assemble(program, root, loops);
  return {
    kind: "kernel",
    text: `simd: ${text}`,
    reuses: reusesOf(program, loops, root),
    bytes: loops.map((l) => 4 * l.elements),
    module: body.module(pages),
    imports: body.imports,
  };
}

/** Code that runs. Its tensors are given by their positions in the heap's memory. */
export class Kernel {
  readonly text: string;
  readonly reuses: readonly (number | undefined)[];
  readonly scratch: number | undefined;
  readonly #bytes: readonly number[];
  readonly #run: () => void;

  constructor(code: KernelCode, private readonly heap: Heap) {
    this.text = code.text;
    this.reuses = code.reuses;
    this.scratch = code.scratch;
    this.#bytes = code.bytes;
    this.#run = instantiate(code, heap);
  }

  /** False if an index was out of range. `scratch` is the position of the memory that it asks for. */
  run(inputs: readonly number[], outputs: readonly number[], scratch = 0): boolean {
    const { table } = this.heap;
    table.set(inputs);
    table.set(outputs, inputs.length);
    const next = inputs.length + outputs.length;
    table.set(this.scratch === undefined ? this.#bytes : [scratch, 0], next);
    this.#run();
    return this.scratch === undefined || table[next + 1] === 0;
  }
}

// Kernels do not know sizes, so the same one serves many programs.
const modules = new Map<string, WebAssembly.Module>();
const mostModules = 1024;

function instantiate({ module: bytes, imports }: KernelCode, heap: Heap): () => void {
  const key = new TextDecoder("latin1").decode(bytes);
  let module = modules.get(key);
  if (!module) {
    if (modules.size === mostModules) modules.delete(modules.keys().next().value!);
    modules.set(key, module = new WebAssembly.Module(bytes));
  }
  const functions = imports.map((name) => [name, scalarFunctions[name]!] as const);
  const { exports } = new WebAssembly.Instance(module, {
    m: { memory: heap.memory!, ...Object.fromEntries(functions) },
  });
  return exports["run"] as () => void; // as the module declares it
}

/** Writes the function. The table has positions of inputs, then of outputs, then bytes of loops. */
function assemble(program: Program, root: Root, loops: readonly Loop[]): Body {
  const body = new Body();
  let entries = 0;
  const entry = () => body.set(body.local("i32"), i32.load(i32.constant(0), 4 * entries++));
  const sources = new Map<Atom, Code>(program.inputs.map((v) => [v, entry()]));
  const targets = new Map<Atom, Code>(program.outputs.map((a) => [a, entry()]));
  const ends = loops.map(entry);

  const scalars = new Map<Atom, Code>();
  const scalar = (a: Atom): Code =>
    a instanceof Literal ? body.bits(literalBits(a)) : scalars.get(a)!;
  for (const v of program.inputs.filter(isScalar)) {
    scalars.set(v, body.keep(loadScalar(body, sources.get(v)!, v)));
  }
  for (const e of program.equations) {
    if (!isScalarWork(e)) continue;
    const operands = e.inputs.map((a) => scalar(root(a)));
    scalars.set(e.outputs[0]!, compute(body, e, operands, true));
  }
  for (const a of program.outputs) {
    if (isScalar(a)) store(body, a, targets.get(a)!, scalar(root(a)), 0);
  }
  for (const e of program.equations) {
    if (isRepeat(e) && !isFill(e)) sources.set(e.outputs[0]!, sources.get(root(e.inputs[0]!))!);
  }
  const [at, quarter] = [body.local("i32"), body.local("i32")];
  loops.forEach((loop, l) => {
    const lanes = Array.from({ length: abreastOf(loop, root, program) }, (_, u) => u);
    nest(body, { loop, sources, targets }, (places) => {
      const moves = (a: Atom) => loop.strides.get(a)!.at(-1) !== 0;
      const still = new Map(
        [...loop.strides.keys()].filter((a) => sources.has(a) && !moves(a))
          .map((a) => [a, body.keep(loadScalar(body, places.get(a)!, a))]),
      );
      // Bytes of elements of four bytes, and of one.
      const place = (a: Atom) =>
        i32.add(places.get(a)!, byteSize(a.aval.dtype) === 1 ? quarter : at);
      body.set(at, i32.constant(0));
      body.loop(() => {
        body.set(quarter, i32.shiftRight(at, i32.constant(2)));
        const values = new Map<Atom, Code[]>();
        const read = (a: Atom): Code[] => {
          const source = root(a);
          if (isScalar(source)) return lanes.map(() => scalar(source));
          const repeated = still.get(source);
          if (repeated) return lanes.map(() => repeated);
          let found = values.get(source);
          if (!found) {
            const address = place(source);
            found = lanes.map((u) => body.keep(load(body, source, address, u)));
            values.set(source, found);
          }
          return found;
        };
        for (const e of loop.equations) {
          const operands = e.inputs.map(read);
          const [out] = e.outputs as [Var];
          if (isSum(e)) {
            const address = place(out);
            operands[0]!.forEach((x, u) =>
              store(body, out, address, f32x4.add(load(body, out, address, u), x), u)
            );
          } else {
            values.set(out, lanes.map((u) => compute(body, e, operands.map((x) => x[u]!), false)));
          }
        }
        // Last, since a result may take the memory of an operand.
        for (const k of loop.writes) {
          const a = program.outputs[k]!;
          read(a).forEach((x, u) => store(body, a, place(a), x, u));
        }
        body.set(at, i32.add(at, i32.constant(16 * lanes.length)));
        const flat = loop.sizes.length === 1;
        return i32.lt(at, flat ? ends[l]! : i32.constant(4 * loop.sizes.at(-1)!));
      });
    });
  });
  return body;
}

/** Writes the outer levels of a loop around its last, which is told where each tensor then is. */
function nest(
  body: Body,
  { loop, sources, targets }: {
    readonly loop: Loop;
    readonly sources: ReadonlyMap<Atom, Code>;
    readonly targets: ReadonlyMap<Atom, Code>;
  },
  last: (places: ReadonlyMap<Atom, Code>) => void,
): void {
  const { sizes, strides, equations } = loop;
  for (const e of equations.filter(isSum)) {
    const [out] = e.outputs as [Var];
    body.add(i32.fill(targets.get(out)!, 4 * sizeOf(out.aval.shape)));
  }
  const level = (l: number, places: ReadonlyMap<Atom, Code>): void => {
    if (l === sizes.length - 1) return last(places);
    const step = body.set(body.local("i32"), i32.constant(0));
    body.loop(() => {
      const inside = new Map([...places].map(([a, place]) => {
        const bytes = strides.get(a)![l]! * byteSize(a.aval.dtype);
        if (bytes === 0) return [a, place];
        const moved = i32.add(place, i32.mul(step, i32.constant(bytes)));
        return [a, body.set(body.local("i32"), moved)];
      }));
      level(l + 1, inside);
      body.set(step, i32.add(step, i32.constant(1)));
      return i32.lt(step, i32.constant(sizes[l]!));
    });
  };
  level(0, new Map([...strides.keys()].map((a) => [a, targets.get(a) ?? sources.get(a)!])));
}

/** True if an equation computes one element. */
const isScalarWork = (e: Equation) => !isRepeat(e) && !isView(e) && isScalar(e.outputs[0]!);

/** One result, in a variable of its own. */
function compute(b: Body, e: Equation, operands: readonly Code[], scalar: boolean): Code {
  const emit = emitterOf(e, scalar)!; // partitions take only what there is one for
  return b.keep(emit(b, ...operands));
}

/** The bits that a literal has in a lane; a boolean fills it. */
export function literalBits({ value, aval: { dtype } }: Literal): number {
  if (dtype === "float32") return floatBits(value);
  return dtype === "bool" ? -value : value | 0;
}

function loadScalar(b: Body, address: Code, { aval: { dtype } }: Atom): Code {
  if (dtype !== "bool") return v128.loadSplat(address);
  return i32x4.ne(i32x4.splat(i32.loadByte(address)), b.bits(0));
}

/** The vector at an address, or one of those that follow it. */
function load(b: Body, { aval: { dtype } }: Atom, address: Code, u: number): Code {
  if (dtype !== "bool") return v128.load(address, 16 * u);
  return i32x4.ne(v128.loadBytes(address, 4 * u), b.bits(0));
}

function store(b: Body, { aval: { dtype } }: Atom, address: Code, x: Code, u: number): void {
  if (dtype !== "bool") b.add(v128.store(address, x, 16 * u));
  else b.add(v128.storeBytes(address, b.keep(v128.and(x, b.bits(1))), 4 * u));
}
