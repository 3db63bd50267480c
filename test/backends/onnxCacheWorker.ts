/** Compiles some programs, for the test that lets processes share a cache: prints what they give. */
import { dispose, grad, jit, np, setBackend, type Tensor } from "trilevel";

await setBackend("onnx");
const x = np.array([[0.5, -1, 2], [1, 3, -0.25]]);
const found: number[][] = [];
for (let n = 1; n <= 12; n++) {
  const f = jit(grad((x: Tensor) => np.sum(np.tanh(np.matmul(x, x.transpose()).mul(n)).add(n))));
  const y = f(x);
  found.push(Array.from(await y.data()));
  dispose(y);
}
console.log(JSON.stringify(found));
