"""Calls of jax.nn and optax, and what they give: python test/oracle/coverage_learning.py > test/fixtures/coverage-learning.json

As coverage_pairs.py, which says how pairs are recorded.
"""

from jax import nn

from coverage_calls import *

# Neural networks
jn = "jax.nn"
same(jn, "nn.", "elu leaky_relu log_softmax relu sigmoid silu softmax softplus tanh", [f])
pair("jax.nn.gelu", "nn.gelu", *[keywords(f, approximate=a) for a in [True, False]])
same(jn, "nn.", "celu hard_sigmoid hard_silu hard_swish hard_tanh log_sigmoid mish relu6 selu", [f * 2])
same(jn, "nn.", "soft_sign sparse_plus sparse_sigmoid squareplus swish", [f])
pair("jax.nn.log1mexp", "nn.log1mexp", [unit], [large])
pair("jax.nn.logmeanexp", "nn.logmeanexp", [f], keywords(f, axis=1, keepdims=True))
pair("jax.nn.glu", "nn.glu", [tall], keywords(tall.T, axis=0))
pair("jax.nn.standardize", "nn.standardize", [f], keywords(f, axis=0, epsilon=0.1), keywords(f, mean=v, variance=large))
q = jnp.sin(jnp.arange(48, dtype=jnp.float32)).reshape(2, 3, 4, 2)
k, values = jnp.cos(jnp.arange(40, dtype=jnp.float32)).reshape(2, 5, 2, 2), jnp.arange(40, dtype=jnp.float32).reshape(2, 5, 2, 2) / 10
bias = jnp.arange(15, dtype=jnp.float32).reshape(1, 1, 3, 5) / 5
lengths = {"query_seq_lengths": jnp.array([2, 3], jnp.int32), "key_value_seq_lengths": jnp.array([5, 2], jnp.int32)}
pair("jax.nn.dot_product_attention", "nn.dotProductAttention", [k, k, values], [k[0], k[0], values[0]], *[
    keywords(q, k, values, **options) for options in [
        {"bias": bias, "scale": 0.3}, {"mask": bias % 0.4 < 0.3}, {"is_causal": True}, lengths,
        {"local_window_size": [1, 2]}, {"is_causal": True, "bias": bias, **lengths}]])
# JAX has it on GPUs alone; this is the equation of its documentation.
scales = jnp.array([[[0.5, 2.0], [1.5, -1.0], [3.0, 0.25]]] * 2, jnp.float32)
mine, yours = q[:, 0].reshape(2, 2, 4)[:, :1], jnp.arange(-12, 12, dtype=jnp.int32).reshape(2, 3, 4)
program("jax.nn.scaled_matmul", "nn.scaledMatmul", jnp.einsum(
    "BMK,BNK->BMN", mine * scales[:, :1, :1], yours * jnp.repeat(scales, 2, axis=-1)))
pair("jax.nn.one_hot", "nn.oneHot", [shift, 3])
pair("jax.nn.logsumexp", "np.logsumexp", [f], keywords(f, axis=1, keepdims=True))
pair("jax.nn.identity", "np.positive", [f], [i])

# Losses
ox, ls = "optax", "nn.losses."
probabilities = jnp.array([[0.2, 0.5, 0.3], [0.0, 1.0, 0.0]], jnp.float32)
classes = jnp.array([2, 0], jnp.int32)
signs = jnp.sign(f)
same(ox, ls, "squared_error l2_loss log_cosh", [f, f[::-1] * 0.3], [f])
same(ox, ls, "huber_loss", [f, f[::-1]], ([f, f[::-1]], {"delta": 2.0}, [f, f[::-1], {"delta": 2.0}]))
same(ox, ls, "cosine_similarity cosine_distance", [f, f[::-1]], keywords(f, f[::-1], axis=0, epsilon=5.0))
same(ox, ls, "hinge_loss", [f, signs])
same(ox, ls, "sigmoid_binary_cross_entropy", [f, probabilities], [f, jnp.array(b, jnp.int32)])
pair("optax.sigmoid_focal_loss", ls + "sigmoidFocalLoss", [f, probabilities], [f, b], keywords(f, probabilities, alpha=0.25, gamma=1.5))
same(ox, ls, "softmax_cross_entropy", [f, probabilities], keywords(f, probabilities, axis=0))
same(ox, ls, "safe_softmax_cross_entropy", [f, probabilities], [jnp.log(probabilities), probabilities])
pair("optax.softmax_cross_entropy_with_integer_labels", ls + "softmaxCrossEntropyWithIntegerLabels",
     [f, classes], keywords(f, jnp.array([1, 0, 1], jnp.int32), axis=0))
