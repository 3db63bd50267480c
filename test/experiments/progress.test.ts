/** The display: one line drawn over on a terminal, a line now and then elsewhere. */
import { describe, expect, it } from "vitest";
import { openDisplay, type ProgressState } from "../../src/experiments/progress.ts";

/** A terminal, or none, and a clock; `texts` is what was written. */
function setting(terminal: { readonly isTTY?: boolean; readonly columns?: number }) {
  const texts: string[] = [];
  const clock = { now: 0 };
  const out = { ...terminal, write: (text: string) => void texts.push(text) };
  return { texts, clock, display: openDisplay(out, () => clock.now) };
}

const state = (step: number): ProgressState => ({
  what: "step",
  step,
  steps: 8,
  facts: ["loss 0.25", "3 s left"],
});

/** What a terminal shows after these texts, line by line. */
const shown = (texts: readonly string[]) =>
  // deno-lint-ignore no-control-regex -- that is what a terminal is told
  texts.join("").split("\n").map((line) => line.split(/\r\x1b\[2K/).at(-1)!);

describe("on a terminal", () => {
  it("a line is drawn over, and gives way to lines that stay", () => {
    const { texts, clock, display } = setting({ isTTY: true, columns: 60 });
    display.line("begun");
    for (const step of [2, 4]) {
      display.update(state(step));
      clock.now += 1000;
    }
    expect(shown(texts)).toEqual([
      "begun",
      "████████████············  step 4/8  loss 0.25  3 s left",
    ]);
    texts.push("^C"); // the terminal's own echo
    display.line("interrupted");
    expect(shown(texts)).toEqual(["begun", "interrupted", ""]);
  });

  it("no line is wider than the terminal", () => {
    for (let columns = 21; columns < 90; columns++) {
      const { texts, display } = setting({ isTTY: true, columns });
      display.update(state(8));
      expect(shown(texts)[0]!.length).toBeLessThan(columns);
    }
  });

  it("nothing is drawn more often than eyes see, but the end is", () => {
    const { texts, display } = setting({ isTTY: true, columns: 60 });
    for (let step = 1; step <= 8; step++) display.update(state(step));
    expect(texts.filter((text) => text.includes("step"))).toHaveLength(2);
  });
});

describe("elsewhere", () => {
  it("plain lines come every few seconds, and at the end", () => {
    const { texts, clock, display } = setting({});
    for (let step = 1; step <= 8; step++) {
      display.update(state(step));
      clock.now += 1500;
    }
    expect(texts).toEqual([1, 5, 8].map((step) => `step ${step}/8  loss 0.25  3 s left\n`));
  });
});

it("elsewhere, what is counted anew is shown at once", () => {
  const { texts, display } = setting({});
  display.update({ what: "scene", step: 8, steps: 8, facts: [] });
  display.update(state(1));
  display.update(state(2));
  expect(texts.map((text) => text.slice(0, 9))).toEqual(["scene 8/8", "step 1/8 "]);
});
