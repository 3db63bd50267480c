/** Instructions on whole arrays in StableHLO: shapes, reductions, products, indexing. */
import { type Aval, sizeOf } from "../../core/aval.ts";
import { isFloat } from "../../core/dtype.ts";
import type { convPrimitives } from "../../primitives/conv.ts";
import type { dotPrimitives } from "../../primitives/dot.ts";
import type { indexingPrimitives } from "../../primitives/indexing.ts";
import type { reducePrimitives } from "../../primitives/reduce.ts";
import type { shapePrimitives } from "../../primitives/shape.ts";
import { compare, select } from "./elementwise.ts";
import type { Lowering, Lowerings } from "./lowering.ts";
import { integer, integers, pairs, type Type, type Value, type Writer } from "./writer.ts";

const scalar = ({ dtype }: Type): Type => ({ dtype, shape: [] });
const range = (from: number, to: number) =>
  Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);

/** The block of a reduction. */
const combining = (w: Writer, name: string, type: Type) => ({
  takes: [scalar(type), scalar(type)],
  write: (xs: readonly Value[]) => [w.one(name, xs, scalar(type))],
});

/** x reduced along axes, from a start that changes nothing. */
function reduce(
  w: Writer,
  name: string,
  x: Value,
  start: number,
  axes: readonly number[],
  result: Type,
): Value {
  return w.one("stablehlo.reduce", [x, w.fill(start, scalar(x))], result, {
    dimensions: integers(axes),
  }, [combining(w, name, x)]);
}

const reduction =
  (name: string, start: (x: Value) => number): Lowering<{ readonly axes: readonly number[] }> =>
  (w, [x], { axes }, [out]) => [reduce(w, name, x!, start(x!), axes, out!)];

const lowest = ({ dtype }: Type) => isFloat(dtype) ? -Infinity : dtype === "int32" ? -(2 ** 31) : 0;
const highest = ({ dtype }: Type) =>
  isFloat(dtype) ? Infinity : dtype === "int32" ? 2 ** 31 - 1 : 2 ** 32 - 1;

/** The first place of the extremum, or of the first NaN: the smallest index where x equals it, or nothing. */
const place =
  (name: string, start: (x: Value) => number): Lowering<{ readonly axis: number }> =>
  (w, [x], { axis }, [out]) => {
    const found = reduce(w, name, x!, start(x!), [axis], { dtype: x!.dtype, shape: out!.shape });
    const kept = range(0, x!.shape.length).filter((a) => a !== axis);
    const all = w.one("stablehlo.broadcast_in_dim", [found], x!, {
      broadcast_dimensions: integers(kept),
    });
    const attained = compare(w, "EQ", x!, all);
    const hit = w.one("stablehlo.or", [attained, compare(w, "NE", x!, x!)], attained);
    const index = { dtype: "int32", shape: x!.shape } as const;
    const places = w.one("stablehlo.iota", [], index, { iota_dimension: integer(axis) });
    const candidates = select(w, hit, places, w.fill(2 ** 31 - 1, index));
    return [reduce(w, "stablehlo.minimum", candidates, 2 ** 31 - 1, [axis], out!)];
  };

/** Nothing is read where there is nothing to write. */
const unlessEmpty = <P>(lower: Lowering<P>): Lowering<P> => (w, inputs, params, outputs) =>
  sizeOf(outputs[0]!.shape) === 0 ? [w.fill(0, outputs[0]!)] : lower(w, inputs, params, outputs);

/** One entry for each instruction on shapes. */
export const shapeLowerings: Lowerings<keyof typeof shapePrimitives> = {
  broadcast: (w, [x], { axes }, [out]) => [
    w.one("stablehlo.broadcast_in_dim", [x!], out!, { broadcast_dimensions: integers(axes) }),
  ],
  reshape: (w, [x], _, [out]) => [w.one("stablehlo.reshape", [x!], out!)],
  transpose: (w, [x], { permutation }, [out]) => [
    w.one("stablehlo.transpose", [x!], out!, { permutation: integers(permutation) }),
  ],
  slice: (w, [x], { start, limit, strides }, [out]) => [
    w.one("stablehlo.slice", [x!], out!, {
      start_indices: integers(start),
      limit_indices: integers(limit),
      strides: integers(strides),
    }),
  ],
  pad: (w, [x, value], { low, high, interior }, [out]) => [
    w.one("stablehlo.pad", [x!, value!], out!, {
      edge_padding_low: integers(low),
      edge_padding_high: integers(high),
      interior_padding: integers(interior),
    }),
  ],
  concatenate: (w, inputs, { axis }, [out]) => [
    w.one("stablehlo.concatenate", inputs, out!, { dimension: integer(axis) }),
  ],
  reverse: (w, [x], { axes }) => [
    w.one("stablehlo.reverse", [x!], x!, { dimensions: integers(axes) }),
  ],
  iota(w, _, { axis }, [out]) {
    if (out!.dtype !== "bool") {
      return [w.one("stablehlo.iota", [], out!, { iota_dimension: integer(axis) })];
    }
    const index = { dtype: "int32", shape: out!.shape } as const;
    const places = w.one("stablehlo.iota", [], index, { iota_dimension: integer(axis) });
    return [compare(w, "NE", places, w.fill(0, index))];
  },
};

