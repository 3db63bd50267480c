"""Golden numbers for np, linalg, control and random: python test/oracle/jax_core.py > test/fixtures/jax-core.json

- `functions`: values of array functions in float64 (jax_enable_x64), and the gradients of
  sum_k cos(k + 1) y_k, over all elements y_k of all float outputs, in every float argument.
- `derivatives`: jvp, jacobians, Hessians of functions that the test writes down again by name.
- `promotion`: the type in which two values meet, under jax_enable_x64; weak types are named by their
  32-bit name. Where one is int32 and the other uint32, JAX says int64, which Trilevel lacks: there, as
  in JAX without 64-bit types, they meet in int32, and the table says so.
- `random`: without 64-bit types, as JAX starts, by its default generator: threefry2x32 with
  jax_threefry_partitionable (true by default since JAX 0.5). Entries whose dtype is float64 are
  made with 64-bit types.

Names and options are Trilevel's. Not recorded, because JAX leaves it undefined: `at.set` with one index
twice. Not recorded, because Trilevel differs on purpose: the derivatives of `abs` at 0 (JAX: 1, here 0,
as in PyTorch) and of norms at 0 (JAX: NaN, here 0); signs of eigenvectors.
"""

import json
import math

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import jaxlib
import numpy as np
from jax import lax, nn, random
from jax.scipy import special

FLOATS = ("float32", "float64")
functions = []


def encode(x):
    """An array with its type; whatever JSON has no number for becomes a string."""
    x = np.asarray(x)
    flat = [plain(v) for v in x.ravel().tolist()]
    return {"dtype": {"int64": "int32"}.get(str(x.dtype), str(x.dtype)), "shape": list(x.shape), "data": flat}


def plain(v):
    if isinstance(v, bool):
        return int(v)
    if isinstance(v, float) and not math.isfinite(v):
        return "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"
    return int(v) if isinstance(v, float) and v.is_integer() and abs(v) < 2**53 and not (v == 0 and math.copysign(1, v) < 0) else v


def weights(outputs):
    counts = np.cumsum([0] + [y.size for y in outputs])
    return [jnp.cos(jnp.arange(n, n + y.size) + 1.0).reshape(y.shape) for n, y in zip(counts, outputs)]


def entry(name, f, *args, options=None, gradients=True):
    """Arrays and lists of arrays are tensors; everything else is handed on as it is."""
    tensor = lambda a: isinstance(a, np.ndarray)
    flat = [i for i, a in enumerate(args) if tensor(a) and str(a.dtype) in FLOATS]
    given = [jnp.asarray(a) if tensor(a) else a for a in args]
    outputs = [np.asarray(y) for y in jax.tree.leaves(f(*given))]

    def loss(*floats):
        filled = list(given)
        for i, a in zip(flat, floats):
            filled[i] = a
        ys = [y for y in jax.tree.leaves(f(*filled)) if str(y.dtype) in FLOATS]
        return sum(jnp.sum(w * y) for w, y in zip(weights(ys), ys))

    smooth = gradients and flat and any(str(y.dtype) in FLOATS for y in outputs)
    grads = jax.grad(loss, argnums=tuple(range(len(flat))))(*[given[i] for i in flat]) if smooth else None
    functions.append({
        "name": name,
        "args": [encode(a) if tensor(a) else a for a in args],
        **({"options": options} if options else {}),
        "value": [encode(y) for y in outputs],
        **({"grads": [encode(g) for g in grads]} if grads is not None else {}),
    })


rng = np.random.default_rng(0)
A = lambda *xs: np.array(xs, dtype=np.float64)
I = lambda *xs: np.array(xs, dtype=np.int32)
N = lambda *shape: np.round(rng.normal(size=shape), 4)

