/** Convolutions. */
import { sizeOf } from "../../../core/aval.ts";
import type { ConvParams } from "../../../primitives/index.ts";
import type { convPrimitives } from "../../../primitives/conv.ts";
import {
  branch,
  code,
  constant,
  flatten,
  index,
  indexCode,
  sum,
  typeOf,
  unflatten,
} from "../expression.ts";
import type { Expr } from "../value.ts";
import { contract } from "./contraction.ts";
import type { Lowering, Lowerings } from "./table.ts";

const channelFirst = (at: readonly Expr[]) => [at.at(-1)!, ...at.slice(0, -1)];

/**
 * Filters on the left (m: output channels of a group), pixels on the right, groups as the batch. Channels are the
 * last digit of k: whether a pixel is within the image does not depend on them, and images have them last in memory.
 */
const conv: Lowering<ConvParams> = ([x, w], params, { region, outputs: [out] }) => {
  const { strides, padding, lhsDilation, rhsDilation, groups } = params;
  const [images, channels, ...space] = x!.shape;
  const [filters, inside, ...window] = w!.shape;
  const pixels = [images!, ...out!.shape.slice(2)];
  const zero = constant(0, typeOf(out!.dtype));
  return [
    contract(region, out!, {
      inputs: [w!, x!],
      cost: 8,
      batch: groups,
      m: filters! / groups,
      n: sizeOf(pixels),
      k: sizeOf([inside!, ...window]),
      left: (read, g, o, p) =>
        read(w!, [
          flatten([g, o], [groups, filters! / groups]),
          ...channelFirst(unflatten(p, [...window, inside!])),
        ]),
      right(read, g, pixel, p) {
        if (x!.size === 0) return zero;
        const [image, ...place] = unflatten(pixel, pixels);
        const [channel, ...offset] = channelFirst(unflatten(p, [...window, inside!]));
        const conditions: Expr[] = [];
        const source = space.map((size, i) => {
          const [low] = padding[i]!;
          const dilation = lhsDilation[i]!;
          const reach = sum([
            { of: place[i]!, scale: strides[i]! },
            { of: offset[i]!, scale: rhsDilation[i]! },
          ], Math.max(0, -low));
          const extent = (size - 1) * dilation + 1;
          const at = low > 0 ? indexCode(reach.bound, "$0 - $1", reach, index(low)) : reach;
          if (low > 0 || reach.bound > extent) {
            conditions.push(code("bool", "$0 < $1", at, index(extent)));
          }
          if (dilation === 1) return at.bound <= size ? at : indexCode(size, "$0", at);
          conditions.push(code("bool", "$0 % $1 == 0u", at, index(dilation)));
          return indexCode(size, "$0 / $1", at, index(dilation));
        });
        const channelAt = flatten([g, channel!], [groups, channels! / groups]);
        const element = read(x!, [image!, channelAt, ...source]);
        if (conditions.length === 0) return element;
        const inBounds = conditions.reduce((a, b) => code("bool", "$0 && $1", a, b));
        return branch(inBounds, element, zero);
      },
      place(g, o, pixel) {
        const [image, ...place] = unflatten(pixel, pixels);
        return [image!, flatten([g, o], [groups, filters! / groups]), ...place];
      },
      inverse: ([image, channel, ...place]) => [
        ...unflatten(channel!, [groups, filters! / groups]) as [Expr, Expr],
        flatten([image!, ...place], pixels),
      ],
      fast: { left: "k", right: "n" },
    }),
  ];
};

/** The family of convolutions. */
export const convLowerings: Lowerings<keyof typeof convPrimitives> = { conv };
