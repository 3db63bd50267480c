"""Fixed points as jaxopt, optimistix and torchdeq find and differentiate them: test/fixtures/fixed-points.json.

    pip install jax==0.10.2 torch==2.13.0 jaxopt==0.8.5 optimistix==0.1.0 torchdeq==0.1.0
    python test/oracle/fixed_points.py

Where these libraries are wrong (torchdeq's second derivatives, conjugate gradients on a nonsymmetric Jacobian), their
number is kept beside that of finite differences, as a record of what not to be.
"""

import json
from importlib import metadata
from pathlib import Path

import jax
import jax.numpy as jnp
import jaxopt
import numpy as np
import optimistix as optx
import torch
from jaxopt import linear_solve
from torchdeq import get_deq

jax.config.update("jax_enable_x64", True)
torch.set_default_dtype(torch.float64)


def version(name, fallback):
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return fallback


rng = np.random.default_rng(0)
n = 6
w = rng.standard_normal((n, n)) * 0.25
b = rng.standard_normal(n)
dw = rng.standard_normal((n, n)) * 0.3  # the direction of second derivatives


def step(z, theta):
    return jnp.tanh(theta[0] @ z + theta[1])


def loss_of(solve):
    return lambda w, b: jnp.sum(jnp.sin(solve((w, b))))


zero = jnp.zeros(n)
tight = dict(maxiter=500, tol=1e-13)


def jaxopt_solver(cls, **options):
    return lambda theta: cls(step, **tight, **options).run(zero, theta).params


def optimistix_solve(theta):
    solver = optx.FixedPointIteration(rtol=1e-13, atol=1e-13)
    return optx.fixed_point(lambda z, t: step(z, t), solver, zero, args=theta, max_steps=500).value


def torchdeq_value(w, b, **options):
    deq = get_deq(f_solver="fixed_point_iter", f_max_iter=300, f_tol=1e-13, **options)
    out, _ = deq(lambda z: torch.tanh(z @ w.T + b), torch.zeros(1, n))
    return torch.sum(torch.sin(out[-1]))


def torchdeq_gradient(**options):
    tw, tb = torch.tensor(w, requires_grad=True), torch.tensor(b, requires_grad=True)
    gw, gb = torch.autograd.grad(torchdeq_value(tw, tb, **options), (tw, tb))
    return {"w": gw.tolist(), "b": gb.tolist()}


def torchdeq_second():
    t = torch.tensor(0.0, requires_grad=True)
    value = torchdeq_value(
        torch.tensor(w) + t * torch.tensor(dw), torch.tensor(b),
        ift=True, b_solver="fixed_point_iter", b_max_iter=300, b_tol=1e-13,
    )
    (first,) = torch.autograd.grad(value, t, create_graph=True)
    (second,) = torch.autograd.grad(first, t)
    return second.item()


def gradient(solve):
    value, (gw, gb) = jax.value_and_grad(loss_of(solve), argnums=(0, 1))(w, b)
    return {"value": float(value), "w": gw.tolist(), "b": gb.tolist()}


along = lambda t: loss_of(optimistix_solve)(w + t * dw, b)
h = 1e-4
slope = jax.grad(along)

symmetric_only = jaxopt_solver(
    jaxopt.FixedPointIteration,
    implicit_diff_solve=lambda matvec, b, **k: linear_solve.solve_cg(matvec, b, tol=1e-13, maxiter=100),
)


def nested(p):
    def inner(y):
        f = lambda x, a: 0.5 * jnp.cos(x) + 0.3 * a[0] * a[1]
        solver = optx.FixedPointIteration(rtol=1e-14, atol=1e-14)
        return optx.fixed_point(f, solver, jnp.array(0.1), args=(y, p), max_steps=200).value

    solver = optx.FixedPointIteration(rtol=1e-14, atol=1e-14)
    g = lambda y, q: 0.5 * jnp.sin(inner(y)) + q
    return optx.fixed_point(g, solver, jnp.array(0.5), args=p, max_steps=200).value


implicit_by = {
    "jaxopt.FixedPointIteration": jaxopt_solver(jaxopt.FixedPointIteration),
    "jaxopt.AndersonAcceleration": jaxopt_solver(jaxopt.AndersonAcceleration, history_size=5),
    "jaxopt.Broyden": lambda theta: jaxopt.Broyden(
        lambda z, t: step(z, t) - z, **tight
    ).run(zero, theta).params,
    "optimistix.FixedPointIteration": optimistix_solve,
}

result = {
    "made by": "test/oracle/fixed_points.py",
    "versions": {
        "jax": jax.__version__,
        "torch": torch.__version__,
        "jaxopt": version("jaxopt", "0.8.5"),
        "optimistix": version("optimistix", "0.1.0"),
        "torchdeq": version("torchdeq", "0.1.0"),
    },
    "w": w.tolist(),
    "b": b.tolist(),
    "dw": dw.tolist(),
    "solution": np.asarray(optimistix_solve((w, b))).tolist(),
    "implicit": {name: gradient(solve) for name, solve in implicit_by.items()},
    "torchdeq implicit": torchdeq_gradient(
        ift=True, b_solver="fixed_point_iter", b_max_iter=300, b_tol=1e-13
    ),
    "torchdeq terms": {
        str(k): torchdeq_gradient(grad=k, tau=1.0) for k in (1, 2, 4)
    },
    "torchdeq phantom": {"terms": 3, "damping": 0.6, **torchdeq_gradient(grad=3, tau=0.6)},
    "second": {
        "differences": float((slope(h) - slope(-h)) / (2 * h)),
        "optimistix": float(jax.jvp(slope, (0.0,), (1.0,))[1]),
        "torchdeq, wrong": torchdeq_second(),
    },
    "conjugate gradients, wrong": gradient(symmetric_only)["b"],
    "nested": {
        "p": 0.7,
        "y": float(nested(0.7)),
        "dy": float(jax.jvp(nested, (0.7,), (1.0,))[1]),
        "d2y": float(jax.jvp(lambda p: jax.jvp(nested, (p,), (1.0,))[1], (0.7,), (1.0,))[1]),
    },
}

path = Path(__file__).parent.parent / "fixtures" / "fixed-points.json"
path.write_text(json.dumps(result, indent=1) + "\n")
for key in ("second", "nested", "conjugate gradients, wrong"):
    print(key, result[key])
for name, g in {**result["implicit"], "torchdeq": result["torchdeq implicit"]}.items():
    print(name, g["b"])