# Element by element.
wide = A(-2.5, -1.0, -0.3, 0.0, 0.7, 1.0, 3.2)
positive = A(0.01, 0.5, 1.0, 2.7, 30.0)
inner = A(-0.99, -0.5, 0.0, 0.3, 0.999)
for name, f, x in [
    ("abs", jnp.abs, A(-2.5, -0.3, 0.7, 3.2)), ("negative", jnp.negative, wide), ("sign", jnp.sign, wide),
    ("floor", jnp.floor, wide), ("ceil", jnp.ceil, wide), ("trunc", jnp.trunc, wide),
    ("round", jnp.round, A(-2.5, -1.5, -0.5, 0.5, 1.5, 2.4)), ("exp", jnp.exp, wide),
    ("exp2", jnp.exp2, wide), ("expm1", jnp.expm1, A(-30, -1, -1e-9, 0, 1e-9, 2)),
    ("log", jnp.log, positive), ("log2", jnp.log2, positive), ("log10", jnp.log10, positive),
    ("log1p", jnp.log1p, A(-0.9, -1e-9, 0, 1e-9, 5)), ("sqrt", jnp.sqrt, positive),
    ("rsqrt", lax.rsqrt, positive), ("cbrt", jnp.cbrt, A(-8, -0.3, 0.4, 27)),
    ("square", jnp.square, wide), ("reciprocal", jnp.reciprocal, A(-2, 0.5, 3)),
    ("sin", jnp.sin, wide), ("cos", jnp.cos, wide), ("tan", jnp.tan, wide),
    ("asin", jnp.arcsin, inner), ("acos", jnp.arccos, inner), ("atan", jnp.arctan, wide),
    ("sinh", jnp.sinh, wide), ("cosh", jnp.cosh, wide), ("tanh", jnp.tanh, A(-20, -1, 0, 0.2, 3)),
    ("asinh", jnp.arcsinh, wide), ("acosh", jnp.arccosh, A(1.01, 1.5, 40)), ("atanh", jnp.arctanh, inner),
    ("sigmoid", nn.sigmoid, A(-800, -3, 0, 2, 800)), ("softplus", nn.softplus, A(-100, -1, 0, 1, 100)),
    ("erf", special.erf, A(-4, -1, 0, 0.3, 2.2)), ("erfInv", special.erfinv, A(-0.99999, -0.5, 0, 0.2, 0.9, 0.9999999)),
    ("sinc", jnp.sinc, A(-1.5, -0.2, 0, 0.01, 2)), ("deg2rad", jnp.deg2rad, wide), ("rad2deg", jnp.rad2deg, wide),
    ("isfinite", jnp.isfinite, A(0, np.inf, np.nan)), ("isnan", jnp.isnan, A(0, np.inf, np.nan)),
]:
    entry(name, f, x)
entry("relu", nn.relu, A(-1, 0, 2))
entry("elu", nn.elu, A(-1, 0, 2))
entry("gelu", lambda x: nn.gelu(x, approximate=False), A(-1, 0, 2))

# Two operands, broadcast.
column, row = A([-1.5], [0.0], [2.0]), A(0.5, -2.0, 2.0, 3.0)
for name, f in [
    ("add", jnp.add), ("subtract", jnp.subtract), ("multiply", jnp.multiply), ("divide", jnp.divide),
    ("maximum", jnp.maximum), ("minimum", jnp.minimum), ("atan2", jnp.arctan2), ("hypot", jnp.hypot),
    ("mod", jnp.mod), ("fmod", jnp.fmod), ("floorDivide", jnp.floor_divide), ("logaddexp", jnp.logaddexp),
]:
    entry(name, f, column, row)
for name, f in [("mod", jnp.mod), ("fmod", jnp.fmod), ("floorDivide", jnp.floor_divide)]:
    entry(name, f, I(-7, -7, 7, 7, 0), I(3, -3, 3, -3, 5))
