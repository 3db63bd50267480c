/** The features of FID: PyTorch's numbers with weights of a formula, and arrays that are not those of one network. */
import { beforeAll, expect, test } from "vitest";
import { np, setBackend, type Tensor } from "trilevel";
import { frechetDistance, frechetReport } from "trilevel/metrics";
import { inceptionFeatures, type NamedArrays } from "trilevel/models";
import fixture from "../fixtures/inception.json" with { type: "json" };

beforeAll(() => setBackend("onnx"));

const noise = (n: number, salt: number) =>
  Float64Array.from({ length: n }, (_, i) => Math.sin((i + 1) * 12.9898 + salt));

/** The weights of the script. */
const weights: NamedArrays = Object.fromEntries(
  Object.entries(fixture.shapes).map(([name, shape], salt) => {
    const x = noise(shape.reduce((a, b) => a * b), salt);
    const part = name.endsWith("conv.weight") ? "conv" : name.split(".").at(-1)!;
    const value = {
      conv: (v: number) => v * 2 / Math.sqrt(shape.slice(1).reduce((a, b) => a * b, 1)),
      weight: (v: number) => 1 + 0.3 * v,
      bias: (v: number) => 0.2 * v,
      running_mean: (v: number) => 0.1 * v,
      running_var: (v: number) => 1 + 0.5 * v,
    }[part]!;
    return [name, { shape, data: x.map(value) }];
  }),
);

const images = (n: number, height: number, width: number, salt: number): Tensor =>
  np.array(noise(n * height * width * 3, salt).map((x) => (x + 1) / 2), {
    shape: [n, height, width, 3],
    dtype: "float32",
  });

test.each(fixture.batches)("are PyTorch's, of images of $height×$width", async (batch) => {
  const { height, width, features } = batch;
  const found = await inceptionFeatures(weights)(images(features.length, height, width, height))
    .array() as number[][];
  const largest = Math.max(...features.flat());
  expect(found.map((row) => row.length)).toEqual(features.map((row) => row.length));
  features.forEach((row, n) =>
    row.forEach((x, i) => expect(Math.abs(found[n]![i]! - x) / largest).toBeLessThan(1e-5))
  );
});

test("make distances: none of a set from itself, and a name that says which weights", async () => {
  const features = inceptionFeatures(weights);
  const of = async (salt: number) => Array.from(await features(images(6, 8, 8, salt)).data());
  const [a, b] = [await of(1), await of(2)];
  expect(Math.abs(frechetDistance(a, a, 128))).toBeLessThan(1e-3);
  const { text, distance } = frechetReport(a, b, 128, "FD-formula");
  expect(distance).toBeGreaterThan(0);
  expect(text).toMatch(/^FD-formula .*which are few/);
});

test("need all arrays, of one network", () => {
  const without = (name: string) =>
    Object.fromEntries(Object.entries(weights).filter(([key]) => key !== name));
  // Every array is used: any that is missing is named.
  for (const name of Object.keys(weights)) {
    expect(() => inceptionFeatures(without(name))).toThrow(`no array ${name}`);
  }
  const other = { shape: [3], data: [1, 1, 1] };
  expect(() => inceptionFeatures({ ...weights, "Mixed_7c.branch1x1.bn.weight": other }))
    .toThrow(/Mixed_7c\.branch1x1 has weights of shape \[20,128,1,1\] and bn\.weight of \[3\]/);
  const first = weights["Conv2d_1a_3x3.conv.weight"]!;
  const grey = { shape: [2, 1, 3, 3], data: Array.from(first.data).slice(0, 18) };
  expect(() =>
    inceptionFeatures({ ...weights, "Conv2d_1a_3x3.conv.weight": grey })(images(1, 8, 8, 0))
  ).toThrow(/Conv2d_1a_3x3 takes 1 channels, but gets 3/);
  expect(() => inceptionFeatures(weights)(np.zeros([2, 8, 8]))).toThrow(/channels last/);
});
