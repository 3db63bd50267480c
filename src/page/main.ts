/// <reference lib="dom" />
/** The live page: it shows what the worker tells, and tells the worker what the visitor wants. */
import { letEdit } from "./cell.ts";
import { Curve } from "./curves.ts";
import { letPaint } from "./painting.ts";
import { drawAttention, drawImage, drawObjects, drawPart, slotColours } from "./pictures.ts";
import {
  adjointNames,
  type Drawn,
  type Look,
  type Report,
  type Request,
  type Settings,
  shownImages,
  shownSteps,
  slotCount,
  solverNames,
  type Trained,
} from "./protocol.ts";

/** An element of the page, by its id. */
function element<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`the page has no ${kind.name} called ${id}`);
  return found;
}
const button = (id: string) => element(id, HTMLButtonElement);
const canvas = (id: string) => element(id, HTMLCanvasElement);
const select = (id: string) => element(id, HTMLSelectElement);

const asked = new URL(location.href).searchParams.get("backend");
const address = new URL("worker.js", import.meta.url);
if (asked) address.searchParams.set("backend", asked);
const worker = new Worker(address, { type: "module" });
const ask = (request: Request, transfer: Transferable[] = []) =>
  worker.postMessage(request, transfer);

// The view of the worker.
const status = element("status", HTMLElement);
const iteration = element("iteration", HTMLInputElement);
const shown = element("shown", HTMLOutputElement);
const residual = element("residual", HTMLOutputElement);
const curves = {
  loss: new Curve(element("loss", HTMLElement), "--accent", true),
  norm: new Curve(element("norm", HTMLElement), "--second", false),
};
const [batch, slots] = [element("batch", HTMLElement), element("slots", HTMLElement)];
const square = (label: string) => {
  const made = document.createElement("canvas");
  made.width = made.height = 32;
  made.role = "img";
  made.ariaLabel = label;
  return made;
};
const batchCanvases = Array.from({ length: shownImages }, (_, i) => {
  const pair = [square(`Image ${i + 1}`), square(`Reconstruction ${i + 1}`)] as const;
  batch.append(...pair);
  return pair;
});
const slotCanvases = slotColours.slice(0, slotCount).map((colour, i) => {
  const figure = document.createElement("figure");
  figure.style.setProperty("--slot", colour);
  const pair = [square(`Where slot ${i + 1} looks`), square(`What slot ${i + 1} draws`)] as const;
  figure.append(...pair);
  slots.append(figure);
  return pair;
});

let where = "";
let progress = "";
let problem = "";
let training = false;
let look: Look | undefined;
/** True while the image is the visitor's, who may be drawing it: the canvas is theirs then. */
let own = false;

function showStatus(): void {
  status.textContent = problem || [where, progress].filter(Boolean).join(" ");
  status.className = problem ? "problem" : "";
}

function showAttention(): void {
  const step = Number(iteration.value);
  shown.textContent = `${step}`;
  if (!look) return;
  const { attention, residuals } = look;
  slotCanvases.forEach(([where], slot) =>
    drawAttention(where, attention, shownSteps + 1, step, slot)
  );
  residual.textContent = residuals[step]!.toExponential(1);
}

function showLook(report: Look): void {
  look = report;
  if (!own) drawImage(canvas("image"), report.image);
  curves.norm.add(report.step, report.norm);
  showAttention();
}

function showDrawn({ reconstruction, images, masks }: Drawn): void {
  drawImage(canvas("reconstruction"), reconstruction);
  drawObjects(canvas("objects"), masks);
  slotCanvases.forEach(([, part], slot) => drawPart(part, images, masks, slot));
}

function showTrained({ step, loss, perSecond, images, reconstructions }: Trained): void {
  curves.loss.add(step, loss);
  progress = `Step ${step}, loss ${loss.toFixed(4)}, ${perSecond.toFixed(1)} steps a second.`;
  batchCanvases.forEach(([image, reconstruction], i) => {
    drawImage(image, images, i);
    drawImage(reconstruction, reconstructions, i);
  });
  showStatus();
}

function save(name: string, bytes: Uint8Array): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bytes as Uint8Array<ArrayBuffer>])); // it was sent here
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000); // when it has surely been read
}

function receive(report: Report): void {
  switch (report.type) {
    case "look":
      return showLook(report);
    case "drawn":
      return showDrawn(report);
    case "trained":
      return showTrained(report);
    case "backend":
      where = `Computing on ${report.name} (${report.reason}).`;
      for (const id of ["train", "scratch", "trained", "onnx", "safetensors"]) {
        button(id).disabled = false;
      }
      return showStatus();
    case "began":
      Object.values(curves).forEach((curve) => curve.clear());
      progress = report.from === "trained" ? "Trained weights." : "Random weights.";
      where ||= "Loading a fast backend …";
      return showStatus();
    case "file":
      return save(report.name, report.bytes);
    case "problem":
      problem = report.message;
      setTraining(false);
      return showStatus();
  }
}
worker.onmessage = ({ data }: MessageEvent<Report>) => receive(data);
worker.onerror = () => receive({ type: "problem", message: "The worker could not be loaded." });

// The wishes of the visitor.
function setTraining(on: boolean): void {
  if (on) problem = "";
  training = on;
  button("train").textContent = on ? "Pause" : "Train";
  ask({ type: "train", on });
}
button("train").addEventListener("click", () => setTraining(!training));
for (const from of ["trained", "scratch"] as const) {
  button(from).addEventListener("click", () => {
    problem = "";
    ask({ type: "begin", from });
    if (from === "scratch") {
      select("rate").value = "0.004";
      tellSettings();
      setTraining(true);
    }
  });
}

function tellSettings(): void {
  const oneOf = <T extends string>(names: readonly T[], value: string) =>
    names.find((name) => name === value) ?? names[0]!;
  const count = Math.round(Number(element("iterations", HTMLInputElement).value));
  const settings: Settings = {
    adjoint: oneOf(adjointNames, select("adjoint").value),
    solver: oneOf(solverNames, select("solver").value),
    iterations: Math.max(1, Math.min(12, count || 1)),
    learningRate: Number(select("rate").value),
  };
  problem = "";
  Object.values(curves).forEach((curve) => curve.mark());
  ask({ type: "settings", settings });
  showStatus();
}
for (const id of ["adjoint", "solver", "iterations", "rate"]) {
  element(id, HTMLElement).addEventListener("change", tellSettings);
}

iteration.addEventListener("input", () => {
  showAttention();
  ask({ type: "iteration", iteration: Number(iteration.value) });
});
button("sprites").addEventListener("click", () => {
  own = false;
  ask({ type: "sprites" });
});
for (const format of ["onnx", "safetensors"] as const) {
  button(format).addEventListener("click", () => ask({ type: "export", format }));
}
letPaint({
  canvas: canvas("image"),
  file: element("file", HTMLInputElement),
  palette: document.querySelector<HTMLElement>(".colours")!, // it is in the page
  changed(pixels) {
    own = true;
    ask({ type: "image", pixels }, [pixels.buffer]);
  },
  failed: (message) => {
    problem = message;
    showStatus();
  },
});
letEdit({
  code: element("code", HTMLTextAreaElement),
  run: button("run"),
  result: element("result", HTMLElement),
});
