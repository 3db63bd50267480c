/** Tokens as vectors with places: the dictionary that slots and decoder of SLATE read. */
import type { Tensor } from "../../public.ts";
import * as nn from "../../nn/index.ts";
import * as np from "../../numpy/index.ts";
import * as random from "../../random/index.ts";

/** Parameters of {@link dictionary}. */
export type DictionaryParams = {
  /** One vector for the beginning of a sequence, then one for each token: [V + 1, size]. */
  readonly tokens: nn.EmbeddingParams;
  /** Vectors of places, [1 + length, size]. */
  readonly places: nn.EmbeddingParams;
};

/** Options of {@link dictionary}. */
export interface DictionaryOptions {
  readonly vocabulary: number;
  /** Tokens in a sequence, without its beginning. */
  readonly length: number;
  readonly size: number;
  /** The rate of dropout. */
  readonly dropout: number;
}

/** A dictionary of tokens 0 … V − 1. */
export interface Dictionary {
  init(key: Tensor): DictionaryParams;
  /** A beginning and tokens [batch, n] as vectors with their places, [batch, 1 + n, size]; a key drops some out. */
  apply(params: DictionaryParams, tokens: Tensor, key: Tensor | null): Tensor;
  /** The vectors at place t of one token a sequence, [batch] → [batch, size]; token −1 is the beginning. */
  at(params: DictionaryParams, token: Tensor, t: Tensor): Tensor;
}

/** Vectors of tokens are standard normal at first, those of places are cut at two deviations; nothing is scaled. */
export function dictionary({ vocabulary, length, size, dropout }: DictionaryOptions): Dictionary {
  const table = nn.embedding({ count: vocabulary + 1, size });
  const places = nn.learnedPosition({
    length: 1 + length,
    size,
    weightInit: nn.initializers.truncatedNormal(1),
  });
  return {
    init(key) {
      const [a, b] = random.split(key);
      return { tokens: table.init(a), places: places.init(b) };
    },
    apply(params, tokens, key) {
      const rows = np.concatenate([
        np.zeros([tokens.shape[0]!, 1], { dtype: "int32" }),
        tokens.add(1),
      ], {
        axis: 1,
      });
      return nn.dropout(
        key,
        places.apply(params.places, table.apply(params.tokens, rows)),
        dropout,
      );
    },
    at: (params, token, t) =>
      table.apply(params.tokens, token.add(1)).add(np.take(params.places.weight, t, { axis: 0 })),
  };
}
