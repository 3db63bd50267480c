/**
 * Probes: what can be read from slots. A linear map and an MLP learn to predict the properties of objects from each slot
 * alone; which slot stands for which object is not known, so every image is matched by itself: the cheapest assignment of
 * predictions to objects by the Hungarian method, as in set prediction (Locatello et al., 2020, §3.2).
 */
import {
  dispose,
  jit,
  nn,
  np,
  optim,
  random,
  scope,
  stopGradient,
  type Tensor,
  valueAndGrad,
  vmap,
} from "../../../index.ts";
import { assignment } from "../../../models/index.ts";
import type { Json } from "../../../data/index.ts";
import type { Probed, Readout } from "../task.ts";

/** A property: one of some values, or a number, and where it stands in a prediction. */
type Property =
  & { readonly name: string; readonly from: number }
  & (
    | { readonly kind: "category"; readonly values: readonly string[] }
    | { readonly kind: "number"; readonly mean: number; readonly deviation: number }
  );

const steps = 600;
const batchSize = 64;

/** The accuracy with which each property is predicted from slots that were not fitted. */
export async function probeObjects(
  fit: readonly Probed[],
  held: readonly Probed[],
): Promise<readonly Readout[]> {
  const [slots, size] = fit[0]!.values.shape as [number, number]; // there is one
  const fits = fit.filter(({ objects }) => objects.length <= slots);
  const looks = held.filter(({ objects }) => objects.length <= slots);
  const properties = propertiesOf(fits);
  const width = properties.reduce((sum, p) => sum + widthOf(p), 0);
  const scaling = scalingOf(fits, size);
  const layers = {
    linear: nn.linear({ in: size, out: width + 1 }),
    mlp: nn.mlp({ sizes: [size, 128, width + 1] }),
  };
  const [linear, mlp] = [
    await readWith(layers.linear, { fits, looks, properties, scaling, slots, size, width }),
    await readWith(layers.mlp, { fits, looks, properties, scaling, slots, size, width }),
  ];
  return properties.map((property, i) => ({
    property: property.name,
    measure: property.kind === "category" ? "accuracy" : "R²",
    baseline: property.kind === "category" ? commonest(property, looks) : 0,
    linear: linear[i]!,
    mlp: mlp[i]!,
  }));
}

type Named = { readonly [name: string]: string | number };

/** The properties of an object: text, numbers, and each number of lists. */
function namedOf(object: Json): Named {
  if (typeof object !== "object" || object === null) return {};
  return Object.fromEntries(
    Object.entries(object).flatMap(([name, value]): [string, string | number][] => {
      if (typeof value === "number" || typeof value === "string") return [[name, value]];
      if (typeof value === "boolean") return [[name, String(value)]];
      if (!Array.isArray(value)) return [];
      return value.flatMap((x, i) => typeof x === "number" ? [[`${name}[${i}]`, x]] : []);
    }),
  );
}

const widthOf = (property: Property) => property.kind === "category" ? property.values.length : 1;

/** The properties that differ between objects. */
function propertiesOf(fit: readonly Probed[]): Property[] {
  const all = fit.flatMap(({ objects }) => objects.map(namedOf));
  const names = [...new Set(all.flatMap(Object.keys))];
  const properties: Property[] = [];
  let from = 0;
  for (const name of names) {
    const values = all.flatMap((object) => object[name] ?? []);
    const distinct = [...new Set(values)];
    if (distinct.length < 2 || values.length < all.length) continue;
    const numbers = values.filter((x) => typeof x === "number");
    if (numbers.length === values.length) {
      const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
      const variance = numbers.reduce((sum, x) => sum + (x - mean) ** 2, 0) / numbers.length;
      properties.push({ name, from, kind: "number", mean, deviation: Math.sqrt(variance) });
      from++;
    } else if (distinct.length <= 32) {
      properties.push({ name, from, kind: "category", values: distinct.map(String).sort() });
      from += distinct.length;
    }
  }
  return properties;
}

interface Scaling {
  readonly mean: Float64Array;
  readonly deviation: Float64Array;
}

/** Mean and deviation of every number of a slot. */
function scalingOf(fit: readonly Probed[], size: number): Scaling {
  const [mean, square] = [new Float64Array(size), new Float64Array(size)];
  let count = 0;
  for (const { values: { data } } of fit) {
    for (let i = 0; i < data.length; i++) {
      mean[i % size]! += data[i]!;
      square[i % size]! += data[i]! ** 2;
    }
    count += data.length / size;
  }
  const deviation = square.map((sum, d) =>
    Math.sqrt(Math.max(sum / count - (mean[d]! / count) ** 2, 1e-12))
  );
  return { mean: mean.map((sum) => sum / count), deviation };
}

interface Setting {
  readonly fits: readonly Probed[];
  readonly looks: readonly Probed[];
  readonly properties: readonly Property[];
  readonly scaling: Scaling;
  readonly slots: number;
  readonly size: number;
  readonly width: number;
}

