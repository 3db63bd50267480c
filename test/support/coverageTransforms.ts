/** What test/oracle/coverage_transforms.py runs, written with ours. */
import {
  allGather,
  allToAll,
  axisIndex,
  axisSize,
  customGradient,
  disableJit,
  grad,
  type HostArray,
  jit,
  jvp,
  np,
  optim,
  pmax,
  pmean,
  pmin,
  ppermute,
  pshuffle,
  psum,
  psumScatter,
  pswapaxes,
  pureCallback,
  type PureCallbackOptions,
  scan,
  ShapeDType,
  type Tensor,
  vmap,
} from "trilevel";

const wave = (...shape: number[]) =>
  np.reshape(np.sin(np.arange(shape.reduce((a, b) => a * b, 1), { dtype: "float32" })), shape);

const weighted = (y: Tensor) =>
  np.sum(y.mul(np.reshape(np.cos(np.arange(y.size, { dtype: "float32" })), y.shape)));

const named = { axisName: "i" };

type Derivatives = "none" | "outside" | "all";

/** A function of elements along "i", mapped: its values, derivatives outside and inside, within another axis and a loop. */
function ways(op: (x: Tensor) => Tensor, x: Tensor, derivatives: Derivatives = "all"): Tensor[] {
  const mapped = vmap(op, named);
  const two = np.stack([x, x.mul(2)], { axis: 1 });
  const inner = vmap(vmap(op, named), { axisName: "j", inAxes: 1, outAxes: 1 });
  const outer = vmap(vmap(op), named);
  const looped = vmap(
    (x: Tensor) =>
      scan(
        (c: Tensor, _: null) => [c.add(np.sum(op(x.mul(c)))), op(x.add(c))] as const,
        np.array(1),
        null,
        { length: 2 },
      )[1],
    named,
  );
  const results = [mapped(x), inner(two), outer(two), looped(x), jit(mapped)(x)];
  if (derivatives === "none") return results;
  results.push(grad((x: Tensor) => weighted(mapped(x)))(x));
  if (derivatives === "outside") return results;
  return [
    ...results,
    vmap(grad((x: Tensor) => weighted(op(np.sin(x)))), named)(x),
    vmap((x: Tensor) => jvp(op, [x], [x.mul(x)])[1], named)(x),
  ];
}

const x = () => wave(3, 2);
const rows = () => wave(3, 3, 2);
const four = () => wave(3, 2, 6);
const square = (x: Tensor) => x.mul(x);

const clipped = customGradient((x: Tensor, y: Tensor) => {
  const z = np.sin(x).mul(y);
  return [z, (ct: Tensor) => [np.clip(ct, -1, 1).mul(np.cos(x)).mul(y), ct.mul(z)]];
});
const weigh = (x: Tensor, y: Tensor) => weighted(clipped(x, y));

const f = () => np.array([[-1.5, -0.5, 0.5], [1.5, 2.5, 4]]);
const windows: readonly ((x: Tensor) => Tensor)[] = [
  (x) => np.reduceWindow(x, 0, np.add, [1, 2]),
  (x) => np.reduceWindow(x, -Infinity, np.maximum, [2, 2], { strides: [1, 2], padding: "SAME" }),
  (x) =>
    np.reduceWindow(x, 1, np.multiply, [2, 1], {
      strides: [2, 1],
      padding: [[1, 0], [0, 1]],
      baseDilation: [2, 1],
      windowDilation: [2, 1],
    }),
  (x) =>
    np.reduceWindow(x, Infinity, np.minimum, [1, 3], {
      padding: [[0, 0], [2, 2]],
      windowDilation: [1, 2],
    }),
];

function adamState(): unknown {
  const optimizer = optim.chain(optim.clip(1), optim.scaleByAdam());
  const params = { b: np.array([2, -0.75, 3]), w: f() };
  return optimizer.update(params, optimizer.init(params))[1];
}

