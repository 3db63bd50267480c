/**
 * The errors of experiments, which say what happened and what to do. They travel in
 * Effect's error channel and are caught in one place, the command line (`cli.ts`).
 */
import { DataError } from "../data/errors.ts";
import { type ErrorDetails, TrilevelError } from "../errors/index.ts";

/** The base of them. No line of a program is named: most come from a config, a command or a file. */
abstract class ExperimentFailure extends TrilevelError {
  constructor(what: string, hint: string, details: ErrorDetails = {}) {
    super(what, hint, { line: undefined, ...details });
  }
}

/** A config, a preset or an override is wrong; all that is wrong is listed. */
export class ConfigError extends ExperimentFailure {
  /** Tells this kind of error from others. */
  get _tag(): "ConfigError" {
    return "ConfigError";
  }

  /** An error with a headline, all problems below it, and what to do. */
  constructor(headline: string, readonly problems: readonly string[], hint: string) {
    super([headline, ...problems.map((problem) => `  - ${problem}`)].join("\n"), hint);
  }
}

/** A run folder is missing, or the folder holds no run. */
export class RunError extends ExperimentFailure {
  /** Tells this kind of error from others. */
  get _tag(): "RunError" {
    return "RunError";
  }
}

/** A checkpoint cannot be read, or does not fit the model. */
export class CheckpointError extends ExperimentFailure {
  /** Tells this kind of error from others. */
  get _tag(): "CheckpointError" {
    return "CheckpointError";
  }
}

/** A loss or a gradient is no number any more. */
export class NumericsError extends ExperimentFailure {
  /** Tells this kind of error from others. */
  get _tag(): "NumericsError" {
    return "NumericsError";
  }
}

/** An engine of training is missing, or has ended. */
export class EngineError extends ExperimentFailure {
  /** Tells this kind of error from others. */
  get _tag(): "EngineError" {
    return "EngineError";
  }
}

/** An error with another underneath, which says what happened and what to do. */
abstract class WithCause extends ExperimentFailure {
  /** An error with a headline and the error that caused it. */
  constructor(headline: string, cause: unknown) {
    const { what, hint, line } = partsOf(cause);
    super(`${headline}\n  ${what}`, hint, { cause, line });
  }
}

/** The library, the model or a backend refused; `cause` is its error. */
export class ModelError extends WithCause {
  /** Tells this kind of error from others. */
  get _tag(): "ModelError" {
    return "ModelError";
  }
}

/** Data cannot be read or made; `cause` says where. */
export class DatasetError extends WithCause {
  /** Tells this kind of error from others. */
  get _tag(): "DatasetError" {
    return "DatasetError";
  }
}

/** A file of the run cannot be written or read. */
export class FileError extends WithCause {
  /** Tells this kind of error from others. */
  get _tag(): "FileError" {
    return "FileError";
  }
}

/** The database of sweeps cannot be reached, or refuses. */
export class DatabaseError extends ExperimentFailure {
  /** Tells this kind of error from others. */
  get _tag(): "DatabaseError" {
    return "DatabaseError";
  }
}

/** Any of them. */
export type ExperimentError =
  | DatabaseError
  | ConfigError
  | RunError
  | CheckpointError
  | NumericsError
  | EngineError
  | ModelError
  | DatasetError
  | FileError;

/** The message of an error from anywhere; errors of the operating system are put in words. */
export function messageOf(error: unknown): string {
  const system = systemError(error);
  if (system) return `${system.what}. ${system.hint}.`;
  return error instanceof Error ? error.message : String(error);
}

/** The parts of the message of an error from anywhere. */
export function partsOf(error: unknown): Pick<TrilevelError, "what" | "hint" | "line"> {
  if (error instanceof TrilevelError) return error;
  const system = systemError(error);
  return {
    what: system?.what ?? messageOf(error),
    hint: system?.hint ?? "This error was not expected; its stack trace says where it comes from",
    line: undefined,
  };
}

// Descriptions of system errors, with advice.
const systemErrors: { readonly [code: string]: readonly [what: string, hint: string] } = {
  ENOSPC: ["The disk is full", "Make room on it"],
  EDQUOT: ["The disk quota is used up", "Make room"],
  EROFS: ["This file system can only be read", "Choose another folder"],
  EACCES: ["Permission is denied", "Check who may read and write there"],
  EPERM: ["Permission is denied", "Check who may read and write there"],
  ENOENT: ["There is no such file or folder", "Check the path"],
  ENOTDIR: ["A part of the path is a file where a folder should be", "Check the path"],
  EISDIR: ["This is a folder where a file should be", "Check the path"],
  EIO: ["The disk failed", "Check it"],
  ELOOP: ["Symbolic links form a loop", "Check the path"],
  ENAMETOOLONG: ["A name is too long", "Choose a shorter one"],
  EMFILE: ["Too many files are open", "Raise the limit (ulimit -n)"],
};

/** An error of the operating system, in words. */
function systemError(error: unknown): { what: string; hint: string } | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const [what, hint] = systemErrors[String(error.code)] ?? [];
  if (what === undefined || hint === undefined) return undefined;
  const path = "path" in error && typeof error.path === "string" ? `: ${error.path}` : "";
  return { what: `${what} (${error.code}${path})`, hint };
}

/** For `Effect.tryPromise`: an error of reading data, or of anything else, under a headline. */
export const datasetError = (what: string) => (cause: unknown): DatasetError =>
  new DatasetError(
    cause instanceof DataError || systemError(cause) ? what : `${what} (unexpectedly)`,
    cause,
  );

/** For `Effect.tryPromise`: an error of the library under a headline. */
export const modelError = (what: string) => (cause: unknown): ModelError =>
  new ModelError(what, cause);

/** The same for work that an engine does, whose own errors say enough. */
export const stepError = (what: string) => (cause: unknown): ModelError | EngineError =>
  cause instanceof EngineError ? cause : new ModelError(what, cause);

/** For `Effect.tryPromise`: an error of the file system under a headline. */
export const fileError = (what: string) => (cause: unknown): FileError =>
  new FileError(what, cause);