same(ox, ls, "smooth_labels", [probabilities, 0.1])
same(ox, ls, "kl_divergence generalized_kl_divergence", [f, probabilities], keywords(f, probabilities, axis=0))
pair("optax.convex_kl_divergence", ls + "convexKlDivergence", [f, probabilities])
pair("optax.ntxent", ls + "ntxent", [tall, jnp.array([1, 0, 1], jnp.int32)],
     keywords(tall, jnp.array([1, 1, 1], jnp.int32), temperature=0.5))
logits = jnp.sin(jnp.arange(40, dtype=jnp.float32)).reshape(2, 5, 4) * 2
paddings = jnp.array([[0, 0, 0, 0, 0], [0, 0, 0, 0, 1]], jnp.float32), jnp.array([[0, 0], [0, 1]], jnp.float32)
for there in ["ctc_loss", "ctc_loss_with_forward_probs"]:
    given = [logits, paddings[0], jnp.array([[1, 1], [2, 0]], jnp.int32), paddings[1]]
    pair(f"optax.{there}", ls + camel(there), given, keywords(*given, blank_id=3))

# optax: three updates of parameters that move
# In double precision, of which float32 is recorded: optax's float32 loses digits in 1 - b2**n.
params = {"w": f, "b": g}
grads = lambda p: {"w": p["w"] * 0.5 + 1, "b": p["b"] ** 2}


loss = lambda p: jnp.sum(p["w"] ** 2) / 4 + jnp.sum(p["b"] ** 2)


def updates(make):
    with jax.enable_x64(True):
        p = jax.tree.map(lambda x: x.astype("float64"), params)
        t, all_updates = optax.with_extra_args_support(make()), []
        state = t.init(p)
        for _ in range(3):
            u, state = t.update(grads(p), state, p, value=loss(p))
            p = optax.apply_updates(p, u)
            all_updates.append(jax.tree.map(lambda x: np.asarray(x, "float32"), u))
        return all_updates


