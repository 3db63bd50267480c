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


def updates(make):
    with jax.enable_x64(True):
        p = jax.tree.map(lambda x: x.astype("float64"), params)
        t, all_updates = make(), []
        state = t.init(p)
        for _ in range(3):
            u, state = t.update(grads(p), state, p)
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
    ("inject_hyperparams", "injectHyperparams", lambda: optax.inject_hyperparams(optax.scale)(step_size=0.25)),
]:
    program(f"optax.{there}", f"optim.{ours}", updates(transformation))
program("optax.apply_updates", "optim.applyUpdates", optax.apply_updates(params, grads(params)))
program("optax.global_norm", "optim.globalNorm", optax.global_norm(params))

for there, ours, schedule in [
    ("constant_schedule", "constantSchedule", optax.constant_schedule(0.5)),
    ("linear_schedule", "linearSchedule", optax.linear_schedule(1.0, 0.1, 4, 1)),
    ("polynomial_schedule", "polynomialSchedule", optax.polynomial_schedule(1.0, 0.1, 2, 4, 1)),
    ("exponential_decay", "exponentialDecay", optax.exponential_decay(1.0, 3, 0.5, 1)),
    ("cosine_decay_schedule", "cosineDecaySchedule", optax.cosine_decay_schedule(1.0, 6, 0.1)),
    ("piecewise_constant_schedule", "piecewiseConstantSchedule", optax.piecewise_constant_schedule(1.0, {2: 0.5, 5: 0.1})),
    ("join_schedules", "joinSchedules", optax.join_schedules([optax.constant_schedule(1.0), optax.linear_schedule(1.0, 0.0, 4)], [3])),
    ("warmup_constant_schedule", "warmupConstantSchedule", optax.warmup_constant_schedule(0.0, 1.0, 4)),
    ("warmup_cosine_decay_schedule", "warmupCosineDecaySchedule", optax.warmup_cosine_decay_schedule(0.0, 1.0, 3, 8, 0.1)),
    ("warmup_exponential_decay_schedule", "warmupExponentialDecaySchedule", optax.warmup_exponential_decay_schedule(0.0, 1.0, 3, 2, 0.5)),
]:
    program(f"optax.{there}", f"optim.{ours}", [jnp.float32(schedule(n)) for n in range(9)])

report()
