/**
 * The progress of a training run on the terminal: on a terminal one line that is drawn over, elsewhere (a
 * pipe, a file) a plain line every few seconds.
 */
import process from "node:process";

/** The progress of something that is counted. */
export interface ProgressState {
  /** The name of a unit, such as `step`. */
  readonly what: string;
  readonly step: number;
  readonly steps: number;
  /** Further facts, such as `loss 0.1234`. */
  readonly facts: readonly string[];
}

/** A place for lines and for progress. */
export interface Display {
  update(state: ProgressState): void;
  /** A line that stays. */
  line(text: string): void;
  /** Ends the drawn line, if one is there. */
  end(): void;
}

/** The stream of a display: standard error, so that standard output stays for results. */
export interface Out {
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
  write(text: string): unknown;
}

/** A display for this terminal, or for none. */
export function openDisplay(
  out: Out = process.stderr,
  now: () => number = () => performance.now(),
): Display {
  return out.isTTY === true && (out.columns ?? 80) > 20 ? drawn(out, now) : plain(out, now);
}

function drawn(out: Out, now: () => number): Display {
  let shown = false;
  let last = -Infinity;
  // Also where nothing is drawn: the terminal may have echoed a ^C.
  const clear = () => {
    out.write("\r\x1b[2K");
    shown = false;
  };
  return {
    update(state) {
      if (now() - last < 100 && state.step < state.steps) return;
      last = now();
      clear();
      out.write(barLine(state, out.columns ?? 80));
      shown = true;
    },
    line(text) {
      clear();
      out.write(`${text}\n`);
    },
    end() {
      if (shown) out.write("\n");
      shown = false;
    },
  };
}

function plain(out: Out, now: () => number, everyMs = 5000): Display {
  let last = -Infinity;
  let counted = "";
  return {
    update(state) {
      const { what, step, steps, facts } = state;
      // A new kind of count is shown at once.
      if (what === counted && now() - last < everyMs && step < steps) return;
      [last, counted] = [now(), what];
      out.write(`${[`${what} ${step}/${steps}`, ...facts].join("  ")}\n`);
    },
    line: (text) => void out.write(`${text}\n`),
    end: () => {},
  };
}

/** A line no wider than the terminal: the bar gives way first. */
function barLine(state: ProgressState, columns: number): string {
  const { what, step, steps, facts } = state;
  const text = [`${what} ${step}/${steps}`, ...facts].join("  ");
  const width = Math.min(24, columns - text.length - 3);
  if (width < 6) return text.slice(0, columns - 1);
  const eighths = Math.round((step / steps) * width * 8);
  const bar = "█".repeat(eighths >> 3) + (eighths % 8 === 0 ? "" : " ▏▎▍▌▋▊▉"[eighths % 8]!);
  return `${bar.padEnd(width, "·")}  ${text}`;
}

/** `950`, `12.3k` */
export function formatCount(n: number): string {
  return n >= 10_000 ? `${(n / 1000).toFixed(1)}k` : n >= 100 ? n.toFixed(0) : n.toPrecision(3);
}

/** `42 s`, `3 min 05 s`, `2 h 07 min` */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const pad = (n: number) => String(n).padStart(2, "0");
  if (whole < 60) return `${whole} s`;
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${pad(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${pad(Math.floor((whole % 3600) / 60))} min`;
}

/** `12.35`, and `0.00` where rounding would leave `-0.00`. */
export function formatFixed(value: number, digits: number): string {
  const text = value.toFixed(digits);
  return Number(text) === 0 ? text.replace("-", "") : text;
}

/** `829 ± 190`, `0.512 ± 0.031`: the deviation has two digits, and the mean ends where it does. */
export function formatSpread(mean: number, deviation: number): string {
  if (!Number.isFinite(mean) || !Number.isFinite(deviation) || deviation === 0) {
    return `${Number(mean.toPrecision(3))} ± ${deviation}`;
  }
  const scale = Math.max(Math.abs(mean), deviation);
  if (scale >= 1e6 || scale < 1e-4) {
    return `${mean.toExponential(2)} ± ${deviation.toExponential(1)}`;
  }
  const rounded = Number(deviation.toPrecision(2));
  const digits = Math.min(8, Math.max(0, 1 - Math.floor(Math.log10(rounded))));
  return `${formatFixed(mean, digits)} ± ${formatFixed(rounded, digits)}`;
}
