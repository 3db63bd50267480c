/** The errors of tensors and of functions of them, as classes that a program can tell apart by `_tag`. */
import { TrilevelError } from "../errors/index.ts";

export { CallSite } from "../errors/callSite.ts";
export { type ErrorDetails, TrilevelError } from "../errors/index.ts";

/** Shapes do not fit the operation. */
export class ShapeError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "ShapeError" {
    return "ShapeError";
  }
}

/** Element types do not fit the operation. */
export class DTypeError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "DTypeError" {
    return "DTypeError";
  }
}

/** Trees differ in structure, or hold a leaf that is no tensor. */
export class TreeError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "TreeError" {
    return "TreeError";
  }
}

/** An argument is outside what the function accepts. */
export class ArgumentError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "ArgumentError" {
    return "ArgumentError";
  }
}

/** The host asked for the value of a tensor that has none yet: it is being traced. */
export class TracedValueError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "TracedValueError" {
    return "TracedValueError";
  }
}

/** A traced tensor was used after the function that made it had returned. */
export class EscapedTensorError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "EscapedTensorError" {
    return "EscapedTensorError";
  }
}

/** A tensor was used after it was disposed. */
export class DisposedError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "DisposedError" {
    return "DisposedError";
  }
}

/** A derivative was asked of something that has none. */
export class NotDifferentiableError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "NotDifferentiableError" {
    return "NotDifferentiableError";
  }
}

/** A derivative is not what it should be: what `checkGrads` throws. */
export class GradientError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "GradientError" {
    return "GradientError";
  }

  /** A derivative that differs from what it should be. */
  constructor(
    message: string,
    hint: string,
    /** The derivative, as the mode of each order, the first order first. */
    readonly modes: readonly ("fwd" | "rev")[],
    /** The leaf of the result (forward mode) or of the arguments (reverse mode). */
    readonly path: string,
    /** The value that the transformation gives. */
    readonly actual: number,
    /** The value that it should be. */
    readonly expected: number,
  ) {
    super(message, hint);
  }

  /** The order of the derivative. */
  get order(): number {
    return this.modes.length;
  }
}

/** A backend is missing, lost, out of memory, or cannot run a program. */
export class BackendError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "BackendError" {
    return "BackendError";
  }
}

/** A value became NaN. */
export class NanError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "NanError" {
    return "NanError";
  }
}

/** An inconsistency inside Trilevel: a bug, never the user's fault. */
export class InternalError extends TrilevelError {
  /** Tells this kind of error from others. */
  get _tag(): "InternalError" {
    return "InternalError";
  }

  /** An inconsistency, in words. */
  constructor(message: string) {
    super(`internal: ${message}`, "This is a bug in Trilevel; please report it with the program.");
  }
}