entry("power", jnp.power, A(0.5, 1.0, 3.0), A(2.0, -1.5, 0.0))
entry("power", lambda x, y: jnp.power(x, y), A(-3, 0, 2), 2)
entry("power", lambda x, y: jnp.power(x, y), A(-3, 0.5, 2), -3)
entry("power", lambda x, y: jnp.power(x, y), A(0.3, 0.5, 2), 0.5)
entry("power", lambda x, y: jnp.power(x, y), I(-3, 0, 2), 5)
entry("xlogy", special.xlogy, A(0.0, 1.0, 2.0), A(0.5, 2.0, 0.1))
entry("clip", lambda x, a, b: jnp.clip(x, a, b), A(-2, -1, 0, 1, 2), -1, 1)
entry("where", lambda c, x, y: jnp.where(c, x, y), np.array([True, False, True]), A(1, 2, 3), A(4, 5, 6))
entry("maskedLog", lambda x: jnp.where(x > 0, jnp.log(jnp.where(x > 0, x, 1.0)), 0.0), A(-1, 0, 2))
entry("isclose", jnp.isclose, A(1, 1, np.nan), A(1 + 1e-9, 1.1, np.nan))

# Reductions, with zeros and ties.
m = N(3, 4)
ties = A([1, 3, 3, 2], [5, 5, 5, 5], [0, -1, -1, 0])
zeros = A([2, 0, 3, 1], [0, 4, 0, 5], [1, 2, 3, 4])
for name, f in [("sum", jnp.sum), ("mean", jnp.mean), ("var", jnp.var), ("std", jnp.std), ("logsumexp", nn.logsumexp)]:
    for axis in (None, 1, (0, 1)) if name == "sum" else (None, 0):
        entry(name, lambda x, f=f, axis=axis: f(x, axis=axis), m, options=None if axis is None else {"axis": axis})
entry("var", lambda x: jnp.var(x, axis=1, ddof=1, keepdims=True), m, options={"axis": 1, "ddof": 1, "keepdims": True})
entry("std", lambda x: jnp.std(x, axis=-1, ddof=1), m, options={"axis": -1, "ddof": 1})
entry("logsumexp", lambda x: nn.logsumexp(x), A(1000, 1000, -1000))
entry("prod", lambda x: jnp.prod(x, axis=1), zeros, options={"axis": 1})
for name, f in [("max", jnp.max), ("min", jnp.min), ("ptp", jnp.ptp), ("median", jnp.median)]:
    entry(name, lambda x, f=f: f(x, axis=1), ties, options={"axis": 1})
entry("argmax", lambda x: jnp.argmax(x, axis=1), ties, options={"axis": 1})
entry("argmin", lambda x: jnp.argmin(x, axis=0), ties, options={"axis": 0})
entry("all", lambda x: jnp.all(x > 0, axis=1), ties)
entry("quantile", lambda x, q: jnp.quantile(x, q), A(3, 1, 2, 10), 0.3)
for name, f in [("softmax", nn.softmax), ("logSoftmax", nn.log_softmax)]:
    entry(name, lambda x, f=f: f(x, axis=-1), m)
    entry(name, lambda x, f=f: f(x, axis=0), m * 300, options={"axis": 0})
entry("cumsum", lambda x: jnp.cumsum(x, axis=1), m, options={"axis": 1})
entry("cumsum", lambda x: jnp.cumsum(x[::-1])[::-1], A(1, 2, 3, 4), options={"reverse": True})
entry("cumprod", lambda x: jnp.cumprod(x, axis=1), zeros, options={"axis": 1})
entry("cummax", lambda x: lax.cummax(x, axis=1), m, options={"axis": 1})
entry("diff", lambda x: jnp.diff(x, n=2, axis=1), m, options={"n": 2, "axis": 1})

