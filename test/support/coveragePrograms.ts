/** What test/oracle/coverage_pairs.py runs of functions of functions, written with ours. */
import {
  associativeScan,
  checkpoint,
  cond,
  debug,
  debugNans,
  evalShape,
  foriLoop,
  grad,
  hessian,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  linearSolve,
  linearTranspose,
  makeProgram,
  map,
  np,
  random,
  scan,
  switchCase,
  type Tensor,
  valueAndGrad,
  vjp,
  vmap,
  whileLoop,
} from "trilevel";

const f = () => np.array([[-1.5, -0.5, 0.5], [1.5, 2.5, 4]]);
const g = () => np.array([2, -0.75, 3]);
const v = () => np.array([3, 1, 2]);
const square = () => np.array([[4, 1, 0.5], [1, 3, 0.25], [0.5, 0.25, 2]]);
const tall = () => np.array([[1, 2], [3, 4], [5, 7]]);

const general = () => np.array([[0, 1, 2], [-1, 3, 0.5], [2, -4, 1]]);

/** Eigenvalues and zeros come in no particular order. */
const sortedParts = ({ re, im }: np.Complex) => [np.sort(re), np.sort(im)];

const cubes = (x: Tensor) => np.sum(np.power(x, 3));
const waves = (x: Tensor, y: Tensor) => np.sin(x).mul(y);
const more = () => f().add(1);
const ofVector = (x: Tensor) => waves(x, v());

