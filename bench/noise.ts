/** The same numbers for every subject, in every language (`peers/common.py` has it, too). */

/** `size` numbers, uniform in ±scale: a hash of the seed and the position. */
export function noise(seed: number, size: number, scale = 1): Float32Array<ArrayBuffer> {
  const out = new Float32Array(size);
  const salt = Math.imul(seed + 1, 0x85ebca6b);
  for (let i = 0; i < size; i++) {
    let u = Math.imul(i + 1, 0x9e3779b1) ^ salt;
    u = Math.imul(u ^ (u >>> 15), 0x2c1b3c6d);
    u = Math.imul(u ^ (u >>> 12), 0x297a2d39);
    u ^= u >>> 15;
    out[i] = scale * ((u >>> 0) / 2 ** 31 - 1);
  }
  return out;
}
