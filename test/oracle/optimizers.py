"""Golden numbers for test/optim/family.test.ts: python test/oracle/optimizers.py > test/fixtures/optimizers.json

Optimizers of optax with options, on the same gradients in float64: the parameters after each step. As optim.py, for
parameters of three shapes.
"""

import functools
import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
import optax
from optax import contrib
from optax._src import factorized

rng = np.random.default_rng(1)
params = {"b": rng.normal(size=3), "s": np.array(0.7), "w": rng.normal(size=(2, 3))}
gradients = [{k: rng.normal(size=v.shape) * size for k, v in params.items()} for size in (1, 0.1, 3, 0.01, 1, 10, 0.5)]
losses = [3.0, 2.0, -1.0, 2.2, 0.1, 1.5, 1.5]
warmup = lambda count: optax.linear_schedule(0.0, 0.3, 3)(jnp.asarray(count, jnp.int64))
mask = {"b": False, "s": False, "w": True}
# optax decays in float32 unless told otherwise.
factored = functools.partial(optax.scale_by_factored_rms, decay_rate_fn=lambda i, p: 1.0 - (i + 1.0) ** (-p))
factorized.scale_by_factored_rms = factored

optimizers = {
    "nadam": optax.nadam(warmup, b1=0.8),
    "nadamw": optax.nadamw(0.1, weight_decay=0.3, mask=mask),
    "amsgrad": optax.amsgrad(warmup, b1=0.8, b2=0.9, eps=1e-3, eps_root=1e-4),
    "amsgradBiased": optax.amsgrad(0.1, bias_correction_mu=False, bias_correction_nu=False),
    "adabelief": optax.adabelief(0.1, b1=0.8, b2=0.9, eps=1e-3, eps_root=1e-4),
    "adabeliefNesterov": optax.adabelief(0.1, nesterov=True),
    "yogi": optax.yogi(0.1, b1=0.8, b2=0.9, eps=1e-2),
    "scaleByYogi": optax.scale_by_yogi(eps_root=1e-3, initial_accumulator_value=0.1),
    "radam": optax.radam(0.1, threshold=5.0),
    "radamOptions": optax.radam(0.1, b1=0.8, b2=0.9, eps=1e-3, eps_root=1e-4, threshold=4.2, nesterov=True),
    "adamax": optax.adamax(0.1, b1=0.8, b2=0.9, eps=1e-3),
    "adamaxw": optax.adamaxw(warmup, weight_decay=0.3, mask=mask),
    "adan": optax.adan(0.1, b1=0.9, b2=0.8, b3=0.7, eps=1e-3, eps_root=1e-4, weight_decay=0.1, mask=mask),
    "novograd": optax.novograd(0.1, b1=0.8, b2=0.5, eps=1e-3, eps_root=1e-4, weight_decay=0.1),
    "adagrad": optax.adagrad(warmup, initial_accumulator_value=0.5, eps=1e-3),
    "adadelta": optax.adadelta(0.5, rho=0.8, eps=1e-3, weight_decay=0.1, weight_decay_mask=mask),
    "lion": optax.lion(0.1, b1=0.8, b2=0.7, weight_decay=0.1, mask=mask),
    "lionSmooth": optax.scale_by_lion(mode="smooth", smooth_beta=3.0),
    "lionRefined": optax.scale_by_lion(mode="refined"),
    "signum": optax.signum(0.1, beta=0.5),
    "rprop": optax.rprop(0.1, eta_minus=0.3, eta_plus=1.5, min_step_size=0.05, max_step_size=0.2),
    "adafactor": optax.adafactor(0.1, min_dim_size_to_factor=2),
    "adafactorOptions": optax.adafactor(
        None, min_dim_size_to_factor=2, decay_rate=0.6, multiply_by_parameter_scale=False, clipping_threshold=None,
        momentum=0.5, dtype_momentum=jnp.float64, weight_decay_rate=0.01, eps=1e-3, weight_decay_mask=mask),
    "adafactorWhole": optax.adafactor(warmup, factored=False, clipping_threshold=0.5),
    "lamb": optax.lamb(0.1, b1=0.8, eps=1e-3, weight_decay=0.1, mask=mask),
    "lars": optax.lars(warmup, weight_decay=0.1, weight_decay_mask=mask, trust_coefficient=0.1, eps=1e-2,
                       trust_ratio_mask=mask, momentum=0.5, nesterov=True),
    "fromage": optax.fromage(0.1),
    "fromageSchedule": optax.fromage(warmup, min_norm=0.5),
    "trustRatio": optax.scale_by_trust_ratio(min_norm=0.5, trust_coefficient=0.2, eps=0.1),
    "optimisticAdam": optax.optimistic_adam(0.1, optimism=0.3, b1=0.8),
    "optimisticAdamV2": optax.optimistic_adam_v2(warmup, alpha=0.5, beta=2.0, nesterov=False),
    "optimisticGradientDescent": optax.optimistic_gradient_descent(0.1, alpha=0.5, beta=0.7),
    "polyakSgd": optax.polyak_sgd(max_learning_rate=0.3, scaling=warmup, f_min=0.05, eps=0.1, variant="sps+"),
    "polyakSgdPlain": optax.polyak_sgd(),
    "distance": optax.chain(
        optax.scale_by_distance_over_gradients(reps_rel=0.1, eps=1e-3, param_dtype=jnp.float64, global_scale=0.5), optax.scale(-1)),
    "stddev": optax.scale_by_stddev(decay=0.8, initial_scale=1.0, bias_correction=True),
    "adaptiveGradClip": optax.chain(optax.adaptive_grad_clip(0.3, eps=0.1), optax.sgd(0.1)),
    "adaptiveGradClipAxis": optax.masked(optax.adaptive_grad_clip(0.3, axis=1), mask),
    "normalize": optax.chain(optax.normalize_by_update_norm(scale_factor=2.0, eps=0.1), optax.scale(-0.1)),
    "centralize": optax.chain(optax.centralize(), optax.sgd(0.1)),
    "applyEvery": optax.chain(optax.sgd(0.1), optax.apply_every(3)),
    "maskedAdam": optax.masked(optax.adam(0.1), mask),
    "flatten": optax.flatten(optax.chain(optax.clip_by_global_norm(1.0), optax.adam(0.1))),
    "conditionally": optax.conditionally_transform(optax.adam(0.1), lambda step: step % 2 == 0),
    "nonnegative": optax.chain(optax.sgd(0.5), optax.keep_params_nonnegative()),
    "scheduleFree": contrib.schedule_free(optax.sgd(0.1), 0.1, b1=0.8),
    "scheduleFreeWarmup": contrib.schedule_free(optax.adam(warmup, b1=0.0), warmup, weight_lr_power=1.0),
    "sam": contrib.sam(optax.sgd(0.1), optax.chain(optax.normalize_by_update_norm(), optax.sgd(0.05))),
    "samLong": contrib.sam(optax.adam(0.1), optax.sgd(0.05, momentum=0.5), sync_period=3, reset_state=False),
}


def flat(tree):
    return [float(x) for leaf in jax.tree.leaves(tree) for x in np.ravel(leaf)]


def run(optimizer):
    p, trace = jax.tree.map(jnp.asarray, params), []
    optimizer = optax.with_extra_args_support(optimizer)
    state = optimizer.init(p)
    for g, loss in zip(gradients, losses):
        extra = {} if isinstance(getattr(state, "cache", None), dict) else {"value": loss}
        u, state = optimizer.update(jax.tree.map(jnp.asarray, g), state, p, **extra)
        p = optax.apply_updates(p, u)
        trace.append(flat(p))
    return trace


def lists(tree):
    return {k: np.asarray(v).tolist() for k, v in tree.items()}


print(json.dumps({
    "versions": {m.__name__: m.__version__ for m in (optax, jax, np)},
    "params": lists(params),
    "gradients": [lists(g) for g in gradients],
    "losses": losses,
    "optimizers": {name: run(o) for name, o in optimizers.items()},
}))
