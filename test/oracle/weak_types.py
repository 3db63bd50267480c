"""Types of what becomes of bare numbers: python test/oracle/weak_types.py > test/fixtures/weak-types.json

For each boundary that a bare number crosses, the type of what comes out when it meets a vector of some element type
beyond it: "int32", "float32*" (weak). Under jax_enable_x64, so that float64 takes part; weak types are named
by their 32-bit names. "error" where JAX refuses.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
from jax import lax

DTYPES = ("bool", "uint32", "int32", "float32", "float64")
NUMBERS = {"1": 1, "1.5": 1.5, "true": True}


def name(x):
    weak = getattr(x, "weak_type", True)
    dtype = str(jnp.asarray(x).dtype)
    return {"int64": "int32", "float64": "float32"}.get(dtype, dtype) + "*" if weak and dtype != "bool" else dtype


def custom_jvp(x, n):
    f = jax.custom_jvp(lambda x, n: x + n)
    f.defjvp(lambda primals, tangents: (primals[0] + primals[1], tangents[0]))
    return f(x, n)


def custom_vjp(x, n):
    f = jax.custom_vjp(lambda x, n: x + n)
    f.defvjp(lambda x, n: (x + n, None), lambda _, ct: (ct, ct.sum()))
    return f(x, n)


BOUNDARIES = {
    "none": lambda x, n: x + n,
    "jit": lambda x, n: jax.jit(lambda a, b: a + b)(x, n),
    "jit of the number alone": lambda x, n: x + jax.jit(lambda b: b + b)(n),
    "vmap": lambda x, n: jax.vmap(lambda a, b: a + b, (0, None))(x, n),
    "cond": lambda x, n: lax.cond(True, lambda a, b: a + b, lambda a, b: a + b, x, n),
    "what cond gives": lambda x, n: x + lax.cond(True, lambda b: b, lambda b: b + b, n),
    "switch": lambda x, n: lax.switch(1, [lambda a, b: a + b] * 3, x, n),
    "what switch gives": lambda x, n: x + lax.switch(1, [lambda b: b, lambda b: b + b], n),
    "scan: the carry": lambda x, n: lax.scan(lambda c, e: (c + e, None), n, x)[0],
    "scan: a carry of its own": lambda x, n: x + lax.scan(lambda c, e: (c + c, None), n, x)[0],
    "scan: what the step closes over": lambda x, n: lax.scan(lambda c, e: (c + e + n, None), x[0] + n, x)[0],
    "scan: ys": lambda x, n: x + lax.scan(lambda c, e: (c, n), x[0], x)[1],
    "fori: the carry": lambda x, n: lax.fori_loop(0, 2, lambda _, c: c + x[0], n),
    "fori: a carry of its own": lambda x, n: x + lax.fori_loop(0, 2, lambda _, c: c + c, n),
    "while: the carry": lambda x, n: lax.while_loop(lambda c: c < 1, lambda c: c + x[0], n),
    "while: a carry of its own": lambda x, n: x + lax.while_loop(lambda c: c < 1, lambda c: c + c, n),
    "checkpoint": lambda x, n: jax.checkpoint(lambda a, b: a + b)(x, n),
    "customJvp": custom_jvp,
    "customVjp": custom_vjp,
    "where": lambda x, n: x + jnp.where(x > 0, n, n),
    "negative, sums, products": lambda x, n: x + jax.jit(lambda b: -b * b + abs(b) - b)(n),
    "quotients": lambda x, n: x + jax.jit(lambda b: b / b)(n),
}


def found(f, x, n):
    try:
        return name(f(x, n))
    except TypeError:
        return "error"


print(json.dumps({
    boundary: {
        f"{dtype} {number}": found(f, jnp.ones(3, dtype), n) for dtype in DTYPES for number, n in NUMBERS.items()
    } for boundary, f in BOUNDARIES.items()
}, indent=1))