# Order and place.
entry("sort", lambda x: jnp.sort(x, axis=-1), N(2, 5))
entry("sort", lambda x: jnp.sort(x, axis=0), ties, options={"axis": 0})
entry("argsort", lambda x: jnp.argsort(x, axis=-1), ties)
entry("topK", lambda x, k: lax.top_k(x, k), N(2, 5), 3)
entry("take", lambda x, i: jnp.take(x, i, axis=1), m, I([0, 3], [3, 1]), options={"axis": 1})
entry("takeAlongAxis", lambda x, i: jnp.take_along_axis(x, i, axis=1), m, I([0, 0], [3, 1], [2, 2]), options={"axis": 1})
entry("atSet", lambda x, i, y: x.at[i].set(y), m, I(2, 0), N(2, 4))
entry("atAdd", lambda x, i, y: x.at[i].add(y), m, I(2, 0, 2), N(3, 4))
entry("atMultiply", lambda x, i, y: x.at[i].multiply(y, unique_indices=True), m, I(2, 0), N(2, 4))
entry("flip", lambda x: jnp.flip(x), m)
entry("roll", lambda x, n: jnp.roll(x, n, axis=1), m, 3, options={"axis": 1})
entry("repeat", lambda x, n: jnp.repeat(x, n, axis=0), m, 2, options={"axis": 0})
entry("tile", lambda x, n: jnp.tile(x, n), m, [2, 1])
for mode in ("constant", "edge", "reflect", "symmetric", "wrap"):
    entry("pad", lambda x, w, mode=mode: jnp.pad(x, w, mode=mode), m, [[1, 2], [0, 3]], options={"mode": mode})
entry("tril", lambda x: jnp.tril(x), m)
entry("triu", lambda x: jnp.triu(x, k=1), m, options={"k": 1})
entry("diag", lambda x: jnp.diag(x), A(1, 2, 3))
entry("diagonal", lambda x: jnp.diagonal(x, offset=1), m, options={"offset": 1})
entry("trace", lambda x: jnp.trace(x), m)
entry("oneHot", lambda i, n: nn.one_hot(i, n), I(0, 2, 5, -1), 4)

# Products.
for form, shapes in [
    ("ij,jk->ik", [(2, 3), (3, 4)]), ("ii->i", [(3, 3)]), ("ii->", [(3, 3)]), ("ij->ji", [(2, 3)]),
    ("bij,bjk->bik", [(2, 2, 3), (2, 3, 2)]), ("i,j->ij", [(2,), (3,)]), ("ij,ij->i", [(2, 3), (2, 3)]),
    ("...ij,...jk->...ik", [(2, 2, 3), (3, 2)]), ("bkd,bnd->bkn", [(2, 2, 3), (2, 4, 3)]),
    ("ij,jk,kl->il", [(2, 3), (3, 2), (2, 2)]), ("ij->", [(2, 3)]), ("i,ij", [(2,), (2, 3)]),
]:
    entry("einsum", lambda s, *xs: jnp.einsum(s, *xs), form, *[N(*s) for s in shapes])
entry("matmul", jnp.matmul, N(2, 1, 2, 3), N(2, 3, 2))
entry("matmul", jnp.matmul, N(3), N(2, 3, 2))
entry("dot", jnp.dot, N(2, 3), N(2, 3, 2))
entry("tensordot", lambda x, y, n: jnp.tensordot(x, y, axes=n), N(2, 3, 2), N(3, 2, 2), 2)
entry("outer", jnp.outer, N(2), N(3))
entry("inner", jnp.inner, N(2, 3), N(2, 3))
entry("kron", jnp.kron, N(2, 2), N(1, 2))


def conv(x, w, **options):
    o = {"strides": 1, "padding": "VALID", "lhsDilation": 1, "rhsDilation": 1, "groups": 1, **options}
    rank = x.ndim - 2
    per = lambda v: (v,) * rank if isinstance(v, int) else tuple(v)
    numbers = o.get("dimensionNumbers") or (["NHWC", "HWIO", "NHWC"] if rank == 2 else ["NWC", "WIO", "NWC"])
    pad = o["padding"] if isinstance(o["padding"], str) else [tuple(p) for p in o["padding"]]
    f = lambda x, w: lax.conv_general_dilated(
        x, w, per(o["strides"]), pad, per(o["lhsDilation"]), per(o["rhsDilation"]), tuple(numbers), o["groups"])
    entry("convGeneralDilated", f, x, w, options=options)


