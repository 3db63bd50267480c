/**
 * What can go wrong with an experiment, as errors that say what happened and what to do. They travel in
 * Effect's error channel and are caught in one place, the command line (`cli.ts`).
 */
import { Schema } from "effect";
import { DataError } from "../data/errors.ts";

/** A config, a preset or an override is wrong; all that is wrong is listed. */
export class ConfigError extends Schema.TaggedError<ConfigError>()("ConfigError", {
  what: Schema.String,
  problems: Schema.Array(Schema.String),
  hint: Schema.String,
}) {
  override get message(): string {
    return [this.what, ...this.problems.map((problem) => `  - ${problem}`), this.hint].join("\n");
  }
}

const told = (parts: { readonly what: string; readonly hint: string }) =>
  `${parts.what}\n${parts.hint}`;

/** A run folder is missing, or is none. */
export class RunError extends Schema.TaggedError<RunError>()("RunError", {
  what: Schema.String,
  hint: Schema.String,
}) {
  override get message(): string {
    return told(this);
  }
}

/** A checkpoint cannot be read, or does not fit the model. */
export class CheckpointError extends Schema.TaggedError<CheckpointError>()("CheckpointError", {
  what: Schema.String,
  hint: Schema.String,
}) {
  override get message(): string {
    return told(this);
  }
}

/** A loss or a gradient is no number any more. */
export class NumericsError extends Schema.TaggedError<NumericsError>()("NumericsError", {
  what: Schema.String,
  hint: Schema.String,
}) {
  override get message(): string {
    return told(this);
  }
}

/** The library, the model or a backend refused; `cause` is its error, whose message has the hint. */
export class ModelError extends Schema.TaggedError<ModelError>()("ModelError", {
  what: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message(): string {
    return below(this.what, this.cause);
  }
}

/** Data cannot be read or made; `cause` says where and what to do. */
export class DatasetError extends Schema.TaggedError<DatasetError>()("DatasetError", {
  what: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message(): string {
    return below(this.what, this.cause);
  }
}

/** A file of the run cannot be written or read. */
export class FileError extends Schema.TaggedError<FileError>()("FileError", {
  what: Schema.String,
  cause: Schema.Defect(),
}) {
  override get message(): string {
    return below(this.what, this.cause);
  }
}

/** Any of them. */
export type ExperimentError =
  | ConfigError
  | RunError
  | CheckpointError
  | NumericsError
  | ModelError
  | DatasetError
  | FileError;

/** What an error from anywhere says. */
export function messageOf(error: unknown): string {
  return systemError(error) ?? (error instanceof Error ? error.message : String(error));
}

/** A headline and, below it, what an error says. */
function below(what: string, cause: unknown): string {
  const text = messageOf(cause);
  return `${what}\n${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

const systemErrors: { readonly [code: string]: string } = {
  ENOSPC: "The disk is full. Make room on it",
  EDQUOT: "The disk quota is used up. Make room",
  EROFS: "This file system can only be read. Choose another folder",
  EACCES: "Permission is denied. Check who may read and write there",
  EPERM: "Permission is denied. Check who may read and write there",
  ENOENT: "There is no such file or folder. Check the path",
  ENOTDIR: "A part of the path is a file where a folder should be. Check the path",
  EISDIR: "This is a folder where a file should be. Check the path",
  EIO: "The disk failed. Check it",
  ELOOP: "Links lead in a circle. Check the path",
  ENAMETOOLONG: "A name is too long. Choose a shorter one",
  EMFILE: "Too many files are open. Raise the limit (ulimit -n)",
};

/** What an error of the operating system says, in words. */
function systemError(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  const words = systemErrors[String(error.code)];
  const path = "path" in error && typeof error.path === "string" ? `: ${error.path}` : "";
  return words && `${words} (${error.code}${path}).`;
}

/** For `Effect.tryPromise`: an error of reading data, or of anything else, under a headline. */
export const datasetError = (what: string) => (cause: unknown): DatasetError =>
  new DatasetError({
    what: cause instanceof DataError || systemError(cause) ? what : `${what} (unexpectedly)`,
    cause,
  });

/** For `Effect.tryPromise`: an error of the library under a headline. */
export const modelError = (what: string) => (cause: unknown): ModelError =>
  new ModelError({ what, cause });

/** For `Effect.tryPromise`: an error of the file system under a headline. */
export const fileError = (what: string) => (cause: unknown): FileError =>
  new FileError({ what, cause });
