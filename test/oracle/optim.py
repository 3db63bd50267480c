"""Golden numbers for test/optim: python test/oracle/optim.py > test/fixtures/optim.json

Every optimizer of optax on the same gradients, in float64: the parameters after each step. Schedules
at some counts. Clipping by the infinity norm is PyTorch's.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
import torch

STEPS = 8
rng = np.random.default_rng(0)
params = {"b": rng.normal(size=2), "w": rng.normal(size=(2, 2))}
# Sizes differ from step to step, so that clipping does something at some, and at others not.
gradients = [
    {k: rng.normal(size=v.shape) * size for k, v in params.items()}
    for size in (1, 0.1, 3, 0.01, 1, 10, 0.5, 1)
]
losses = [3.0, 2.0, 2.1, 2.2, 1.0, 1.5, 1.5, 1.5]


def double(schedule):
    """The schedule in float64: optax computes with an int32 count in float32."""
    return lambda count: schedule(jnp.asarray(count, jnp.int64))


warmup = double(optax.linear_schedule(0.0, 0.3, 3))
mask = {"b": False, "w": True}

optimizers = {
    "sgd": optax.sgd(0.1),
    "sgdMomentum": optax.sgd(0.1, momentum=0.9),
    "sgdNesterov": optax.sgd(warmup, momentum=0.9, nesterov=True),
    "rmsprop": optax.rmsprop(0.1),
    "rmspropTorch": optax.rmsprop(0.1, decay=0.99, eps_in_sqrt=False, momentum=0.5),
    "rmspropCentered": optax.rmsprop(
        0.1, centered=True, initial_scale=1.0, momentum=0.5, nesterov=True),
    "rmspropCorrected": optax.rmsprop(0.1, bias_correction=True),
    "rmspropCenteredCorrected": optax.rmsprop(0.1, centered=True, bias_correction=True, eps=1e-3),
    "adam": optax.adam(0.1),
    "adamOptions": optax.adam(warmup, b1=0.8, b2=0.95, eps=1e-3, eps_root=1e-4),
    "adamNesterov": optax.adam(0.1, nesterov=True),
    "adamNoMomentum": optax.adam(0.1, b1=0.0),
    "adamw": optax.adamw(0.1, weight_decay=0.03),
    "adamwMask": optax.adamw(warmup, weight_decay=0.3, mask=mask),
    "clip": optax.chain(optax.clip(0.7), optax.sgd(0.1)),
    "clipByGlobalNorm": optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1)),
    "addDecayedWeights": optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.1, momentum=0.9)),
    "ema": optax.chain(optax.ema(0.8), optax.scale(-0.1)),
    "emaBiased": optax.chain(optax.ema(0.8, debias=False), optax.scale(-0.1)),
    "multiSteps": optax.MultiSteps(
        optax.adam(0.1), 3, accumulator_dtype=jnp.float64),
    "multiTransform": optax.multi_transform(
        {"fast": optax.adam(0.1), "slow": optax.sgd(0.01, momentum=0.9)},
        {"b": "slow", "w": "fast"}),
    "injectHyperparams": optax.inject_hyperparams(optax.adam)(learning_rate=warmup, b1=0.85),
    "reduceOnPlateau": optax.chain(
        optax.sgd(0.1), optax.contrib.reduce_on_plateau(factor=0.5, patience=2, cooldown=1)),
    "reduceOnPlateauMean": optax.chain(
        optax.adam(0.1),
        optax.contrib.reduce_on_plateau(
            factor=0.3, patience=1, rtol=0.1, atol=0.01, accumulation_size=2, min_scale=0.2)),
}

schedules = {
    "constant": optax.constant_schedule(0.3),
    "linear": optax.linear_schedule(1.0, 0.1, 7, 2),
    "polynomial": optax.polynomial_schedule(1.0, 0.1, 2.5, 7, 2),
    "exponential": optax.exponential_decay(0.4, 5, 0.5),
    "exponentialStaircase": optax.exponential_decay(
        0.4, 5, 0.5, transition_begin=3, staircase=True, end_value=0.06),
    "exponentialGrowth": optax.exponential_decay(0.4, 5, 1.5, end_value=2.0),
    "cosine": optax.cosine_decay_schedule(0.4, 10, alpha=0.1, exponent=2.0),
    "warmupConstant": optax.warmup_constant_schedule(0.0, 0.3, 6),
    "warmupCosine": optax.warmup_cosine_decay_schedule(0.0, 0.3, 4, 12, end_value=0.01),
    "warmupExponential": optax.warmup_exponential_decay_schedule(
        0.0, 0.3, 4, transition_steps=5, decay_rate=0.5, transition_begin=2),
    "piecewise": optax.piecewise_constant_schedule(0.8, {3: 0.5, 10: 0.1}),
    "join": optax.join_schedules(
        [optax.constant_schedule(1.0), optax.linear_schedule(0.5, 0.0, 4),
         optax.constant_schedule(2.0)], [3, 9]),
    # Edges: pieces of no or one step, beginnings before 0, boundaries at 0 or twice.
    "linearOfNoSteps": optax.linear_schedule(1.0, 0.1, 0),
    "linearOfOneStep": optax.linear_schedule(1.0, 0.1, 1),
    "linearBeforeZero": optax.linear_schedule(1.0, 0.1, 7, -3),
    "polynomialOfNoPower": optax.polynomial_schedule(1.0, 0.1, 0.0, 7),
    "exponentialOfNoSteps": optax.exponential_decay(0.4, 0, 0.5),
    "exponentialOfNoRate": optax.exponential_decay(0.4, 5, 0.0),
    "exponentialBeforeZero": optax.exponential_decay(0.4, 5, 0.5, transition_begin=-3),
    "cosineOfOneStep": optax.cosine_decay_schedule(0.4, 1),
    "warmupCosineAtOnce": optax.warmup_cosine_decay_schedule(0.0, 0.3, 0, 12, end_value=0.01),
    "warmupCosineOfNoPeak": optax.warmup_cosine_decay_schedule(0.1, 0.0, 4, 12, end_value=0.01),
    "warmupExponentialAtOnce": optax.warmup_exponential_decay_schedule(
        0.0, 0.3, 0, transition_steps=5, decay_rate=0.5),
    "warmupExponentialOfNoSteps": optax.warmup_exponential_decay_schedule(
        0.0, 0.3, 4, transition_steps=0, decay_rate=0.5),
    "piecewiseAtZero": optax.piecewise_constant_schedule(0.8, {0: 0.5, 1: 0.1}),
    "joinAtZero": optax.join_schedules(
        [optax.constant_schedule(1.0), optax.linear_schedule(0.5, 0.0, 4)], [0]),
    "joinTwiceAtOne": optax.join_schedules(
        [optax.constant_schedule(1.0), optax.constant_schedule(2.0),
         optax.linear_schedule(0.5, 0.0, 4)], [3, 3]),
}
counts = list(range(16)) + [100]


def flat(tree):
    return [float(x) for leaf in jax.tree.leaves(tree) for x in np.ravel(leaf)]


def run(optimizer):
    p, state, trace = params, optimizer.init(params), []
    for g, loss in zip(gradients, losses):
        u, state = optax.with_extra_args_support(optimizer).update(g, state, p, value=loss) \
            if not isinstance(optimizer, optax.MultiSteps) else optimizer.update(g, state, p)
        p = optax.apply_updates(p, u)
        trace.append(flat(p))
    return trace


def clip_by_infinity_norm():
    p, trace = {k: v.copy() for k, v in params.items()}, []
    for g in gradients:
        ts = [torch.nn.Parameter(torch.zeros(v.shape, dtype=torch.float64)) for v in g.values()]
        for t, v in zip(ts, g.values()):
            t.grad = torch.tensor(v)
        torch.nn.utils.clip_grad_norm_(ts, 0.7, norm_type=float("inf"))
        p = {k: v - 0.1 * t.grad.numpy() for (k, v), t in zip(p.items(), ts)}
        trace.append(flat(p))
    return trace


def lists(tree):
    return {k: np.asarray(v).tolist() for k, v in tree.items()}


print(json.dumps({
    "versions": {m.__name__: m.__version__ for m in (optax, jax, torch, np)},
    "params": lists(params),
    "gradients": [lists(g) for g in gradients],
    "losses": losses,
    "optimizers": {name: run(o) for name, o in optimizers.items()}
    | {"clipByInfinityNorm": clip_by_infinity_norm()},
    "counts": counts,
    "schedules": {n: [float(double(s)(c)) for c in counts] for n, s in schedules.items()},
}))
