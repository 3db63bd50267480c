/** Public options and names agree: one name for one thing, and one kind of value for one name. */
import { expect, test, vi } from "vitest";
import type * as ours from "../src/options/options.ts";
import jax from "./fixtures/jax-names.json" with { type: "json" };

type Declare = typeof ours.declareOptions;

const { declared } = vi.hoisted(() => ({ declared: [] as ours.Declaration[] }));

// Every declaration of the package passes here, whether its function is exported or part of another.
vi.mock("../src/options/options.ts", async (load) => {
  const actual = await load<typeof ours>();
  const declareOptions = ((...args: Parameters<Declare>) => {
    const check = actual.declareOptions(...args);
    declared.push(check.declaration);
    return check;
  }) as Declare; // as generic as the original
  return { ...actual, declareOptions };
});

const trilevel = await import("trilevel");
const spaces = {
  trilevel,
  ...{ np: trilevel.np, random: trilevel.random, nn: trilevel.nn, optim: trilevel.optim },
  ...{ metrics: trilevel.metrics, tree: trilevel.tree, debug: trilevel.debug },
  ...{ solvers: trilevel.solvers, adjoints: trilevel.adjoints },
  models: await import("trilevel/models"),
  data: await import("trilevel/data"),
  safetensors: await import("trilevel/safetensors"),
};
await import("trilevel/experiments");

/** The functions that declare an option, and the kind of its values. */
const users = (option: string) =>
  declared.flatMap(({ name, spec }) => {
    const kind = spec[option];
    return kind === undefined ? [] : [{ name, expected: kind.expected }];
  });
const namesOf = (option: string) => [...new Set(users(option).map(({ name }) => name))].sort();
const kindsOf = (option: string) => [...new Set(users(option).map(({ expected }) => expected))];

test("all declarations are seen", () => {
  expect(declared.length).toBeGreaterThan(450);
  expect(namesOf("axis").length).toBeGreaterThan(50);
});

test("counts of iterations are called `steps`, and bounds of such counts `maxSteps`", () => {
  const others = new Map<string, string[]>();
  for (const { name, spec } of declared) {
    for (const option of Object.keys(spec)) {
      if (
        !/iter|^rounds|^n_?steps|^num_?steps|^step_?count|^max_?(?!Step)\w*(steps|count)$/i.test(
          option,
        )
      ) {
        continue;
      }
      if (option !== "maxSteps") others.set(option, [...others.get(option) ?? [], name]);
    }
  }
  // The papers and the official code of slot attention call the updates of slots so, and so do models that contain it.
  expect(Object.keys(spaces.models)).toEqual(expect.arrayContaining(others.get("iterations")!));
  others.delete("iterations");
  expect(Object.fromEntries(others)).toEqual({
    // As optax calls them.
    numIters: ["optim.powerIteration", "optim.matrixInversePthRoot"],
    maxBacktrackingSteps: ["optim.scaleByBacktrackingLinesearch"],
    maxLinesearchSteps: ["optim.scaleByZoomLinesearch"],
  });
  for (const option of ["steps", "maxSteps"]) {
    expect(namesOf(option).length).toBeGreaterThan(5);
    for (const kind of kindsOf(option)) expect(kind).toMatch(/^a whole number, [01] or more$/);
  }
});

test("an option that many functions have means the same in all of them", () => {
  const whole = /^a whole number, 0 or more$/;
  const list = /^a list, of which each is a whole number, 0 or more$/;
  const same: Readonly<Record<string, RegExp>> = {
    maxSteps: whole,
    staticArgnums: list,
    donateArgnums: list,
    axis: /whole number/,
    batchAxis: /whole number/,
    keepdims: /true or false/,
    rtol: /a number, 0 or more/,
    batchSize: /^a whole number, 1 or more$/,
  };
  for (const [option, pattern] of Object.entries(same)) {
    expect(users(option).length, option).toBeGreaterThan(0);
    for (const kind of kindsOf(option)) expect(kind, option).toMatch(pattern);
  }
});

test("`donateArgnums` stands beside `staticArgnums`, and is the only name that has a shorter one", () => {
  expect(namesOf("donateArgnums")).toEqual(namesOf("staticArgnums"));
  expect(namesOf("donate")).toEqual(namesOf("donateArgnums"));
  for (const [long, short] of [["staticArgnums", "static"], ["argnums", "args"]] as const) {
    expect(namesOf(long).length).toBeGreaterThan(0);
    expect(namesOf(short)).toEqual([]);
  }
});

test("a function has two names only where JAX or optax has both, or where JavaScript reserves one", () => {
  const known = new Set(Object.values(jax.modules).flat().map((name) => plain(name)));
  const reserved = ["var", "delete"]; // no names for named imports
  const twins = Object.entries(spaces).flatMap(([space, contents]) => {
    const names = new Map<unknown, string[]>();
    for (const [name, value] of Object.entries(contents)) {
      if (typeof value === "function") names.set(value, [...names.get(value) ?? [], name]);
    }
    return [...names.values()].filter((all) =>
      all.length > 1 && !all.every((name) => known.has(plain(name))) &&
      !all.some((name) => reserved.includes(name))
    ).map((all) => `${space}: ${all.join(", ")}`);
  });
  expect(twins).toEqual([]);
});

const plain = (name: string) => name.replaceAll("_", "").toLowerCase();

test("solvers and adjoints are also reachable together", () => {
  for (const space of [trilevel.solvers, trilevel.adjoints]) {
    expect(Object.keys(space).length).toBeGreaterThan(5);
    for (const [name, value] of Object.entries(space)) {
      expect((trilevel as Record<string, unknown>)[name], name).toBe(value);
    }
  }
});
