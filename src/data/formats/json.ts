/**
 * Checking JSON before it is parsed: JSON.parse says neither where the text is wrong nor whether it only ends too
 * early, and takes lists inside lists as deep as they come.
 */

/** The verdict on a text, reached without parsing it. */
export type JsonVerdict =
  | { readonly kind: "fine" }
  /** The text ends before its value does. */
  | { readonly kind: "short" }
  /** The first byte that cannot stand where it stands. */
  | { readonly kind: "wrong"; readonly offset: number }
  /** Lists and objects are nested more deeply than allowed, at this place. */
  | { readonly kind: "deep"; readonly offset: number };

const [QUOTE, BACKSLASH, COMMA, COLON] = [0x22, 0x5c, 0x2c, 0x3a];
const [OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [0x5b, 0x5d, 0x7b, 0x7d];
const words = ["true", "false", "null"].map((word) => new TextEncoder().encode(word));
const number = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const isNumeric = (byte: number) =>
  (byte >= 0x30 && byte <= 0x39) || byte === 0x2d || byte === 0x2b || byte === 0x2e ||
  byte === 0x65 || byte === 0x45;

/**
 * Judges UTF-8 bytes in one pass.
 *
 * @param depth how many lists and objects may be inside one another.
 * @param onKey called with every key, as it is written but without its quotes, and with its depth (1: outermost).
 */
export function judgeJson(
  bytes: Uint8Array,
  depth: number,
  onKey?: (key: Uint8Array, depth: number) => void,
): JsonVerdict {
  const open: number[] = []; // the brackets that are to close
  const end = bytes.length;
  let at = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  // The next token may be a value; the first element or key, or the end; a key; a colon; a comma or the end.
  let expected: "value" | "first" | "key" | "colon" | "comma" = "value";
  const short: JsonVerdict = { kind: "short" };
  const wrong = (offset: number): JsonVerdict => ({ kind: "wrong", offset });
  for (;;) {
    let byte = bytes[at];
    while (byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09) byte = bytes[++at];
    if (expected === "comma" && open.length === 0) {
      return at >= end ? { kind: "fine" } : wrong(at);
    }
    if (byte === undefined) return short;
    const closing = open.at(-1);
    if (expected === "colon") {
      if (byte !== COLON) return wrong(at);
      at++;
      expected = "value";
    } else if ((expected === "comma" || expected === "first") && byte === closing) {
      at++;
      open.pop();
      expected = "comma";
    } else if (expected === "comma") {
      if (byte !== COMMA) return wrong(at);
      at++;
      expected = closing === CLOSE_OBJECT ? "key" : "value";
    } else if (expected === "key" || (expected === "first" && closing === CLOSE_OBJECT)) {
      if (byte !== QUOTE) return wrong(at);
      const after = endOfString(bytes, at);
      if (after < 0) return after === SHORT ? short : wrong(-after);
      onKey?.(bytes.subarray(at + 1, after - 1), open.length);
      at = after;
      expected = "colon";
    } else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      if (open.length >= depth) return { kind: "deep", offset: at };
      open.push(byte === OPEN_LIST ? CLOSE_LIST : CLOSE_OBJECT);
      at++;
      expected = "first";
    } else {
      const after = byte === QUOTE ? endOfString(bytes, at) : endOfPlain(bytes, at);
      if (after < 0) return after === SHORT ? short : wrong(-after);
      at = after;
      expected = "comma";
    }
  }
}

// Ends are positive; a wrong byte is minus its offset, which is never 0 in a string or a word that has begun.
const SHORT = -Infinity;

function endOfString(bytes: Uint8Array, start: number): number {
  for (let at = start + 1; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === QUOTE) return at + 1;
    if (byte < 0x20) return -at;
    if (byte !== BACKSLASH) continue;
    const escaped = bytes[++at];
    if (escaped === undefined) return SHORT;
    if (!'"\\/bfnrtu'.includes(String.fromCharCode(escaped))) return -at;
    if (escaped !== 0x75) continue;
    for (let i = 0; i < 4; i++) {
      const digit = bytes[++at];
      if (digit === undefined) return SHORT;
      if (!/[0-9a-fA-F]/.test(String.fromCharCode(digit))) return -at;
    }
  }
  return SHORT;
}

function endOfPlain(bytes: Uint8Array, start: number): number {
  const end = bytes.length;
  const word = words.find((word) => word[0] === bytes[start]);
  if (word !== undefined) {
    for (let i = 1; i < word.length; i++) {
      if (start + i >= end) return SHORT;
      if (bytes[start + i] !== word[i]) return -(start + i);
    }
    return start + word.length;
  }
  let after = start;
  while (after < end && isNumeric(bytes[after]!)) after++;
  if (after === start) return -start || -Number.MIN_VALUE;
  const text = String.fromCharCode(...bytes.subarray(start, Math.min(after, start + 1000)));
  number.lastIndex = 0;
  const length = number.exec(text)?.[0].length ?? 0;
  if (length === after - start) return after;
  return after === end && after - start < 1000 ? SHORT : -(start + length) || -Number.MIN_VALUE;
}