for there, ours, transformation in [
    ("adam", "adam", lambda: optax.adam(0.1)),
    ("adamw", "adamw", lambda: optax.adamw(0.1)),
    ("sgd", "sgd", lambda: optax.sgd(0.1, momentum=0.9)),
    ("rmsprop", "rmsprop", lambda: optax.rmsprop(0.1)),
    ("trace", "trace", lambda: optax.trace(0.9)),
    ("ema", "ema", lambda: optax.ema(0.9)),
    ("scale", "scale", lambda: optax.scale(-0.5)),
    ("scale_by_adam", "scaleByAdam", lambda: optax.scale_by_adam()),
    ("scale_by_rms", "scaleByRms", lambda: optax.scale_by_rms()),
    ("scale_by_learning_rate", "scaleByLearningRate", lambda: optax.scale_by_learning_rate(0.1)),
    ("scale_by_schedule", "scaleBySchedule", lambda: optax.scale_by_schedule(lambda n: 1.0 / (n + 1))),
    ("add_decayed_weights", "addDecayedWeights", lambda: optax.add_decayed_weights(0.1)),
    ("clip", "clip", lambda: optax.clip(1.0)),
    ("clip_by_global_norm", "clipByGlobalNorm", lambda: optax.clip_by_global_norm(1.0)),
    ("chain", "chain", lambda: optax.chain(optax.clip(1.0), optax.scale(-0.5))),
    ("identity", "identity", lambda: optax.identity()),
    ("set_to_zero", "setToZero", lambda: optax.set_to_zero()),
    ("multi_transform", "multiTransform", lambda: optax.multi_transform({"a": optax.scale(2.0), "z": optax.scale(3.0)}, {"w": "a", "b": "z"})),
    ("partition", "multiTransform", lambda: optax.partition({"a": optax.scale(2.0), "z": optax.scale(3.0)}, {"w": "a", "b": "z"})),
    ("inject_stateful_hyperparams", "injectHyperparams", lambda: optax.inject_stateful_hyperparams(optax.scale)(step_size=0.25)),
    *[(name, camel(name), lambda name=name: getattr(optax, name)(0.1)) for name in (
        "adabelief adadelta adagrad adamax adamaxw adan amsgrad fromage lamb lars lion nadam nadamw novograd optimistic_adam "
        "optimistic_adam_v2 optimistic_gradient_descent radam rprop sign_sgd signum sm3 yogi scale_by_rprop").split()],
    *[(name, camel(name), lambda name=name: getattr(optax, name)()) for name in (
        "polyak_sgd scale_by_adadelta scale_by_adamax scale_by_adan scale_by_amsgrad scale_by_belief scale_by_lion "
        "scale_by_novograd scale_by_optimistic_gradient scale_by_param_block_norm scale_by_param_block_rms scale_by_polyak "
        "scale_by_radam scale_by_rss scale_by_sign scale_by_sm3 scale_by_stddev scale_by_trust_ratio scale_by_yogi centralize "
        "keep_params_nonnegative normalize_by_update_norm zero_nans").split()],
    ("adafactor", "adafactor", lambda: optax.adafactor(0.1, min_dim_size_to_factor=2)),
    ("scale_by_factored_rms", "scaleByFactoredRms", lambda: optax.scale_by_factored_rms(min_dim_size_to_factor=2)),
    ("scale_by_distance_over_gradients", "scaleByDistanceOverGradients", lambda: optax.scale_by_distance_over_gradients(param_dtype=jnp.float64)),
    ("adaptive_grad_clip", "adaptiveGradClip", lambda: optax.adaptive_grad_clip(0.5)),
    ("clip_by_block_rms", "clipByBlockRms", lambda: optax.clip_by_block_rms(1.0)),
    ("apply_every", "applyEvery", lambda: optax.apply_every(2)),
    ("apply_if_finite", "applyIfFinite", lambda: optax.apply_if_finite(optax.sgd(0.1), 2)),
    ("conditionally_mask", "conditionallyMask", lambda: optax.conditionally_mask(optax.sgd(0.1), lambda step: step != 1)),
    ("conditionally_transform", "conditionallyTransform", lambda: optax.conditionally_transform(optax.sgd(0.1), lambda step: step != 1)),
    ("flatten", "flatten", lambda: optax.flatten(optax.normalize_by_update_norm())),
    ("freeze", "freeze", lambda: optax.freeze({"w": True, "b": False})),
    ("masked", "masked", lambda: optax.masked(optax.scale(-0.5), {"w": True, "b": False})),
    ("selective_transform", "selectiveTransform", lambda: optax.selective_transform(optax.sgd(0.1), freeze_mask={"w": True, "b": False})),
    ("named_chain", "namedChain", lambda: optax.named_chain(("a", optax.clip(1.0)), ("b", optax.scale(-0.5)))),
    ("stateless", "stateless", lambda: optax.stateless(lambda u, p: jax.tree.map(jnp.add, u, p))),
    ("stateless_with_tree_map", "statelessWithTreeMap", lambda: optax.stateless_with_tree_map(lambda u, p: u + p)),
    ("skip_not_finite", "skipNotFinite", lambda: optax.MultiSteps(
        optax.sgd(0.1), 2, should_skip_update_fn=optax.skip_not_finite).gradient_transformation()),
    ("skip_large_updates", "skipLargeUpdates", lambda: optax.MultiSteps(
        optax.sgd(0.1), 2, should_skip_update_fn=lambda *a: optax.skip_large_updates(*a, 80.0)).gradient_transformation()),
    ("inject_hyperparams", "injectHyperparams", lambda: optax.inject_hyperparams(optax.scale)(step_size=0.25)),
]:
    program(f"optax.{there}", f"optim.{ours}", updates(transformation))
program("optax.apply_updates", "optim.applyUpdates", optax.apply_updates(params, grads(params)))
noise = optax.add_noise(0.5, 0.55, 3)
noisy = optax.noisy_sgd(0.1, key=3)
program("optax.add_noise", "optim.addNoise", noise.update(params, noise.init(params))[0])
program("optax.noisy_sgd", "optim.noisySgd", noisy.update(params, noisy.init(params))[0])


def lookahead():
    p, all_updates = optax.LookaheadParams(params, params), []
    t = optax.lookahead(optax.sgd(0.1), 2, 0.25)
    state = t.init(p)
    for _ in range(4):
        u, state = t.update(grads(p.fast), state, p)
        p = optax.apply_updates(p, u)
        all_updates.append({"fast": u.fast, "slow": u.slow})
    return all_updates


def measured(t, of):
    state = t.init(params)
    for scale in [1.0, 2.0]:
        u, state = t.update(jax.tree.map(lambda x: x * scale, params), state, params)
    return [u, of(state)]


program("optax.lookahead", "optim.lookahead", lookahead())
program("optax.snapshot", "optim.snapshot", measured(optax.snapshot("norm", optax.global_norm), lambda s: s.measurement))
program("optax.monitor", "optim.monitor", measured(optax.monitor({"norm": optax.global_norm}), lambda s: s.measurements))
program("optax.measure_with_ema", "optim.measureWithEma", measured(
    optax.monitor({"norm": optax.measure_with_ema(optax.global_norm, 0.9)}), lambda s: s.measurements))

