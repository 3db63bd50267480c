/**
 * The errors of data, as classes with a `_tag`.
 *
 * Every error says what was found, where (path and byte offset, as far as either is known), and what
 * to do about it, in that order; `cause` is the lower-level error, if there was one.
 */
import { type ErrorDetails, TrilevelError } from "../errors/index.ts";

/** The place of a {@linkcode DataError}, and the advice it gives. */
export interface DataErrorDetails extends ErrorDetails {
  /** The file or folder the error is about. */
  readonly path?: string | undefined;
  /** Byte offset into the file; for a gzip file, into its inflated contents unless the text says so. */
  readonly offset?: number | undefined;
  /** The advice: what the caller can do. */
  readonly hint: string;
}

/** The plain form of a {@linkcode DataError}, for crossing a worker's border. */
export interface PlainDataError extends Omit<DataErrorDetails, "cause"> {
  /** The class. */
  readonly tag: string;
  /** A description of the contents that were found. */
  readonly found: string;
}

/** The base class of all errors of `trilevel/data`. */
export abstract class DataError extends TrilevelError {
  /** A description of the contents that were found, without the place; `what` has both. */
  readonly found: string;
  /** The file or folder. */
  readonly path: string | undefined;
  /** Byte offset into the file, where known. */
  readonly offset: number | undefined;

  /** An error about what was found, somewhere, with its hint. */
  constructor(found: string, { path, offset, hint, ...details }: DataErrorDetails) {
    const place = [path, offset === undefined ? undefined : `byte ${offset}`]
      .filter((part) => part !== undefined).join(", ");
    super(`${found}${place === "" ? "" : ` (${place})`}`, hint, details);
    this.found = found;
    this.path = path;
    this.offset = offset;
  }
}

/** A file or folder is not there, or may not be read. */
export class MissingFileError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "MissingFileError" {
    return "MissingFileError";
  }
}

/** A file is of another kind than the reader's: a wrong signature, layout, field or shape. */
export class WrongKindError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "WrongKindError" {
    return "WrongKindError";
  }
}

/** A file ends before its contents do, as after an interrupted download. */
export class TruncatedError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "TruncatedError" {
    return "TruncatedError";
  }
}

/** A file is complete but its contents contradict themselves: a checksum, a length, a code. */
export class CorruptError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "CorruptError" {
    return "CorruptError";
  }
}

/** A correct file uses a feature that this reader would get wrong, so it refuses. */
export class UnsupportedError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "UnsupportedError" {
    return "UnsupportedError";
  }
}

/** A file asks for more pixels, bytes or time than its reader's {@linkcode Limits} allow. */
export class LimitError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "LimitError" {
    return "LimitError";
  }
}

/** A sample was asked for that the dataset does not have. */
export class IndexError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "IndexError" {
    return "IndexError";
  }
}

/** A dataset was used after `close()`. */
export class ClosedError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "ClosedError" {
    return "ClosedError";
  }
}

/** A background thread failed, through no fault of the file it worked on. */
export class WorkerError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "WorkerError" {
    return "WorkerError";
  }
}

/** Samples cannot be stacked into one batch, or an array does not have the shape it claims. */
export class SampleShapeError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "SampleShapeError" {
    return "SampleShapeError";
  }
}

/** An option is out of its range. */
export class OptionError extends DataError {
  /** Tells this kind of error from others. */
  get _tag(): "OptionError" {
    return "OptionError";
  }
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
  SampleShapeError,
  OptionError,
} as const;

/** The part of an error that structured cloning keeps. */
export function toPlainError(error: unknown): PlainDataError {
  if (error instanceof DataError) {
    const { _tag: tag, found, path, offset, hint } = error;
    return { tag, found, path, offset, hint };
  }
  const found = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  return { tag: "WorkerError", found, hint: "This is unexpected; please report it" };
}

/** The inverse of {@linkcode toPlainError}. */
export function fromPlainError({ tag, found, ...details }: PlainDataError): DataError {
  const ErrorClass = errorClasses[tag as keyof typeof errorClasses] ?? WorkerError;
  return new ErrorClass(found, details);
}
