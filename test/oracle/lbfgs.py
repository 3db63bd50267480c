"""Golden numbers for test/optim/lbfgs.test.ts: python test/oracle/lbfgs.py > test/fixtures/lbfgs.json

optax's L-BFGS on a valley in two leaves, in float64: the parameters after each step, with and without its
line searches.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import optax

STEPS = 14
start = {"x": jnp.array([-1.2, 0.4]), "y": jnp.array([[1.0], [-0.3]])}


def loss(p):
    x, y = p["x"], p["y"][:, 0]
    return jnp.sum((1 - x) ** 2 + 5 * (y - x**2) ** 2) + 0.1 * x[0] * y[1]


def backtracking(**options):
    return optax.scale_by_backtracking_linesearch(max_backtracking_steps=20, **options)


optimizers = {
    "lbfgsOfRate": optax.lbfgs(0.05, linesearch=None),
    "lbfgsOfShortMemory": optax.lbfgs(0.05, memory_size=3, linesearch=None),
    "lbfgsFromIdentity": optax.lbfgs(0.01, scale_init_precond=False, linesearch=None),
    "lbfgsWithLinesearch": optax.lbfgs(linesearch=backtracking()),
    "sgdWithLinesearch": optax.chain(
        optax.sgd(1.0),
        backtracking(slope_rtol=0.3, decrease_factor=0.6, increase_factor=2.0, max_learning_rate=0.5)),
}


def zoom(**options):
    return optax.scale_by_zoom_linesearch(max_linesearch_steps=20, **options)


optimizers |= {
    "lbfgsOfOptax": optax.lbfgs(),
    "lbfgsWithStrictZoom": optax.lbfgs(linesearch=zoom(curv_rtol=0.05, initial_guess_strategy="one")),
    "sgdWithZoom": optax.chain(optax.sgd(1.0), zoom()),
    "longSgdWithZoom": optax.chain(optax.sgd(20.0), zoom(curv_rtol=0.3, approx_dec_rtol=None)),
    "shortSgdWithZoom": optax.chain(
        optax.sgd(0.001), zoom(increase_factor=3.0, curv_rtol=0.1, slope_rtol=0.01, max_learning_rate=100.0)),
    "boundedZoom": optax.chain(optax.sgd(0.001), zoom(curv_rtol=0.1, max_learning_rate=5.0)),
    "fewStepsOfZoom": optax.chain(
        optax.sgd(1.0), optax.scale_by_zoom_linesearch(max_linesearch_steps=3, curv_rtol=0.01)),
}


def flat(p):
    return [float(v) for v in p["x"]] + [float(v) for v in p["y"][:, 0]]


def run(optimizer):
    optimizer = optax.with_extra_args_support(optimizer)
    p, state, out = start, optimizer.init(start), []
    for _ in range(STEPS):
        value, grad = jax.value_and_grad(loss)(p)
        u, state = optimizer.update(grad, state, p, value=value, grad=grad, value_fn=loss)
        p = optax.apply_updates(p, u)
        out.append(flat(p))
    return out


print(json.dumps({name: run(o) for name, o in optimizers.items()}, indent=1))
