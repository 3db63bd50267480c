"""(h) on JAX: the loops of workloads/loops.ts, with the same algorithms."""

import jax
import jax.numpy as jnp
from jax import lax

from common import noise


def step(z, w, b):
    return jnp.tanh(w @ z * 0.25 + b)


def layer(z, w, x):
    return jnp.tanh(z @ w * 0.1 + x)


def energy(y, a, x):
    return 0.5 * jnp.sum(jnp.square(a @ y * 0.2 - x)) + 0.05 * jnp.sum(jnp.square(y))


def rows(x):
    return jnp.linalg.norm(x, axis=1)


def combine(c, stored):
    return jnp.einsum("bk,bkn->bn", c, stored)


def products(stored, x):
    return jnp.einsum("bkn,bn->bk", stored, x)


def forward(f, z, most, atol):
    def body(s):
        z, k, _ = s
        y = f(z)
        return y, k + 1, jnp.linalg.norm(y - z)

    return lax.while_loop(lambda s: (s[1] < most) & (s[2] > atol), body, (z, 0, jnp.inf))[0]


def best_of(f, z, most, atol, rtol, state, update):
    """Iterates until every row is within the tolerance; gives the iterates with the smallest residuals."""

    def body(s):
        z, state, k, best, least, done = s
        y = f(z)
        residual = rows(y - z)
        within = residual <= atol + rtol * rows(y)
        now, state = update(z, y, state, k)
        better = ~done & (within | (residual < least))
        best = jnp.where(better[:, None], z, best)
        least = jnp.where(better, residual, least)
        done = done | within
        return jnp.where(done[:, None], z, now), state, k + 1, best, least, done

    batch = z.shape[0]
    start = z, state, 0, z, jnp.full(batch, jnp.inf), jnp.zeros(batch, bool)
    return lax.while_loop(lambda s: (s[2] < most) & ~jnp.all(s[5]), body, start)[3]


def anderson(f, z, most, atol=-1.0, rtol=0.0, m=5, ridge=1e-5):
    batch, n = z.shape

    def update(z, y, state, k):
        xs, ys = (stored.at[:, k % m].set(v) for stored, v in zip(state, (z, y)))
        g = ys - xs
        h = jnp.einsum("bin,bjn->bij", g, g)
        count = jnp.minimum(k + 1, m)
        used = jnp.arange(m) < count
        scale = jnp.trace(h, axis1=1, axis2=2) / count
        h = h / jnp.where(scale > 0, scale, 1)[:, None, None]
        h = h + ridge * jnp.eye(m) + jnp.diag(jnp.where(used, 0.0, 1.0))
        right = jnp.broadcast_to(used.astype(z.dtype)[None, :, None], (batch, m, 1))
        # Elimination without pivots, as the matrix is positive definite: LAPACK takes longer for five unknowns.
        both = jnp.concatenate([h, right], 2)
        for i in range(m):
            row = both[:, i : i + 1] / both[:, i : i + 1, i : i + 1]
            column = both[:, :, i : i + 1] - jnp.eye(m)[None, :, i : i + 1]
            both = both - column * row
        alpha = both[:, :, m]
        total = alpha.sum(1, keepdims=True)
        new = combine(alpha / jnp.where(total == 0, 1, total), ys)
        return jnp.where(jnp.isfinite(new), new, y), (xs, ys)

    none = jnp.zeros((batch, m, n))
    return best_of(f, z, most, atol, rtol, (none, none), update)


def broyden(f, z, most, atol=-1.0, rtol=0.0, m=10):
    batch, n = z.shape

    def update(z, y, state, k):
        u, v, g0, dz = state
        g = y - z
        dg = g - g0
        at = jnp.maximum(k - 1, 0) % m
        u, v = (jnp.where(at == 0, 0, stored) for stored in (u, v))
        vector = combine(products(u, dz), v) - dz
        below = (vector * dg).sum(1)
        usable = (jnp.abs(below) > 1e-7 * rows(vector) * rows(dg)) & (k > 0)
        change = dz - (combine(products(v, dg), u) - dg)
        change = change / jnp.where(usable, below, 1)[:, None]
        u = u.at[:, at].set(jnp.where(usable[:, None], change, 0))
        v = v.at[:, at].set(jnp.where(usable[:, None], vector, 0))
        direction = g - combine(products(v, g), u)
        direction = jnp.where(jnp.isfinite(direction), direction, g)
        return z + direction, (u, v, g, direction)

    none, zero = jnp.zeros((batch, m, n)), jnp.zeros_like(z)
    return best_of(f, z, most, atol, rtol, (none, none, zero, zero), update)


