/** Ticks of axes: at round values, and always at both ends. */

/** An axis from its first to its last tick. */
export interface Ticks {
  readonly domain: readonly [number, number];
  readonly ticks: readonly number[];
}

/** Ticks at 1, 2 or 5 times a power of ten; the axis is extended to round values on both sides. */
export function linearTicks(low: number, high: number, count = 5): Ticks {
  const [from, to] = distinct(low, high) ? [low, high] : widened(low);
  const step = roundStep((to - from) / count);
  const [first, last] = [Math.floor(from / step + 1e-9), Math.ceil(to / step - 1e-9)];
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => clean((first + i) * step));
  return { domain: [ticks[0]!, ticks.at(-1)!], ticks };
}

/** Ticks at both ends exactly, and at round values far enough from them. */
export function exactTicks(low: number, high: number, count = 5): Ticks {
  const [from, to] = distinct(low, high) ? [low, high] : widened(low);
  const apart = (to - from) / (2 * count);
  const inner = linearTicks(from, to, count).ticks
    .filter((tick) => tick - from > apart && to - tick > apart);
  return { domain: [from, to], ticks: [from, ...inner, to] };
}

/** Ticks of a logarithmic axis: 1, 2 and 5 times powers of ten, or powers alone where there are many. */
export function logTicks(low: number, high: number, most = 7): Ticks {
  const [from, to] = distinct(low, high) ? [low, high] : [low / 2, low * 2];
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    const all: number[] = [];
    const least = Math.floor(Math.log10(from)) - 1;
    for (let power = least; power <= Math.ceil(Math.log10(to)) + 1; power++) {
      for (const factor of factors) all.push(Number(`${factor}e${power}`));
    }
    const first = all.findLastIndex((tick) => tick <= from * (1 + 1e-9));
    const last = all.findIndex((tick) => tick >= to * (1 - 1e-9));
    const ticks = all.slice(first, last + 1);
    if (ticks.length <= most || factors.length === 1) {
      const every = Math.ceil((ticks.length - 1) / (most - 1)) || 1;
      const shown = ticks.filter((_, i) => i % every === 0 || i === ticks.length - 1);
      return { domain: [ticks[0]!, ticks.at(-1)!], ticks: shown };
    }
  }
  throw new Error("unreachable: the last factors always return");
}

/** Values that are closer to each other than an axis can show are one value. */
const distinct = (low: number, high: number) =>
  high - low > Math.max(1e-300, 1e-8 * Math.max(Math.abs(low), Math.abs(high)));

/** An axis around a single value needs two ends. */
function widened(value: number): [number, number] {
  const margin = Math.abs(value) > 1e-300 ? Math.abs(value) / 10 : 1;
  return [value - margin, value + margin];
}

function roundStep(rough: number): number {
  const power = 10 ** Math.floor(Math.log10(rough));
  const factor = [1, 2, 5, 10].find((factor) => factor * power >= rough * (1 - 1e-9));
  return (factor ?? 10) * power;
}

/** A multiple of a step without the rounding of its computation. */
const clean = (value: number) => Number(value.toPrecision(12)) + 0; // no −0
