/** Messages between the code cell and its worker. */

/** The solution of a step that the visitor wrote. */
export interface Solution {
  readonly type: "solution";
  /** z after the last step, as text. */
  readonly fixedPoint: string;
  /** ‖f(z) − z‖ / ‖f(z)‖ before each step. */
  readonly residuals: readonly number[];
  readonly gradients: readonly { readonly adjoint: string; readonly gradient: string }[];
}

/** The answer to a cell. */
export type Answer = Solution | { readonly type: "problem"; readonly message: string };
