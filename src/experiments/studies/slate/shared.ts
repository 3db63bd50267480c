/** The small model that all studies of SLATE train, with its kinds, measures and curves. */
import { max, mean } from "simple-statistics";
import { lastPart, type Measure, type StudyCurve, type StudyKind } from "../study.ts";

/**
 * `slate-quick` made smaller: 16 tokens, one block. Two squares of three colours, so that a few codes are enough and
 * the tokens settle early in training.
 */
export const smallSlate: readonly string[] = [
  "data.resolution=16",
  "data.scenes=1152",
  "data.evaluate=64",
  "data.test=0",
  "data.objects=[2,2]",
  "model.size=32",
  "model.slots=3",
  "model.blocks=1",
  "model.heads=2",
  "model.dropout=0",
  "model.temperatureSteps=400",
  "optimizer.learningRate=1e-3",
  "optimizer.warmup=100",
  "log.panelImages=4",
  "batchSize=16",
];

/** Vanilla SLATE that applies its step `steps` times. */
export const vanilla = (steps: number): readonly string[] => [
  "model.adjoint=unrolled",
  `model.iterations=${steps}`,
];

/** Implicit SLATE of first order that applies its step `steps` times, the last one with a derivative. */
export const implicit = (steps: number): readonly string[] => [
  "model.adjoint=oneStep",
  `model.iterations=${steps - 1}`,
];

/** Both at one place, with further changes of their configs. */
export const bothKinds = (
  place: string,
  name: string,
  steps: number,
  set: readonly string[] = [],
): readonly StudyKind[] =>
  [["vanilla", vanilla(steps)] as const, ["implicit", implicit(steps)] as const].map((
    [line, own],
  ) => ({
    name: `${line}-${name}`,
    line,
    place,
    facts: { place, "steps forward": String(steps) },
    set: [...own, ...set],
  }));

/** A score of the last validation. */
const validated = (
  key: string,
  name: string,
  better: "higher" | "lower",
): Measure => ({
  key,
  name,
  better,
  of: (rows) => lastPart(rows, `validation/${key}`, 0)[0] ?? NaN,
});

/** Measures by key. */
export const measures = {
  crossEntropy: validated("crossEntropy", "CE", "lower"),
  mseSum: validated("mseSum", "AR MSE", "lower"),
  discreteVae: validated("discreteVaeMseSum", "dVAE MSE", "lower"),
  fgAri: validated("fgAri", "FG-ARI", "higher"),
  perplexity: validated("perplexity", "perplexity", "higher"),
  jacobian: validated("spectralNorm", "Jacobian norm", "lower"),
  adjoint: validated("adjointResidual", "adjoint residual", "lower"),
  entropy: validated("attentionEntropy", "entropy of attention", "lower"),
  area: validated("attentionArea", "area of a slot", "lower"),
  share: validated("attentionMax", "greatest share", "higher"),
  inside: validated("deletionInside", "change inside", "higher"),
  outside: validated("deletionOutside", "change outside", "lower"),
  residual: {
    key: "residual",
    name: "residual",
    better: "lower",
    of: (rows) => mean(lastPart(rows, "residual", 0.1)),
  },
  peak: {
    key: "peak",
    name: "gradient norm (greatest)",
    better: "lower",
    of: (rows) => max(lastPart(rows, "gradientNorm/rest", 0.8)),
  },
} satisfies { readonly [name: string]: Measure };

/** Curves by name. */
export const curves = {
  crossEntropy: {
    key: "validation/crossEntropy",
    title: "Validation cross entropy",
    logarithmic: true,
  },
  mseSum: { key: "validation/mseSum", title: "AR MSE of an image", logarithmic: true },
  residual: { key: "residual", title: "Residual ‖f(z) − z‖", logarithmic: true },
  adjoint: { key: "validation/adjointResidual", title: "Adjoint residual", logarithmic: true },
  gradient: { key: "gradientNorm/rest", title: "Gradient norm", logarithmic: true },
  jacobian: { key: "validation/spectralNorm", title: "Jacobian norm σmax", logarithmic: true },
  fgAri: { key: "validation/fgAri", title: "Validation FG-ARI" },
} satisfies { readonly [name: string]: StudyCurve };
