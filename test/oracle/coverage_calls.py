"""Calls of JAX and optax, and what they give, as JSON: what coverage_pairs.py and coverage_learning.py record."""

import json
import math

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import random

pairs = []


def array(x):
    """An array as JSON, with its type; numbers that JSON lacks as text."""
    if isinstance(x, jax.Array) and jnp.issubdtype(x.dtype, jax.dtypes.prng_key):
        x = random.key_data(x)
    x = np.asarray(x)
    return {"dtype": str(x.dtype), "shape": list(x.shape), "data": [plain(v) for v in x.ravel().tolist()]}


def plain(v):
    if isinstance(v, bool):
        return int(v)
    if isinstance(v, float) and not math.isfinite(v):
        return "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"
    return v


def argument(x):
    if isinstance(x, (jax.Array, np.ndarray)) and jnp.iscomplexobj(x):
        return {"options": {"re": argument(jnp.real(x)), "im": argument(jnp.imag(x))}}
    if isinstance(x, (jax.Array, np.ndarray)):
        return {"array": array(x)}
    if isinstance(x, (list, tuple)):
        return [argument(y) for y in x]
    if isinstance(x, dict):
        return {"options": {k: argument(v) for k, v in x.items()}}
    return x


def parts_of(y):
    """All arrays of a result; of complex ones, which are pairs here, the imaginary parts and then the real ones."""
    arrays = [x if isinstance(x, jax.Array) else np.asarray(x) for x in jax.tree.leaves(y)]
    return [part for x in arrays for part in ([jnp.imag(x), jnp.real(x)] if jnp.iscomplexobj(x) else [x])]


def leaves(y):
    return [array(x) for x in parts_of(y)]


def lookup(name):
    found = {"jax": jax, "optax": optax}[name.split(".")[0]]
    for part in name.split(".")[1:]:
        found = getattr(found, part)
    return found


def camel(name):
    head, *rest = name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def pair(there, ours, *calls):
    """Calls are lists of arguments, or (arguments there, keywords there, arguments here)."""
    examples = []
    for given in calls:
        args, kwargs, here = given if isinstance(given, tuple) else (given, {}, given)
        examples.append({"arguments": [argument(x) for x in here], "results": leaves(lookup(there)(*args, **kwargs))})
    pairs.append({"there": there, "here": ours, "calls": examples})


def same(module, prefix, names, *calls):
    for name in names.split():
        pair(f"{module}.{name}", prefix + camel(name), *calls)


def program(there, ours, result):
    """A pair whose call is written out on both sides."""
    pairs.append({"there": there, "here": ours, "calls": [{"results": leaves(result)}]})


def keywords(*args, **kwargs):
    """A call with keywords that are our options by the same names."""
    return (list(args), kwargs, [*args, {camel(k): v for k, v in kwargs.items()}])


def report():
    print(json.dumps({"versions": {"jax": jax.__version__, "optax": optax.__version__}, "pairs": pairs}))


# Arguments that many calls share
f = jnp.array([[-1.5, -0.5, 0.5], [1.5, 2.5, 4.0]], jnp.float32)
g = jnp.array([2.0, -0.75, 3.0], jnp.float32)
unit = jnp.array([0.1, 0.5, 0.9], jnp.float32)
large = jnp.array([1.0, 1.5, 3.0], jnp.float32)
i = jnp.array([[7, -7, 3], [-3, 0, 5]], jnp.int32)
j = jnp.array([2, 3, -4], jnp.int32)
shift = jnp.array([1, 2, 3], jnp.int32)
b = jnp.array([[True, False, True], [False, False, True]])
c = jnp.array([True, True, False])
v = jnp.array([3.0, 1.0, 2.0], jnp.float32)
image = jnp.arange(32, dtype=jnp.float32).reshape(1, 4, 4, 2)
kernel = jnp.arange(12, dtype=jnp.float32).reshape(2, 1, 2, 3)
square = jnp.array([[4.0, 1.0, 0.5], [1.0, 3.0, 0.25], [0.5, 0.25, 2.0]], jnp.float32)
tall = jnp.array([[1.0, 2.0], [3.0, 4.0], [5.0, 7.0]], jnp.float32)
special = jnp.array([math.nan, math.inf, -math.inf, 1.0], jnp.float32)
