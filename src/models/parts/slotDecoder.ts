/** The choice of a decoder, as models take it in their options. */
import type { Tensor } from "../../public.ts";
import type * as nn from "../../nn/index.ts";
import { declareOptions, oneOf, required } from "../../options/index.ts";
import {
  broadcastDecoder,
  type BroadcastDecoderOptions,
  type BroadcastDecoderParams,
  broadcastKinds,
  type Decoded,
  type DecoderOptions,
  pixelDecoder,
  type PixelDecoderOptions,
  type PixelDecoderParams,
  pixelKinds,
} from "../decoder.ts";

/** The options of a decoder that a model gives it. */
export type WholeOptions = "resolution" | "slotSize" | "imageChannels" | "conventions";

/** A decoder and its options: `"broadcast"` is the papers', `"pixel"` is cheap. */
export type SlotDecoderOptions =
  | { readonly kind: "broadcast" } & Omit<BroadcastDecoderOptions, WholeOptions>
  | { readonly kind: "pixel" } & Omit<PixelDecoderOptions, WholeOptions>;

/** Parameters of either decoder. */
export type SlotDecoderParams = BroadcastDecoderParams | PixelDecoderParams;

/** Either decoder. */
export type SlotDecoder = nn.Layer<SlotDecoderParams, [slots: Tensor], Decoded>;

type Decoder<K> = Extract<SlotDecoderOptions, { readonly kind: K }>;
// Both checks know both words, so that a third is told of both.
type AnyKind<K> = Omit<Decoder<K>, "kind"> & { readonly kind: "broadcast" | "pixel" };

/** The function that makes the decoder of a model, which is named in messages. */
export function slotDecoder(
  name: string,
): (own: SlotDecoderOptions, whole: Required<Pick<DecoderOptions, WholeOptions>>) => SlotDecoder {
  const kind = required(oneOf("broadcast", "pixel"));
  const checkBroadcast = declareOptions<AnyKind<"broadcast">>(name, [], {
    kind,
    ...broadcastKinds,
  });
  const checkPixel = declareOptions<AnyKind<"pixel">>(name, [], { kind, ...pixelKinds });
  return (own, whole) => {
    if (own.kind === "pixel") {
      checkPixel(own);
      return pixelDecoder({ ...withoutKind(own), ...whole });
    }
    checkBroadcast(own);
    return broadcastDecoder({ ...withoutKind(own), ...whole });
  };
}

/** The options of a decoder beside its kind. */
function withoutKind<K>({ kind: _, ...rest }: Decoder<K>): Omit<Decoder<K>, "kind"> {
  return rest;
}