/** One entry for each reduction. */
export const reduceLowerings: Lowerings<keyof typeof reducePrimitives> = {
  reduceSum: reduction("stablehlo.add", () => 0),
  reduceMax: reduction("stablehlo.maximum", lowest),
  reduceMin: reduction("stablehlo.minimum", highest),
  reduceAnd: reduction("stablehlo.and", () => 1),
  reduceOr: reduction("stablehlo.or", () => 0),
  argMax: place("stablehlo.maximum", lowest),
  argMin: place("stablehlo.minimum", highest),
  cumsum: unlessEmpty((w, [x], { axis, reverse }, [out]) => {
    const size = x!.shape[axis]!;
    const ones = x!.shape.map(() => 1);
    const around = x!.shape.map((_, a) => {
      if (a !== axis) return [0, 0] as const;
      return reverse ? [0, size - 1] as const : [size - 1, 0] as const;
    });
    return [
      w.one("stablehlo.reduce_window", [x!, w.fill(0, scalar(x!))], out!, {
        window_dimensions: integers(x!.shape.map((_, a) => a === axis ? size : 1)),
        window_strides: integers(ones),
        base_dilations: integers(ones),
        window_dilations: integers(ones),
        padding: pairs(around),
      }, [combining(w, "stablehlo.add", x!)]),
    ];
  }),
};

const list = (numbers: readonly number[]) => `[${numbers.join(", ")}]`;

/** The product of tensors. */
export const dotLowerings: Lowerings<keyof typeof dotPrimitives> = {
  dot: (w, [x, y], { lhsBatch, rhsBatch, lhsContract, rhsContract }, [out]) => [
    w.one("stablehlo.dot_general", [x!, y!], out!, {
      dot_dimension_numbers: `#stablehlo.dot<lhs_batching_dimensions = ${list(lhsBatch)}, ` +
        `rhs_batching_dimensions = ${list(rhsBatch)}, ` +
        `lhs_contracting_dimensions = ${list(lhsContract)}, ` +
        `rhs_contracting_dimensions = ${list(rhsContract)}>`,
    }),
  ],
};

/** Convolution. */
export const convLowerings: Lowerings<keyof typeof convPrimitives> = {
  conv: unlessEmpty((w, [x, filter], params, [out]) => {
    const space = params.strides.map((_, i) => i);
    const axes = (first: string, second: string) => `[${[first, second, ...space].join(", ")}]`;
    return [
      w.one("stablehlo.convolution", [x!, filter!], out!, {
        dimension_numbers: `#stablehlo.conv<${axes("b", "f")}x${axes("o", "i")}->${
          axes("b", "f")
        }>`,
        window_strides: integers(params.strides),
        padding: pairs(params.padding),
        lhs_dilation: integers(params.lhsDilation),
        rhs_dilation: integers(params.rhsDilation),
        feature_group_count: integer(params.groups),
        batch_group_count: integer(1),
      }),
    ];
  }),
};

/** One entry for each instruction whose indices are data. */
export const indexingLowerings: Lowerings<keyof typeof indexingPrimitives> = {
  gather: unlessEmpty((w, [x, indices], _, [out]) => {
    const depth = indices!.shape.at(-1)!;
    const outer = indices!.shape.length - 1;
    return [
      w.one("stablehlo.gather", [x!, indices!], out!, {
        dimension_numbers: `#stablehlo.gather<offset_dims = ${
          list(range(outer, out!.shape.length))
        }, collapsed_slice_dims = ${list(range(0, depth))}, start_index_map = ${
          list(range(0, depth))
        }, index_vector_dim = ${outer}>`,
        slice_sizes: integers(x!.shape.map((n, a) => a < depth ? 1 : n)),
        indices_are_sorted: "false",
      }),
    ];
  }),
  scatter(w, [x, indices, updates], { mode }, [out]) {
    if (sizeOf(updates!.shape) === 0) return [x!];
    const depth = indices!.shape.at(-1)!;
    const outer = indices!.shape.length - 1;
    return [
      w.one("stablehlo.scatter", [x!, indices!, updates!], out!, {
        scatter_dimension_numbers: `#stablehlo.scatter<update_window_dims = ${
          list(range(outer, updates!.shape.length))
        }, inserted_window_dims = ${list(range(0, depth))}, scatter_dims_to_operand_dims = ${
          list(range(0, depth))
        }, index_vector_dim = ${outer}>`,
        indices_are_sorted: "false",
        unique_indices: "false",
      }, [
        mode === "add"
          ? combining(w, "stablehlo.add", x!)
          : { takes: [scalar(x!), scalar(x!)], write: ([, update]) => [update!] },
      ]),
    ];
  },
  /** By the first operand; of floats, NaN comes after all numbers. */
  sort(w, inputs, _, outputs) {
    const [keys] = inputs;
    return w.many("stablehlo.sort", inputs, outputs.map(typeOf), {
      dimension: integer(keys!.shape.length - 1),
      is_stable: "true",
    }, [{
      takes: inputs.flatMap((x) => [scalar(x), scalar(x)]),
      write([a, b]) {
        const less = compare(w, "LT", a!, b!);
        if (!isFloat(a!.dtype)) return [less];
        const nanLast = w.one("stablehlo.and", [
          compare(w, "EQ", a!, a!),
          compare(w, "NE", b!, b!),
        ], less);
        return [w.one("stablehlo.or", [less, nanLast], less)];
      },
    }]);
  },
};

const typeOf = ({ dtype, shape }: Aval): Type => ({ dtype, shape });
