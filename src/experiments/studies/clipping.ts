/**
 * Does slot attention need gradient clipping? Vanilla and implicit slot attention at several numbers of steps, without
 * clipping: loss, Jacobian norm and gradient norm over training, after Fig. 3a, 5 and 6 of Chang et al. (2022), in small.
 */
import { max, mean, median } from "simple-statistics";
import { lastPart, type Study, type StudyKind } from "./study.ts";

/**
 * Implicit slot attention with N iterations takes one more step, through which it is differentiated. So that both apply
 * the same function equally often, it has one iteration less.
 */
const kinds = [3, 7, 15].flatMap((steps): StudyKind[] => [
  kindOf("vanilla", "unrolled", steps, steps),
  kindOf("implicit", "oneStep", steps, steps - 1),
]);

function kindOf(line: string, adjoint: string, steps: number, iterations: number): StudyKind {
  return {
    name: `${line}-${steps}`,
    line,
    place: `${steps} steps forward`,
    facts: { "steps forward": String(steps), iterations: String(iterations) },
    set: [`model.adjoint=${adjoint}`, `model.iterations=${iterations}`],
  };
}

/** `study tricks`. */
export const tricks: Study = {
  name: "tricks",
  title: "Without gradient clipping",
  description:
    "Vanilla and implicit slot attention without gradient clipping, each applying its step equally often, " +
    "after Fig. 3a, 5 and 6 of Chang et al. (2022). Loss and median gradient norm are of the last tenth of training, the " +
    "greatest gradient norm is of all but its first fifth, FG-ARI and Jacobian norm are of its end.",
  preset: "discovery-small",
  steps: 1000,
  seeds: 5,
  set: ["optimizer.clip=0"],
  kinds,
  measures: [
    { key: "loss", name: "loss", better: "lower", of: (rows) => mean(lastPart(rows, "loss", 0.1)) },
    {
      key: "fgAri",
      name: "FG-ARI",
      better: "higher",
      of: (rows) => lastPart(rows, "validation/fgAri", 0)[0] ?? NaN,
    },
    {
      key: "jacobian",
      name: "Jacobian norm",
      better: "lower",
      of: (rows) => lastPart(rows, "validation/spectralNorm", 0)[0] ?? NaN,
    },
    {
      key: "gradient",
      name: "gradient norm (median)",
      better: "lower",
      of: (rows) => median(lastPart(rows, "gradientNorm", 0.1)),
    },
    {
      key: "peak",
      name: "gradient norm (greatest)",
      better: "lower",
      of: (rows) => max(lastPart(rows, "gradientNorm", 0.8)),
    },
  ],
  claims: [
    {
      text: "Implicit slot attention reaches a lower loss without clipping (Fig. 5).",
      measure: "loss",
      first: "implicit",
      second: "vanilla",
    },
    {
      text: "Its gradients have lower peaks (Fig. 6a).",
      measure: "peak",
      first: "implicit",
      second: "vanilla",
    },
    {
      text: "Its Jacobian norm stays lower (Fig. 5).",
      measure: "jacobian",
      first: "implicit",
      second: "vanilla",
    },
    {
      text: "It also finds the objects better.",
      measure: "fgAri",
      first: "implicit",
      second: "vanilla",
    },
  ],
  curves: [
    { key: "loss", title: "Training loss", logarithmic: true },
    { key: "validation/fgAri", title: "Validation FG-ARI" },
    { key: "validation/spectralNorm", title: "Jacobian norm σmax", logarithmic: true },
    { key: "gradientNorm", title: "Gradient norm", logarithmic: true },
  ],
};
