/** tfjs's side: every workload with its own tape, as a tfjs user writes it. It has no compiler. */
import type * as tfjs from "@tensorflow/tfjs";
import type { Case } from "../cases.ts";
import { serve, type Work } from "../serve.ts";
import {
  discoveryParams,
  grid,
  type Made,
  made,
  type MadeTree,
  makeTree,
  slotParams,
} from "./params.ts";

// What Node resolves to registers no gradients; this file does, in registries that both share.
const tf: typeof tfjs = (await import(`@tensorflow/tfjs/dist/tf.es2017.js`)).default;

const device = Deno.args[1];
if (device === "webgpu") await import("@tensorflow/tfjs-backend-webgpu");
else await import("@tensorflow/tfjs-backend-wasm");
if (!await tf.setBackend(device!)) throw new Error(`tfjs has no ${device} here`);
await tf.ready();

type T = tfjs.Tensor;

const variables: tfjs.Variable[] = [];
const constant = ({ data, shape }: Made): T => tf.tensor(data, shape, "float32");
const make = (m: Made): T => {
  const variable = tf.variable(constant(m));
  variables.push(variable);
  return variable;
};

type Slots = MadeTree<ReturnType<typeof slotParams>, T>;
type Discovery = MadeTree<ReturnType<typeof discoveryParams>, T>;

/** x wᵀ on the last axis. */
function linear(x: T, w: T): T {
  const flat = tf.matMul(x.reshape([-1, x.shape.at(-1)!]), w as tfjs.Tensor2D, false, true);
  return flat.reshape([...x.shape.slice(0, -1), w.shape[0]!]);
}

const dense = (p: { weight: T; bias: T }, x: T) => linear(x, p.weight).add(p.bias);

function layerNorm(p: { weight: T; bias: T }, x: T): T {
  const { mean, variance } = tf.moments(x, -1, true);
  return x.sub(mean).mul(tf.rsqrt(variance.add(1e-3))).mul(p.weight).add(p.bias);
}

function gru(p: Slots, x: T, h: T): T {
  const i = tf.split(linear(x, p.wih).add(p.bih), 3, -1);
  const s = tf.split(linear(h, p.whh).add(p.bhh), 3, -1);
  const r = tf.sigmoid(i[0]!.add(s[0]!));
  const z = tf.sigmoid(i[1]!.add(s[1]!));
  const n = tf.tanh(i[2]!.add(r.mul(s[2]!)));
  return n.add(z.mul(h.sub(n)));
}

function slotAttention(p: Slots, inputs: T, iterations: number, adjoint: string): T {
  const x = layerNorm(p.normInputs, inputs);
  const [k, v] = [linear(x, p.key), linear(x, p.value)];
  const step = (slots: T): T => {
    const q = linear(layerNorm(p.normSlots, slots), p.query).mul(1 / Math.sqrt(slots.shape[2]!));
    const a = tf.softmax(tf.matMul(k, q, false, true)).add(1e-8);
    const weights = a.div(a.sum(1, true));
    const next = gru(p, tf.matMul(weights, v, true, false), slots);
    const hidden = tf.relu(linear(layerNorm(p.normMlp, next), p.w1).add(p.b1));
    return next.add(linear(hidden, p.w2).add(p.b2));
  };
  let slots = tf.broadcastTo(p.start, [inputs.shape[0]!, ...p.start.shape]);
  if (adjoint === "unrolled") {
    for (let i = 0; i < iterations; i++) slots = step(slots);
    return slots;
  }
  const stop = tf.customGrad((...args: unknown[]) => {
    const [slots] = args as [T];
    return { value: slots.clone(), gradFunc: (dy: T) => tf.zerosLike(dy) };
  });
  for (let i = 0; i < iterations; i++) slots = step(slots);
  return step(stop(slots) as T);
}

function discoveryLoss(p: Discovery, image: T, at8: T, at32: T): T {
  let x = image;
  for (const [i, { weight, bias }] of p.convs.entries()) {
    const filter = weight.transpose([2, 3, 1, 0]) as tfjs.Tensor4D;
    x = tf.relu(tf.conv2d(x as tfjs.Tensor4D, filter, i < 2 ? 2 : 1, "same").add(bias));
  }
  const batch = x.shape[0]!;
  x = x.reshape([batch, -1, x.shape[3]!]).add(dense(p.position, at8));
  x = layerNorm(p.norm, x);
  x = dense(p.mlp[1]!, tf.relu(dense(p.mlp[0]!, x)));
  const slots = slotAttention(p.slots, x, 3, "oneStep");
  let hidden = tf.relu(dense(p.slot, slots).expandDims(2).add(linear(at32, p.grid)));
  for (const layer of p.layers.slice(0, -1)) hidden = tf.relu(dense(layer, hidden));
  const [pictures, logits] = tf.split(dense(p.layers.at(-1)!, hidden), [3, 1], -1);
  const drawn = pictures!.mul(softmaxOverSlots(logits!)).sum(1);
  return tf.mean(tf.square(drawn.sub(image.reshape([batch, -1, 3]))));
}

