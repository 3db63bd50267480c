/**
 * Studies of solvers and adjoints. Table 2 and Fig. 3 of Chang et al. (2022): vanilla SLATE (V), and the four combinations of
 * the way to find slots (I: iteration, B: Broyden) and the way to solve the adjoint (B: Broyden, N: one term of the
 * Neumann series). Fig. 11: more terms of the series.
 */
import type { Study } from "../study.ts";
import { curves, measures, smallSlate } from "./shared.ts";

const place = "7 iterations";
const solved = (name: string, solver: string, adjoint: readonly string[]) => ({
  name,
  line: name,
  place,
  facts: { "slots by": solver, adjoint: adjoint[0]!.replace("model.adjoint=", "") },
  set: [`model.solver=${solver}`, ...adjoint, "model.iterations=7"],
});
const byBroyden = ["model.adjoint=implicit", "model.linear=broyden"];
const byNeumann = ["model.adjoint=oneStep"];

/** `study table2`. */
export const table2: Study = {
  name: "table2",
  title: "Solvers of implicit SLATE",
  description:
    "Vanilla SLATE, and implicit SLATE by how slots are found (I: iteration, B: Broyden) and how the adjoint is solved (B: " +
    "Broyden, N: one term of the Neumann series), after Table 2 and Fig. 3 of Chang et al. (2022), in small. Vanilla applies " +
    "its step 8 times, as plain implicit SLATE does. The adjoint residual is ‖u − Jᵀu − g‖ / ‖g‖.",
  preset: "slate-quick",
  steps: 1000,
  seeds: 3,
  set: smallSlate,
  kinds: [
    {
      name: "V",
      line: "V",
      place,
      facts: { "slots by": "forward", adjoint: "unrolled" },
      set: ["model.adjoint=unrolled", "model.iterations=8"],
    },
    solved("IB", "forward", byBroyden),
    solved("BB", "broyden", byBroyden),
    solved("IN", "forward", byNeumann),
    solved("BN", "broyden", byNeumann),
  ],
  measures: [
    measures.crossEntropy,
    measures.mseSum,
    measures.discreteVae,
    measures.fgAri,
    measures.residual,
    measures.adjoint,
    measures.peak,
  ],
  claims: ["BB", "IN", "BN"].map((first) => ({
    text: `${first} reaches a lower cross entropy than vanilla (Table 2).`,
    measure: "crossEntropy",
    first,
    second: "V",
  })).concat([{
    text: "IB is less stable than IN: its cross entropy is higher (Table 2).",
    measure: "crossEntropy",
    first: "IN",
    second: "IB",
  }]),
  curves: [curves.crossEntropy, curves.residual, curves.adjoint, curves.gradient],
};

/** `study neumann`. */
export const neumannTerms: Study = {
  name: "neumann",
  title: "Terms of the Neumann series",
  description:
    "Implicit SLATE whose adjoint has 1, 2, 3 or 5 terms of the Neumann series, after Fig. 11 of Chang et al. (2022), in small.",
  preset: "slate-quick",
  steps: 1000,
  seeds: 3,
  set: [...smallSlate, "model.iterations=7", "model.adjoint=neumann"],
  kinds: [1, 2, 3, 5].map((terms) => ({
    name: `terms-${terms}`,
    line: terms === 1 ? "1 term" : `${terms} terms`,
    place: "7 iterations",
    facts: { terms: String(terms) },
    set: [`model.adjointTerms=${terms}`],
  })),
  measures: [measures.crossEntropy, measures.mseSum, measures.adjoint, measures.peak],
  claims: [2, 3, 5].map((terms) => ({
    text: `More terms do not help: 1 term reaches a lower cross entropy than ${terms} (Fig. 11).`,
    measure: "crossEntropy",
    first: "1 term",
    second: `${terms} terms`,
  })),
  curves: [curves.crossEntropy, curves.adjoint, curves.gradient],
};
