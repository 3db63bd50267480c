/** What the array language says to those who give a shape, a count or options that are none. */
import { beforeAll, describe } from "vitest";
import { np, setBackend } from "trilevel";
import { answered, loose } from "../support/mistakes.ts";

beforeAll(() => setBackend("reference"));

const here = /messages\.test\.ts:\d+:\d+/;

describe("shapes and counts", () => {
  const sizes = /a list of sizes, \[2, 3\], or one number/;
  const whole = /a whole number, 0 or more/;
  answered([
    ["no shape", () => loose(np.zeros)(), /^zeros: the shape is undefined$/, sizes],
    ["a shape of text", () => np.ones(loose("2")), /^ones: the shape is the string "2"$/, sizes],
    ["a tensor as shape", () => np.full(loose(np.ones(2)), 7), /^full: .* is a Tensor$/, sizes],
    ["a shape by name", () => np.zeros(loose({ shape: [2] })), /is an object$/, sizes],
    ["a size of text", () => np.zeros(loose(["2"])), /shape is the string "2"$/, whole],
    ["a nested shape", () => np.zeros(loose([[2, 3]])), /shape is a list of 2$/, whole],
    ["half a size", () => np.zeros([0.5]), /shape is 0\.5$/, whole],
    ["no classes", () => loose(np.oneHot)(1), /^oneHot: the classes is undefined$/, whole],
    ["no width", () => np.linspace(0, 1, loose("5")), /count is the string "5"$/, whole],
  ], here);
});
