/// <reference lib="dom" />
/** The code cell: the visitor edits a step, and sees its fixed point and gradients. */
import type { Answer, Solution } from "./cellProtocol.ts";

const example = `// The fixed point of z = tanh(w z + x), and its slope in w.
const step = (w: Tensor, z: Tensor, x: Tensor) =>
  np.tanh(np.matmul(w, z).add(x));

const w = np.array([[0.5, -0.2], [0.1, 0.3]]);
const z0 = np.zeros([2]);
const x = np.array([1, -1]);
`;

/** Milliseconds after which a cell is stopped. */
const patience = 20_000;

/** The elements of the cell. */
export interface CellElements {
  readonly code: HTMLTextAreaElement;
  readonly run: HTMLButtonElement;
  readonly result: HTMLElement;
}

/** Makes the cell work. */
export function letEdit({ code, run, result }: CellElements): void {
  code.value = example;
  let worker: Worker | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const show = (...nodes: Node[]) => result.replaceChildren(...nodes);
  const ended = () => {
    clearTimeout(timer);
    run.disabled = false;
  };
  const start = (): Worker => {
    const made = new Worker(new URL("cellWorker.js", import.meta.url), { type: "module" });
    made.onmessage = ({ data }: MessageEvent<Answer>) => {
      ended();
      show(
        ...(data.type === "solution"
          ? solutionNodes(data)
          : [text("pre", data.message, "problem")]),
      );
    };
    made.onerror = () => {
      ended();
      show(text("pre", "The cell's worker could not be loaded: reload the page.", "problem"));
    };
    return made;
  };
  const go = () => {
    run.disabled = true;
    worker ??= start();
    worker.postMessage(code.value);
    timer = setTimeout(() => {
      worker?.terminate();
      worker = undefined;
      ended();
      const seconds = patience / 1000;
      show(text("pre", `The cell was stopped after ${seconds} seconds.`, "problem"));
    }, patience);
  };
  run.addEventListener("click", go);
  code.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey) && !run.disabled) go();
  });
}

function solutionNodes({ fixedPoint, residuals, gradients }: Solution): Node[] {
  const table = document.createElement("table");
  const row = (cells: readonly string[], kind: "td" | "th") => {
    const tr = document.createElement("tr");
    tr.append(...cells.map((cell) => text(kind, cell)));
    table.append(tr);
  };
  row(["adjoint", "gradient of sum(z*) in w"], "th");
  for (const { adjoint, gradient } of gradients) row([adjoint, gradient], "td");
  const [first, last] = [residuals[0]!, residuals.at(-1)!];
  return [
    text("p", `z* = ${fixedPoint}`),
    text(
      "p",
      `The residual went from ${first.toExponential(1)} to ${last.toExponential(1)} in ` +
        `${residuals.length} steps.` +
        (last > 1e-3
          ? " The step does not converge: gradients of the implicit kind mean little."
          : ""),
    ),
    table,
  ];
}

function text(tag: string, content: string, name = ""): HTMLElement {
  const element = document.createElement(tag);
  element.textContent = content;
  element.className = name;
  return element;
}
