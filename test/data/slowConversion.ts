/** Converts without end, for the test that kills it: `slowConversion.ts <directory>`. */

import { cached, makeDataset, ndarray } from "trilevel/data";

const dataset = () =>
  makeDataset({
    size: 1e9,
    schema: { image: { shape: [1 << 16], dtype: "uint8" } },
    get: async (i) => {
      if (i === 100) console.log("a hundred samples written");
      if (i > 100) await new Promise((resolve) => setTimeout(resolve, 5));
      return { image: ndarray(new Uint8Array(1 << 16).fill(i), [1 << 16]) };
    },
  });

await cached(() => Promise.resolve(dataset()), { directory: process.argv[2]!, key: "slow" });