conv(N(1, 4, 5, 2), N(3, 2, 2, 3))
conv(N(2, 5, 4, 1), N(3, 3, 1, 2), padding="SAME", strides=2)
conv(N(1, 5, 5, 2), N(2, 2, 2, 1), padding=[[1, 0], [2, 1]], strides=[2, 1], rhsDilation=2)
conv(N(1, 3, 3, 4), N(2, 2, 2, 4), groups=2)
conv(N(1, 3, 2, 1), N(2, 3, 1, 2), lhsDilation=[2, 3], padding=[[1, 1], [2, 2]])
conv(N(2, 6, 2), N(3, 2, 2), padding=[[-1, 2]])
conv(N(1, 2, 4, 3), N(2, 2, 2, 2), dimensionNumbers=["NCHW", "OIHW", "NCHW"])
for options in ({"strides": 2}, {"strides": 2, "padding": "VALID"}, {"strides": 2, "transposeKernel": True}, {"strides": [1, 3], "padding": "SAME"}):
    o = {"strides": 1, "padding": "SAME", "transposeKernel": False, **options}
    per = (o["strides"],) * 2 if isinstance(o["strides"], int) else tuple(o["strides"])
    w = N(3, 2, 3, 2) if o["transposeKernel"] else N(3, 2, 2, 3)
    f = lambda x, w, o=o, per=per: lax.conv_transpose(x, w, per, o["padding"], dimension_numbers=("NHWC", "HWIO", "NHWC"), transpose_kernel=o["transposeKernel"])
    entry("convTranspose", f, N(1, 2, 3, 2), w, options=options)
for padding in ("VALID", "SAME"):
    for name, init, op in [("maxPool", -np.inf, lax.max), ("avgPool", 0.0, lax.add)]:
        def pool(x, window, padding=padding, init=init, op=op):
            y = lax.reduce_window(x, init, op, (1, *window, 1), (1, 2, 1, 1), padding)
            return y / math.prod(window) if op is lax.add else y
        entry(name, pool, np.round(N(1, 5, 4, 2), 0), [3, 2], options={"strides": [2, 1], "padding": padding})

# Linear algebra.
square, rhs = N(3, 3) + 2 * np.eye(3), N(3, 2)
batch = N(2, 3, 3) + 2 * np.eye(3)
spd = lambda x: x @ np.swapaxes(x, -1, -2) + np.eye(3)
for o in (None, 1, 2, 3, float("inf"), -float("inf")):
    entry("linalg.norm", lambda x, o=o: jnp.linalg.norm(x, ord=o), A(3, -4, 1.5), options={} if o is None else {"ord": plain(o)})
entry("linalg.norm", lambda x: jnp.linalg.norm(x), m)
for o in ("fro", 1, -1, float("inf"), "nuc", 2):
    entry("linalg.norm", lambda x, o=o: jnp.linalg.norm(x, ord=o), m, options={"ord": plain(o)})
entry("linalg.norm", lambda x: jnp.linalg.norm(x, axis=1, keepdims=True), m, options={"axis": 1, "keepdims": True})
entry("linalg.solve", jnp.linalg.solve, square, rhs)
entry("linalg.solve", jnp.linalg.solve, square, N(3))
entry("linalg.solve", jnp.linalg.solve, batch, N(2, 3, 2))
entry("linalg.inv", jnp.linalg.inv, square)
entry("linalg.inv", jnp.linalg.inv, batch)
entry("linalg.det", jnp.linalg.det, square)
entry("linalg.det", jnp.linalg.det, batch)
entry("linalg.det", jnp.linalg.det, A([1, 2, 3], [4, 5, 6], [5, 7, 9]))
entry("linalg.slogdet", lambda x: tuple(jnp.linalg.slogdet(x)), -batch)
entry("linalg.cholesky", jnp.linalg.cholesky, spd(square))
entry("linalg.cholesky", jnp.linalg.cholesky, spd(batch))
entry("linalg.qr", lambda x: tuple(jnp.linalg.qr(x)), N(4, 3))
entry("linalg.qr", lambda x: tuple(jnp.linalg.qr(x)), batch)
for lower in (True, False):
    for transposed in (False, True):
        options = {"lower": lower, **({"transpose": True} if transposed else {})}
        entry("linalg.triangularSolve", lambda a, b, lower=lower, t=transposed: jax.scipy.linalg.solve_triangular(a, b, lower=lower, trans=int(t)), square, rhs, options=options)