/** Programs by the names of the functions there. */
export const programs: { readonly [there: string]: () => unknown } = {
  "jax.numpy.apply_along_axis": () => np.applyAlongAxis((x: Tensor) => np.outer(x, x), 0, f()),
  "jax.numpy.apply_over_axes": () =>
    np.applyOverAxes((x, axis) => np.sum(x, { axis, keepdims: true }), f(), [0, 1]),
  "jax.numpy.vectorize": () =>
    np.vectorize((m, x) => np.matmul(m, x), { signature: "(i,j),(j)->(i)" })(square(), f()),
  "jax.numpy.piecewise": () =>
    np.piecewise(f(), [f().less(0), f().greater(1), f().greater(2)], [
      (x: Tensor) => x.neg(),
      np.sin,
      9,
      (x: Tensor) => x.mul(x),
    ]),
  "jax.numpy.result_type": () => {
    const i = np.arange(3);
    return [
      np.array(np.resultType(f(), i) === "float32"),
      np.array(np.resultType(i, true) === "int32"),
    ];
  },
  "jax.numpy.mask_indices": () => [
    np.maskIndices(3, np.triu, { k: 1, size: 4 }),
    np.maskIndices(4, np.tril, { size: 10 }),
  ],
  "jax.numpy.promote_types": () => [
    np.array(np.promoteTypes("int32", "float32") === "float32"),
    np.array(np.promoteTypes("bool", "uint32") === "uint32"),
  ],
  "jax.numpy.fromfunction": () => np.fromfunction((x, y) => x.sub(y.mul(2)), [2, 3]),
  "jax.numpy.linalg.svd": () => {
    const [u, sizes, vt] = np.linalg.svd(square());
    return [sizes, np.matmul(u.mul(sizes), vt)];
  },
  "jax.numpy.linalg.eigh": () => {
    const [w, q] = np.linalg.eigh(square());
    return [w, np.matmul(q.mul(w), q.T)];
  },
  "jax.numpy.linalg.eigvals": () =>
    [general(), square()].map((m) => sortedParts(np.linalg.eigvals(m))),
  "jax.numpy.linalg.eig": () => {
    const [w, { re, im }] = np.linalg.eig(general());
    // The real part of V diag(w) Vᴴ, which does not depend on order and phases.
    const [x, y] = [re.mul(w.re).sub(im.mul(w.im)), re.mul(w.im).add(im.mul(w.re))];
    return [...sortedParts(w), np.matmul(x, re.T).add(np.matmul(y, im.T))];
  },
  "jax.numpy.roots": () =>
    [[2, -3, 4, 1], [0, 0, 1, -3, 2], [1, -3, 2, 0, 0], [1, 0, 0, -1]]
      .map((p) => sortedParts(np.roots(np.array(p)))),
  "jax.numpy.linalg.qr": () => {
    const [q, r] = np.linalg.qr(square());
    return [np.abs(r), np.matmul(q, r)];
  },
  "jax.numpy.linalg.lstsq": () => np.linalg.lstsq(tall(), v()),
  "jax.random.split": () => random.split(random.key(3), 3),

  "jax.grad": () => grad(cubes)(f()),
  "jax.value_and_grad": () => valueAndGrad(cubes)(f()),
  "jax.vjp": () => {
    const [y, pull] = vjp(waves, f(), more());
    return [y, ...pull(g().add(y))];
  },
  "jax.jvp": () => jvp(waves, [f(), more()], [f(), more()]),
  "jax.linearize": () => {
    const [y, linear] = linearize(waves, f(), more());
    return [y, linear(f(), more())];
  },
  "jax.linear_transpose": () => linearTranspose((x: Tensor) => np.matmul(square(), x), v())(g()),
  "jax.jacfwd": () => jacfwd(ofVector)(g()),
  "jax.jacrev": () => jacrev(ofVector)(g()),
  "jax.jacobian": () => jacrev(ofVector)(g()),
  "jax.hessian": () => hessian(cubes)(g()),
  "jax.vmap": () => vmap(waves, { inAxes: [1, null] })(f(), np.slice(v(), [0, 2])),
  "jax.jit": () => jit(waves)(f(), more()),
  "jax.checkpoint": () => grad(checkpoint(cubes))(f()),
  "jax.remat": () => grad(checkpoint(cubes))(f()),
  "jax.eval_shape": () => np.array([...evalShape(waves, f(), f()).shape], { dtype: "int32" }),
  "jax.device_get": async () => np.array(Float32Array.from(await f().data()), { shape: [2, 3] }),
  "jax.block_until_ready": async () => {
    const x = f();
    await x.data();
    return x;
  },
  "jax.device_put": () => f().to("reference"),
  "jax.make_jaxpr": () => {
    const { outputs } = makeProgram(waves, f(), more()).program;
    return np.array(outputs.map(({ aval }) => [...aval.shape]), { dtype: "int32" });
  },
  "jax.effects_barrier": async () => {
    const seen: number[] = [];
    debug.callback(({ data }) => void seen.push(...data), np.array(3));
    await debug.done();
    return np.array(seen);
  },
  "jax.debug_nans": async () => {
    const error = await debugNans((x: Tensor) => np.log(x))(np.array(-1)).catch((e) => e);
    return np.array(error._tag === "NanError");
  },

  "jax.lax.cond": () => [true, false].map((p) => cond(np.array(p), np.sin, np.cos, f())),
  "jax.lax.switch": () =>
    [-1, 1, 5].map((n) =>
      switchCase(np.array(n, { dtype: "int32" }), [np.sin, np.cos, np.tanh], f())
    ),
  "jax.lax.while_loop": () =>
    whileLoop((x: Tensor) => np.sum(x).less(100), (x: Tensor) => x.mul(2), v()),
  "jax.lax.fori_loop": () => foriLoop(2, 5, (n: Tensor, x: Tensor) => x.mul(n), v()),
  "jax.lax.scan": () => scan((s: Tensor, x: Tensor) => [s.add(x), s.mul(x)], g(), f()),
  "jax.lax.map": () => map((x: Tensor) => np.sum(x), f()),
  "jax.lax.associative_scan": () => associativeScan((a: Tensor, b: Tensor) => a.mul(b), f()),
  "jax.lax.custom_linear_solve": () => {
    const solution = (r: Tensor) =>
      linearSolve(
        (x: Tensor) => np.matmul(square(), x),
        r,
        (_, y) => np.linalg.solve(square(), y),
        (_, y) => np.linalg.solve(square().T, y),
      );
    return grad((r: Tensor) => np.sum(solution(r)))(v());
  },
};
