/** (g): SLATE's tokens from slots, greedily, with the keys and values of earlier tokens kept. */
import { type nn, random } from "trilevel";
import { slate } from "trilevel/models";
import type { Work } from "../serve.ts";
import { tensor } from "./data.ts";

/** A weight of noise, by a seed that all subjects use. */
const weight = <P extends nn.EmbeddingParams>(seed: number, p: P): P => ({
  ...p,
  weight: tensor(seed, p.weight.shape, 1 / Math.sqrt(p.weight.shape.at(-1)!)),
});

const attention = (seed: number, p: nn.AttentionParams): nn.AttentionParams => ({
  query: weight(seed, p.query),
  key: weight(seed + 1, p.key),
  value: weight(seed + 2, p.value),
  out: weight(seed + 3, p.out),
});

/** Batch 16, 64 tokens, 4 blocks of 4 heads, d 192, 1,024 tokens in the vocabulary. */
export function generation(): Work {
  const model = slate({ vocabulary: 1024, imageSize: 32, slots: 7, channels: 4 });
  const begun = model.init(random.key(0));
  const { memory, transformer: { blocks, norm }, head } = begun.decoder;
  const params = {
    ...begun,
    embedding: {
      places: weight(1, begun.embedding.places),
      tokens: weight(2, begun.embedding.tokens),
    },
    decoder: {
      memory: weight(3, memory),
      head: weight(4, head),
      transformer: {
        norm,
        blocks: blocks.map((block, i) => ({
          ...block,
          self: attention(20 * i + 10, block.self),
          cross: attention(20 * i + 14, block.cross),
          mlp: block.mlp.map((layer, j) => weight(20 * i + 18 + j, layer)),
        })),
      },
    },
  };
  const slots = tensor(0, [16, 7, 192]);
  return {
    async call() {
      const tokens = model.generate(params, slots);
      const data = await tokens.data();
      tokens.dispose();
      return Number(data[0]);
    },
  };
}
