/** The checks of SLATE: it refuses parameters of another model, and images, tokens and slots that it cannot read. */
import { ArgumentError, type Tensor } from "../public.ts";
import { requireParams } from "../nn/checks.ts";
import * as np from "../numpy/index.ts";
import { describeTree, requireShape } from "../options/index.ts";
import { errorIf } from "../transforms/index.ts";
import { requirePatches } from "./parts/discreteVae.ts";
import type { SlateParams } from "./slateInterface.ts";

/** The sizes of a model. */
export interface SlateSizes {
  readonly vocabulary: number;
  readonly imageSize: number;
  readonly imageChannels: number;
  readonly size: number;
  readonly blocks: number;
}

/** Checks of one model's arguments. */
export interface SlateChecks {
  /** Throws for parameters that `init` of a model with other sizes made. */
  params(p: SlateParams): void;
  /** Throws for images of another size, and for those that are not made of patches. */
  image(image: Tensor): void;
  /** Throws for slots of another size. */
  slots(slots: Tensor): void;
  /** Throws unless there is one boolean for each slot. */
  present(present: Tensor, slots: Tensor): void;
  /** The tokens; throws for tokens of another shape or type, and reading rejects for those outside the vocabulary. */
  tokens(tokens: Tensor): Tensor;
}

/** Makes the checks of a model of these sizes. */
export function slateChecks(own: SlateSizes): SlateChecks {
  const { vocabulary, imageSize, imageChannels, size } = own;
  return {
    params(p) {
      requireParams("slate", p, ["discreteVae", "embedding", "slotAttention", "decoder"]);
      const [words, width] = p.embedding.tokens.weight.shape as [number, number];
      const found = {
        vocabulary: words - 1,
        imageSize: 4 * Math.sqrt(p.embedding.places.weight.shape[0]! - 1),
        size: width,
        blocks: p.decoder.transformer.blocks.length,
      };
      for (const [name, value] of Object.entries(found)) {
        const wanted = own[name as keyof typeof found]; // the keys of the object above
        if (value === wanted) continue;
        throw new ArgumentError(
          `slate: the parameters are of a model with \`${name}\` ${value}, but this model has ${wanted}`,
          `make the model with the \`${name}\` of its parameters, or parameters with its own \`init\``,
        );
      }
    },
    image(image) {
      requirePatches("slate: the image is", image, imageChannels);
      requireShape(
        "slate: the image is",
        image,
        ["batch", imageSize, imageSize, imageChannels],
        `resize it to the model's size, or make the model with another \`imageSize\``,
      );
    },
    slots(slots) {
      requireShape(
        "slate: the slots are",
        slots,
        ["batch", "slots", size],
        "give slots as `infer` returns them",
      );
    },
    present(present, slots) {
      const hint = "give one boolean for each slot of each image";
      requireShape("slate: `present` is", present, slots.shape.slice(0, 2), hint);
      if (present.dtype === "bool") return;
      throw new ArgumentError(`slate: \`present\` is ${describeTree(present)}, not booleans`, hint);
    },
    tokens(tokens) {
      requireShape(
        "slate: the tokens are",
        tokens,
        ["batch", (imageSize / 4) ** 2],
        "give one token for each patch of 4×4 pixels, row by row, as `tokenize` does",
      );
      if (!/int/.test(tokens.dtype)) {
        throw new ArgumentError(
          `slate: the tokens are ${describeTree(tokens)}, not whole numbers`,
          'give them as `tokenize` does, or with x.astype("int32")',
        );
      }
      const outside = np.logicalOr(np.less(tokens, 0), np.greaterEqual(tokens, vocabulary));
      return errorIf(
        tokens,
        outside,
        `slate: a token is not among the ${vocabulary} of the vocabulary`,
        `give whole numbers from 0 to ${vocabulary - 1}, of a model with the same vocabulary`,
      );
    },
  };
}
