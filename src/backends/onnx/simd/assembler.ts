/**
 * A small assembler of WebAssembly: functions that give the bytes of an expression, and of a module with one
 * function in it. Vectors are of 128 bits; what is written here is in the binary format's own order,
 * https://webassembly.github.io/spec/core/binary/.
 */

/** Bytes of code that leave one value on the stack, or none. */
export type Code = readonly number[];

/** A number in LEB128, as the format writes all of them. */
function unsigned(n: number): number[] {
  const bytes: number[] = [];
  do {
    const low = n & 0x7f;
    n >>>= 7;
    bytes.push(n === 0 ? low : low | 0x80);
  } while (n !== 0);
  return bytes;
}

function signed(n: number): number[] {
  const bytes: number[] = [];
  for (;;) {
    const low = n & 0x7f;
    n >>= 7;
    if (n === (low & 0x40 ? -1 : 0)) return [...bytes, low];
    bytes.push(low | 0x80);
  }
}

type LocalType = "v128" | "i32";
type Unary = (x: Code) => Code;
type Binary = (x: Code, y: Code) => Code;

const scalar1 = (opcode: number): Unary => (x) => [...x, opcode];
const scalar2 = (opcode: number): Binary => (x, y) => [...x, ...y, opcode];
const vector = (opcode: number): Code => [0xfd, ...unsigned(opcode)];
function vector1(opcode: number): Unary {
  const code = vector(opcode);
  return (x) => [...x, ...code];
}
function vector2(opcode: number): Binary {
  const code = vector(opcode);
  return (x, y) => [...x, ...y, ...code];
}

/** Four floats. `pmin` and `pmax` are the processor's own: the first operand where they are unordered. */
export const f32x4 = {
  splat: vector1(0x13),
  eq: vector2(0x41),
  ne: vector2(0x42),
  lt: vector2(0x43),
  gt: vector2(0x44),
  le: vector2(0x45),
  ge: vector2(0x46),
  ceil: vector1(0x67),
  floor: vector1(0x68),
  nearest: vector1(0x6a),
  abs: vector1(0xe0),
  neg: vector1(0xe1),
  sqrt: vector1(0xe3),
  add: vector2(0xe4),
  sub: vector2(0xe5),
  mul: vector2(0xe6),
  div: vector2(0xe7),
  min: vector2(0xe8),
  max: vector2(0xe9),
  pmin: vector2(0xea),
  pmax: vector2(0xeb),
  /** x y + z, rounded once where engine and processor do that. */
  multiplyAdd: (x: Code, y: Code, z: Code): Code =>
    knowsRelaxed
      ? fused(x, y, z)
      : [...x, ...y, 0xfd, ...unsigned(0xe6), ...z, 0xfd, ...unsigned(0xe4)],
  fromInt32: vector1(0xfa),
  fromUint32: vector1(0xfb),
  /** The first of four. */
  first: (x: Code): Code => [...x, ...vector(0x1f), 0],
  /** One of four. */
  lane: (x: Code, lane: number): Code => [...x, ...vector(0x1f), lane],
  /** One of four replaced by a float. */
  withLane: (x: Code, lane: number, value: Code): Code => [...x, ...value, ...vector(0x20), lane],
};

/** Four integers. */
export const i32x4 = {
  splat: vector1(0x11),
  eq: vector2(0x37),
  ne: vector2(0x38),
  ltSigned: vector2(0x39),
  ltUnsigned: vector2(0x3a),
  gtSigned: vector2(0x3b),
  gtUnsigned: vector2(0x3c),
  leSigned: vector2(0x3d),
  leUnsigned: vector2(0x3e),
  geSigned: vector2(0x3f),
  geUnsigned: vector2(0x40),
  abs: vector1(0xa0),
  neg: vector1(0xa1),
  /** By the same number of bits in all four. */
  shiftLeft: vector2(0xab),
  shiftRightSigned: vector2(0xac),
  add: vector2(0xae),
  sub: vector2(0xb1),
  mul: vector2(0xb5),
  minSigned: vector2(0xb6),
  minUnsigned: vector2(0xb7),
  maxSigned: vector2(0xb8),
  maxUnsigned: vector2(0xb9),
  /** Towards zero, saturating; NaN becomes 0. */
  fromFloatSigned: vector1(0xf8),
  fromFloatUnsigned: vector1(0xf9),
  shiftRightUnsigned: vector2(0xad),
  /** One of four. */
  lane: (x: Code, lane: number): Code => [...x, ...vector(0x1b), lane],
  /** One of four replaced by an integer. */
  withLane: (x: Code, lane: number, value: Code): Code => [...x, ...value, ...vector(0x1c), lane],
};

