/** What test/oracle/coverage_learning.py runs of optimizers and schedules, written with ours. */
import { grad, nn, np, optim, random, type Tensor, tree } from "trilevel";

const f = () => np.array([[-1.5, -0.5, 0.5], [1.5, 2.5, 4]]);
const square = () => np.array([[4, 1, 0.5], [1, 3, 0.25], [0.5, 0.25, 2]]);
const tall = () => np.array([[1, 2], [3, 4], [5, 7]]);
const g = () => np.array([2, -0.75, 3]);

type Params = { readonly w: Tensor; readonly b: Tensor };
const params = (): Params => ({ w: f(), b: g() });
const gradients = ({ w, b }: Params): Params => ({ w: w.mul(0.5).add(1), b: np.square(b) });

const loss = ({ w, b }: Params) => np.sum(np.square(w)).div(4).add(np.sum(np.square(b)));

/** The updates of three steps. */
function updates(transformation: optim.GradientTransformation): Params[] {
  let p = params();
  let state = transformation.init(p);
  return Array.from({ length: 3 }, () => {
    const [update, next] = transformation.update(gradients(p), state, p, { value: loss(p) });
    state = next;
    p = optim.applyUpdates(p, update);
    return update;
  });
}

/** The first updates, of the parameters for gradients. */
function onceUpdated(transformation: optim.GradientTransformation): Params {
  return transformation.update(params(), transformation.init(params()))[0];
}

/** Updates, and what is measured of them, at the second of two steps. */
function measured(transformation: optim.GradientTransformation<optim.SnapshotState>) {
  const first = transformation.update(params(), transformation.init(params()))[1];
  const doubled = tree.map((x: Tensor) => x.mul(2), params());
  const [update, { measurements }] = transformation.update(doubled, first);
  return [update, measurements];
}

const examples = () => ({
  w: np.arange(32, { dtype: "float32" }).reshape([4, 2, 4]).div(8),
  b: np.repeat(np.slice(tall(), [], [0, 1]), 4, { axis: 1 }).T,
});

/** The values of the first nine steps. */
const values = (schedule: optim.Schedule) => Array.from({ length: 9 }, (_, n) => schedule(n));