entry("linalg.eigh", lambda x: jnp.linalg.eigh((x + jnp.swapaxes(x, -1, -2)) / 2, symmetrize_input=False)[0], spd(square))
entry("linalg.matrixPower", lambda x, n: jnp.linalg.matrix_power(x, n), square, 5)
entry("linalg.matrixPower", lambda x, n: jnp.linalg.matrix_power(x, n), square, -2)
entry("linalg.pinv", jnp.linalg.pinv, N(4, 3))
entry("linalg.lstsq", lambda a, b: jnp.linalg.lstsq(a, b)[0], N(4, 3), N(4, 2))

# Control flow: the test writes the same functions down again.
w3, x3 = N(3, 3), N(3)
entry("rnn", lambda w, h, xs: lax.scan(lambda c, x: ((d := jnp.tanh(w @ c + x)), d * x), h, xs), w3, x3, N(4, 3))
entry("rnnReverse", lambda w, h, xs: lax.scan(lambda c, x: ((d := jnp.tanh(w @ c + x)), d * x), h, xs, reverse=True), w3, x3, N(4, 3))
nested = lambda w, xs: lax.scan(lambda c, x: (lax.scan(lambda d, y: (jnp.sin(d * w) + y, d), c, x)[0], c * w), jnp.float64(0.5), xs)
entry("nestedScan", nested, np.float64(1.3).reshape(()), N(2, 3))
branch = lambda x: lax.cond(x.sum() > 0, lambda x: jnp.sin(x) * x, lambda x: x**3, x)
entry("branch", branch, A(1, 2, -0.5))
entry("branch", branch, A(-1, -2, -0.5))
switch = lambda i, x: lax.switch(i, [lambda x: x, lambda x: x * x, lambda x: jnp.exp(x)], x)
for i in (-1, 0, 1, 2, 7):
    entry("switch", switch, np.array(i, dtype=np.int32), A(0.5, -1))
entry("condInScan", lambda x: lax.scan(lambda c, t: (lax.cond(c.sum() > 0, lambda c: c * t - 1, lambda c: c + t * t, c), c), x, jnp.arange(5.0)), A(0.3, -0.2))
entry("fori", lambda x, y: lax.fori_loop(0, 5, lambda i, c: jnp.cos(c) * y + i, x), A(0.3, 2), A(0.9, 0.2))
entry("associativeScan", lambda x: lax.associative_scan(jnp.multiply, x, axis=1), N(2, 7), options={"axis": 1})
entry("associativeScan", lambda x: lax.associative_scan(jnp.multiply, x, reverse=True), N(6), options={"reverse": True})


def newton(x):
    return lax.while_loop(lambda y: jnp.abs(y * y - x) > 1e-12, lambda y: (y + x / y) / 2, x)


_, tangent = jax.jvp(newton, (2.0,), (1.0,))
while_loop = {"x": 2, "value": float(newton(2.0)), "tangent": float(tangent)}

