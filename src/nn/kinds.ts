/** Kinds of options that layers share. */
import { boolean, callable, type Kind } from "../options/index.ts";
import type { Initializer } from "./initializers.ts";

/** An initializer. */
export const initializerKind: Kind<Initializer> = callable("initializers.glorotUniform");

/** The initializers of weights and biases. */
export const initKinds = {
  bias: boolean,
  weightInit: initializerKind,
  biasInit: initializerKind,
} as const;