# Trees and numbers
moments = jax.tree.map(lambda x: x * 0.5, params)
three = jnp.int32(3)
pair("optax.update_moment", "optim.updateMoment", [f, f * 0.5, 0.9, 1], [f, f * 0.5, 0.9, 2], [f, f * 0.5, 0.9, 3])
pair("optax.update_moment_per_elem_norm", "optim.updateMomentPerElemNorm", [f, f * 0.5, 0.9, 2])
pair("optax.update_infinity_moment", "optim.updateInfinityMoment", [f, f * 0.5, 0.9, 1e-3])
pair("optax.bias_correction", "optim.biasCorrection", ([f, jnp.float32(0.9), three], {}, [f, 0.9, three]))
pair("optax.safe_increment", "optim.safeIncrement", [three], [jnp.int32(2**31 - 1)], [jnp.float32(2)])
pair("optax.safe_int32_increment", "optim.safeIncrement", [three], [jnp.int32(2**31 - 1)])
pair("optax.safe_norm", "optim.safeNorm", [f, 0.5], [f * 0, 0.5], [f, 100.0])
pair("optax.safe_root_mean_squares", "optim.safeRootMeanSquares", [f, 0.5], [f * 0, 0.5])
pair("optax.incremental_update", "optim.incrementalUpdate", [f, f * 3, 0.25])
pair("optax.periodic_update", "optim.periodicUpdate", [f, f * 3, three, 3], [f, f * 3, three, 2])
program("optax.scale_gradient", "optim.scaleGradient", jax.grad(lambda x: jnp.sum(optax.scale_gradient(x, 0.25) ** 2))(f))
examples = {"w": image.reshape(4, 2, 4) / 8, "b": tall[:, :1].repeat(4, 1).T}
program("optax.per_example_global_norm_clip", "optim.perExampleGlobalNormClip", optax.per_example_global_norm_clip(examples, 3.0))
program("optax.per_example_layer_norm_clip", "optim.perExampleLayerNormClip",
        [optax.per_example_layer_norm_clip(examples, 3.0, uniform=u) for u in [True, False]])
program("optax.power_iteration", "optim.powerIteration",
        (lambda value, vector: (value, vector * jnp.sign(vector[0])))(*optax.power_iteration(square)))
program("optax.nnls", "optim.nnls", [optax.nnls(tall, v, 200), optax.nnls(tall, tall, 50)])
program("optax.matrix_inverse_pth_root", "optim.matrixInversePthRoot", [optax.matrix_inverse_pth_root(square, p)[0] for p in [1, 2, 4, 8]])
program("optax.global_norm", "optim.globalNorm", optax.global_norm(params))

for there, ours, schedule in [
    ("constant_schedule", "constantSchedule", optax.constant_schedule(0.5)),
    ("linear_schedule", "linearSchedule", optax.linear_schedule(1.0, 0.1, 4, 1)),
    ("polynomial_schedule", "polynomialSchedule", optax.polynomial_schedule(1.0, 0.1, 2, 4, 1)),
    ("exponential_decay", "exponentialDecay", optax.exponential_decay(1.0, 3, 0.5, 1)),
    ("cosine_decay_schedule", "cosineDecaySchedule", optax.cosine_decay_schedule(1.0, 6, 0.1)),
    ("piecewise_constant_schedule", "piecewiseConstantSchedule", optax.piecewise_constant_schedule(1.0, {2: 0.5, 5: 0.1})),
    ("join_schedules", "joinSchedules", optax.join_schedules([optax.constant_schedule(1.0), optax.linear_schedule(1.0, 0.0, 4)], [3])),
    ("piecewise_interpolate_schedule", "piecewiseInterpolateSchedule", optax.piecewise_interpolate_schedule("linear", 1.0, {2: 0.5, 5: 4.0})),
    ("linear_onecycle_schedule", "linearOnecycleSchedule", optax.linear_onecycle_schedule(8, 1.0)),
    ("cosine_onecycle_schedule", "cosineOnecycleSchedule", optax.cosine_onecycle_schedule(8, 1.0)),
    ("sgdr_schedule", "sgdrSchedule", optax.sgdr_schedule([
        {"init_value": 0.0, "peak_value": p, "decay_steps": 4, "warmup_steps": 1} for p in [1.0, 0.5]])),
    ("warmup_constant_schedule", "warmupConstantSchedule", optax.warmup_constant_schedule(0.0, 1.0, 4)),
    ("warmup_cosine_decay_schedule", "warmupCosineDecaySchedule", optax.warmup_cosine_decay_schedule(0.0, 1.0, 3, 8, 0.1)),
    ("warmup_exponential_decay_schedule", "warmupExponentialDecaySchedule", optax.warmup_exponential_decay_schedule(0.0, 1.0, 3, 2, 0.5)),
]:
    program(f"optax.{there}", f"optim.{ours}", [jnp.float32(schedule(n)) for n in range(9)])

report()
