/** What test/oracle/coverage_pairs.py runs of functions of functions and of optimizers, written with ours. */
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
  optim,
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

const cubes = (x: Tensor) => np.sum(np.power(x, 3));
const waves = (x: Tensor, y: Tensor) => np.sin(x).mul(y);
const more = () => f().add(1);
const ofVector = (x: Tensor) => waves(x, v());

type Params = { readonly w: Tensor; readonly b: Tensor };
const params = (): Params => ({ w: f(), b: g() });
const gradients = ({ w, b }: Params): Params => ({ w: w.mul(0.5).add(1), b: np.square(b) });

/** The updates of three steps. */
function updates(transformation: optim.GradientTransformation): Params[] {
  let p = params();
  let state = transformation.init(p);
  return Array.from({ length: 3 }, () => {
    const [update, next] = transformation.update(gradients(p), state, p);
    state = next;
    p = optim.applyUpdates(p, update);
    return update;
  });
}

/** The values of the first nine steps. */
const values = (schedule: optim.Schedule) => Array.from({ length: 9 }, (_, n) => schedule(n));

/** Programs by the names of the functions there. */
export const programs: { readonly [there: string]: () => unknown } = {
  "jax.numpy.linalg.svd": () => {
    const [u, sizes, vt] = np.linalg.svd(square());
    return [sizes, np.matmul(u.mul(sizes), vt)];
  },
  "jax.numpy.linalg.eigh": () => {
    const [w, q] = np.linalg.eigh(square());
    return [w, np.matmul(q.mul(w), q.T)];
  },
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

  "optax.adam": () => updates(optim.adam(0.1)),
  "optax.adamw": () => updates(optim.adamw(0.1)),
  "optax.sgd": () => updates(optim.sgd(0.1, { momentum: 0.9 })),
  "optax.rmsprop": () => updates(optim.rmsprop(0.1)),
  "optax.trace": () => updates(optim.trace(0.9)),
  "optax.ema": () => updates(optim.ema(0.9)),
  "optax.scale": () => updates(optim.scale(-0.5)),
  "optax.scale_by_adam": () => updates(optim.scaleByAdam()),
  "optax.scale_by_rms": () => updates(optim.scaleByRms()),
  "optax.scale_by_learning_rate": () => updates(optim.scaleByLearningRate(0.1)),
  "optax.scale_by_schedule": () =>
    updates(
      optim.scaleBySchedule((n, dtype = "float32") => np.reciprocal(np.astype(n, dtype).add(1))),
    ),
  "optax.add_decayed_weights": () => updates(optim.addDecayedWeights(0.1)),
  "optax.clip": () => updates(optim.clip(1)),
  "optax.clip_by_global_norm": () => updates(optim.clipByGlobalNorm(1)),
  "optax.chain": () => updates(optim.chain(optim.clip(1), optim.scale(-0.5))),
  "optax.identity": () => updates(optim.identity()),
  "optax.set_to_zero": () => updates(optim.setToZero()),
  "optax.multi_transform": () =>
    updates(
      optim.multiTransform({ a: optim.scale(2), z: optim.scale(3) }, { w: "a", b: "z" }),
    ),
  "optax.inject_hyperparams": () =>
    updates(optim.injectHyperparams({ size: 0.25 }, ({ size }) => optim.scale(size))),
  "optax.apply_updates": () => optim.applyUpdates(params(), gradients(params())),
  "optax.global_norm": () => optim.globalNorm(params()),

  "optax.constant_schedule": () => values(optim.constantSchedule(0.5)),
  "optax.linear_schedule": () =>
    values(
      optim.linearSchedule({ initValue: 1, endValue: 0.1, transitionSteps: 4, transitionBegin: 1 }),
    ),
  "optax.polynomial_schedule": () =>
    values(
      optim.polynomialSchedule({
        initValue: 1,
        endValue: 0.1,
        power: 2,
        transitionSteps: 4,
        transitionBegin: 1,
      }),
    ),
  "optax.exponential_decay": () =>
    values(
      optim.exponentialDecay({
        initValue: 1,
        transitionSteps: 3,
        decayRate: 0.5,
        transitionBegin: 1,
      }),
    ),
  "optax.cosine_decay_schedule": () =>
    values(optim.cosineDecaySchedule({ initValue: 1, decaySteps: 6, alpha: 0.1 })),
  "optax.piecewise_constant_schedule": () =>
    values(optim.piecewiseConstantSchedule(1, { 2: 0.5, 5: 0.1 })),
  "optax.join_schedules": () =>
    values(
      optim.joinSchedules([
        optim.constantSchedule(1),
        optim.linearSchedule({ initValue: 1, endValue: 0, transitionSteps: 4 }),
      ], [3]),
    ),
  "optax.warmup_constant_schedule": () =>
    values(optim.warmupConstantSchedule({ initValue: 0, peakValue: 1, warmupSteps: 4 })),
  "optax.warmup_cosine_decay_schedule": () =>
    values(
      optim.warmupCosineDecaySchedule({
        initValue: 0,
        peakValue: 1,
        warmupSteps: 3,
        decaySteps: 8,
        endValue: 0.1,
      }),
    ),
  "optax.warmup_exponential_decay_schedule": () =>
    values(
      optim.warmupExponentialDecaySchedule({
        initValue: 0,
        peakValue: 1,
        warmupSteps: 3,
        transitionSteps: 2,
        decayRate: 0.5,
      }),
    ),
};
