/** Loaded before documentation examples: there, a failed `console.assert` fails the example. */
console.assert = (condition?: boolean, ...data: unknown[]): void => {
  if (!condition) throw new Error(`assertion failed ${data.map(String).join(" ")}`);
};
