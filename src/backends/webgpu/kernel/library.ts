/**
 * The functions that kernels call, in WGSL. What the standard leaves open is settled here: NaN and
 * infinities by their bits (compilers may assume there are none), integer division by zero, shifts by
 * more than the width, and elementary functions to a few units in the last place, which Vulkan's own are
 * not. Polynomials are those of Cephes (S. Moshier) and of N. Juffa's `erff` and trigonometric reduction.
 */

const functions: readonly string[] = [
  // A constant expression must not be NaN or infinite, so the bits pass through a variable.
  `fn inf() -> f32 { var bits = 0x7f800000u; return bitcast<f32>(bits); }`,
  `fn nan() -> f32 { var bits = 0x7fc00000u; return bitcast<f32>(bits); }`,
  `fn nan_test(x: f32) -> bool { return (bitcast<u32>(x) & 0x7fffffffu) > 0x7f800000u; }`,
  `fn finite_test(x: f32) -> bool { return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u; }`,
  `fn nef(a: f32, b: f32) -> bool { return nan_test(a) || nan_test(b) || a != b; }`,
  `fn eqf(a: f32, b: f32) -> bool { return !nan_test(a) && !nan_test(b) && a == b; }`,
  `fn maxf(a: f32, b: f32) -> f32 {
  return select(select(max(a, b), b, nan_test(b)), a, nan_test(a));
}`,
  `fn minf(a: f32, b: f32) -> f32 {
  return select(select(min(a, b), b, nan_test(b)), a, nan_test(a));
}`,
  `fn signf(x: f32) -> f32 { return select(sign(x), x, nan_test(x) || x == 0.0); }`,
  // Not by merging bits: Mesa's software driver (22.3) loses the exponent when `s` is a negated value.
  `fn copy_sign(x: f32, s: f32) -> f32 {
  return select(abs(x), -abs(x), (bitcast<u32>(s) >> 31u) == 1u);
}`,
  `fn divi(a: i32, b: i32) -> i32 {
  if (b == 0) { return -1; }
  if (b == -1) { return -a; }
  return a / b;
}`,
  `fn divu(a: u32, b: u32) -> u32 {
  if (b == 0u) { return 0xffffffffu; }
  return a / b;
}`,
  `fn remi(a: i32, b: i32) -> i32 {
  if (b == 0) { return a; }
  if (b == -1) { return 0; }
  return a - (a / b) * b;
}`,
  `fn remu(a: u32, b: u32) -> u32 {
  if (b == 0u) { return a; }
  return a % b;
}`,
  `fn shlu(a: u32, b: u32) -> u32 { return select(a << (b & 31u), 0u, b > 31u); }`,
  `fn shru(a: u32, b: u32) -> u32 { return select(a >> (b & 31u), 0u, b > 31u); }`,
  `fn shri(a: i32, b: u32) -> i32 { return a >> min(b, 31u); }`,

  `fn to_i32(x: f32) -> i32 {
  if (nan_test(x)) { return 0; }
  if (x >= 2147483648.0) { return 2147483647; }
  if (x <= -2147483648.0) { return i32(-2147483648); }
  return i32(x);
}`,
  `fn to_u32(x: f32) -> u32 {
  if (nan_test(x) || x <= 0.0) { return 0u; }
  if (x >= 4294967296.0) { return 0xffffffffu; }
  return u32(x);
}`,

  // The remainder of the significands, digit by digit: exact.
  `fn remf(x: f32, y: f32) -> f32 {
  let ax = bitcast<u32>(x) & 0x7fffffffu;
  let ay = bitcast<u32>(y) & 0x7fffffffu;
  let s = bitcast<u32>(x) & 0x80000000u;
  if (ay == 0u || ay > 0x7f800000u || ax >= 0x7f800000u) { return nan(); }
  if (ax < ay) { return x; }
  var ex = i32(ax >> 23u);
  var ey = i32(ay >> 23u);
  var mx = (ax & 0x7fffffu) | 0x800000u;
  var my = (ay & 0x7fffffu) | 0x800000u;
  if (ex == 0) { let n = countLeadingZeros(ax) - 8u; mx = ax << n; ex = 1 - i32(n); }
  if (ey == 0) { let n = countLeadingZeros(ay) - 8u; my = ay << n; ey = 1 - i32(n); }
  for (; ex > ey; ex--) {
    if (mx >= my) { mx -= my; }
    mx <<= 1u;
  }
  if (mx >= my) { mx -= my; }
  if (mx == 0u) { return bitcast<f32>(s); }
  let n = countLeadingZeros(mx) - 8u;
  mx <<= n;
  ex -= i32(n);
  if (ex > 0) { return bitcast<f32>(s | (u32(ex) << 23u) | (mx & 0x7fffffu)); }
  return bitcast<f32>(s | (mx >> u32(1 - ex)));
}`,

  `fn pow2i(n: i32) -> f32 { return bitcast<f32>(u32(n + 127) << 23u); }`,
  // (eʳ - 1 - r) / r² for |r| ≤ ½ ln 2
  `fn exp_tail(r: f32) -> f32 {
  return ((((1.9875691500e-4 * r + 1.3981999507e-3) * r + 8.3334519073e-3) * r
    + 4.1665795894e-2) * r + 1.6666665459e-1) * r + 5.0000001201e-1;
}`,
  `fn expf(x: f32) -> f32 {
  if (nan_test(x)) { return x; }
  let c = clamp(x, -104.0, 89.0);
  let n = round(c * 1.44269504088896341);
  let r = (c - n * 0.693359375) + n * 2.12194440e-4;
  let i = i32(n);
  let h = i / 2;
  return ((exp_tail(r) * r * r + r + 1.0) * pow2i(h)) * pow2i(i - h);
}`,
  `fn expm1f(x: f32) -> f32 {
  if (abs(x) < 0.35) { return x + exp_tail(x) * x * x; }
  return expf(x) - 1.0;
}`,
  // ln(1 + f) + n ln 2 for √½ ≤ 1 + f ≤ √2
  `fn log_near_one(f: f32, n: f32) -> f32 {
  let z = f * f;
  let p = ((((((((7.0376836292e-2 * f - 1.1514610310e-1) * f + 1.1676998740e-1) * f
    - 1.2420140846e-1) * f + 1.4249322787e-1) * f - 1.6668057665e-1) * f
    + 2.0000714765e-1) * f - 2.4999993993e-1) * f + 3.3333331174e-1) * f * z;
  return (f + (p - 2.12194440e-4 * n - 0.5 * z)) + 0.693359375 * n;
}`,
  `fn logf(x: f32) -> f32 {
  let bits = bitcast<u32>(x);
  if (bits == 0u || bits == 0x80000000u) { return -inf(); }
  if (bits >= 0x7f800000u) { return select(nan(), x, bits == 0x7f800000u); }
  // A denormal is a whole number of 2⁻¹⁴⁹.
  if (bits < 0x800000u) { return logf_normal(bitcast<u32>(f32(bits))) - 103.278929903431851; }
  return logf_normal(bits);
}`,
  `fn logf_normal(bits: u32) -> f32 {
  let t = bits - 0x3f3504f3u;
  return log_near_one(bitcast<f32>((t & 0x7fffffu) + 0x3f3504f3u) - 1.0, f32(bitcast<i32>(t) >> 23u));
}`,
  `fn log1pf(x: f32) -> f32 {
  if (x > -0.29 && x < 0.41) { return log_near_one(x, 0.0); }
  return logf(1.0 + x);
}`,
  // Whole powers by squaring, which keeps signs and digits; others by logarithms.
  `fn powf(x: f32, y: f32) -> f32 {
  if (y == 0.0 || x == 1.0) { return 1.0; }
  if (nan_test(x) || nan_test(y)) { return nan(); }
  let a = abs(x);
  let whole = floor(y) == y;
  let odd = whole && abs(y) < 16777216.0 && (i32(clamp(y, -16777216.0, 16777216.0)) & 1) == 1;
  let negative = (bitcast<u32>(x) >> 31u) == 1u;
  if (negative && !whole && a > 0.0 && finite_test(x)) { return nan(); }
  var r = 1.0;
  if (!finite_test(y)) {
    if (a == 1.0) { return 1.0; }
    return select(0.0, inf(), (a > 1.0) == (y > 0.0));
  } else if (a == 0.0) {
    r = select(0.0, inf(), y < 0.0);
  } else if (!finite_test(x)) {
    r = select(inf(), 0.0, y < 0.0);
  } else if (whole && abs(y) <= 64.0) {
    var n = u32(abs(y));
    var p = a;
    for (; n != 0u; n >>= 1u) {
      if ((n & 1u) == 1u) { r *= p; }
      p *= p;
    }
    if (y < 0.0) { r = 1.0 / r; }
  } else {
    r = expf(y * logf(a));
  }
  return select(r, -r, negative && odd);
}`,

  `fn mul_high(a: u32, b: u32) -> u32 {
  let al = a & 0xffffu; let ah = a >> 16u;
  let bl = b & 0xffffu; let bh = b >> 16u;
  let m = ah * bl + ((al * bl) >> 16u);
  let n = al * bh + (m & 0xffffu);
  return ah * bh + (m >> 16u) + (n >> 16u);
}`,
  `struct Angle { rest: f32, quarter: i32 }`,
  // x = quarter · π/2 + rest. Large angles by Payne and Hanek: x · 2/π in integers.
  `fn reduce_angle(x: f32) -> Angle {
  if (abs(x) < 8192.0) {
    let q = round(x * 0.636619772367581343);
    return Angle(((x - q * 1.5703125) - q * 4.837512969970703125e-4) - q * 7.54978995489188216e-8, i32(q));
  }
  var words = array<u32, 8>(0u, 0x28be60dbu, 0x9391054au, 0x7f09d5f4u, 0x7d4d3770u, 0x36d8a566u,
    0x4f10e410u, 0x7f9458eau);
  let bits = bitcast<u32>(x);
  let m = ((bits & 0x7fffffu) << 8u) | 0x80000000u;
  let e = ((bits >> 23u) & 0xffu) - 126u;
  let i = e >> 5u;
  let s = e & 31u;
  var hi = words[i];
  var mid = words[i + 1u];
  var lo = words[i + 2u];
  if (s != 0u) {
    hi = (hi << s) | (mid >> (32u - s));
    mid = (mid << s) | (lo >> (32u - s));
    lo = (lo << s) | (words[i + 3u] >> (32u - s));
  }
  var low = m * mid;
  let carry = mul_high(m, lo);
  var high = mul_high(m, mid) + m * hi;
  low += carry;
  if (low < carry) { high += 1u; }
  var q = i32(high >> 30u);
  high &= 0x3fffffffu;
  let up = (high & 0x20000000u) != 0u;
  if (up) { // nearer to the next quarter: 1 - fraction
    q += 1;
    high = 0x3fffffffu - high;
    low = ~low;
  }
  var r = (f32(high) * 4294967296.0 + f32(low)) * 3.406121580086554e-19;
  if (up) { r = -r; }
  if (x < 0.0) { return Angle(-r, -q); }
  return Angle(r, q);
}`,
  `fn sin_near_zero(r: f32) -> f32 {
  let z = r * r;
  return ((-1.9515295891e-4 * z + 8.3321608736e-3) * z - 1.6666654611e-1) * z * r + r;
}`,
  `fn cos_near_zero(r: f32) -> f32 {
  let z = r * r;
  return ((2.443315711809948e-5 * z - 1.388731625493765e-3) * z + 4.166664568298827e-2) * z * z
    - 0.5 * z + 1.0;
}`,
  `fn sin_quarter(a: Angle, quarter: i32) -> f32 {
  let q = (a.quarter + quarter) & 3;
  let y = select(sin_near_zero(a.rest), cos_near_zero(a.rest), (q & 1) == 1);
  return select(y, -y, q > 1);
}`,
  `fn sinf(x: f32) -> f32 {
  if (!finite_test(x)) { return nan(); }
  return sin_quarter(reduce_angle(x), 0);
}`,
  `fn cosf(x: f32) -> f32 {
  if (!finite_test(x)) { return nan(); }
  return sin_quarter(reduce_angle(x), 1);
}`,
  `fn tanf(x: f32) -> f32 {
  if (!finite_test(x)) { return nan(); }
  let a = reduce_angle(x);
  return sin_quarter(a, 0) / sin_quarter(a, 1);
}`,
  // arcsin for |x| ≤ ½
  `fn asin_near_zero(x: f32) -> f32 {
  let z = x * x;
  return ((((4.2163199048e-2 * z + 2.4181311049e-2) * z + 4.5470025998e-2) * z
    + 7.4953002686e-2) * z + 1.6666752422e-1) * z * x + x;
}`,
  `fn asinf(x: f32) -> f32 {
  let a = abs(x);
  if (nan_test(x) || a > 1.0) { return nan(); }
  if (a <= 0.5) { return asin_near_zero(x); }
  return copy_sign(1.57079632679489662 - 2.0 * asin_near_zero(sqrt(0.5 * (1.0 - a))), x);
}`,
  `fn acosf(x: f32) -> f32 {
  if (nan_test(x) || abs(x) > 1.0) { return nan(); }
  if (x > 0.5) { return 2.0 * asin_near_zero(sqrt(0.5 * (1.0 - x))); }
  if (x < -0.5) { return 3.14159265358979324 - 2.0 * asin_near_zero(sqrt(0.5 * (1.0 + x))); }
  return 1.57079632679489662 - asin_near_zero(x);
}`,
  `fn atanf(x: f32) -> f32 {
  var a = abs(x);
  var y = 0.0;
  if (nan_test(x)) { return x; }
  if (a > 2.41421356237309505) { y = 1.57079632679489662; a = -1.0 / a; }
  else if (a > 0.41421356237309505) { y = 0.785398163397448310; a = (a - 1.0) / (a + 1.0); }
  let z = a * a;
  y += (((8.05374449538e-2 * z - 1.38776856032e-1) * z + 1.99777106478e-1) * z
    - 3.33329491539e-1) * z * a + a;
  return copy_sign(y, x);
}`,
  `fn atan2f(y: f32, x: f32) -> f32 {
  if (nan_test(x) || nan_test(y)) { return nan(); }
  let a = abs(x);
  let b = abs(y);
  let larger = max(a, b);
  var r = 0.0;
  if (!finite_test(larger)) { r = select(0.0, 0.785398163397448310, a == b); }
  else if (larger > 0.0) { r = atanf(min(a, b) / larger); }
  if (b > a) { r = 1.57079632679489662 - r; }
  if ((bitcast<u32>(x) >> 31u) == 1u) { r = 3.14159265358979324 - r; }
  return copy_sign(r, y);
}`,
  `fn sinhf(x: f32) -> f32 {
  let a = abs(x);
  if (a > 88.0) {
    let e = expf(0.5 * a);
    return copy_sign(0.5 * e * e, x);
  }
  let t = expm1f(a);
  return copy_sign(0.5 * (t + t / (t + 1.0)), x);
}`,
  `fn coshf(x: f32) -> f32 {
  if (nan_test(x)) { return x; }
  let a = abs(x);
  if (a > 88.0) {
    let e = expf(0.5 * a);
    return 0.5 * e * e;
  }
  let e = expf(a);
  return 0.5 * (e + 1.0 / e);
}`,
  `fn tanhf(x: f32) -> f32 {
  let a = abs(x);
  if (nan_test(x)) { return x; }
  if (a > 10.0) { return copy_sign(1.0, x); }
  let t = expm1f(2.0 * a);
  return copy_sign(t / (t + 2.0), x);
}`,
  `fn asinhf(x: f32) -> f32 {
  let a = abs(x);
  if (!finite_test(x)) { return x; }
  if (a > 10000.0) { return copy_sign(logf(a) + 0.693147180559945309, x); }
  return copy_sign(log1pf(a + a * a / (1.0 + sqrt(a * a + 1.0))), x);
}`,
  `fn acoshf(x: f32) -> f32 {
  if (!(x >= 1.0)) { return nan(); }
  if (x > 10000.0) { return logf(x) + 0.693147180559945309; }
  let t = x - 1.0;
  return log1pf(t + sqrt(2.0 * t + t * t));
}`,
  `fn atanhf(x: f32) -> f32 {
  let a = abs(x);
  if (nan_test(x) || a > 1.0) { return nan(); }
  if (a == 1.0) { return copy_sign(inf(), x); }
  return copy_sign(0.5 * log1pf(2.0 * a / (1.0 - a)), x);
}`,
  `fn logisticf(x: f32) -> f32 { return 1.0 / (1.0 + expf(-x)); }`,
  `fn erff(x: f32) -> f32 {
  let t = abs(x);
  let s = x * x;
  if (nan_test(x)) { return x; }
  if (t > 4.0) { return copy_sign(1.0, x); }
  if (t > 0.927734375) {
    let u = -3.88396438e-3 * t + 2.42546219e-2;
    var r = (-1.72853470e-5 * t + 3.83197126e-4) * s + u;
    r = ((r * t - 1.06777877e-1) * t - 6.34846687e-1) * t - 1.28717512e-1;
    return copy_sign(1.0 - expf(r * t - t), x);
  }
  let r = ((((-5.96761703e-4 * s + 4.99119423e-3) * s - 2.67681349e-2) * s + 1.12819925e-1) * s
    - 3.76125336e-1) * s + 1.28379166e-1;
  return r * x + x;
}`,

  `fn threefry_rotate(x: u32, by: u32) -> u32 { return (x << by) | (x >> (32u - by)); }`,
  `fn threefry_four(x: vec2<u32>, r: vec4<u32>) -> vec2<u32> {
  var y = x;
  for (var i = 0u; i < 4u; i++) {
    y.x += y.y;
    y.y = threefry_rotate(y.y, r[i]) ^ y.x;
  }
  return y;
}`,
  `fn threefry(k0: u32, k1: u32, c0: u32, c1: u32) -> vec2<u32> {
  let k2 = k0 ^ k1 ^ 0x1bd11bdau;
  let even = vec4<u32>(13u, 15u, 26u, 6u);
  let odd = vec4<u32>(17u, 29u, 16u, 24u);
  var x = vec2<u32>(c0 + k0, c1 + k1);
  x = threefry_four(x, even) + vec2<u32>(k1, k2 + 1u);
  x = threefry_four(x, odd) + vec2<u32>(k2, k0 + 2u);
  x = threefry_four(x, even) + vec2<u32>(k0, k1 + 3u);
  x = threefry_four(x, odd) + vec2<u32>(k1, k2 + 4u);
  return threefry_four(x, even) + vec2<u32>(k2, k0 + 5u);
}`,

  // Keys that order as floats do, NaN last, both zeros equal.
  `fn sort_key_f32(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  if (nan_test(x)) { return 0xffffffffu; }
  if ((bits & 0x7fffffffu) == 0u) { return 0x80000000u; }
  return select(bits | 0x80000000u, ~bits, (bits >> 31u) == 1u);
}`,
  `fn sort_key_i32(x: i32) -> u32 { return bitcast<u32>(x) ^ 0x80000000u; }`,
];

const nameOf = (text: string) => /^(?:fn|struct) (\w+)/.exec(text)![1]!;
const byName = new Map(functions.map((text) => [nameOf(text), text]));

/** The functions that a text calls, and those that they call, in the library's order. */
export function libraryFor(text: string): string {
  const needed = new Set<string>();
  const visit = (source: string) => {
    for (const [name] of source.matchAll(/\b[A-Za-z_]\w*\b/g)) {
      const found = byName.get(name);
      if (found === undefined || needed.has(name)) continue;
      needed.add(name);
      visit(found);
    }
  };
  visit(text);
  return [...byName].filter(([name]) => needed.has(name)).map(([, source]) => source).join("\n");
}
