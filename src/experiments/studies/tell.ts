/** Results as a table over kinds, a table over seeds, verdicts on the claims of the paper, and a picture. */
import { bandName, type Point, seedSeries } from "../report/curves.ts";
import type { Markup } from "../report/markup.ts";
import { chartGrid, valuesOf } from "../report/plots.ts";
import { plusMinus } from "../report/seeds.ts";
import { markdownTable, type Table } from "../report/tables.ts";
import { difference } from "../statistics/difference.ts";
import { formatSample, type SeedValues, summarize } from "../statistics/sample.ts";
import type { IntervalMethod } from "../statistics/interval.ts";
import { outcomeOf, tellVerdict } from "../statistics/verdict.ts";
import type { StudyResults } from "./results.ts";
import type { Claim, Study, StudyKind } from "./study.ts";

/** The kinds that have results, in the order of the study. */
const kindsOf = ({ kinds }: Study, { cells }: StudyResults) =>
  kinds.filter(({ name }) => cells.some(({ kind }) => kind === name));

/** The values of a measure by seed; NaN where a run failed. */
function valuesBySeed({ cells }: StudyResults, kind: StudyKind, key: string): SeedValues {
  return new Map(
    cells.filter((cell) => cell.kind === kind.name)
      .map(({ seed, measures }) => [seed, measures[key] ?? NaN]),
  );
}

const headsOf = (kinds: readonly StudyKind[]) => [
  ...new Set(kinds.flatMap(({ facts = {} }) => Object.keys(facts))),
];

/** A row for each kind: mean ± deviation of each measure. */
export function studyTable(study: Study, results: StudyResults): Table {
  const kinds = kindsOf(study, results);
  const heads = headsOf(kinds);
  return [
    ["kind", ...heads, "n", ...study.measures.map(({ name }) => name)],
    ...kinds.map((kind) => [
      kind.line,
      ...heads.map((head) => kind.facts?.[head] ?? "–"),
      String(results.cells.filter((cell) => cell.kind === kind.name).length),
      ...study.measures.map(({ key }) =>
        formatSample(summarize(valuesBySeed(results, kind, key).values()))
      ),
    ]),
  ];
}

/** A row for each run. */
export function cellTable(study: Study, results: StudyResults): Table {
  const kinds = kindsOf(study, results);
  return [
    ["kind", "place", "seed", ...study.measures.map(({ name }) => name)],
    ...kinds.flatMap((kind) =>
      results.cells.filter((cell) => cell.kind === kind.name).map(({ seed, status, measures }) => [
        kind.line,
        kind.place,
        String(seed),
        ...study.measures.map(({ key }) => {
          const value = measures[key] ?? NaN;
          return Number.isFinite(value) ? String(Number(value.toPrecision(3))) : status;
        }),
      ])
    ),
  ];
}

/** A claim of the paper, and the verdict of the results. */
export interface JudgedClaim {
  readonly claim: Claim;
  /** One sentence over all places. */
  readonly verdict: string;
  /** A sentence for each place. */
  readonly places: readonly string[];
}

/** Compares the lines that each claim speaks of, place by place. */
export function judgeClaims(
  study: Study,
  results: StudyResults,
  method: IntervalMethod = "t",
): readonly JudgedClaim[] {
  const kinds = kindsOf(study, results);
  return study.claims.map((claim) => {
    const measure = study.measures.find(({ key }) => key === claim.measure);
    if (measure === undefined) {
      throw new Error(
        `The study "${study.name}" claims something of "${claim.measure}", which it does not measure.`,
      );
    }
    const count = { first: 0, second: 0, undecided: 0 };
    const places = [...new Set(kinds.map(({ place }) => place))].flatMap((place) => {
      const of = (line: string) => kinds.find((kind) => kind.place === place && kind.line === line);
      const [first, second] = [of(claim.first), of(claim.second)];
      if (first === undefined || second === undefined) return [];
      const found = difference(
        valuesBySeed(results, first, measure.key),
        valuesBySeed(results, second, measure.key),
        { method },
      );
      count[outcomeOf(found, measure.better)]++;
      return [
        `${place}, ${
          tellVerdict(found, {
            measure: measure.name,
            first: claim.first,
            second: claim.second,
            better: measure.better,
          })
        }`,
      ];
    });
    return { claim, verdict: overall(count, places.length), places };
  });
}

function overall(
  { first, second, undecided }: { first: number; second: number; undecided: number },
  all: number,
): string {
  if (all === 0) return "Nothing to compare was run.";
  if (first === all) return "The runs agree, at every place.";
  if (second > 0 && first === 0 && undecided === 0) {
    return "The runs say the opposite, at every place.";
  }
  if (undecided === all) return "Not decided by these seeds, at any place.";
  return [
    `Of ${all} places the runs agree at ${first}`,
    `say the opposite at ${second}`,
    `and do not decide at ${undecided}.`,
  ].join(", ");
}

/** More places than this go down the picture, not across. */
const mostColumns = 5;

/** The picture: a row for each curve, a column for each place; of many places, a row for each place. */
export function drawStudy(study: Study, results: StudyResults): Markup {
  const kinds = kindsOf(study, results);
  const places = [...new Set(kinds.map(({ place }) => place))];
  const lines = [...new Set(kinds.map(({ line }) => line))];
  const down = places.length > mostColumns;
  const charts = study.curves.map(({ key, title, logarithmic = false }) => {
    const row = places.map((place) =>
      kinds.filter((kind) => kind.place === place).map((kind) =>
        seedSeries(
          kind.line,
          results.cells.filter((cell) => cell.kind === kind.name)
            .map(({ curves }) => (curves[key] ?? []).map(([x, y]): Point => ({ x, y }))),
          lines.indexOf(kind.line),
        )
      )
    );
    const shared = valuesOf(row.flat());
    return row.map((series, i) => ({
      title: down ? places[i]! : title,
      series,
      // Systems of different kinds have losses of different sizes.
      range: down ? valuesOf(series) : shared,
      logarithmic,
      domain: [0, results.steps] as const,
    }));
  });
  return chartGrid({
    heads: down ? study.curves.map(({ title }) => title) : places,
    rows: down ? places.map((_, i) => charts.map((row) => row[i]!)) : charts,
    legend: lines.map((name) => ({ name })),
    note: seedsNote(results),
  });
}

function seedsNote({ cells }: StudyResults): string {
  const counts = new Map<string, number>();
  for (const { kind } of cells) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  const [least, most] = [Math.min(...counts.values()), Math.max(...counts.values())];
  const n = least === most ? String(most) : `${least} to ${most}`;
  return `n = ${n} seeds of each kind; line: mean of moving means over a fiftieth of training; ${bandName}`;
}

/** All of it in Markdown. */
export function tellStudy(
  study: Study,
  results: StudyResults,
  method: IntervalMethod = "t",
): string {
  return [
    markdownTable(studyTable(study, results)),
    plusMinus,
    ...judgeClaims(study, results, method).flatMap(({ claim, verdict, places }) => [
      `**${claim.text}** ${verdict}`,
      places.map((place) => `- ${place}`).join("\n"),
    ]),
  ].join("\n\n");
}
