/**
 * Studies of the training of vanilla and implicit SLATE: by the number of iterations (Fig. 6b, 6c of Chang et al., 2022),
 * without clipping (Fig. 12, 13), with the gradients that SLATE's code accumulated until April 2022, at the best
 * learning rate of each, and on three kinds of scenes (Table 3).
 */
import type { Claim, Study } from "../study.ts";
import { bothKinds, curves, implicit, measures, smallSlate, vanilla } from "./shared.ts";

const common = { preset: "slate-quick", steps: 1000, seeds: 3, set: smallSlate } as const;
const implicitIsLower = (measure: string, text: string): Claim => ({
  text,
  measure,
  first: "implicit",
  second: "vanilla",
});

/** `study iterations`. */
export const iterations: Study = {
  ...common,
  name: "iterations",
  title: "Iterations of SLATE",
  description:
    "Vanilla and implicit SLATE that apply their step 2, 4, 8 and 12 times, after Fig. 6b of Chang et al. (2022), and vanilla " +
    "that applies it once beside implicit that applies it 7 times (Fig. 6c), in small.",
  kinds: [
    ...[2, 4, 8, 12].flatMap((n) => bothKinds(`${n} steps`, String(n), n)),
    {
      name: "vanilla-one",
      line: "vanilla",
      place: "1 against 7 steps",
      facts: { place: "1 against 7 steps", "steps forward": "1" },
      set: vanilla(1),
    },
    {
      name: "implicit-seven",
      line: "implicit",
      place: "1 against 7 steps",
      facts: { place: "1 against 7 steps", "steps forward": "7" },
      set: implicit(7),
    },
  ],
  measures: [measures.crossEntropy, measures.mseSum, measures.fgAri, measures.peak],
  claims: [
    implicitIsLower("crossEntropy", "Implicit SLATE reaches a lower cross entropy (Fig. 6b)."),
    implicitIsLower("mseSum", "Its generated images are nearer to the originals (Fig. 6c)."),
    implicitIsLower("peak", "Its gradients have lower peaks (Fig. 6a)."),
  ],
  curves: [curves.crossEntropy, curves.mseSum, curves.gradient],
};

/** `study unclipped`. */
export const unclipped: Study = {
  ...common,
  name: "unclipped",
  title: "SLATE without gradient clipping",
  description:
    "Vanilla and implicit SLATE with and without the clip of the whole gradient, after Fig. 12 and 13 of Chang et al. (2022), " +
    "in small.",
  kinds: [
    ...bothKinds("clipped", "clipped", 8),
    ...bothKinds("not clipped", "unclipped", 8, ["model.clipEntries=0"]),
  ],
  measures: [
    measures.crossEntropy,
    measures.mseSum,
    measures.discreteVae,
    measures.fgAri,
    measures.peak,
  ],
  claims: [
    implicitIsLower("crossEntropy", "Implicit SLATE reaches a lower cross entropy."),
    implicitIsLower("peak", "Its gradients do not explode without clipping (Fig. 12, 13)."),
    {
      text: "It segments better.",
      measure: "fgAri",
      first: "implicit",
      second: "vanilla",
    },
  ],
  curves: [curves.crossEntropy, curves.fgAri, curves.gradient],
};

/** `study accumulation`. */
export const accumulation: Study = {
  ...common,
  name: "accumulation",
  title: "Gradients that were accumulated",
  description:
    "SLATE's training script added each gradient to the clipped one of the step before until April 2022. How much of the " +
    "difference between vanilla and implicit SLATE, with and without clipping, comes of that? No one has published this.",
  kinds: [
    ...bothKinds("fresh, clipped", "fresh-clipped", 8),
    ...bothKinds("accumulated, clipped", "accumulated-clipped", 8, ["model.accumulate=true"]),
    ...bothKinds("fresh, not clipped", "fresh-unclipped", 8, ["model.clipEntries=0"]),
    ...bothKinds("accumulated, not clipped", "accumulated-unclipped", 8, [
      "model.accumulate=true",
      "model.clipEntries=0",
    ]),
  ],
  measures: [measures.crossEntropy, measures.mseSum, measures.discreteVae, measures.peak],
  claims: [implicitIsLower("crossEntropy", "Implicit SLATE reaches a lower cross entropy.")],
  curves: [curves.crossEntropy, curves.gradient],
};

/** `study rates`. */
export const rates: Study = {
  ...common,
  name: "rates",
  title: "Matched learning rates",
  description:
    "Vanilla and implicit SLATE at several learning rates of all but the discrete VAE. If the gap closes between the best " +
    "rate of each, it was a matter of sensitivity to the rate. No one has published this.",
  kinds: ["3e-4", "1e-3", "3e-3"].flatMap((rate) =>
    bothKinds(`rate ${rate}`, rate, 8, [`optimizer.learningRate=${rate}`])
  ),
  measures: [measures.crossEntropy, measures.mseSum, measures.fgAri, measures.peak],
  claims: [implicitIsLower("crossEntropy", "Implicit SLATE reaches a lower cross entropy.")],
  curves: [curves.crossEntropy, curves.gradient],
};

/** `study table3`. */
export const table3: Study = {
  ...common,
  name: "table3",
  title: "Images from slots on three kinds of scenes",
  description:
    "The error of images that vanilla and implicit SLATE generate from slots, after Table 3 of Chang et al. (2022), on three " +
    "kinds of generated scenes, in small: squares on a grid, sprites anywhere on muted colours, and CLEVR-like scenes.",
  kinds: [
    ...bothKinds("squares", "squares", 8),
    ...bothKinds("sprites", "sprites", 8, ["data.grid=0", "data.background=random"]),
    ...bothKinds("CLEVR-like", "clevr", 8, ["data.source=clevr", "data.grid=0"]),
  ],
  measures: [measures.mseSum, measures.crossEntropy, measures.discreteVae, measures.perplexity],
  claims: [
    implicitIsLower("mseSum", "Images of implicit SLATE are nearer to the originals (Table 3)."),
  ],
  curves: [curves.mseSum, curves.crossEntropy],
};
