/** Runs the code cell: in a worker of its own, so that a loop without end can be stopped, and in float64. */
import { transform } from "sucrase";
import * as trilevel from "../index.ts";
import type { Answer } from "./cellProtocol.ts";

const { grad, infer, np, setBackend } = trilevel;
type Tensor = trilevel.Tensor;
type Weights = Tensor | { readonly [name: string]: Tensor };

/** The definitions of a cell. */
interface Cell {
  readonly step: (w: Weights, z: Tensor, x: Tensor) => Tensor;
  readonly w: Weights;
  readonly z0: Tensor;
  readonly x: Tensor;
}

const steps = 60;
const adjoints: Readonly<Record<string, trilevel.Adjoint>> = {
  "unrolled (vanilla)": trilevel.unrolled(),
  "one step": trilevel.oneStep(),
  "Neumann, 5 terms": trilevel.neumann({ terms: 5 }),
  "implicit (exact)": trilevel.implicit(),
};

/** Runs the text of a cell. Everything of the library is in scope by its name. */
function evaluate(code: string): Cell {
  const javaScript =
    transform(code, { transforms: ["typescript"], disableESTransforms: true }).code;
  const names = Object.keys(trilevel);
  const define = new Function(...names, `"use strict";\n${javaScript}\nreturn { step, w, z0, x };`);
  return define(...Object.values(trilevel)) as Cell; // checked by what it is used for
}

async function textOf(value: Weights): Promise<string> {
  const number = (x: unknown): string =>
    Array.isArray(x) ? `[${x.map(number).join(", ")}]` : Number(x).toPrecision(6);
  const shown = async (x: Tensor) => number(await x.array());
  if ("dtype" in value) return await shown(value as Tensor);
  const parts = Object.entries(value).map(async ([name, x]) => `${name}: ${await shown(x)}`);
  return (await Promise.all(parts)).join(", ");
}

async function solve(code: string): Promise<Answer> {
  await setBackend("reference");
  const { step, w, z0, x } = evaluate(code);
  const level: trilevel.Level<Weights, Tensor, Tensor> = { init: () => z0, step };
  const key = trilevel.random.key(0);
  const solved = (adjoint: trilevel.Adjoint) => infer(level, { steps, adjoint, noise: "fixed" });
  const { value, stats } = solved(trilevel.oneStep())(w, x, key);
  const gradients = [];
  for (const [name, adjoint] of Object.entries(adjoints)) {
    const loss = (w: Weights) => np.sum(solved(adjoint)(w, x, key).value);
    gradients.push({ adjoint: name, gradient: await textOf(grad(loss)(w)) });
  }
  return {
    type: "solution",
    fixedPoint: await textOf(value),
    residuals: [...await stats.trace.data()],
    gradients,
  };
}

const worker = globalThis as unknown as { // of workers, of which types of pages know nothing
  postMessage(answer: Answer): void;
  onmessage: (event: MessageEvent<string>) => void;
};
worker.onmessage = async ({ data }) => {
  try {
    worker.postMessage(await solve(data));
  } catch (error) {
    const message = error instanceof ReferenceError && /step|w|z0|x/.test(error.message)
      ? `${error.message}: a cell defines step(w, z, x), w, z0 and x`
      : String(error);
    worker.postMessage({ type: "problem", message });
  }
};
