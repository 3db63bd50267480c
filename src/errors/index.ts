/**
 * The base of every error that Trilevel throws, whichever entry it comes from. It imports nothing of the library, so that
 * every folder can import it: data and metrics know nothing of tensors.
 *
 * All messages have one form, and the parts of it are fields as well:
 *
 * ```text
 * neumann: `terms` must be a positive integer, got 0     what: what was expected, and what was found
 *   at /home/me/train.ts:12:20                           line: the user's line, where it is known
 *   write for example neumann({ terms: 3 })              hint: what to do about it
 * ```
 */
import { userLine } from "./callSite.ts";

/** Parts of an error in addition to its message and its hint. */
export interface ErrorDetails extends ErrorOptions {
  /** The user's line; it is found in the call stack unless it is given, or given as undefined. */
  readonly line?: string | undefined;
}

/** The base of all errors that Trilevel throws. */
export abstract class TrilevelError extends Error {
  /** Tells the kinds apart, also across realms and in Effect's `catchTag`. No two kinds share a tag. */
  abstract get _tag(): string;
  /** The class's name as it is written here: the tag, so that code which shortens names does not shorten this one. */
  override get name(): string {
    return this._tag;
  }
  /** The first part of the message: what was expected, and what was found. */
  readonly what: string;
  /** The user's line as `file:line:column`, where it is known. */
  readonly line: string | undefined;
  /** The advice: what to do about it. */
  readonly hint: string;

  /** An error with what happened, what to do, and the user's line. */
  constructor(what: string, hint: string, details: ErrorDetails = {}) {
    const line = "line" in details ? details.line : userLine();
    super(
      `${what}${line ? `\n  at ${line}` : ""}\n  ${hint}`,
      "cause" in details ? { cause: details.cause } : undefined,
    );
    this.what = what;
    this.line = line;
    this.hint = hint;
  }
}