/** Some images as tensors: scaled slots, targets [batch, slots, width], and which targets are objects. */
function batchOf(images: readonly Probed[], { properties, scaling, slots, size, width }: Setting) {
  const n = images.length;
  const x = new Float32Array(n * slots * size);
  const t = new Float32Array(n * slots * width);
  const real = new Float32Array(n * slots);
  images.forEach(({ values: { data }, objects }, b) => {
    for (let i = 0; i < slots * size; i++) {
      x[b * slots * size + i] = (data[i]! - scaling.mean[i % size]!) / scaling.deviation[i % size]!;
    }
    objects.map(namedOf).forEach((object, j) => {
      real[b * slots + j] = 1;
      const at = (b * slots + j) * width;
      for (const property of properties) {
        const value = object[property.name];
        if (property.kind === "number") {
          t[at + property.from] = (Number(value) - property.mean) / property.deviation;
        } else {
          const index = property.values.indexOf(String(value));
          if (index >= 0) t[at + property.from + index] = 1;
        }
      }
    });
  });
  return {
    x: np.array(x, { shape: [n, slots, size] }),
    t: np.array(t, { shape: [n, slots, width] }),
    real: np.array(real, { shape: [n, slots] }),
  };
}

type Batch = ReturnType<typeof batchOf>;

/** The cost of each prediction for each object, or for none, [batch, slots, slots]. */
function costs(y: Tensor, { t, real }: Batch, properties: readonly Property[]): Tensor {
  const axis = (tensor: Tensor, from: number, to: number) => tensor.slice([], [], [from, to]);
  const parts = properties.map((property) => {
    const to = property.from + widthOf(property);
    const [p, q] = [axis(y, property.from, to), axis(t, property.from, to)];
    if (property.kind === "category") {
      return np.einsum("bkf,bjf->bkj", np.logSoftmax(p, { axis: -1 }), q).neg();
    }
    const difference = p.sub(np.swapaxes(q, 1, 2));
    return np.square(difference);
  });
  const sum = parts.reduce((a, b) => a.add(b)).mul(np.expandDims(real, 1));
  // The last number says whether a slot stands for an object at all.
  const exists = y.slice([], [], [-1]);
  const isReal = np.expandDims(real, 1);
  return sum.add(np.softplus(exists.neg()).mul(isReal))
    .add(np.softplus(exists).mul(np.subtract(1, isReal)));
}

/** Fits a layer, and returns its accuracy for each property of other images. */
async function readWith<P>(
  layer: nn.Layer<P, [x: Tensor], Tensor>,
  setting: Setting,
): Promise<number[]> {
  const { fits, looks, properties, slots } = setting;
  const optimizer: optim.GradientTransformation = optim.adam(
    optim.cosineDecaySchedule({ initValue: 5e-3, decaySteps: steps }),
  );
  const loss = (params: P, batch: Batch) => {
    const cost = costs(layer.apply(params, batch.x), batch, properties);
    const chosen = nn.oneHot(vmap(assignment)(stopGradient(cost)), slots);
    return np.sum(cost.mul(chosen)).div(np.sum(batch.real).add(1e-6));
  };
  const update = jit((params: P, state: unknown, batch: Batch) => {
    const [, gradient] = valueAndGrad(loss)(params, batch);
    const [updates, next] = optimizer.update(gradient, state, params);
    return [optim.applyUpdates(params, updates), next] as const;
  }, { donate: [0, 1] });
  const read = jit((params: P, batch: Batch) => {
    const y = layer.apply(params, batch.x);
    return { y, matching: vmap(assignment)(costs(y, batch, properties)) };
  });
  let params = scope(() => layer.init(random.key(0)));
  let state: unknown = scope(() => optimizer.init(params));
  const count = Math.min(batchSize, fits.length);
  for (let step = 0; step < steps; step++) {
    const images = Array.from({ length: count }, (_, i) => fits[(step * count + i) % fits.length]!);
    const batch = batchOf(images, setting);
    [params, state] = update(params, state, batch);
    dispose(batch);
  }
  const batch = batchOf(looks, setting);
  const found = read(params, batch);
  const [y, matching] = [await found.y.data(), await found.matching.data()];
  dispose([found, batch, params, state]);
  return properties.map((property) => scoreOf(property, y, matching, setting));
}

/** Accuracy, or R² = 1 − Σ(y − t)² / Σ(t − mean)². */
function scoreOf(
  property: Property,
  y: ArrayLike<number>,
  matching: ArrayLike<number>,
  { looks, slots, width }: Setting,
): number {
  let [right, count, error, sum, squares] = [0, 0, 0, 0, 0];
  looks.forEach(({ objects }, b) => {
    const named = objects.map(namedOf);
    for (let k = 0; k < slots; k++) {
      const value = named[matching[b * slots + k]!]?.[property.name];
      if (value === undefined) continue;
      const at = (b * slots + k) * (width + 1) + property.from;
      count++;
      if (property.kind === "category") {
        const logits = property.values.map((_, i) => y[at + i]!);
        right += Number(property.values[logits.indexOf(Math.max(...logits))] === String(value));
      } else {
        const t = (Number(value) - property.mean) / property.deviation;
        error += (y[at]! - t) ** 2;
        sum += t;
        squares += t ** 2;
      }
    }
  });
  return property.kind === "category" ? right / count : 1 - error / (squares - sum ** 2 / count);
}

/** The fraction of the commonest value: what a guess reaches. */
function commonest({ name }: Property, looks: readonly Probed[]): number {
  const values = looks.flatMap(({ objects }) => objects.map((object) => namedOf(object)[name]));
  const counts = new Map<unknown, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return Math.max(...counts.values()) / values.length;
}
