/** The assignment problem in the array language, so that it runs inside a compiled training step. */
import { ShapeError, type Tensor } from "../public.ts";
import { foriLoop } from "../control/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import { stopGradient } from "../transforms/index.ts";

const int32 = { dtype: "int32" } as const;
const at = (x: Tensor, i: Tensor) => np.take(x, i, { axis: 0, mode: "clip" });

/**
 * The cheapest one-to-one matching of rows to columns: for costs [rows, columns], rows ≤ columns, the column of
 * each row, int32 [rows]. Exact, by shortest augmenting paths (Jonker & Volgenant, 1987), O(rows² columns);
 * `metrics.hungarian` is its twin on the host. Costs have no derivative here; `vmap` it over a batch.
 *
 * ```ts
 * import { assignment } from "trilevel/models";
 * import { np } from "trilevel";
 * const columns = assignment(np.array([[4, 1, 3], [2, 0, 5]]));
 * console.assert(String(await columns.data()) === "1,0");   // 1 + 2
 * ```
 *
 * @throws ShapeError unless there are at least as many columns as rows.
 */
export function assignment(costs: Tensor): Tensor {
  const [rows, columns] = costs.shape;
  if (rows === undefined || columns === undefined || costs.ndim !== 2 || rows > columns) {
    throw new ShapeError(
      `assignment: expected costs of shape [rows, columns], got [${costs.shape.join(", ")}]`,
      "give no more rows than columns: transpose, or pad",
    );
  }
  const fixed = stopGradient(costs);
  const start: Matching = {
    rowOf: np.full([columns], -1, int32),
    u: np.zeros([rows], { dtype: costs.dtype }),
    v: np.zeros([columns], { dtype: costs.dtype }),
  };
  const { rowOf } = foriLoop(0, rows, (root, m) => withRow(fixed, root, m), start);
  const isMine = np.equal(np.expandDims(np.arange(rows), 1), np.expandDims(rowOf, 0));
  return np.argmax(isMine.astype("int32"), { axis: 1 });
}

/** A matching of some rows, and prices under which no other pair is cheaper: cost - u - v ≥ 0. */
type Matching = {
  /** The row of each column; -1 for none. */
  readonly rowOf: Tensor;
  readonly u: Tensor;
  readonly v: Tensor;
};

/** A search for the cheapest way to give one more row a column, by moving others. */
type Search = {
  readonly row: Tensor;
  readonly column: Tensor;
  readonly reached: Tensor;
  readonly ended: Tensor;
  readonly distance: Tensor;
  readonly previous: Tensor;
  readonly visited: Tensor;
};

/** The matching with one more row. Loops run as long as they ever might; what has ended stays as it is. */
function withRow(costs: Tensor, root: Tensor, { rowOf, u, v }: Matching): Matching {
  const [rows, columns] = costs.shape as [number, number];
  const index = np.arange(columns);
  const found = foriLoop<Search>(0, rows, (_, s) => {
    const through = at(costs, s.row).sub(at(u, s.row)).sub(v).add(s.reached);
    const shorter = np.logicalAnd(np.logicalNot(s.visited), np.less(through, s.distance));
    const distance = np.where(shorter, through, s.distance);
    const column = np.argmin(np.where(s.visited, Infinity, distance));
    const row = at(rowOf, column);
    const next: Search = {
      column,
      distance,
      previous: np.where(shorter, s.column, s.previous),
      reached: at(distance, column),
      visited: np.logicalOr(s.visited, np.equal(index, column)),
      ended: np.less(row, 0),
      row: np.maximum(row, 0),
    };
    return choose(s.ended, s, next);
  }, {
    row: root,
    column: np.array(-1, int32),
    reached: np.zeros([], { dtype: costs.dtype }),
    ended: np.array(false),
    distance: np.full([columns], Infinity, { dtype: costs.dtype }),
    previous: np.full([columns], -1, int32),
    visited: np.zeros([columns], { dtype: "bool" }),
  });
  // Prices rise by what the path saved at each row and column on the way.
  const matched = np.logicalAnd(found.visited, np.greaterEqual(rowOf, 0));
  const saved = np.where(matched, found.reached.sub(found.distance), 0);
  const ofRows = np.sum(
    nn.oneHot(rowOf, rows, { dtype: costs.dtype }).mul(np.expandDims(saved, 1)),
    { axis: 0 },
  );
  const ofRoot = nn.oneHot(root, rows, { dtype: costs.dtype }).mul(found.reached);
  // Along the path, each column takes the row of the one before, the first one the new row.
  const [moved] = foriLoop<readonly [Tensor, Tensor]>(0, rows, (_, [matching, column]) => {
    const before = at(found.previous, np.maximum(column, 0));
    const row = np.where(np.less(before, 0), root, at(matching, np.maximum(before, 0)));
    const here = np.equal(index, column); // nowhere, once the path has ended at -1
    return [
      np.where(here, row, matching),
      np.where(np.less(column, 0), column, before),
    ];
  }, [rowOf, found.column]);
  return { rowOf: moved, u: u.add(ofRows).add(ofRoot), v: v.sub(saved) };
}

function choose(first: Tensor, a: Search, b: Search): Search {
  const pick = (key: keyof Search) => np.where(first, a[key], b[key]);
  return {
    row: pick("row"),
    column: pick("column"),
    reached: pick("reached"),
    ended: pick("ended"),
    distance: pick("distance"),
    previous: pick("previous"),
    visited: pick("visited"),
  };
}