/** Programs by the names of the functions there. */
export const programs: { readonly [there: string]: () => unknown } = {
  "jax.nn.scaled_matmul": () => {
    const scales = np.broadcastTo(np.array([[0.5, 2], [1.5, -1], [3, 0.25]]), [2, 3, 2]);
    const wave = np.reshape(np.sin(np.arange(48)), [2, 3, 4, 2]);
    const mine = np.reshape(np.slice(wave, [], 0), [2, 2, 4]);
    const yours = np.reshape(np.arange(-12, 12), [2, 3, 4]).astype("int32");
    return nn.scaledMatmul(
      np.slice(mine, [], [0, 1]),
      yours,
      np.slice(scales, [], [0, 1], [0, 1]),
      scales,
    );
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
  "optax.adabelief": () => updates(optim.adabelief(0.1)),
  "optax.adadelta": () => updates(optim.adadelta(0.1)),
  "optax.adagrad": () => updates(optim.adagrad(0.1)),
  "optax.adamax": () => updates(optim.adamax(0.1)),
  "optax.adamaxw": () => updates(optim.adamaxw(0.1)),
  "optax.adan": () => updates(optim.adan(0.1)),
  "optax.amsgrad": () => updates(optim.amsgrad(0.1)),
  "optax.fromage": () => updates(optim.fromage(0.1)),
  "optax.lamb": () => updates(optim.lamb(0.1)),
  "optax.lars": () => updates(optim.lars(0.1)),
  "optax.lion": () => updates(optim.lion(0.1)),
  "optax.nadam": () => updates(optim.nadam(0.1)),
  "optax.nadamw": () => updates(optim.nadamw(0.1)),
  "optax.novograd": () => updates(optim.novograd(0.1)),
  "optax.optimistic_adam": () => updates(optim.optimisticAdam(0.1)),
  "optax.optimistic_adam_v2": () => updates(optim.optimisticAdamV2(0.1)),
  "optax.optimistic_gradient_descent": () => updates(optim.optimisticGradientDescent(0.1)),
  "optax.radam": () => updates(optim.radam(0.1)),
  "optax.rprop": () => updates(optim.rprop(0.1)),
  "optax.sign_sgd": () => updates(optim.signSgd(0.1)),
  "optax.signum": () => updates(optim.signum(0.1)),
  "optax.sm3": () => updates(optim.sm3(0.1)),
  "optax.yogi": () => updates(optim.yogi(0.1)),
  "optax.scale_by_rprop": () => updates(optim.scaleByRprop(0.1)),
  "optax.polyak_sgd": () => updates(optim.polyakSgd()),
  "optax.scale_by_adadelta": () => updates(optim.scaleByAdadelta()),
  "optax.scale_by_adamax": () => updates(optim.scaleByAdamax()),
  "optax.scale_by_adan": () => updates(optim.scaleByAdan()),
  "optax.scale_by_amsgrad": () => updates(optim.scaleByAmsgrad()),
  "optax.scale_by_belief": () => updates(optim.scaleByBelief()),
  "optax.scale_by_lion": () => updates(optim.scaleByLion()),
  "optax.scale_by_novograd": () => updates(optim.scaleByNovograd()),
  "optax.scale_by_optimistic_gradient": () => updates(optim.scaleByOptimisticGradient()),
  "optax.scale_by_param_block_norm": () => updates(optim.scaleByParamBlockNorm()),
  "optax.scale_by_param_block_rms": () => updates(optim.scaleByParamBlockRms()),
  "optax.scale_by_polyak": () => updates(optim.scaleByPolyak()),
  "optax.scale_by_radam": () => updates(optim.scaleByRadam()),
  "optax.scale_by_rss": () => updates(optim.scaleByRss()),
  "optax.scale_by_sign": () => updates(optim.scaleBySign()),
  "optax.scale_by_sm3": () => updates(optim.scaleBySm3()),
  "optax.scale_by_stddev": () => updates(optim.scaleByStddev()),
  "optax.scale_by_trust_ratio": () => updates(optim.scaleByTrustRatio()),
  "optax.scale_by_yogi": () => updates(optim.scaleByYogi()),
  "optax.centralize": () => updates(optim.centralize()),
  "optax.keep_params_nonnegative": () => updates(optim.keepParamsNonnegative()),
  "optax.normalize_by_update_norm": () => updates(optim.normalizeByUpdateNorm()),
  "optax.zero_nans": () => updates(optim.zeroNans()),
  "optax.partition": () =>
    updates(
      optim.multiTransform({ a: optim.scale(2), z: optim.scale(3) }, { w: "a", b: "z" }),
    ),
  "optax.inject_stateful_hyperparams": () =>
    updates(optim.injectHyperparams({ size: 0.25 }, ({ size }) => optim.scale(size))),
  "optax.adafactor": () => updates(optim.adafactor(0.1, { minDimSizeToFactor: 2 })),
  "optax.scale_by_factored_rms": () => updates(optim.scaleByFactoredRms({ minDimSizeToFactor: 2 })),
  "optax.scale_by_distance_over_gradients": () => updates(optim.scaleByDistanceOverGradients()),
  "optax.adaptive_grad_clip": () => updates(optim.adaptiveGradClip(0.5)),
  "optax.clip_by_block_rms": () => updates(optim.clipByBlockRms(1)),
  "optax.apply_every": () => updates(optim.applyEvery(2)),
  "optax.apply_if_finite": () => updates(optim.applyIfFinite(optim.sgd(0.1), 2)),
  "optax.conditionally_mask": () =>
    updates(optim.conditionallyMask(optim.sgd(0.1), (step) => np.notEqual(step, 1))),
  "optax.conditionally_transform": () =>
    updates(optim.conditionallyTransform(optim.sgd(0.1), (step) => np.notEqual(step, 1))),
  "optax.flatten": () => updates(optim.flatten(optim.normalizeByUpdateNorm())),
  "optax.freeze": () => updates(optim.freeze({ w: true, b: false })),
  "optax.masked": () => updates(optim.masked(optim.scale(-0.5), { w: true, b: false })),
  "optax.selective_transform": () =>
    updates(
      optim.selectiveTransform(optim.sgd(0.1), { freezeMask: { w: true, b: false } }),
    ),
  "optax.named_chain": () =>
    updates(optim.namedChain(["a", optim.clip(1)], ["b", optim.scale(-0.5)])),
  "optax.stateless": () =>
    updates(
      optim.stateless((u, p) => tree.map((a: Tensor, b: Tensor) => a.add(b), u, p!) as typeof u),
    ),
  "optax.stateless_with_tree_map": () => updates(optim.statelessWithTreeMap((u, p) => u.add(p!))),
  "optax.skip_not_finite": () =>
    updates(optim.multiSteps(optim.sgd(0.1), 2, { shouldSkip: optim.skipNotFinite })),
  "optax.skip_large_updates": () =>
    updates(optim.multiSteps(optim.sgd(0.1), 2, { shouldSkip: optim.skipLargeUpdates(80) })),
  "optax.add_noise": () => onceUpdated(optim.addNoise(0.5, 0.55, random.key(3))),
  "optax.noisy_sgd": () => onceUpdated(optim.noisySgd(0.1, { key: random.key(3) })),
  "optax.lookahead": () => {
    let both = { fast: params(), slow: params() };
    const optimizer = optim.lookahead(optim.sgd(0.1), { syncPeriod: 2, slowStepSize: 0.25 });
    let state = optimizer.init(both);
    return Array.from({ length: 4 }, () => {
      const [update, next] = optimizer.update(gradients(both.fast), state, both);
      state = next;
      both = optim.applyUpdates(both, update);
      return update;
    });
  },
  "optax.snapshot": () => measured(optim.snapshot("norm", optim.globalNorm)),
  "optax.monitor": () => measured(optim.monitor({ norm: optim.globalNorm })),
  "optax.measure_with_ema": () =>
    measured(optim.monitor({ norm: optim.measureWithEma(optim.globalNorm, 0.9) })),
  "optax.scale_gradient": () =>
    grad((x: Tensor) => np.sum(np.square(optim.scaleGradient(x, 0.25))))(f()),
  "optax.per_example_global_norm_clip": () => optim.perExampleGlobalNormClip(examples(), 3),
  "optax.per_example_layer_norm_clip": () =>
    [true, false].map((uniform) => optim.perExampleLayerNormClip(examples(), 3, { uniform })),
  "optax.power_iteration": () => {
    const [value, vector] = optim.powerIteration(square());
    return [value, vector.mul(np.sign(vector.slice(0)))];
  },
  "optax.nnls": () => [
    optim.nnls(tall(), np.array([3, 1, 2]), 200),
    optim.nnls(tall(), tall(), 50),
  ],
  "optax.matrix_inverse_pth_root": () =>
    ([1, 2, 4, 8] as const).map((p) => optim.matrixInversePthRoot(square(), p)[0]),
  "optax.piecewise_interpolate_schedule": () =>
    values(optim.piecewiseInterpolateSchedule("linear", 1, { 2: 0.5, 5: 4 })),
  "optax.linear_onecycle_schedule": () =>
    values(optim.linearOnecycleSchedule({ transitionSteps: 8, peakValue: 1 })),
  "optax.cosine_onecycle_schedule": () =>
    values(optim.cosineOnecycleSchedule({ transitionSteps: 8, peakValue: 1 })),
  "optax.sgdr_schedule": () => {
    const cycle = { initValue: 0, warmupSteps: 1, decaySteps: 4 };
    return values(
      optim.sgdrSchedule([{ ...cycle, peakValue: 1 }, { ...cycle, peakValue: 0.5 }]),
    );
  },
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
