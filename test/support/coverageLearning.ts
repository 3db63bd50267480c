/** What test/oracle/coverage_learning.py runs of optimizers and schedules, written with ours. */
import { np, optim, type Tensor } from "trilevel";

const f = () => np.array([[-1.5, -0.5, 0.5], [1.5, 2.5, 4]]);
const g = () => np.array([2, -0.75, 3]);

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
