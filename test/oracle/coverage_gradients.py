"""Calls of jax.numpy that come with a gradient: of a weighted sum of the floats that they give, by the first argument.

Complex numbers are pairs on our side, so they count as two arrays: imaginary parts, then real ones, as fields are sorted.
"""

import jax
import jax.numpy as jnp

import coverage_calls
from coverage_calls import *


def total(y):
    parts = [p for p in parts_of(y) if p.dtype == jnp.float32]
    return sum(jnp.sum(p * jnp.cos(jnp.arange(p.size, dtype="float32").reshape(p.shape))) for p in parts)


def gradient(function, args, kwargs):
    """None where there is none."""
    first, rest = args[0], args[1:]
    try:
        if isinstance(first, jax.Array) and first.dtype == jnp.float32:
            return [array(jax.grad(lambda x: total(function(x, *rest, **kwargs)))(first))]
        if isinstance(first, jax.Array) and jnp.iscomplexobj(first):
            by = jax.grad(lambda im, re: total(function(re + 1j * im, *rest, **kwargs)), argnums=(0, 1))
            return [array(x) for x in by(jnp.imag(first), jnp.real(first))]
    except (TypeError, NotImplementedError):
        pass
    return None


def pair(there, ours, *calls):
    coverage_calls.pair(there, ours, *calls)
    for given, recorded in zip(calls, pairs[-1]["calls"]):
        args, kwargs, here = given if isinstance(given, tuple) else (given, {}, given)
        if there.startswith("jax.numpy") and args and here and here[0] is args[0]:
            recorded["gradient"] = gradient(lookup(there), args, kwargs)


def same(module, prefix, names, *calls):
    for name in names.split():
        pair(f"{module}.{name}", prefix + camel(name), *calls)
