/// <reference lib="dom" />
/** An image of the visitor's own: drawn with a pointer or with keys, dropped, or opened from a file. */
import { contextOf, readImage } from "./pictures.ts";
import { resolution } from "./protocol.ts";

/** Colours to draw with. */
const colours = ["#e63232", "#32be3c", "#3c5aeb", "#f0dc3c", "#ebebeb", "#28324a"] as const;
const brush = 3;

/** The elements that an image comes in by. */
export interface Painting {
  readonly canvas: HTMLCanvasElement;
  readonly file: HTMLInputElement;
  /** Becomes a group of radio buttons. */
  readonly palette: HTMLElement;
  /** Called with each new image. */
  readonly changed: (pixels: Float32Array) => void;
  readonly failed: (message: string) => void;
}

/** Lets the visitor draw on the canvas, and bring images. */
export function letPaint({ canvas, file, palette, changed, failed }: Painting): void {
  let colour: string = colours[0];
  for (const [i, c] of colours.entries()) {
    const label = document.createElement("label");
    const input = document.createElement("input");
    Object.assign(input, { type: "radio", name: "colour", checked: i === 0, ariaLabel: c });
    input.style.setProperty("--colour", c);
    input.addEventListener("change", () => colour = c);
    label.append(input);
    palette.append(label);
  }

  const report = () => changed(readImage(canvas));
  let at = { x: resolution / 2, y: resolution / 2 };
  const paint = (x: number, y: number) => {
    const context = contextOf(canvas);
    context.strokeStyle = colour;
    context.lineWidth = 2 * brush;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(at.x, at.y);
    context.lineTo(x + 0.01, y); // a point of its own, too
    context.stroke();
    at = { x, y };
    report();
  };
  const place = ({ clientX, clientY }: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    return {
      x: (clientX - box.left) / box.width * resolution,
      y: (clientY - box.top) / box.height * resolution,
    };
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    at = place(event);
    paint(at.x, at.y);
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!canvas.hasPointerCapture(event.pointerId)) return;
    const { x, y } = place(event);
    paint(x, y);
  });
  canvas.addEventListener("keydown", (event) => {
    const moves: Record<string, readonly [number, number]> = {
      ArrowLeft: [-2, 0],
      ArrowRight: [2, 0],
      ArrowUp: [0, -2],
      ArrowDown: [0, 2],
    };
    const move = moves[event.key];
    if (move) {
      const within = (x: number) => Math.max(0, Math.min(resolution, x));
      const next = { x: within(at.x + move[0]), y: within(at.y + move[1]) };
      if (event.shiftKey) paint(next.x, next.y);
      at = next;
    } else if (event.key === " ") paint(at.x, at.y);
    else return;
    event.preventDefault();
  });

  const open = async (blob: Blob) => {
    try {
      const bitmap = await createImageBitmap(blob);
      const side = Math.min(bitmap.width, bitmap.height);
      const [left, top] = [(bitmap.width - side) / 2, (bitmap.height - side) / 2];
      const context = contextOf(canvas);
      context.imageSmoothingQuality = "high";
      context.drawImage(bitmap, left, top, side, side, 0, 0, resolution, resolution);
      report();
    } catch {
      failed("This file is not an image that the browser can read: try a PNG or a JPEG.");
    }
  };
  file.addEventListener("change", () => {
    if (file.files?.[0]) void open(file.files[0]);
    file.value = "";
  });
  canvas.addEventListener("dragover", (event) => {
    event.preventDefault();
    canvas.classList.add("over");
  });
  canvas.addEventListener("dragleave", () => canvas.classList.remove("over"));
  canvas.addEventListener("drop", (event) => {
    event.preventDefault();
    canvas.classList.remove("over");
    const dropped = event.dataTransfer?.files[0];
    if (dropped) void open(dropped);
  });
}
