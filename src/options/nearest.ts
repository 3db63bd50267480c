/** The name that was probably meant, for the error about a misspelt option. */

/** The nearest of some known names, or undefined where none is near. */
export function nearest(given: string, known: readonly string[]): string | undefined {
  const wanted = plain(given);
  const [best] = known
    .map((name) => ({ name, distance: distanceOf(wanted, plain(name)) }))
    .filter(({ distance }) => distance < Infinity)
    .sort((a, b) => a.distance - b.distance);
  return best?.name;
}

/** Case, underscores and hyphens are what other libraries write otherwise. */
const plain = (name: string) => name.toLowerCase().replace(/[_-]/g, "");

/** The distance of two names; infinitely far when they have little in common. */
function distanceOf(a: string, b: string): number {
  const edits = editDistance(a, b);
  const similar = edits <= Math.max(1, Math.max(a.length, b.length) / 3);
  return similar || shortens(a, b) || shortens(b, a) ? edits : Infinity;
}

/** True if a name is another shortened: `b1` is `beta1`, `lr` is `learningRate`. */
function shortens(short: string, long: string): boolean {
  if (short.length < 2 || short[0] !== long[0]) return false;
  let next = 0;
  for (const letter of long) if (letter === short[next]) next++;
  return next === short.length;
}

/** Levenshtein's distance: the fewest letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row[b.length]!;
}
