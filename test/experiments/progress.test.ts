/** The display: one line drawn over on a terminal, a line now and then elsewhere. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatFixed,
  formatSpread,
  openDisplay,
  type ProgressState,
} from "../../src/experiments/display/progress.ts";

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

describe("numbers", () => {
  const wide = { min: -1e5, max: 1e5, noNaN: true };

  it("are not below zero where they are rounded to it", () => {
    fc.assert(fc.property(fc.double(wide), fc.integer({ min: 0, max: 5 }), (x, digits) => {
      const text = formatFixed(x, digits);
      expect(Object.is(Number(text), -0)).toBe(false);
      expect(Number(text)).toBeCloseTo(x, digits - 0.31);
    }));
    expect([formatFixed(-0.3, 0), formatFixed(-0.004, 2), formatFixed(-1.5, 1)])
      .toEqual(["0", "0.00", "-1.5"]);
  });

  it("are told with their deviation, which has two digits, to the same place", () => {
    expect(formatSpread(829.4, 192)).toBe("829 ± 190");
    expect(formatSpread(0.5123, 0.0312)).toBe("0.512 ± 0.031");
    expect(formatSpread(12, 0.0996)).toBe("12.00 ± 0.10");
    expect(formatSpread(0.5, 0)).toBe("0.5 ± 0");
    expect(formatSpread(NaN, NaN)).toBe("NaN ± NaN");
    const deviations = fc.double({ min: 1e-4, max: 1e5, noNaN: true });
    fc.assert(fc.property(fc.double(wide), deviations, (mean, deviation) => {
      const [left, right] = formatSpread(mean, deviation).split(" ± ") as [string, string];
      expect(left + right).not.toMatch(/e/);
      expect(Number(right) / deviation).toBeGreaterThan(0.94);
      expect(Number(right) / deviation).toBeLessThan(1.06);
      const places = (text: string) => text.split(".")[1]?.length ?? 0;
      expect(places(left)).toBe(places(right));
      expect(Math.abs(Number(left) - mean)).toBeLessThanOrEqual(Math.max(0.5, deviation / 10));
    }));
  });
});