/** Programs by the names of the functions there. */
export const programs: { readonly [there: string]: () => unknown } = {
  "jax.lax.psum": () => ways((x) => psum(square(x), "i").mul(x), x()),
  "jax.lax.pmean": () => ways((x) => pmean(square(x), "i").mul(x), x()),
  "jax.lax.pmax": () => ways((x) => pmax(square(x), "i").mul(x), x(), "none"),
  "jax.lax.pmin": () => ways((x) => pmin(square(x), "i").mul(x), x(), "none"),
  "jax.lax.all_gather": () => [
    ...ways((x) => allGather(square(x), "i"), x()),
    ...ways((x) => allGather(square(x), "i", { axis: 1 }), x()),
    ...ways((x) => allGather(square(x), "i", { tiled: true }), x()),
  ],
  "jax.lax.psum_scatter": () => [
    ...ways((x) => psumScatter(square(x), "i"), rows()),
    ...ways((x) => psumScatter(square(x), "i", { scatterDimension: 1, tiled: true }), four()),
  ],
  "jax.lax.all_to_all": () => [
    ...ways((x) => allToAll(square(x), "i", 0, 1), rows(), "outside"),
    ...ways((x) => allToAll(square(x), "i", 1, 0, { tiled: true }), four(), "outside"),
  ],
  "jax.lax.pswapaxes": () => ways((x) => pswapaxes(square(x), "i", 0), rows(), "outside"),
  "jax.lax.ppermute": () => ways((x) => ppermute(square(x), "i", [[0, 2], [1, 0], [2, 1]]), x()),
  "jax.lax.pshuffle": () => ways((x) => pshuffle(square(x), "i", [2, 0, 1]), x()),
  "jax.lax.axis_index": () => [
    ...ways((x) => x.mul(axisIndex("i")), x()),
    vmap(vmap((_: Tensor) => axisIndex(["i", "j"]), { axisName: "j" }), named)(x()),
  ],
  "jax.lax.axis_size": () => ways((x) => x.mul(axisSize("i")), x()),
  "jax.lax.reduce_window": () => [
    ...windows.map((reduced) => reduced(f())),
    ...windows.slice(0, 2).map((reduced) =>
      vmap(grad((x: Tensor) => weighted(reduced(x))))(np.stack([f(), f().mul(f())]))
    ),
  ],
  "optax.tree.get": () => optim.tree.get(adamState(), "count"),
  "optax.tree.get_all_with_path": () =>
    optim.tree.getAllWithPath(adamState(), "nu").map(([, value]) => value),
  "optax.tree.set": () =>
    optim.tree.get(
      optim.tree.set(adamState(), { count: np.array(7, { dtype: "int32" }) }),
      "count",
    ),
  "jax.custom_gradient": () => [
    clipped(x(), x().add(1)),
    grad(weigh, { argnums: [0, 1] })(x(), x().add(1)),
    vmap(grad(weigh))(x(), x().add(1)),
    grad((x: Tensor) => weighted(grad(weigh)(x, x.add(1))))(x()),
  ],
  "jax.pure_callback": () => {
    const factors = np.array([2, -1]);
    const called = (options: PureCallbackOptions = {}) =>
      pureCallback(
        (x: HostArray, factor: HostArray) =>
          Array.from(x.data, (_, i) => {
            const at = (k: number) => x.data[k]! * factor.data[k % factor.data.length]!;
            return i % 2 === 0 ? at(i) : at(i - 1) + at(i);
          }),
        new ShapeDType([2]),
        options,
      );
    const compiled = jit((x: Tensor, factor: Tensor) => called()(np.sin(x), factor).mul(2));
    const methods = ["sequential", "sequentialUnrolled", "expandDims", "broadcastAll"] as const;
    return [
      compiled(wave(2), factors),
      ...methods.map((vmapMethod) =>
        vmap((x: Tensor, y: Tensor) => called({ vmapMethod })(x, y), { inAxes: [0, null] })(
          wave(3, 2),
          factors,
        )
      ),
      scan((c: Tensor, x: Tensor) => [called()(c, x), c], factors, wave(3, 2)),
    ];
  },
  "jax.disable_jit": () => {
    const seen: Tensor[] = [];
    const sums = (x: Tensor) =>
      scan(
        (c: Tensor, x: Tensor) => {
          seen.push(c.add(0));
          return [c.add(x), c.mul(x)];
        },
        np.zeros([2]),
        x,
      );
    return [disableJit(() => jit(sums)(x())), seen];
  },
};
