/** The pixel decoder, computed by hand in double precision: frames of slots, and patches. */
import { describe, expect, it } from "vitest";
import { nn, np, random, setBackend, type Tensor, tree } from "trilevel";
import { pixelDecoder, type PixelDecoderOptions, type PixelDecoderParams } from "trilevel/models";

await setBackend("reference");

type Matrix = number[][];

/** A matrix `[out, in]` times a vector. */
const times = (m: Matrix, v: readonly number[]) =>
  m.map((row) => row.reduce((sum, x, i) => sum + x * v[i]!, 0));
const plus = (a: readonly number[], b: readonly number[]) => a.map((x, i) => x + b[i]!);
const relu = (v: readonly number[]) => v.map((x) => Math.max(0, x));

/** What a decoder draws, pixel by pixel: pictures and logits of masks, `[slot][y][x][channel]`. */
async function byHand(
  { resolution: [height, width], frame, patch = 1, layers = 0 }: PixelDecoderOptions,
  params: PixelDecoderParams,
  slots: Matrix,
) {
  const matrix = async (t: Tensor) => await t.array() as Matrix;
  const vector = async (t: Tensor | null) => await t!.array() as number[]; // all have biases
  const [rows, columns] = [height / patch, width / patch];
  const grid = await nn.softGrid(rows, columns, [-1, 1]).array() as number[][][];
  const [slotWeight, slotBias] = [await matrix(params.slot.weight), await vector(params.slot.bias)];
  const shared = await matrix(params.position.weight);
  const frames = params.frame && await matrix(params.frame.weight);
  const rest: { weight: Matrix; bias: number[] }[] = [];
  for (const layer of params.layers) {
    rest.push({ weight: await matrix(layer.weight), bias: await vector(layer.bias) });
  }
  expect(rest).toHaveLength(layers);
  return slots.map((slot) => {
    const own = frames === undefined ? undefined : times(frames, slot);
    const map = shared.map((row, i) =>
      own === undefined ? row : plus(row, own.slice(i * 4, i * 4 + 4))
    );
    expect(frame === "own").toBe(own !== undefined);
    return Array.from({ length: height }, (_, y) =>
      Array.from({ length: width }, (_, x) => {
        const [row, column] = [Math.floor(y / patch), Math.floor(x / patch)];
        const place = times(map, grid[row]![column]!);
        const first = relu(plus(plus(times(slotWeight, slot), slotBias), place));
        const out = rest.reduce(
          (v, { weight, bias }, i) => {
            const next = plus(times(weight, v), bias);
            return i < rest.length - 1 ? relu(next) : next;
          },
          first,
        );
        const at = ((y % patch) * patch + x % patch) * 4;
        return out.slice(at, at + 4);
      }));
  });
}

describe("the pixel decoder", () => {
  const base = { slotSize: 3, channels: 5, layers: 2, coordinates: [-1, 1] } as const;
  it.each<PixelDecoderOptions>([
    { ...base, resolution: [4, 6] },
    { ...base, resolution: [4, 6], frame: "own" },
    { ...base, resolution: [4, 6], patch: 2 },
    { ...base, resolution: [6, 9], frame: "own", patch: 3 },
  ])("draws what its equations say: %j", async (options) => {
    const decoder = pixelDecoder(options);
    // Biases are zero at first: every parameter is given a random value.
    const params = tree.map(
      (x: Tensor) => random.normal(random.key(x.size), x.shape),
      decoder.init(random.key(0)),
    ) as PixelDecoderParams; // the same tree
    const slots = random.normal(random.key(3), [1, 2, 3]);
    const { images, masks } = decoder.apply(params, slots);
    const expected = await byHand(
      options,
      params,
      (await slots.array() as Matrix[])[0]!,
    );
    const pictures = np.array(expected.map((s) => s.map((r) => r.map((p) => p.slice(0, 3)))));
    const logits = np.array(expected.map((s) => s.map((r) => r.map((p) => p[3]!))));
    for (const [got, want] of [[images, pictures], [masks, np.softmax(logits, { axis: 0 })]]) {
      const difference = await np.max(np.abs(got!.sub(np.expandDims(want!, 0)))).item();
      expect(difference).toBeLessThan(1e-5); // numbers went through float32 arrays
    }
  });

  it("refuses patches that do not tile the picture", () => {
    expect(() => pixelDecoder({ resolution: [8, 6], patch: 4 })).toThrow(
      /patches of 4 do not tile \[8, 6\]/,
    );
  });
});
