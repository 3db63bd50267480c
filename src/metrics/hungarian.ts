// The linear assignment problem, solved by shortest augmenting paths.

import { MetricError } from "./errors.ts";

/** A matching of rows to columns. */
export interface Assignment {
  /** `columnOfRow[r]` is the column of row `r`, or -1 where there are more rows than columns. */
  readonly columnOfRow: Int32Array;
  /** The sum of the matched costs. */
  readonly cost: number;
}

/**
 * The cheapest one-to-one matching of rows to columns; the smaller side is matched completely.
 *
 * O(rows² · columns), by growing one shortest augmenting path per row over reduced costs
 * `cost[r][c] − u[r] − v[c] ≥ 0` (Jonker & Volgenant, 1987).
 *
 * @param cost shape [rows, columns], row-major, finite.
 * @throws MetricError when the size does not fit or a cost is not finite.
 *
 * @example
 * ```ts
 * import assert from "node:assert";
 * import { hungarian } from "trilevel/metrics";
 *
 * const { columnOfRow, cost } = hungarian(new Float64Array([4, 1, 3, 2, 0, 5]), 2, 3);
 * assert.deepEqual([...columnOfRow], [1, 0]); // 1 + 2
 * assert.equal(cost, 3);
 * ```
 */
export function hungarian(cost: ArrayLike<number>, rows: number, columns: number): Assignment {
  if (cost.length !== rows * columns) {
    throw new MetricError(
      `hungarian: ${cost.length} costs do not fill shape [${rows}, ${columns}]`,
      "give one cost for each pair, row by row",
    );
  }
  const at = Array.prototype.findIndex.call(cost, (value: number) => !Number.isFinite(value));
  if (at >= 0) {
    throw new MetricError(
      `hungarian: costs must be finite, but cost[${Math.floor(at / columns)}][${at % columns}] is ${
        cost[at]
      }`,
      "give pairs that must not be matched a large finite cost",
    );
  }
  const transposed = rows > columns;
  const rowOfColumn = transposed
    ? match(columns, rows, (r, c) => cost[c * columns + r]!)
    : match(rows, columns, (r, c) => cost[r * columns + c]!);
  const columnOfRow = new Int32Array(rows).fill(-1);
  let total = 0;
  rowOfColumn.forEach((r, c) => {
    if (r < 0) return;
    const [row, column] = transposed ? [c, r] : [r, c];
    columnOfRow[row] = column;
    total += cost[row * columns + column]!;
  });
  return { columnOfRow, cost: total };
}

/** For n ≤ m: the row matched to each of the m columns, -1 for none. */
function match(n: number, m: number, cost: (r: number, c: number) => number): Int32Array {
  const u = new Float64Array(n);
  const v = new Float64Array(m);
  const rowOf = new Int32Array(m).fill(-1);
  const previous = new Int32Array(m);
  const distance = new Float64Array(m);
  const visited = new Uint8Array(m);
  for (let root = 0; root < n; root++) {
    distance.fill(Infinity);
    visited.fill(0);
    previous.fill(-1);
    let row = root;
    let column = -1; // the end of the path so far; -1 = the root itself
    let reached = 0;
    do {
      let nearest = -1;
      for (let c = 0; c < m; c++) {
        if (visited[c]) continue;
        const through = reached + cost(row, c) - u[row]! - v[c]!;
        if (through < distance[c]!) {
          distance[c] = through;
          previous[c] = column;
        }
        if (nearest < 0 || distance[c]! < distance[nearest]!) nearest = c;
      }
      column = nearest;
      reached = distance[column]!;
      visited[column] = 1;
      row = rowOf[column]!;
    } while (row >= 0);
    // Keep reduced costs non-negative, and zero along the path.
    u[root]! += reached;
    for (let c = 0; c < m; c++) {
      if (!visited[c] || rowOf[c]! < 0) continue;
      u[rowOf[c]!]! += reached - distance[c]!;
      v[c]! -= reached - distance[c]!;
    }
    while (column >= 0) {
      const before = previous[column]!;
      rowOf[column] = before < 0 ? root : rowOf[before]!;
      column = before;
    }
  }
  return rowOf;
}
