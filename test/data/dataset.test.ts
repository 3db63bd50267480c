/** Datasets, views, seeds and streams: what holds for every dataset, whatever it is read from. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  batches,
  collate,
  type Dataset,
  fromArrays,
  makeDataset,
  map,
  type NdArray,
  ndarray,
  permutation,
  schemaOf,
  seeded,
  select,
  shuffle,
  split,
  stack,
  stepsPerEpoch,
} from "trilevel/data";
import { failure } from "./support.ts";

type Numbered = { readonly x: NdArray<Float32Array>; readonly name: string };

const numbered = (size: number): Dataset<Numbered> =>
  makeDataset({
    size,
    schema: { x: { shape: [2], dtype: "float32" }, name: { shape: [], dtype: "json" } },
    get: (i) => ({ x: ndarray(Float32Array.of(i, -i), [2]), name: `n${i}` }),
  });
const order = async (dataset: Dataset<Numbered>) =>
  await Promise.all(
    Array.from({ length: dataset.size }, async (_, i) => (await dataset.get(i)).x.data[0]!),
  );
const sorted = (numbers: Iterable<number>) => [...numbers].sort((a, b) => a - b);
const size = fc.integer({ min: 1, max: 60 });
const seed = fc.integer({ min: 0, max: 2 ** 40 });

describe("seeded randomness", () => {
  it("permutes: each index once, the same for the same words", () => {
    fc.assert(fc.property(fc.nat(200), fc.array(seed), (n, words) => {
      const p = permutation(n, ...words);
      expect(sorted(p)).toEqual(Array.from({ length: n }, (_, i) => i));
      expect(permutation(n, ...words)).toEqual(p);
    }));
  });

  it("tells words, their order and their number apart", () => {
    const first = (...words: number[]) => seeded(...words).uniform();
    const draws = [
      first(),
      first(0),
      first(0, 0),
      first(1),
      first(0, 1),
      first(1, 0),
      first(2 ** 32),
    ];
    expect(new Set(draws).size).toBe(draws.length);
  });

  it("is uniform: χ² of 20 bins stays below its 99.9 % quantile", () => {
    for (const key of [0, 1, 2, 3]) {
      const random = seeded(key);
      const counts = new Array<number>(20).fill(0);
      for (let i = 0; i < 20000; i++) counts[random.below(20)]!++;
      const chi2 = counts.reduce((sum, n) => sum + (n - 1000) ** 2 / 1000, 0);
      expect(chi2).toBeLessThan(43.8);
    }
  });

  it("is uniform below limits that do not divide 2³²", () => {
    // Without drawing again, the lowest third of 3·2³⁰ would come half of the time.
    const random = seeded(9);
    let low = 0;
    for (let i = 0; i < 3000; i++) if (random.below(3 * 2 ** 30) < 2 ** 30) low++;
    expect(Math.abs(low - 1000)).toBeLessThan(110); // four standard deviations
  });

  it("has all permutations of four equally often", () => {
    const counts = new Map<string, number>();
    for (let s = 0; s < 12000; s++) {
      const key = permutation(4, s).join("");
      counts.set(key, (counts.get(key) ?? 0) + 1);
    }
    expect(counts.size).toBe(24);
    const chi2 = [...counts.values()].reduce((sum, n) => sum + (n - 500) ** 2 / 500, 0);
    expect(chi2).toBeLessThan(49.8); // 99.9 % quantile, 23 degrees of freedom
  });
});

describe("views", () => {
  it("split into three parts that hold every sample once, 70 : 15 : 15", async () => {
    await fc.assert(fc.asyncProperty(size, seed, async (n, s) => {
      const { train, validation, test } = split(numbered(n), { seed: s });
      const parts = await Promise.all([train, validation, test].map(order));
      expect(sorted(parts.flat())).toEqual(Array.from({ length: n }, (_, i) => i));
      expect(Math.abs(train.size - 0.7 * n)).toBeLessThanOrEqual(0.5 + 1e-9);
      expect(Math.abs(test.size - 0.15 * n)).toBeLessThanOrEqual(0.5 + 1e-9);
      const again = split(numbered(n), { seed: s });
      expect(await order(again.test)).toEqual(parts[2]);
    }));
    const { train, validation, test } = split(numbered(100), { seed: 3 });
    expect([train.size, validation.size, test.size]).toEqual([70, 15, 15]);
  });

  it("split with groups whole, every sample once, as near to the fractions as groups allow", async () => {
    const groups = fc.array(fc.oneof(fc.nat(6), fc.constantFrom("a", "b")), { minLength: 1 });
    await fc.assert(fc.asyncProperty(groups, seed, fc.boolean(), async (of, s, shuffle) => {
      const parts = split(numbered(of.length), { seed: s, groups: of, shuffle });
      const { train, validation, test } = parts;
      const indices = await Promise.all([train, validation, test].map(order));
      expect(sorted(indices.flat())).toEqual(Array.from(of, (_, i) => i));
      const kinds = indices.map((part) => new Set(part.map((i) => of[i])));
      expect(kinds.reduce((sum, { size }) => sum + size, 0)).toBe(new Set(of).size);
      // No end of a group is nearer to where a part should end.
      const largest = Math.max(...of.map((group) => of.filter((other) => other === group).length));
      const distance = Math.abs(train.size - Math.round(0.7 * of.length));
      expect(kinds[0]!.size === 1 || distance <= largest / 2).toBe(true);
      expect(train.size).toBeGreaterThan(0);
    }));
  });

  it("split in order, where no shuffling is asked for", async () => {
    const { train, validation, test } = split(numbered(20), { shuffle: false });
    expect([...await order(train), ...await order(validation), ...await order(test)])
      .toEqual(Array.from({ length: 20 }, (_, i) => i));
    const groups = [0, 1, 0, 1, 2, 2];
    const parts = split(numbered(6), { shuffle: false, groups, fractions: [0.35, 0.35, 0.3] });
    expect([await order(parts.train), await order(parts.validation), await order(parts.test)])
      .toEqual([[0, 2], [1, 3], [4, 5]]);
  });

  it("shuffle by seed: shuffling is selecting a permutation", async () => {
    await fc.assert(fc.asyncProperty(size, seed, async (n, s) => {
      expect(await order(shuffle(numbered(n), s))).toEqual([...permutation(n, s)]);
    }));
  });

  it("compose: selecting twice is selecting the composition", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(9), { minLength: 1 }), fc.infiniteStream(fc.nat()), async (
        indices,
        stream,
      ) => {
        const second = [...stream.take(5)].map((i) => i % indices.length);
        const twice = select(select(numbered(10), indices), second);
        expect(await order(twice)).toEqual(second.map((i) => indices[i]!));
      }),
    );
  });

  it("map samples and know their new schema", async () => {
    const data = numbered(4);
    const double = ({ x }: Numbered) => ({ y: ndarray(x.data.map((v) => 2 * v), [2, 1]) });
    const mapped = map(data, double, schemaOf(double(await data.get(0))));
    expect(mapped.schema).toEqual({ y: { shape: [2, 1], dtype: "float32" } });
    expect((await mapped.get(3)).y.data).toEqual(Float32Array.of(6, -6));
  });

  it("refuse wrong indices, fractions and rows", async () => {
    for (const index of [-1, 4, 1.5, NaN]) {
      expect((await failure(numbered(4).get(index)))._tag).toBe("IndexError");
    }
    expect(() => select(numbered(4), [0, 4])).toThrow("no sample 4");
    const fractions = [0.5, 0.5, 0.5] as const;
    expect(() => split(numbered(4), { seed: 0, fractions })).toThrow("do not add up to 1");
    expect(() => split(numbered(4), { groups: [1, 2] })).toThrow(
      "2 groups were given for 4 samples",
    );
    expect(() =>
      fromArrays({ a: ndarray(new Float32Array(2), [2]), b: ndarray(new Float32Array(3), [3]) })
    )
      .toThrow("2 and 3 rows");
  });

  it("close their source once and are closed with it", async () => {
    let closed = 0;
    const source = makeDataset({
      size: 3,
      schema: {},
      get: () => ({}),
      close: () => void closed++,
    });
    const { train, test } = split(source, { seed: 0 });
    await train.close();
    await test.close();
    await train.close();
    expect(closed).toBe(1);
    expect((await failure(source.get(0)))._tag).toBe("ClosedError");
    expect((await failure(train.get(0)))._tag).toBe("ClosedError");
  });
});

describe("stacking", () => {
  it("puts rows one after the other", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.integer(), fc.integer()), { minLength: 1 }), (rows) => {
        const { data, shape } = stack(rows.map((row) => ndarray(Int32Array.from(row), [1, 2])));
        expect(shape).toEqual([rows.length, 1, 2]);
        expect([...data]).toEqual(rows.flat().map((x) => x | 0));
      }),
    );
  });

  it("names the field when shapes or types differ", () => {
    const a = { image: ndarray(new Uint8Array(6), [1, 2, 3]) };
    const b = { image: ndarray(new Uint8Array(6), [2, 1, 3]) };
    expect(() => collate([a, b])).toThrow('"image" differs between samples: uint8[1,2,3] and');
  });
});

describe("batches", () => {
  const collect = async (
    data: Dataset<Numbered>,
    options: Parameters<typeof batches<Numbered>>[1],
  ) => {
    const found = [];
    for await (const { fields, indices, step, epoch } of batches(data, options)) {
      found.push({ x: [...fields.x.data], names: fields.name, indices: [...indices], step, epoch });
      if (found.length >= 30) break;
    }
    return found;
  };
  // Reads finish in another order than they start, as with threads and disks.
  const jittery = (n: number, s: number): Dataset<Numbered> =>
    map(numbered(n), async (sample, i) => {
      for (let turns = permutation(n, s)[i]! % 4; turns > 0; turns--) await Promise.resolve();
      return sample;
    }, numbered(n).schema);

  it("resume anywhere, bit for bit, whatever is read ahead", async () => {
    await fc.assert(fc.asyncProperty(
      size,
      fc.integer({ min: 1, max: 9 }),
      seed,
      fc.nat(12),
      fc.nat(5),
      fc.boolean(),
      async (n, batchSize, s, start, prefetch, dropRemainder) => {
        fc.pre(!dropRemainder || n >= batchSize);
        const common = {
          batchSize,
          seed: s,
          dropRemainder,
          augment: ({ x, name }: Numbered, random: { uniform(): number }) => ({
            x: ndarray(x.data.map((v) => v + random.uniform()), x.shape),
            name,
          }),
        };
        const whole = await collect(numbered(n), { ...common, epochs: 3, prefetch: 0 });
        const tail = await collect(jittery(n, s), {
          ...common,
          epochs: 3,
          prefetch,
          startStep: start,
        });
        const rest = whole.slice(start);
        expect(tail.slice(0, rest.length)).toEqual(rest);
      },
    ));
  });

  it("augment by seed, epoch and sample, not by place in a batch", async () => {
    const draws = async (seed: number, batchSize: number) => {
      const augment = ({ name }: Numbered, random: { uniform(): number }) => ({
        x: ndarray(Float32Array.of(random.uniform()), [1]),
        name,
      });
      const found = new Map<string, number>();
      const stream = batches(numbered(12), { batchSize, seed, epochs: 2, augment });
      for await (const { fields, epoch } of stream) {
        fields.name.forEach((name, i) => found.set(`${name} in ${epoch}`, fields.x.data[i]!));
      }
      return found;
    };
    const [three, four, other] = [await draws(1, 3), await draws(1, 4), await draws(2, 3)];
    expect(new Set(three.values()).size).toBe(24);
    for (const [sample, value] of three) {
      expect(four.get(sample)).toBe(value);
      expect(other.get(sample)).not.toBe(value);
    }
  });

  it("show every sample once an epoch, in another order each time", async () => {
    const found = await collect(numbered(24), { batchSize: 5, epochs: 2, dropRemainder: false });
    expect(found.map(({ epoch }) => epoch)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    const epochs = [0, 1].map((e) => found.filter((b) => b.epoch === e).flatMap((b) => b.indices));
    for (const indices of epochs) expect(sorted(indices)).toEqual([...Array(24).keys()]);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(stepsPerEpoch(24, { batchSize: 5 })).toBe(4);
    expect(found.at(-1)!.names).toHaveLength(4);
  });

  it("keep the dataset's order when told so", async () => {
    const found = await collect(numbered(6), { batchSize: 3, shuffle: false, epochs: 1 });
    expect(found.map(({ indices }) => indices)).toEqual([[0, 1, 2], [3, 4, 5]]);
    expect(found[1]!.x).toEqual([3, -3, 4, -4, 5, -5]);
  });

  it("read only as far ahead as asked, and stop when the consumer does", async () => {
    const read = new Set<number>();
    const data = map(numbered(100), (sample, i) => (read.add(i), sample), numbered(100).schema);
    for await (const { step } of batches(data, { batchSize: 2, shuffle: false, prefetch: 3 })) {
      if (step === 1) break;
    }
    expect(Math.max(...read)).toBe(2 * (1 + 3 + 1) - 1);
  });

  it("reports a broken sample when its turn comes, not before", async () => {
    const data = map(numbered(9), (sample, i) => {
      if (i === 4) throw new Error("broken");
      return sample;
    }, numbered(9).schema);
    const steps: number[] = [];
    const consume = async () => {
      const stream = batches(data, { batchSize: 1, shuffle: false, prefetch: 8 });
      for await (const { step } of stream) steps.push(step);
    };
    await expect(consume()).rejects.toThrow("broken");
    expect(steps).toEqual([0, 1, 2, 3]);
  });

  it("refuse what cannot be batched", async () => {
    expect((await failure(collect(numbered(3), { batchSize: 4 })))._tag).toBe("OptionError");
    expect((await failure(collect(numbered(3), { batchSize: 0 })))._tag).toBe("OptionError");
    expect((await failure(collect(numbered(3), { batchSize: 1, startStep: -1 })))._tag)
      .toBe("OptionError");
  });
});
