"""JAX's side of `bench/compile.ts`: milliseconds of first calls, by program and size, as JSON."""

import json
import sys
import time

import jax
import jax.numpy as jnp
from jax import lax


def rnn(n):
    def loss(w):
        h = jnp.zeros([4, 8])
        for i in range(n):
            h = jnp.tanh(h @ w + i / n)
        return jnp.square(h).sum()

    return jax.grad(loss)


def terms(n):
    def total(x):
        result = x
        for i in range(1, n):
            result = result + jnp.sin(x * i)
        return result

    return total


def terms_gradient(n):
    def total(x):
        result = x.sum()
        for i in range(1, n):
            result = result + jnp.sin(x * i).sum()
        return result

    return jax.grad(total)


def nested(n):
    def at(depth):
        if depth == 0:
            return lambda x: jnp.sin(x).sum()
        return lambda x: lax.cond(x.sum() > 0, at(depth - 1), lambda y: y.sum(), x)

    return jax.grad(at(-(-n // 170)))


programs = {
    "rnn, gradient": rnn,
    "terms": terms,
    "terms, gradient": terms_gradient,
    "nested cond, gradient": nested,
}


def first(make, n):
    x = jnp.full([8, 8], 0.01)
    x.block_until_ready()
    start = time.perf_counter()
    jax.jit(make(n))(x).block_until_ready()
    return 1000 * (time.perf_counter() - start)


sizes = json.loads(sys.argv[1])
times = {}
for name, make in programs.items():
    first(make, min(sizes))
    times[name] = [min(first(make, n), first(make, n)) for n in sizes]
print(json.dumps(times))
