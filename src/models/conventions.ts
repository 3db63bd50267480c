/** Conventions that the parts of a model share: initializers, and the epsilons of normalization. */
import * as nn from "../nn/index.ts";
import { type Kind, madeBy } from "../options/index.ts";

/** Initializers and epsilons of a model's layers. */
export interface Conventions {
  /** Initializers of weights and biases of linear and convolutional layers. */
  readonly init: nn.InitOptions;
  /** Initializers of recurrent cells. */
  readonly cell: Pick<nn.CellOptions, "weightInit" | "recurrentInit" | "biasInit">;
  /** Added to the variance in layer normalization. */
  readonly eps: number;
}

/** The kind of options that hold conventions. */
export const conventionsKind: Kind<Conventions> = madeBy(
  "conventions, those of `keras`, `torch` or `flax`",
  { keras: "keras", torch: "torch", flax: "flax" },
  ({ init, cell, eps }) =>
    typeof init === "object" && typeof cell === "object" && typeof eps === "number",
);

/** Keras's, and so those of the official code of slot attention: the default of all models here. */
export const keras: Conventions = {
  init: { weightInit: nn.initializers.glorotUniform, biasInit: nn.initializers.zeros },
  cell: {
    weightInit: nn.initializers.glorotUniform,
    recurrentInit: nn.initializers.orthogonal(),
    biasInit: nn.initializers.zeros,
  },
  eps: 1e-3,
};

/** PyTorch's, and so those of most other code. */
export const torch: Conventions = { init: {}, cell: {}, eps: 1e-5 };

/** Flax's, and so those of the official code of SAVi. */
export const flax: Conventions = {
  init: { weightInit: nn.initializers.lecunNormal, biasInit: nn.initializers.zeros },
  cell: {
    weightInit: nn.initializers.lecunNormal,
    recurrentInit: nn.initializers.orthogonal(),
    biasInit: nn.initializers.zeros,
  },
  eps: 1e-6,
};
