/**
 * What can go wrong with data, as classes with a `_tag`.
 *
 * Every error says what was found, where (path and byte offset, as far as either is known), and what
 * to do about it, in that order; `cause` is the lower-level error, if there was one.
 */

/** Where a {@linkcode DataError} happened and what helps. */
export interface DataErrorDetails {
  /** The file or folder the error is about. */
  readonly path?: string | undefined;
  /** Byte offset into the file; for a gzip file, into its inflated contents unless the text says so. */
  readonly offset?: number | undefined;
  /** What the caller can do. */
  readonly hint: string;
  /** The error underneath. */
  readonly cause?: unknown;
}

/** The plain form of a {@linkcode DataError}, for crossing a worker's border. */
export interface PlainDataError extends DataErrorDetails {
  /** The class. */
  readonly tag: string;
  /** What was found. */
  readonly what: string;
}

/** The base class of all errors of `trilevel/data`. */
export abstract class DataError extends Error {
  /** The name of the class. */
  abstract readonly _tag: string;
  /** What was found, without place and hint. */
  readonly what: string;
  /** The file or folder. */
  readonly path: string | undefined;
  /** Byte offset into the file, where known. */
  readonly offset: number | undefined;
  /** What the caller can do. */
  readonly hint: string;

  /** An error about `what`, somewhere, with its hint. */
  constructor(what: string, { path, offset, hint, cause }: DataErrorDetails) {
    const place = [path, offset === undefined ? undefined : `byte ${offset}`]
      .filter((part) => part !== undefined).join(", ");
    super(
      `${what}${place === "" ? "" : ` (${place})`}. ${hint}.`,
      cause === undefined ? undefined : { cause },
    );
    this.name = new.target.name;
    this.what = what;
    this.path = path;
    this.offset = offset;
    this.hint = hint;
  }
}

/** A file or folder is not there, or may not be read. */
export class MissingFileError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "MissingFileError";
}

/** A file is of another kind than the reader's: a wrong signature, layout, field or shape. */
export class WrongKindError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "WrongKindError";
}

/** A file ends before its contents do, as after an interrupted download. */
export class TruncatedError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "TruncatedError";
}

/** A file is complete but its contents contradict themselves: a checksum, a length, a code. */
export class CorruptError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "CorruptError";
}

/** A correct file uses a feature that this reader would get wrong, so it refuses. */
export class UnsupportedError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "UnsupportedError";
}

/** A file asks for more pixels, bytes or time than its reader's {@linkcode Limits} allow. */
export class LimitError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "LimitError";
}

/** A sample was asked for that the dataset does not have. */
export class IndexError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "IndexError";
}

/** A dataset was used after `close()`. */
export class ClosedError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "ClosedError";
}

/** A background thread failed, through no fault of the file it worked on. */
export class WorkerError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "WorkerError";
}

/** Samples cannot be stacked into one batch, or an array does not have the shape it claims. */
export class ShapeError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "ShapeError";
}

/** An option is out of its range. */
export class OptionError extends DataError {
  /** For `switch` and `catchTag`. */
  readonly _tag = "OptionError";
}

const errorClasses = {
  MissingFileError,
  WrongKindError,
  TruncatedError,
  CorruptError,
  UnsupportedError,
  LimitError,
  IndexError,
  ClosedError,
  WorkerError,
  ShapeError,
  OptionError,
} as const;

/** The part of an error that structured cloning keeps. */
export function toPlainError(error: unknown): PlainDataError {
  if (error instanceof DataError) {
    const { _tag: tag, what, path, offset, hint } = error;
    return { tag, what, path, offset, hint };
  }
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { tag: "WorkerError", what, hint: "This is unexpected; please report it" };
}

/** The inverse of {@linkcode toPlainError}. */
export function fromPlainError({ tag, what, ...details }: PlainDataError): DataError {
  const ErrorClass = errorClasses[tag as keyof typeof errorClasses] ?? WorkerError;
  return new ErrorClass(what, details);
}
