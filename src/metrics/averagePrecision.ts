// Average precision of set prediction: are the predicted objects there, with the right attributes,
// within a distance of where they should be?

import { type Kind, kind, listOf, nonNegative, required, size } from "../options/index.ts";
import { metricOptions } from "./options.ts";
import { checkSameLength, MetricError } from "./errors.ts";
import { hasUnknown } from "./labels.ts";

/** The places in an object's vector of its position, one-hot attributes and presence. */
export interface ObjectLayout {
  /** Number of leading position coordinates. */
  readonly position: number;
  /** Length of a unit of the stored position: distances are measured after multiplying by it. */
  readonly positionScale: number;
  /** Sizes of the one-hot attributes, which follow the position in this order. */
  readonly attributes: readonly number[];
}

/**
 * CLEVR's 19 numbers: (x, y, z) as (p+3)/6, size 2, material 2, shape 3, colour 8, and last the
 * presence (1 = real, 0 = padding).
 */
export const clevrLayout: ObjectLayout = {
  position: 3,
  positionScale: 6,
  attributes: [2, 2, 3, 8],
};

const layoutKind: Kind<ObjectLayout> = kind(
  "a layout { position, positionScale, attributes }",
  "clevrLayout",
  (x) =>
    size.accepts(Object(x).position) && nonNegative.accepts(Object(x).positionScale) &&
    listOf(size).accepts(Object(x).attributes),
);
const operands = ["predictions", "targets"] as const;
const checkOne = metricOptions<
  { readonly slots: number; readonly threshold: number; readonly layout?: ObjectLayout }
>("averagePrecision", operands, {
  slots: required(size),
  threshold: required(nonNegative),
  layout: layoutKind,
});
const checkMany = metricOptions<
  {
    readonly slots: number;
    readonly thresholds?: readonly number[];
    readonly layout?: ObjectLayout;
  }
>("averagePrecisions", operands, {
  slots: required(size),
  thresholds: listOf(nonNegative),
  layout: layoutKind,
});

/**
 * Average precision at a distance threshold, over a whole evaluation set.
 *
 * All predictions of the set are pooled and ranked by their presence score. Each looks at the
 * nearest real target of its image whose attributes (argmax of each) all equal its own, and is a
 * true positive when that one is closer than the threshold and still unclaimed; otherwise it is a
 * false positive, with no second choice. The precision-recall curve is integrated at all points:
 *
 *     AP = Σₖ (rₖ − rₖ₋₁) · max_{j ≥ k} pⱼ,   recall over the number of real targets
 *
 * (Zhang et al., 2019; Locatello et al., 2020.) Equal scores rank in the order given. In [0, 1];
 * NaN when no target is real, or a number among predictions or targets is NaN.
 *
 * @param predictions shape [sets, slots, width], with width = position + attributes + 1.
 * @param targets shape [sets, slots, width].
 * @param options.threshold in scaled units; `Infinity` asks for attributes only.
 * @throws MetricError when the sizes do not fit.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { averagePrecision } from "trilevel/metrics";
 *
 * const layout = { position: 1, positionScale: 1, attributes: [2] };
 * const target = [0.5, 1, 0, 1]; // at 0.5, of the first kind, real
 * const options = { slots: 1, layout, threshold: 0.2 };
 * assert.equal(averagePrecision([0.6, 0.9, 0.1, 0.8], target, options), 1);
 * assert.equal(averagePrecision([0.8, 0.9, 0.1, 0.8], target, options), 0);
 * ```
 */
export function averagePrecision(
  predictions: ArrayLike<number>,
  targets: ArrayLike<number>,
  options: {
    readonly slots: number;
    readonly threshold: number;
    readonly layout?: ObjectLayout;
  },
): number {
  checkOne(options);
  const { slots, threshold, layout = clevrLayout } = options;
  checkSameLength("averagePrecision", predictions, targets);
  const width = layout.position + layout.attributes.reduce((sum, n) => sum + n, 0) + 1;
  if (targets.length % (slots * width) !== 0) {
    throw new MetricError(
      `averagePrecision: ${targets.length} values do not fill shape [sets, ${slots}, ${width}]`,
      "give all objects of the first set, each with all its values, then those of the next",
    );
  }
  if (hasUnknown(predictions, targets)) return NaN;
  const predicted = readObjects(predictions, width, layout);
  const real = readObjects(targets, width, layout);
  const count = real.filter((target) => target.presence > 0.5).length;
  const ranked = predicted.map((_, i) => i)
    .sort((i, j) => predicted[j]!.presence - predicted[i]!.presence || i - j);
  const claimed = new Set<number>();
  const hits = ranked.map((i) => {
    const first = i - (i % slots);
    let nearest = -1;
    let distance = Infinity;
    for (let j = first; j < first + slots; j++) {
      if (real[j]!.presence <= 0.5 || real[j]!.kind !== predicted[i]!.kind) continue;
      const d = euclidean(predicted[i]!.position, real[j]!.position);
      if (d < distance) [nearest, distance] = [j, d];
    }
    if (nearest < 0 || distance >= threshold || claimed.has(nearest)) return false;
    claimed.add(nearest);
    return true;
  });
  return areaUnderCurve(hits, count);
}

/**
 * AP at several thresholds, in the given order; the paper's are ∞, 1, 0.5, 0.25 and 0.125.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { averagePrecisions } from "trilevel/metrics";
 *
 * const object = new Float64Array(19).fill(1); // of the first size, material, shape and colour
 * const moved = object.with(0, 0.9); // by 0.6 units of the world
 * assert.deepEqual(averagePrecisions(moved, object, { slots: 1 }), [1, 1, 0, 0, 0]);
 * ```
 */
export function averagePrecisions(
  predictions: ArrayLike<number>,
  targets: ArrayLike<number>,
  options: {
    readonly slots: number;
    readonly thresholds?: readonly number[];
    readonly layout?: ObjectLayout;
  },
): number[] {
  checkMany(options);
  const { thresholds = [Infinity, 1, 0.5, 0.25, 0.125], ...others } = options;
  return thresholds.map((threshold) =>
    averagePrecision(predictions, targets, { ...others, threshold })
  );
}

interface DecodedObject {
  readonly position: readonly number[];
  /** The argmax of every attribute, joined: equal strings are equal kinds. */
  readonly kind: string;
  readonly presence: number;
}

function readObjects(
  values: ArrayLike<number>,
  width: number,
  { position, positionScale, attributes }: ObjectLayout,
): DecodedObject[] {
  return Array.from({ length: values.length / width }, (_, i) => {
    const start = i * width;
    let offset = start + position;
    const kind = attributes.map((size) => {
      let best = 0;
      for (let k = 1; k < size; k++) if (values[offset + k]! > values[offset + best]!) best = k;
      offset += size;
      return best;
    }).join();
    return {
      position: Array.from({ length: position }, (_, k) => values[start + k]! * positionScale),
      kind,
      presence: values[offset]!,
    };
  });
}

function euclidean(a: readonly number[], b: readonly number[]): number {
  return Math.hypot(...a.map((x, k) => x - b[k]!));
}

/** Area under the interpolated precision-recall curve of ranked hits. */
function areaUnderCurve(hits: readonly boolean[], real: number): number {
  let found = hits.filter(Boolean).length;
  let area = 0;
  let best = 0;
  // From the last rank up, so that `best` is the largest precision at this recall or beyond.
  for (let k = hits.length - 1; k >= 0; k--) {
    best = Math.max(best, found / (k + 1));
    if (hits[k]) {
      area += best / real;
      found--;
    }
  }
  return real === 0 ? NaN : area;
}
