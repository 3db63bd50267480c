"""Transformations of JAX, and what they give: python test/oracle/coverage_transforms.py > test/fixtures/coverage-transforms.json

As coverage_pairs.py, which says how pairs are recorded. All are run by programs that the test writes down again.
"""

import jax
import jax.numpy as jnp
from jax import lax

from coverage_calls import *

lx = "jax.lax"


def wave(*shape):
    return jnp.sin(jnp.arange(math.prod(shape), dtype=jnp.float32)).reshape(shape)


def weighted(y):
    return jnp.sum(y * jnp.cos(jnp.arange(y.size, dtype=jnp.float32)).reshape(y.shape))


def ways(op, x, differentiable=True, inside=True):
    """A function of elements along "i", mapped: its values, derivatives outside and inside, within another axis and a loop."""
    mapped = jax.vmap(op, axis_name="i")
    two = jnp.stack([x, x * 2], axis=1)
    inner = jax.vmap(jax.vmap(op, axis_name="i"), axis_name="j", in_axes=1, out_axes=1)
    outer = jax.vmap(jax.vmap(op), axis_name="i")
    looped = jax.vmap(lambda x: lax.scan(lambda c, _: (c + jnp.sum(op(x * c)), op(x + c)), jnp.float32(1), None, length=2)[1], axis_name="i")
    results = [mapped(x), inner(two), outer(two), looped(x), jax.jit(mapped)(x)]
    if not differentiable:
        return results
    results.append(jax.grad(lambda x: weighted(mapped(x)))(x))
    if not inside:  # JAX 0.10.2 gives an error in reverse mode
        return results
    return results + [
        jax.vmap(jax.grad(lambda x: weighted(op(jnp.sin(x)))), axis_name="i")(x),
        jax.vmap(lambda x: jax.jvp(op, (x,), (x * x,))[1], axis_name="i")(x),
    ]


x, rows, four = wave(3, 2), wave(3, 3, 2), wave(3, 2, 6)
program(f"{lx}.psum", "psum", ways(lambda x: lax.psum(x * x, "i") * x, x))
program(f"{lx}.pmean", "pmean", ways(lambda x: lax.pmean(x * x, "i") * x, x))
program(f"{lx}.pmax", "pmax", ways(lambda x: lax.pmax(x * x, "i") * x, x, False))
program(f"{lx}.pmin", "pmin", ways(lambda x: lax.pmin(x * x, "i") * x, x, False))
program(f"{lx}.all_gather", "allGather",
        ways(lambda x: lax.all_gather(x * x, "i"), x) + ways(lambda x: lax.all_gather(x * x, "i", axis=1), x)
        + ways(lambda x: lax.all_gather(x * x, "i", tiled=True), x))
program(f"{lx}.psum_scatter", "psumScatter",
        ways(lambda x: lax.psum_scatter(x * x, "i"), rows)
        + ways(lambda x: lax.psum_scatter(x * x, "i", scatter_dimension=1, tiled=True), four))
program(f"{lx}.all_to_all", "allToAll",
        ways(lambda x: lax.all_to_all(x * x, "i", 0, 1), rows, inside=False)
        + ways(lambda x: lax.all_to_all(x * x, "i", 1, 0, tiled=True), four, inside=False))
program(f"{lx}.pswapaxes", "pswapaxes", ways(lambda x: lax.pswapaxes(x * x, "i", 0), rows, inside=False))
program(f"{lx}.ppermute", "ppermute", ways(lambda x: lax.ppermute(x * x, "i", [(0, 2), (1, 0), (2, 1)]), x))
program(f"{lx}.pshuffle", "pshuffle", ways(lambda x: lax.pshuffle(x * x, "i", [2, 0, 1]), x))
program(f"{lx}.axis_index", "axisIndex",
        ways(lambda x: x * lax.axis_index("i"), x)
        + [jax.vmap(jax.vmap(lambda x: lax.axis_index(("i", "j")), axis_name="j"), axis_name="i")(x)])
program(f"{lx}.axis_size", "axisSize", ways(lambda x: x * lax.axis_size("i"), x))

# Rules of one's own
@jax.custom_gradient
def clipped(x, y):
    z = jnp.sin(x) * y
    return z, lambda ct: (jnp.clip(ct, -1, 1) * jnp.cos(x) * y, ct * z)


weigh = lambda x, y: weighted(clipped(x, y))
program("jax.custom_gradient", "customGradient", [
    clipped(x, x + 1), jax.grad(weigh, (0, 1))(x, x + 1), jax.vmap(jax.grad(weigh))(x, x + 1),
    jax.grad(lambda x: weighted(jax.grad(weigh)(x, x + 1)))(x),
])
seen = []
with jax.disable_jit():
    summed = jax.jit(lambda x: lax.scan(lambda c, x: (seen.append(c + 0) or c + x, c * x), jnp.zeros(2), x))(x)
program("jax.disable_jit", "disableJit", [summed, seen])

report()