/** 128 bits. */
export const v128 = {
  not: vector1(0x4d),
  and: vector2(0x4e),
  /** x & ~y */
  andNot: vector2(0x4f),
  or: vector2(0x50),
  xor: vector2(0x51),
  /** Lanes of `a` where the mask is all ones, of `b` where it is 0. */
  select: (mask: Code, a: Code, b: Code): Code => [
    ...[...a, ...b, ...mask],
    ...vector(knowsRelaxed ? 0x10b : 0x52),
  ],
  /** Four times 32 bits. */
  constants: (bits: readonly number[]): Code => [
    ...vector(0x0c),
    ...bits.flatMap((b) => [0, 8, 16, 24].map((s) => (b >>> s) & 0xff)),
  ],
  load: (address: Code, offset = 0): Code => [...address, ...vector(0), 4, ...unsigned(offset)],
  /** 32 bits from memory, four times. */
  loadSplat: (address: Code, offset = 0): Code => [
    ...[...address, ...vector(0x09), 2, ...unsigned(offset)],
  ],
  /** One or two times 32 bits from memory, and zeros. */
  loadFirst: (address: Code, count: 1 | 2, offset = 0): Code => [
    ...[...address, ...vector(count === 1 ? 0x5c : 0x5d), 2, ...unsigned(offset)],
  ],
  /** The vector with one lane from memory. */
  loadLane: (address: Code, x: Code, lane: number, offset = 0): Code => [
    ...[...address, ...x, ...vector(0x56), 2, ...unsigned(offset), lane],
  ],
  /** One lane to memory. */
  storeLane: (address: Code, x: Code, lane: number, offset = 0): Code => [
    ...[...address, ...x, ...vector(0x5a), 2, ...unsigned(offset), lane],
  ],
  /** The first two lanes to memory. */
  storeTwo: (address: Code, x: Code, offset = 0): Code => [
    ...[...address, ...x, ...vector(0x5b), 2, ...unsigned(offset), 0],
  ],
  /** Four of the eight lanes of two vectors. */
  shuffle: (x: Code, y: Code, lanes: readonly number[]): Code => [
    ...[...x, ...y, ...vector(0x0d)],
    ...lanes.flatMap((l) => [4 * l, 4 * l + 1, 4 * l + 2, 4 * l + 3]),
  ],
  store: (address: Code, x: Code, offset = 0): Code => [
    ...[...address, ...x],
    ...[...vector(0x0b), 4, ...unsigned(offset)],
  ],
  /** Four bytes from memory, as four integers. */
  loadBytes: (address: Code, offset = 0): Code => [
    ...[...address, ...vector(0x5c), 2, ...unsigned(offset)],
    ...[...vector(0x89), ...vector(0xa9)],
  ],
  /** Four integers of 0 … 255 as bytes to memory. */
  storeBytes: (address: Code, x: Code, offset = 0): Code => [
    ...[...address, ...x, ...x, ...vector(0x86)],
    ...[...x, ...x, ...vector(0x86), ...vector(0x66)],
    ...[...vector(0x5a), 2, ...unsigned(offset), 0],
  ],
};

/** Integers that count and address. */
export const i32 = {
  constant: (n: number): Code => [0x41, ...signed(n)],
  add: scalar2(0x6a),
  shiftRight: scalar2(0x76),
  mul: scalar2(0x6c),
  lt: scalar2(0x49),
  /** Zeros in so many bytes of memory. */
  fill: (address: Code, bytes: number): Code => [
    ...[...address, 0x41, 0, 0x41, ...signed(bytes)],
    ...[0xfc, 0x0b, 0],
  ],
  load: (address: Code, offset = 0): Code => [...address, 0x28, 2, ...unsigned(offset)],
  store: (address: Code, x: Code, offset = 0): Code => [
    ...[...address, ...x, 0x36, 2, ...unsigned(offset)],
  ],
  isZero: scalar1(0x45),
  eq: scalar2(0x46),
  ltSigned: scalar2(0x48),
  sub: scalar2(0x6b),
  divideSigned: scalar2(0x6d),
  divideUnsigned: scalar2(0x6e),
  remainderSigned: scalar2(0x6f),
  remainderUnsigned: scalar2(0x70),
  and: scalar2(0x71),
  or: scalar2(0x72),
  shiftLeft: scalar2(0x74),
  shiftRightSigned: scalar2(0x75),
  /** `a`, or `b` where the condition is 0; both are computed. */
  select: (condition: Code, a: Code, b: Code): Code => [...a, ...b, ...condition, 0x1b],
  loadByte: (address: Code): Code => [...address, 0x2d, 0, 0],
};

/** Floats by themselves. */
export const f64 = { promote: scalar1(0xbb), demote: scalar1(0xb6) };

/** A function without parameters or results, while it is being written. */
export class Body {
  readonly #prologue: number[] = [];
  readonly #code: number[] = [];
  readonly #constants = new Map<string, Code>();
  readonly #imports = new Map<string, number>();
  readonly #free: Record<LocalType, Code[]> = { v128: [], i32: [] };
  #scope: [LocalType, Code][] | undefined;
  #types: number[] = [];

  /** Adds code that leaves nothing on the stack. */
  add(code: Code): void {
    for (const byte of code) this.#code.push(byte);
  }

  /** Computes a vector once; what comes back reads it. */
  keep(value: Code): Code {
    return this.set(this.local("v128"), value);
  }

