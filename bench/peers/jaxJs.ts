/**
 * jax-js's side: every workload as its documentation has it, inside `jit`. Every use of a value gives up one
 * reference, so `.ref` stands wherever a value is used again.
 */
import * as jax from "@jax-js/jax";
import { type Case } from "../cases.ts";
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

const { numpy: np, nn, lax } = jax;
type Arr = jax.Array;

// The command line is written by the bench.
const device = Deno.args[1] as "wasm" | "webgpu";
await jax.init(device);
jax.defaultDevice(device);

const make = ({ data, shape }: Made): Arr => np.array(data, { shape });
const again = <T>(tree: T): T => jax.tree.ref(tree as jax.JsTree<Arr>) as T;

type Slots = MadeTree<ReturnType<typeof slotParams>, Arr>;
type Discovery = MadeTree<ReturnType<typeof discoveryParams>, Arr>;

const linear = (x: Arr, w: Arr) => np.matmul(x, np.transpose(w.ref));
const dense = (p: { weight: Arr; bias: Arr }, x: Arr) => linear(x, p.weight).add(p.bias.ref);

function layerNorm(p: { weight: Arr; bias: Arr }, x: Arr): Arr {
  const centered = x.ref.sub(np.mean(x, -1, { keepdims: true }));
  const variance = np.mean(np.square(centered.ref), -1, { keepdims: true });
  return centered.div(np.sqrt(variance.add(1e-3))).mul(p.weight.ref).add(p.bias.ref);
}

function gru(p: Slots, x: Arr, h: Arr): Arr {
  const i = np.split(linear(x, p.wih).add(p.bih.ref), 3, -1);
  const s = np.split(linear(h.ref, p.whh).add(p.bhh.ref), 3, -1);
  const r = nn.sigmoid(i[0]!.add(s[0]!));
  const z = nn.sigmoid(i[1]!.add(s[1]!));
  const n = np.tanh(i[2]!.add(r.mul(s[2]!)));
  return n.ref.add(z.mul(h.sub(n)));
}

function slotAttention(p: Slots, inputs: Arr, iterations: number, adjoint: string): Arr {
  const batch = inputs.shape[0]!;
  const x = layerNorm(p.normInputs, inputs);
  const [k, v] = [linear(x.ref, p.key), linear(x, p.value)];
  const step = (slots: Arr): Arr => {
    const q = linear(layerNorm(p.normSlots, slots.ref), p.query)
      .mul(1 / Math.sqrt(slots.shape.at(-1)!));
    const a = nn.softmax(np.einsum("bnd,bsd->bns", k.ref, q), -1).add(1e-8);
    const weights = a.ref.div(np.sum(a, 1, { keepdims: true }));
    const next = gru(p, np.einsum("bns,bnd->bsd", weights, v.ref), slots);
    const hidden = nn.relu(linear(layerNorm(p.normMlp, next.ref), p.w1).add(p.b1.ref));
    return next.add(linear(hidden, p.w2).add(p.b2.ref));
  };
  let slots = np.broadcastTo(p.start.ref, [batch, ...p.start.shape]);
  for (let i = 0; i < iterations; i++) slots = step(slots);
  return adjoint === "unrolled" ? slots : step(lax.stopGradient(slots));
}

function discoveryLoss(p: Discovery, image: Arr, at8: Arr, at32: Arr): Arr {
  let x = np.transpose(image.ref, [0, 3, 1, 2]);
  for (const [i, { weight, bias }] of p.convs.entries()) {
    const stride = i < 2 ? 2 : 1;
    x = lax.conv(x, weight.ref, [stride, stride], "SAME").add(bias.ref.reshape([1, -1, 1, 1]));
    x = nn.relu(x);
  }
  const [batch, channels, size] = x.shape as [number, number, number];
  x = np.transpose(x.reshape([batch, channels, size * size]), [0, 2, 1]);
  x = layerNorm(p.norm, x.add(dense(p.position, at8)));
  x = dense(p.mlp[1]!, nn.relu(dense(p.mlp[0]!, x)));
  const slots = slotAttention(p.slots, x, 3, "oneStep");
  let hidden = np.expandDims(dense(p.slot, slots), 2).add(linear(at32, p.grid));
  hidden = nn.relu(hidden);
  for (const layer of p.layers.slice(0, -1)) hidden = nn.relu(dense(layer, hidden));
  const [pictures, logits] = np.split(dense(p.layers.at(-1)!, hidden), [3], -1);
  const drawn = np.sum(pictures!.mul(nn.softmax(logits!, 1)), 1);
  return np.mean(np.square(drawn.sub(image.reshape([batch, -1, 3]))));
}

