/** Plain iteration. */
import { ArgumentError } from "../core/errors.ts";
import { declareOptions, finite } from "../options/index.ts";
import * as lax from "../primitives/index.ts";
import { like } from "./rows.ts";
import type { FixedPointSolver } from "./solver.ts";

/** Options of `forward`. */
export interface ForwardOptions {
  /** λ in z⁺ = λ f(z) + (1 - λ) z. Default 1, which is undamped. */
  damping?: number;
}

const checkOptions = declareOptions<ForwardOptions>("forward", [], { damping: finite });

/**
 * Plain, optionally damped iteration z⁺ = λ f(z) + (1 - λ) z. It converges where f is a contraction.
 * Without convergence it returns the last iterate: N undamped steps give exactly f applied N times. The stop
 * test looks at ‖f(z) - z‖, regardless of the damping.
 *
 * ```ts
 * import { fixedPointIteration, forward, np, oneStep, type Tensor } from "trilevel";
 * const halve = fixedPointIteration((z: Tensor) => z.mul(0.5).add(1), {
 *   solver: forward(), adjoint: oneStep(), maxSteps: 3, atol: 0, rtol: 0,
 * });
 * console.assert(await halve(np.array(0)).value.item() === 1.75);
 * ```
 */
export function forward(options: ForwardOptions = {}): FixedPointSolver<null> {
  checkOptions(options);
  const { damping = 1 } = options;
  if (!(damping > 0 && damping <= 1)) {
    throw new ArgumentError(
      `forward: \`damping\` must be above 0 and at most 1, got ${damping}`,
      "1 takes whole steps, 0.5 half of each: forward({ damping: 0.5 })",
    );
  }
  return {
    kind: "fixedPoint",
    name: "forward",
    returns: "last",
    init: () => null,
    next(z, f) {
      if (damping === 1) return { z: f, state: null };
      const next = lax.add(lax.mul(f, like(f, damping)), lax.mul(z, like(z, 1 - damping)));
      return { z: next, state: null };
    },
  };
}