# Derivatives of higher order.
mlp = lambda p, x: jnp.sum(jnp.tanh(jnp.tanh(x @ p["w"]) @ p["v"]))
rosenbrock = lambda x: jnp.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)
vector = lambda x: jnp.stack([x[0] * jnp.sin(x[1]), jnp.exp(x[0] * x[2]), x[1] ** 3, jnp.dot(x, x)])
point, direction = A(0.7, -1.2, 0.4), A(1, -2, 0.5)
w, v, x = N(3, 2), N(2, 2), N(2, 3)
derivatives = {
    "point": encode(point), "direction": encode(direction), "w": encode(w), "v": encode(v), "x": encode(x),
    "jvpVector": [encode(y) for y in jax.jvp(vector, (point,), (direction,))],
    "jacobianVector": encode(jax.jacrev(vector)(point)),
    "hessianRosenbrock": encode(jax.hessian(rosenbrock)(point)),
    "hvpRosenbrock": encode(jax.jvp(jax.grad(rosenbrock), (point,), (direction,))[1]),
    "thirdRosenbrock": encode(jax.jacfwd(jax.hessian(rosenbrock))(point)),
    "hessianMlp": {a: {b: encode(h) for b, h in row.items()} for a, row in jax.hessian(mlp)({"w": jnp.asarray(w), "v": jnp.asarray(v)}, x).items()},
    "gradOfGrad": encode(jax.grad(lambda lam: jnp.sum(jax.grad(lambda w: jnp.sum(jnp.sin(lam * w) * w))(point) ** 2))(2.0)),
    "perSample": encode(jax.vmap(jax.grad(lambda w, x: jnp.sum(jnp.tanh(x @ w))), (None, 0))(w, x)),
}

# Types.
values = {
    "bool": jnp.array(True), "int32": jnp.int32(1), "uint32": jnp.uint32(1),
    "float32": jnp.float32(1), "float64": jnp.float64(1), "weak int32": 1, "weak float32": 1.0,
}


def met(x, y):
    z = jnp.add(x, y)
    name = str(z.dtype)
    if z.weak_type:
        return "weak " + {"int64": "int32", "float64": "float32"}[name]
    return {"int64": "int32"}.get(name, name)


promotion = {a: {b: met(x, y) for b, y in values.items()} for a, x in values.items()}

# Random numbers.
samples = []


def sample(name, key, f, *args, options=None, x64=False):
    samples.append({
        "name": name, "key": [int(k) for k in key], "args": [encode(a) if isinstance(a, np.ndarray) else a for a in args],
        **({"options": options} if options else {}), "value": encode(f(key)), **({"x64": True} if x64 else {}),
    })


with jax.enable_x64(False):
    seeds = {str(s): encode(random.PRNGKey(s)) for s in (0, 1, 42, 2**31 - 1)}
with jax.enable_x64(True):
    seeds |= {str(s): encode(random.PRNGKey(s)) for s in (2**32 + 5, 2**53 - 1, -1, -(2**40))}