/** tf.softmax knows the last axis only. */
function softmaxOverSlots(x: T): T {
  const e = tf.exp(x.sub(x.max(1, true)));
  return e.div(e.sum(1, true));
}

/** Steps of Adam on all variables. */
function training(loss: () => T): Work {
  const optimizer = tf.train.adam(1e-3);
  return {
    async call() {
      const value = tf.tidy(() => optimizer.minimize(() => loss() as tfjs.Scalar, true)!);
      const result = (await value.data())[0]!;
      value.dispose();
      return result;
    },
  };
}

/** A result, read in one element. */
function reading(f: () => T): Work {
  return {
    async call() {
      const [y, first] = tf.tidy(() => {
        const y = f();
        return [y, y.flatten().slice(0, 1)];
      }) as [T, T];
      const value = (await first.data())[0]!;
      tf.dispose([y, first]);
      return value;
    },
  };
}

function workOf(c: Case): Work {
  switch (c.workload) {
    case "slotAttention": {
      const params = makeTree(slotParams(), make);
      const x = constant(made(0, [8, 256, 64]));
      const loss = () =>
        slotAttention(params, x, c.iterations, c.adjoint).square().mean() as tfjs.Scalar;
      // With oneStep the start has no gradient, which tfjs takes for a mistake.
      const wanted = c.adjoint === "unrolled"
        ? variables
        : variables.filter((v) => v !== params.start);
      return {
        async call() {
          const { value, grads } = tf.variableGrads(loss, wanted);
          const result = (await value.data())[0]!;
          tf.dispose([value, grads]);
          return result;
        },
      };
    }
    case "mlp": {
      const p = makeTree([
        { weight: made(1, [256, 784], 1 / 28), bias: made(0, [256], 0) },
        { weight: made(2, [10, 256], 1 / 16), bias: made(0, [10], 0) },
      ], make);
      const x = constant(made(0, [64, 784]));
      const labels = tf.oneHot(tf.range(0, 64, 1, "int32").mod(tf.scalar(10, "int32")), 10);
      return training(() =>
        tf.logSoftmax(dense(p[1]!, tf.relu(dense(p[0]!, x)))).mul(labels).sum().mul(-1 / 64)
      );
    }
    case "conv": {
      const x = constant(made(0, [4, 64, 64, 64])).transpose([0, 2, 3, 1]) as tfjs.Tensor4D;
      const w = constant(made(1, [64, 64, 5, 5], 1 / 40)).transpose([2, 3, 1, 0]) as tfjs.Tensor4D;
      const y = constant(made(2, [4, 64, 64, 64])).transpose([0, 2, 3, 1]) as tfjs.Tensor4D;
      const forward = (x: tfjs.Tensor4D, w: tfjs.Tensor4D) => tf.conv2d(x, w, 1, "same");
      return reading(() => {
        if (c.part === "forward") return forward(x, w);
        return c.part === "input"
          ? tf.grad((x) => forward(x as tfjs.Tensor4D, w))(x, y)
          : tf.grad((w) => forward(x, w as tfjs.Tensor4D))(w, y);
      });
    }
    case "discovery": {
      const params = makeTree(discoveryParams(), make);
      const [image, at8, at32] = [made(0, [16, 32, 32, 3]), grid(8), grid(32)].map(constant) as [
        T,
        T,
        T,
      ];
      variables.splice(variables.indexOf(params.slots.start as tfjs.Variable), 1);
      (params.slots.start as tfjs.Variable).trainable = false;
      return training(() => discoveryLoss(params, image, at8, at32));
    }
    case "elementwise": {
      const [x, y] = [constant(made(0, [16, 7, 64])), constant(made(1, [16, 7, 64]))];
      return reading(() => {
        let z = x;
        for (let i = 0; i < 100; i++) z = z.mul(0.999).add(y);
        return z;
      });
    }
    case "matmul": {
      const [x, y] = [0, 1].map((seed) => constant(made(seed, [c.size, c.size]))) as [T, T];
      return reading(() => tf.matMul(x, y));
    }
    case "generation":
    case "loop":
      throw new Error("the bench asks PyTorch alone for generation, and JAX for loops");
  }
}

await serve(workOf, () => ({ tfjs: tf.version_core, deno: Deno.version.deno }));
