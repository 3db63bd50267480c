"""Derivatives of gamma numbers by their parameters: python test/oracle/gamma_gradients.py > test/fixtures/gamma-gradients.json"""

import json

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random
from scipy import stats

f = np.float32
key = random.PRNGKey(5)
a = jnp.array([0.05, 0.4, 1.0, 3.5, 40.0, 700.0], jnp.float32)
b = jnp.array([2.0, 0.3, 5.0, 1.5, 0.7, 90.0], jnp.float32)
alpha = jnp.array([[0.3, 2.0, 7.0], [1.0, 0.5, 20.0]], jnp.float32)
calls = {
    "gamma": [a],
    "loggamma": [a],
    "chisquare": [a],
    "t": [a + 1],
    "beta": [a, b],
    "f": [a + 1, b + 1],
    "dirichlet": [alpha],
}


def total(name, parameters):
    y = getattr(random, name)(key, *parameters)
    return jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype=jnp.float32).reshape(y.shape)))


sampled = [
    {
        "name": name,
        "parameters": [np.asarray(p).tolist() for p in parameters],
        "gradients": [np.asarray(g).tolist() for g in jax.grad(lambda ps: total(name, ps))(parameters)],
    }
    for name, parameters in calls.items()
]

grid = []
with jax.enable_x64(True):
    for shape in [0.001, 0.03, 0.4, 1.0, 2.5, 10.0, 45.0, 79.0, 81.0, 300.0, 5000.0]:
        for place in [1e-4, 0.03, 0.3, 0.5, 0.8, 0.99, 1 - 1e-5]:
            z = stats.gamma.ppf(place, shape)
            if z < 1e-250:
                continue
            slope = lax.random_gamma_grad(jnp.array(shape, jnp.float64), jnp.array(z, jnp.float64))
            grid.append([shape, float(z), float(slope)])

print(json.dumps({"sampled": sampled, "grid": grid}))
