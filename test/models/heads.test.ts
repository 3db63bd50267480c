/** Slot attention with several heads, against the sums written out. */
import { grad, np, random, setBackend, type Tensor } from "trilevel";
import { slotAttention, softAssignment, weightedMean } from "trilevel/models";
import { beforeAll, expect, it } from "vitest";

beforeAll(() => setBackend("reference"));

const [batch, inputs, slots, heads, size] = [2, 5, 3, 2, 4];

it("the softmax spans heads and slots, and each head averages its own numbers", async () => {
  const make = (seed: number, shape: number[]) =>
    random.normal(random.key(seed), shape, { dtype: "float64" });
  const q = make(1, [batch, slots, heads * size]);
  const k = make(2, [batch, inputs, heads * size]);
  const v = make(3, [batch, inputs, heads * size]);
  const a = await softAssignment(q, k, heads).data();
  const u = await weightedMean(softAssignment(q, k, heads), v, heads).data();
  const [qs, ks, vs] = await Promise.all([q.data(), k.data(), v.data()]);
  const width = heads * size;
  for (let b = 0; b < batch; b++) {
    const weight = (n: number, s: number, h: number) => {
      const logit = (s: number, h: number) => {
        let sum = 0;
        for (let d = 0; d < size; d++) {
          sum += ks[(b * inputs + n) * width + h * size + d]! *
            qs[(b * slots + s) * width + h * size + d]!;
        }
        return Math.exp(sum / Math.sqrt(size));
      };
      let total = 0;
      for (let t = 0; t < slots; t++) for (let g = 0; g < heads; g++) total += logit(t, g);
      return logit(s, h) / total;
    };
    for (let s = 0; s < slots; s++) {
      for (let h = 0; h < heads; h++) {
        let norm = 0;
        for (let n = 0; n < inputs; n++) {
          expect(a[((b * slots + s) * heads + h) * inputs + n]).toBeCloseTo(weight(n, s, h), 12);
          norm += weight(n, s, h) + 1e-8;
        }
        for (let d = 0; d < size; d++) {
          let mean = 0;
          for (let n = 0; n < inputs; n++) {
            mean += (weight(n, s, h) + 1e-8) / norm * vs[(b * inputs + n) * width + h * size + d]!;
          }
          expect(u[(b * slots + s) * width + h * size + d]).toBeCloseTo(mean, 12);
        }
      }
    }
  }
});

it("attention sums to 1 over slots, and gradients reach all heads", async () => {
  const model = slotAttention({
    slots,
    inputSize: 6,
    slotSize: heads * size,
    heads,
    start: "learned",
  });
  const params = model.init(random.key(0));
  const x = random.normal(random.key(1), [batch, inputs, 6]);
  const sums = await model.apply(params, x, null).attention.sum({ axis: -1 }).data();
  for (const sum of sums) expect(sum).toBeCloseTo(1, 6);
  const g = grad((p: typeof params) => np.sum(np.square(model.apply(p, x, null).slots)))(params);
  const columns = await np.sum(np.abs(g.query.weight as Tensor), { axis: 1 }).data();
  for (const c of columns) expect(c).toBeGreaterThan(0);
});

it("refuses heads that do not divide a slot", () => {
  expect(() => slotAttention({ slots: 2, inputSize: 3, slotSize: 10, heads: 4 })).toThrow(
    /multiple of the number of heads/,
  );
});