  /** A variable with anything in it; what comes back reads it. */
  local(type: LocalType): Code {
    const code = this.#free[type].pop() ?? this.#fresh(type);
    this.#scope?.push([type, code]);
    return code;
  }

  #fresh(type: LocalType): Code {
    this.#types.push(type === "v128" ? 0x7b : 0x7f);
    return [0x20, ...unsigned(this.#types.length - 1)];
  }

  /** Gives a variable a value. */
  set(local: Code, value: Code): Code {
    this.add([...value, 0x21, ...local.slice(1)]);
    return local;
  }

  /** 32 bits four times, loaded once before anything else. */
  bits(bits: number): Code {
    return this.lanes([bits, bits, bits, bits]);
  }

  /** Four times 32 bits, loaded once before anything else. */
  lanes(bits: readonly number[]): Code {
    const key = bits.map((b) => b | 0).join();
    let found = this.#constants.get(key);
    if (!found) {
      this.#constants.set(key, found = this.#fresh("v128"));
      this.#prologue.push(...v128.constants(bits), 0x21, ...found.slice(1));
    }
    return found;
  }

  /** A float four times. */
  float(value: number): Code {
    return this.bits(floatBits(value));
  }

  /** Calls a function of doubles that comes from outside. */
  call(name: string, args: readonly Code[]): Code {
    if (!this.#imports.has(name)) this.#imports.set(name, args.length);
    return [...args.flat(), 0x10, ...unsigned([...this.#imports.keys()].indexOf(name))];
  }

  /** Repeats what `inside` adds until the code that it returns says 0. */
  loop(inside: () => Code): void {
    this.add([0x03, 0x40]);
    this.add([...inside(), 0x0d, 0, 0x0b]);
  }

  /** Repeats what `inside` adds as long as the code that `condition` returns does not say 0. */
  loopWhile(condition: () => Code, inside: () => void): void {
    this.add([0x02, 0x40, 0x03, 0x40]);
    this.add([...condition(), 0x45, 0x0d, 1]);
    inside();
    this.add([0x0c, 0, 0x0b, 0x0b]);
  }

  /** Does one or the other. */
  choose(condition: Code, yes: () => void, no: () => void): void {
    this.add([...condition, 0x04, 0x40]);
    yes();
    this.add([0x05]);
    no();
    this.add([0x0b]);
  }

  /** Gives variables their values all at once, so that these may read the variables. */
  setAll(locals: readonly Code[], values: readonly Code[]): void {
    for (const value of values) this.add(value);
    for (const local of locals.toReversed()) this.add([0x21, ...local.slice(1)]);
  }

  /** Variables that `inside` makes are free for others afterwards. */
  scoped<T>(inside: () => T): T {
    const outer = this.#scope;
    this.#scope = [];
    const result = inside();
    for (const [type, code] of this.#scope) this.#free[type].push(code);
    this.#scope = outer;
    return result;
  }

  /** The names of the module's imports, apart from the memory. */
  get imports(): string[] {
    return [...this.#imports.keys()];
  }

  /**
   * The module: it imports `m.memory` and the functions called, and exports the function as `run`. The
   * memory has so many pages.
   */
  module(pages: number): Uint8Array<ArrayBuffer> {
    const f64Type = 0x7c;
    const types = [
      [0x60, 0, 0],
      [0x60, 1, f64Type, 1, f64Type],
      [0x60, 2, f64Type, f64Type, 1, f64Type],
    ];
    const imports = [...this.#imports].map((
      [name, arity],
    ) => [...text("m"), ...text(name), 0, arity]);
    const memory = [...text("m"), ...text("memory"), 2, 1, ...unsigned(pages), ...unsigned(pages)];
    const locals = this.#types.map((type) => [1, type]);
    const code = [...list(locals), ...this.#prologue, ...this.#code, 0x0b];
    return Uint8Array.from([
      ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
      ...section(1, list(types)),
      ...section(2, list([...imports, memory])),
      ...section(3, [1, 0]),
      ...section(7, list([[...text("run"), 0, ...unsigned(imports.length)]])),
      ...section(10, [1, ...unsigned(code.length), ...code]),
    ]);
  }
}

/** The bits of a float. */
export function floatBits(value: number): number {
  return new Int32Array(Float32Array.of(value).buffer)[0]!;
}

const list = (items: readonly Code[]): number[] => [...unsigned(items.length), ...items.flat()];
const section = (id: number, body: Code): number[] => [id, ...unsigned(body.length), ...body];
const text = (name: string): number[] => list([...new TextEncoder().encode(name)].map((b) => [b]));

const fused = (x: Code, y: Code, z: Code): Code => [...x, ...y, ...z, ...vector(0x105)];

/** True if the engine has the instructions of relaxed SIMD: https://github.com/WebAssembly/relaxed-simd */
const knowsRelaxed = (() => {
  const body = new Body();
  const zero = body.bits(0);
  body.keep(fused(zero, zero, zero));
  return WebAssembly.validate(body.module(1));
})();