def descent(h, z, rate, steps, *args):
    """Steps of gradient descent, of which the derivative is that of the minimum."""

    @jax.custom_vjp
    def solve(*args):
        return lax.fori_loop(0, steps, lambda _, z: z - rate * jax.grad(h)(z, *args), z)

    def pull(saved, ct):
        y, args = saved
        slope = lambda y, *args: jax.grad(h)(y, *args)
        curvature = lambda t: jax.jvp(lambda y: slope(y, *args), (y,), (t,))[1]
        adjoint = jax.scipy.sparse.linalg.cg(curvature, -ct, tol=1e-6)[0]
        return jax.vjp(lambda *args: slope(y, *args), *args)[1](adjoint)

    solve.defvjp(lambda *args: (lambda y: (y, (y, args)))(solve(*args)), pull)
    return solve(*args)


def nested(a, c):
    def outer(x, _):
        gradient = lambda y: jax.grad(energy)(y, a, x)
        y = lax.fori_loop(0, 100, lambda _, y: y - 0.1 * gradient(y), jnp.zeros(24))
        return x - 0.1 * (x - c + y), None

    return lax.scan(outer, jnp.zeros(24), None, length=50)[0]


def game(a, c):
    def leader(x, a, c):
        y = descent(energy, jnp.zeros(8), 0.3, 100, a, x)
        return 0.5 * jnp.sum(jnp.square(x - c)) + 0.2 * jnp.sum(x * y)

    return descent(leader, jnp.zeros(8), 0.3, 20, a, c)


def sinkhorn(c, _):
    def body(s, _):
        u = -jnp.log(jnp.sum(jnp.exp(s[1][None, :] - c), 1))
        return (u, -jnp.log(jnp.sum(jnp.exp(u[:, None] - c), 0))), None

    return lax.scan(body, (jnp.zeros(16), jnp.zeros(16)), None, length=100)[0][0]


def scanned(f, z, length):
    return lax.scan(lambda z, _: (f(z), None), z, None, length=length)[0]


small, large = ((8, 8), (8,)), ((24, 24), (64, 24))
z8, z64 = (lambda: jnp.zeros(8)), (lambda: jnp.zeros((64, 24)))
one = lambda w, b: lambda z: step(z[0], w, b)[None]

LOOPS = {
    "scan": (lambda w, b: scanned(lambda z: step(z, w, b), z8(), 1000), *small),
    "forward": (
        lambda w, b: forward(lambda z: 0.9999 * z + 1e-4 * (w @ b), z8(), 1000, 1e-12),
        *small,
    ),
    "anderson": (lambda w, b: anderson(one(w, b), z8()[None], 20), *small),
    "broyden": (lambda w, b: broyden(one(w, b), z8()[None], 20), *small),
    "nested": (nested, (24, 24), (24,)),
    "game": (game, *small),
    "sinkhorn": (sinkhorn, (16, 16), (16,)),
    "layer": (lambda w, x: scanned(lambda z: layer(z, w, x), z64(), 50), *large),
    "layer-anderson": (
        lambda w, x: anderson(lambda z: layer(z, w, x), z64(), 30, 1e-6, 1e-5),
        *large,
    ),
}


def loop(name):
    """The work of one call."""
    f, *shapes = LOOPS[name]
    args = [jnp.asarray(noise(i, shape)) for i, shape in enumerate(shapes)]

    @jax.jit
    def both(*args):
        result = f(*args)
        return result, jnp.sum(result)

    def call():
        result, total = both(*args)
        result.block_until_ready()
        return float(total)

    return call
