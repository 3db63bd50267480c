/**
 * Studies of the slots themselves: how spread the attention of vanilla and implicit SLATE is (Fig. 10 of Chang et al., 2022),
 * how local the change of the image is when a slot is removed (Fig. 9), and, of other models with slot attention, masks of
 * objects (Fig. 8) and their properties (Fig. 7).
 */
import { lastPart, type Measure, type Study } from "../study.ts";
import { bothKinds, curves, implicit, measures, smallSlate, vanilla } from "./shared.ts";

const common = { preset: "slate-quick", steps: 1000, seeds: 3, set: smallSlate } as const;

/** `study smear`. */
export const smear: Study = {
  ...common,
  name: "smear",
  title: "How spread attention is",
  description:
    "Attention of vanilla and implicit SLATE in numbers, after the pictures of Fig. 10 of Chang et al. (2022), in small: the " +
    "entropy of a slot over places (1: all alike), the share of places of which a slot has more than half, and the " +
    "greatest share that a slot has of a place.",
  kinds: bothKinds("8 steps", "8", 8),
  measures: [
    measures.entropy,
    measures.area,
    measures.share,
    measures.fgAri,
    measures.crossEntropy,
  ],
  claims: [
    {
      text: "Attention of implicit SLATE is less smeared: its entropy is lower (Fig. 10).",
      measure: "attentionEntropy",
      first: "implicit",
      second: "vanilla",
    },
    {
      text: "Its places belong more clearly to one slot.",
      measure: "attentionMax",
      first: "implicit",
      second: "vanilla",
    },
  ],
  curves: [
    { key: "validation/attentionEntropy", title: "Entropy of attention" },
    { key: "validation/attentionMax", title: "Greatest share of a place" },
    curves.fgAri,
  ],
};

/** `study deletion`. */
export const deletion: Study = {
  ...common,
  name: "deletion",
  title: "Images without one of their slots",
  description:
    "The mean change of the generated image, in [0, 1], when one slot is removed, where that slot had most of the attention " +
    "and elsewhere, after Fig. 9 of Chang et al. (2022), in small. Both models are trained and looked at with 4 slots.",
  set: [...smallSlate, "model.slots=4"],
  kinds: bothKinds("8 steps", "8", 8),
  measures: [measures.inside, measures.outside, measures.mseSum, measures.fgAri],
  claims: [
    {
      text: "Without a slot of implicit SLATE the rest of the image changes less (Fig. 9).",
      measure: "deletionOutside",
      first: "implicit",
      second: "vanilla",
    },
    {
      text: "The places of the slot itself change more.",
      measure: "deletionInside",
      first: "implicit",
      second: "vanilla",
    },
  ],
  curves: [
    { key: "validation/deletionInside", title: "Change at the slot's places" },
    { key: "validation/deletionOutside", title: "Change elsewhere" },
    curves.mseSum,
  ],
};

/** `study masks`. */
export const masks: Study = {
  name: "masks",
  title: "Masks of objects",
  description:
    "Masks of vanilla and implicit slot attention that decodes pixels, each applying its step 4 times, after Fig. 8 of Chang " +
    "et al. (2022), in small.",
  preset: "discovery-small",
  steps: 1000,
  seeds: 3,
  kinds: bothKinds("4 steps", "4", 4),
  measures: [
    measures.fgAri,
    {
      key: "meanIou",
      name: "mIoU",
      better: "higher",
      of: (rows) => lastPart(rows, "validation/meanIou", 0)[0] ?? NaN,
    },
    {
      key: "mse",
      name: "MSE",
      better: "lower",
      of: (rows) => lastPart(rows, "validation/mse", 0)[0] ?? NaN,
    },
  ],
  claims: [
    {
      text: "Masks of implicit slot attention fit the objects better (Fig. 8).",
      measure: "fgAri",
      first: "implicit",
      second: "vanilla",
    },
  ],
  curves: [curves.fgAri, { key: "loss", title: "Training loss", logarithmic: true }],
};

const precision = (key: string, name: string): Measure => ({
  key,
  name,
  better: "higher",
  of: (rows) => lastPart(rows, `validation/${key}`, 0)[0] ?? NaN,
});

/** `study properties`. */
export const properties: Study = {
  name: "properties",
  title: "Properties of objects",
  description:
    "Average precision of predicted properties, by the distance within which a place counts, for vanilla and implicit slot " +
    "attention with 1, 3 and 7 iterations at three learning rates, after Fig. 7 of Chang et al. (2022), in small: scenes of " +
    "32×32 pixels.",
  preset: "properties-clevr10",
  steps: 600,
  seeds: 3,
  set: [
    "data.scenes=2048",
    "data.resolution=32",
    "data.objects=[2,4]",
    "data.evaluate=64",
    "data.test=0",
    "model.slots=5",
    "model.slotSize=32",
    "model.mlpHidden=32",
    "model.encoder.channels=16",
    "optimizer.warmup=100",
    "optimizer.decaySteps=0",
    "log.every=10",
    "batchSize=32",
  ],
  kinds: [1, 3, 7].flatMap((n) =>
    ["4e-4", "1e-3", "2e-3"].flatMap((rate) =>
      ([["vanilla", vanilla(n)], ["implicit", implicit(n + 1)]] as const).map(([line, own]) => ({
        name: `${line}-${n}-${rate}`,
        line,
        place: `${n} iterations, rate ${rate}`,
        facts: { iterations: String(n), rate },
        set: [...own, `optimizer.learningRate=${rate}`],
      }))
    )
  ),
  measures: [
    precision("ap", "AP, any distance"),
    precision("ap1", "AP within 1"),
    precision("ap0.5", "AP within 0.5"),
    precision("ap0.25", "AP within 0.25"),
  ],
  claims: [
    {
      text: "Implicit slot attention predicts properties better (Fig. 7).",
      measure: "ap",
      first: "implicit",
      second: "vanilla",
    },
  ],
  curves: [
    { key: "validation/ap", title: "AP, any distance" },
    { key: "loss", title: "Training loss", logarithmic: true },
  ],
};