with jax.enable_x64(False):
    keys = [random.PRNGKey(0), random.PRNGKey(42), random.fold_in(random.PRNGKey(7), 3)]
    f32 = np.float32
    for key in keys:
        for n in (1, 2, 5):
            sample("split", key, lambda k, n=n: random.split(k, n), n)
        for d in (0, 1, 2**31, 2**32 - 1):
            sample("foldIn", key, lambda k, d=d: random.fold_in(k, d), d)
        for shape in ([], [3], [2, 3], [1, 0], [7]):
            sample("bits", key, lambda k, s=shape: random.bits(k, tuple(s)), shape)
        sample("uniform", key, lambda k: random.uniform(k, (5,)), [5])
        sample("uniform", key, lambda k: random.uniform(k, (2, 3), minval=-2.0, maxval=5.0), [2, 3], options={"minval": -2, "maxval": 5})
        sample("normal", key, lambda k: random.normal(k, (8,)), [8])
        sample("truncatedNormal", key, lambda k: random.truncated_normal(k, -2.0, 2.0, (8,)), -2, 2, [8])
        sample("truncatedNormal", key, lambda k: random.truncated_normal(k, 0.5, 3.0, (2, 2)), 0.5, 3, [2, 2])
        sample("gumbel", key, lambda k: random.gumbel(k, (6,)), [6])
        sample("exponential", key, lambda k: random.exponential(k, (6,)), [6])
        sample("laplace", key, lambda k: random.laplace(k, (6,)), [6])
        sample("bernoulli", key, lambda k: random.bernoulli(k, 0.3, (10,)), 0.3, [10])
        sample("bernoulli", key, lambda k: random.bernoulli(k, np.array([0.1, 0.5, 0.9], f32), (2, 3)), np.array([0.1, 0.5, 0.9], f32), [2, 3])
        logits = np.round(rng.normal(size=(2, 4)), 3).astype(f32)
        sample("categorical", key, lambda k: random.categorical(k, logits), logits)
        sample("categorical", key, lambda k: random.categorical(k, logits, axis=0), logits, options={"axis": 0})
        sample("categorical", key, lambda k: random.categorical(k, logits, shape=(5, 2)), logits, options={"shape": [5, 2]})
        sample("permutation", key, lambda k: random.permutation(k, 10), 10)
        sample("permutation", key, lambda k: random.permutation(k, 3000)[:20], 3000)
        table = np.arange(12, dtype=f32).reshape(3, 4)
        sample("permutation", key, lambda k: random.permutation(k, table), table)
        sample("permutation", key, lambda k: random.permutation(k, table, axis=1), table, options={"axis": 1})
        sample("permutation", key, lambda k: random.permutation(k, table, axis=1, independent=True), table, options={"axis": 1, "independent": True})
        for low, high in ((0, 10), (-5, 5), (3, 3), (-(2**31), 2**31 - 1), (0, 1000003)):
            sample("randint", key, lambda k, a=low, b=high: random.randint(k, (6,), a, b), [6], low, high)
        top = 2**32 - 1
        sample("randint", key, lambda k: random.randint(k, (6,), np.uint32(0), np.uint32(top), "uint32"), [6], 0, top, options={"dtype": "uint32"})
        sample("choice", key, lambda k: random.choice(k, 9, (4,)), 9, [4])
        sample("choice", key, lambda k: random.choice(k, 9, (2, 3), replace=False), 9, [2, 3], options={"replace": False})
        sample("choice", key, lambda k: random.choice(k, table, (2,), axis=1), table, [2], options={"axis": 1})
        p = np.array([0.1, 0.2, 0.3, 0.4], f32)
        for replace in (True, False):
            sample("choice", key, lambda k, r=replace: random.choice(k, 4, (3,), replace=r, p=p), 4, [3], options={"replace": replace, "p": encode(p)})
with jax.enable_x64(True):
    for key in keys:
        o = {"dtype": "float64"}
        sample("uniform", key, lambda k: random.uniform(k, (5,)), [5], options=o)
        sample("uniform", key, lambda k: random.uniform(k, (5,), minval=-3.0, maxval=0.1), [5], options={**o, "minval": -3, "maxval": 0.1})
        sample("normal", key, lambda k: random.normal(k, (8,)), [8], options=o)
        sample("truncatedNormal", key, lambda k: random.truncated_normal(k, -1.0, 2.5, (5,)), -1, 2.5, [5], options=o)
        sample("gumbel", key, lambda k: random.gumbel(k, (5,)), [5], options=o)
        sample("exponential", key, lambda k: random.exponential(k, (5,)), [5], options=o)
        sample("laplace", key, lambda k: random.laplace(k, (5,)), [5], options=o)

document = {
    "versions": {"jax": jax.__version__, "jaxlib": jaxlib.__version__, "numpy": np.__version__},
    "generator": {"implementation": jax.config.jax_default_prng_impl, "partitionable": jax.config.jax_threefry_partitionable},
    "functions": functions, "whileLoop": while_loop, "derivatives": derivatives, "promotion": promotion,
    "random": {"seeds": seeds, "samples": samples},
}
# One entry a line, so that a change shows where it is.
text = json.dumps(document, allow_nan=False)
for name in ("functions", "samples"):
    text = text.replace(f'"{name}": [', f'"{name}": [\n')
print(text.replace('}, {"name"', '},\n{"name"'))