/** Steps of Adam. */
function training<P>(loss: (p: P, ...data: Arr[]) => Arr, params: P, ...data: Arr[]): Work {
  const zeros = () =>
    jax.tree.map((x: Arr) => np.zerosLike(x), again(params) as jax.JsTree<Arr>) as P;
  let state = { params, mu: zeros(), nu: zeros(), count: np.array(0) };
  type State = typeof state;
  type T = jax.JsTree<Arr>;
  const zip = (f: (...xs: Arr[]) => Arr, ...trees: unknown[]): T =>
    jax.tree.map(
      f as (a: Arr, ...rest: Arr[]) => Arr,
      trees[0] as T,
      ...trees.slice(1) as T[],
    ) as T;
  const step = jax.jit(
    (({ params, mu, nu, count }: State, ...data: Arr[]) => {
      // jax-js's types know trees of arrays, not the types of ours.
      const slope = jax.valueAndGrad(loss as never) as unknown as (p: P, ...x: Arr[]) => [Arr, P];
      const [value, g] = slope(again(params), ...data);
      const c = count.add(1);
      const [b1, b2] = [0.9, 0.999].map((b) => np.subtract(1, np.exp(c.ref.mul(Math.log(b))))) as [
        Arr,
        Arr,
      ];
      const mu2 = zip((m, g) => m.mul(0.9).add(g.mul(0.1)), mu, again(g)) as P;
      const nu2 = zip((v, g) => v.mul(0.999).add(np.square(g).mul(0.001)), nu, g) as P;
      const next = zip(
        (p, m, v) => p.sub(m.div(b1.ref).div(np.sqrt(v.div(b2.ref)).add(1e-8)).mul(1e-3)),
        params,
        again(mu2),
        again(nu2),
      ) as P;
      return [value, { params: next, mu: mu2, nu: nu2, count: c }];
    }) as never,
  ) as unknown as (s: State, ...data: Arr[]) => [Arr, State];
  return {
    async call() {
      const [value, next] = step(state, ...data.map((x) => x.ref));
      state = next;
      return (await value.data())[0]!;
    },
  };
}

/** A large result, of which one element is read. */
function onArrays(f: (...args: Arr[]) => Arr, ...args: Arr[]): Work {
  const compiled = jax.jit((...args: Arr[]) => {
    const y = f(...args);
    return [y.ref, np.ravel(y).slice(0)];
  });
  return {
    async call() {
      const [y, first] = compiled(...args.map((x) => x.ref)) as [Arr, Arr];
      const value = (await first.data())[0]!;
      y.dispose();
      return value;
    },
  };
}

function workOf(c: Case): Work {
  switch (c.workload) {
    case "slotAttention": {
      const params = makeTree(slotParams(), make);
      const x = make(made(0, [8, 256, 64]));
      const loss = (p: Slots, x: Arr) =>
        np.mean(np.square(slotAttention(p, x, c.iterations, c.adjoint)));
      const f = jax.jit(jax.valueAndGrad(loss as never) as never) as unknown as (
        p: Slots,
        x: Arr,
      ) => [Arr, Slots];
      return {
        async call() {
          const [value, gradient] = f(again(params), x.ref);
          const result = (await value.data())[0]!;
          jax.tree.dispose(gradient as never);
          return result;
        },
      };
    }
    case "mlp": {
      const params = makeTree([
        { weight: made(1, [256, 784], 1 / 28), bias: made(0, [256], 0) },
        { weight: made(2, [10, 256], 1 / 16), bias: made(0, [10], 0) },
      ], make);
      const hot = new Float32Array(640);
      for (let i = 0; i < 64; i++) hot[10 * i + i % 10] = 1;
      return training(
        (p: typeof params, x: Arr, labels: Arr) =>
          np.sum(nn.logSoftmax(dense(p[1]!, nn.relu(dense(p[0]!, x)))).mul(labels)).mul(-1 / 64),
        params,
        make(made(0, [64, 784])),
        make({ data: hot, shape: [64, 10] }),
      );
    }
    case "conv": {
      const forward = (x: Arr, w: Arr) => lax.conv(x, w, [1, 1], "SAME");
      return onArrays(
        (x, w, y) => {
          if (c.part === "forward") return forward(x, w);
          const [out, pull] = jax.vjp(forward as never, [x, w] as never) as unknown as [
            Arr,
            (ct: Arr) => [Arr, Arr],
          ];
          out.dispose();
          return pull(y)[c.part === "input" ? 0 : 1];
        },
        make(made(0, [4, 64, 64, 64])),
        make(made(1, [64, 64, 5, 5], 1 / 40)),
        make(made(2, [4, 64, 64, 64])),
      );
    }
    case "discovery":
      return training(
        discoveryLoss,
        makeTree(discoveryParams(), make),
        ...[made(0, [16, 32, 32, 3]), grid(8), grid(32)].map(make),
      );
    case "elementwise": {
      const chain = (x: Arr, y: Arr) => {
        for (let i = 0; i < 100; i++) x = x.mul(0.999).add(y.ref);
        return x;
      };
      const f = c.compiled ? jax.jit(chain) : chain;
      const [x, y] = [make(made(0, [16, 7, 64])), make(made(1, [16, 7, 64]))];
      return { call: async () => (await f(x.ref, y.ref).data())[0]! };
    }
    case "matmul":
      return onArrays(
        (x, y) => np.matmul(x, y),
        make(made(0, [c.size, c.size])),
        make(made(1, [c.size, c.size])),
      );
    case "generation":
    case "loop":
      throw new Error("the bench asks PyTorch alone for generation, and JAX for loops");
  }
}

await serve(workOf, () => ({ "@jax-js/jax": "0.1.25", deno: Deno.version.deno }));
