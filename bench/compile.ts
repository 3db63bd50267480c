/**
 * How compile time grows with the program: `deno task bench:compile [sizes] [backends]`, each by comma. Programs are
 * written out in JavaScript, traced, differentiated, compiled and run once; beside them JAX, where a Python with it is
 * found. The better of two times; it says something only beside others: the growth from one size to the next is what counts.
 */
import { type BackendName, cond, grad, jit, np, setBackend, type Tensor } from "trilevel";
import { pythonWith } from "./subjects.ts";

type F = (x: Tensor) => Tensor;

/** A gradient is one tensor, since these functions take one. */
const slope = (f: F): F => (x) => grad(f)(x) as Tensor;

/** Programs of a size; the peer has the same ones under the same names. */
const programs: Record<string, (n: number) => F> = {
  "rnn, gradient": (n) =>
    slope((w) => {
      let h: Tensor = np.zeros([4, 8]);
      for (let i = 0; i < n; i++) h = np.tanh(np.matmul(h, w).add(i / n));
      return np.square(h).sum();
    }),
  "terms": (n) => (x) => {
    let sum: Tensor = x;
    for (let i = 1; i < n; i++) sum = sum.add(np.sin(x.mul(i)));
    return sum;
  },
  "terms, gradient": (n) =>
    slope((x) => {
      let sum = x.sum();
      for (let i = 1; i < n; i++) sum = sum.add(np.sin(x.mul(i)).sum());
      return sum;
    }),
  // Twelve deep at 2,000: ONNX Runtime reads no model that is nested much more deeply.
  "nested cond, gradient": (n) => {
    const at = (depth: number): F => (x) =>
      depth === 0
        ? np.sin(x).sum()
        : cond(x.sum().greater(0), at(depth - 1), (y: Tensor) => y.sum(), x);
    return slope(at(Math.ceil(n / 170)));
  },
};

const [sizes = "62,125,250,500", backends = "onnx,webgpu,reference"] = Deno.args;
const all = sizes.split(",").map(Number);
const smallest = Math.min(...all);

/** Milliseconds until the result of the first call is there. */
async function first(make: (n: number) => F, n: number): Promise<number> {
  const x = np.full([8, 8], 0.01);
  await x.data();
  const start = performance.now();
  await jit(make(n))(x).data();
  return performance.now() - start;
}

function show(subject: string, program: string, times: readonly number[]): void {
  const growth = times.at(-1)! / times[0]!;
  const cells = times.map((t) => t.toFixed(0).padStart(8)).join("");
  const larger = (all.at(-1)! / all[0]!).toFixed(1);
  console.log(
    `${subject.padEnd(10)} ${program.padEnd(22)}${cells}  ×${growth.toFixed(1)} for ×${larger}`,
  );
}

console.log(`${"".padEnd(33)}${all.map((n) => String(n).padStart(8)).join("")}  ms`);
for (const name of backends.split(",").filter((b) => b !== "")) {
  await setBackend(name as BackendName); // or it throws, naming those there are
  for (const [program, make] of Object.entries(programs)) {
    await first(make, smallest); // the engine compiles our own code
    const times: number[] = [];
    for (const n of all) times.push(Math.min(await first(make, n), await first(make, n)));
    show(name, program, times);
  }
}

const python = await pythonWith("jax");
if (python === undefined) console.log("jax: no Python with it (TRILEVEL_PYTHON names one)");
else {
  const file = new URL("peers/compileJax.py", import.meta.url).pathname;
  const { stdout, success, stderr } = await new Deno.Command(python, {
    args: [file, JSON.stringify(all)],
    env: { JAX_PLATFORMS: "cpu" },
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  // Its own file prints this.
  const times = JSON.parse(new TextDecoder().decode(stdout)) as Record<string, number[]>;
  for (const [program, list] of Object.entries(times)) show("jax", program, list);
}
