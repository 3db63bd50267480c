/** Updates that go where data says: atomically, because several may go to one place. */
import { sizeOf } from "../../../core/aval.ts";
import type { CustomKernel, Expr, KernelBody, Read, Value } from "../value.ts";
import { flatten, index, indexCode, typeOf, unflatten, variable } from "../expression.ts";

const size = 64;

function each(kernel: KernelBody, count: number, body: (i: Expr) => void): void {
  kernel.dispatch(Math.ceil(count / size), size);
  kernel.line(`let i = ${kernel.groupNumber} * ${size}u + local;`);
  kernel.block(
    `if (i < ${count}u)`,
    1,
    () => body(variable("i", "u32", { level: 1, bound: count })),
  );
}

/** The first axes of a place, from the indices. */
function target(read: Read, indices: Value, outer: readonly Expr[], limits: readonly number[]) {
  const depth = indices.shape.at(-1)!;
  return Array.from(
    { length: depth },
    (_, k) => indexCode(limits[k]!, "bitcast<u32>($0)", read(indices, [...outer, index(k)])),
  );
}

/** Adds each update; floats by trying again until no other thread interfered. */
export function scatterAdd(indices: Value, updates: Value): CustomKernel["write"] {
  const rank = indices.shape.length - 1;
  return (kernel, read, self) =>
    each(kernel, updates.size, (i) => {
      const at = unflatten(i, updates.shape);
      const place = [...target(read, indices, at.slice(0, rank), self.shape), ...at.slice(rank)];
      const type = typeOf(self.dtype);
      const buffer = kernel.buffer(
        self,
        "read_write",
        type === "i32" ? "atomic<i32>" : "atomic<u32>",
      );
      const value = kernel.text(read(updates, at));
      kernel.line(`let place = ${kernel.text(flatten(place, self.shape))};`);
      if (type !== "f32") {
        kernel.line(`atomicAdd(&${buffer}[place], ${value});`);
        return;
      }
      kernel.line(`var seen = atomicLoad(&${buffer}[place]);`);
      kernel.block("loop", 1, () => {
        kernel.line(`let sum = bitcast<u32>(bitcast<f32>(seen) + ${value});`);
        kernel.line(`let swap = atomicCompareExchangeWeak(&${buffer}[place], seen, sum);`);
        kernel.line("if (swap.exchanged) { break; }");
        kernel.line("seen = swap.old_value;");
      });
    });
}

/** Writes, for each place, one more than the number of the last update that goes there. */
export function scatterLast(indices: Value): CustomKernel["write"] {
  const outer = indices.shape.slice(0, -1);
  return (kernel, read, self) =>
    each(kernel, sizeOf(outer), (i) => {
      const place = target(read, indices, unflatten(i, outer), self.shape);
      const buffer = kernel.buffer(self, "read_write", "atomic<u32>");
      kernel.line(`let place = ${kernel.text(flatten(place, self.shape))};`);
      kernel.line(`atomicMax(&${buffer}[place], i + 1u);`);
    });
}
