"""More calls of jax.numpy and jax.random: python test/oracle/coverage_arrays.py > test/fixtures/coverage-arrays.json

As coverage_pairs.py, which says how pairs are recorded; calls of jax.numpy come with gradients.
"""

import math

import jax
import jax.numpy as jnp
from jax import random

from coverage_gradients import *

np_, la = "jax.numpy", "jax.numpy.linalg"

# More functions of arrays
holes = jnp.array([[1.5, math.nan, 0.5], [math.nan, 2.5, -4.0]], jnp.float32)
positive = jnp.array([2.0, 0.75, 3.0], jnp.float32)
same(np_, "np.", "around rint fabs", [f], [i])
same(np_, "np.", "amax amin", [f], keywords(f, axis=0), keywords(f, where=b, initial=0.25), keywords(i, axis=1, where=b, initial=-9))
same(np_, "np.", "max min", keywords(f, axis=1, where=b, initial=0.75), keywords(i, initial=4))
same(np_, "np.", "sum prod", keywords(f, where=b), keywords(f, axis=0, initial=2.5), keywords(i, axis=1, where=b, initial=3))
same(np_, "np.", "mean var std", keywords(f, where=b), keywords(f, axis=1, where=b, keepdims=True))
same(np_, "np.", "all any", keywords(b, where=c), keywords(f, axis=0, where=b))
same(np_, "np.", "pow", [large, g], [i, 2])
same(np_, "np.", "float_power", [large, g], [i, 2])
same(np_, "np.", "bitwise_invert invert", [i], [b])
same(np_, "np.", "bitwise_left_shift bitwise_right_shift", [i, shift])
same(np_, "np.", "copysign heaviside", [f, g], [special[1:], -1.0])
same(np_, "np.", "nextafter", [f, g], [special, 2.0], [jnp.array([1.0, 2.0, -2.0], jnp.float32), 0.0])
same(np_, "np.", "spacing", [f])
same(np_, "np.", "frexp", [f], [special], [jnp.array([0.0, 1e-30, 3e38], jnp.float32)])
same(np_, "np.", "ldexp", [f, j], [g, jnp.array([100, -100, 0], jnp.int32)])
same(np_, "np.", "modf", [f], [special[1:]])
same(np_, "np.", "divmod", [f, g], [i, j])
same(np_, "np.", "gcd lcm", [i, j], [i, 12])
same(np_, "np.", "fmax fmin", [f, g], [special, 0.5], [i, j])
same(np_, "np.", "logaddexp2", [f, g], [special, 1.0])
same(np_, "np.", "i0", [f], [jnp.array([0.0, 30.0, -50.0], jnp.float32)])
same(np_, "np.", "isposinf isneginf", [special])
same(np_, "np.", "array_equiv", [f, f], [f, f[0]], [f, v[:2]])
same(np_, "np.", "nansum nanprod nanmean nanmax nanmin nanvar nanstd nanmedian", [holes], keywords(holes, axis=0), keywords(holes[:, 1:2], axis=1, keepdims=True))
same(np_, "np.", "nanmax nanargmax nanargmin nancumsum nancumprod", [holes], keywords(holes, axis=1), keywords(i, axis=0))
same(np_, "np.", "nanquantile", [holes, 0.3], keywords(holes, unit, axis=1))
same(np_, "np.", "nanpercentile", [holes, 30], keywords(holes, unit * 100, axis=1))
same(np_, "np.", "quantile", [f, unit], *[keywords(f, unit, axis=1, method=m, keepdims=True) for m in ["linear", "lower", "higher", "nearest", "midpoint"]])
same(np_, "np.", "percentile", [f, 30], keywords(f, unit * 100, axis=0))
same(np_, "np.", "cumulative_sum cumulative_prod", [v], keywords(f, axis=1, include_initial=True))
same(np_, "np.", "hanning hamming blackman bartlett", [1], [6])
same(np_, "np.", "kaiser", [6, 5.0], [1, 2.0])
same(np_, "np.", "cov", [f], keywords(f, y=f * f, rowvar=False), keywords(f, bias=True), keywords(f, fweights=jnp.array([1, 2, 3], jnp.int32), aweights=positive))
same(np_, "np.", "corrcoef", [square], [v])
same(np_, "np.", "indices", [[2, 3]], keywords([2, 2], dtype="float32"))
pair(f"{np_}.ix_", "np.ix_", ([shift, j], {}, [[shift, j]]))
same(np_, "np.", "tril_indices triu_indices", [3], keywords(3, k=1), keywords(3, k=-1, m=4))
same(np_, "np.", "tril_indices_from triu_indices_from", [f], keywords(f, k=1))
same(np_, "np.", "diag_indices", [3], [2, 3])
same(np_, "np.", "diag_indices_from", [square])
same(np_, "np.", "unravel_index", [jnp.array([1, 5, -1], jnp.int32), [2, 3]])
same(np_, "np.", "ravel_multi_index", keywords([shift - 1, shift], [3, 4], mode="clip"), keywords([j, shift], [3, 4], mode="wrap"))
same(np_, "np.", "geomspace", [1.0, 8.0, 4], keywords(-1.0, -100.0, 3, endpoint=False))
pair(f"{np_}.nonzero", "np.nonzero", keywords(i, size=4), keywords(i, size=7, fill_value=-1))
same(np_, "np.", "argwhere flatnonzero", keywords(i, size=4), keywords(i, size=7, fill_value=9))
same(np_, "np.", "compress", keywords(c, f, axis=1, size=2), keywords(c, f, size=3, fill_value=7))
same(np_, "np.", "extract", keywords(b, f, size=3), keywords(b, i, size=5, fill_value=7))
again = jnp.array([[3, 1, 3], [2, 3, 1]], jnp.int32)
same(np_, "np.", "unique", keywords(again, size=3), keywords(again, size=5), keywords(again, size=2), keywords(again, size=5, fill_value=-1),
     keywords(jnp.array([[1, 2], [0, 3], [1, 2]], jnp.int32), axis=0, size=2), keywords(jnp.array([math.nan, 1.0, math.nan], jnp.float32), size=3))
same(np_, "np.", "unique_all unique_counts unique_inverse unique_values", keywords(again, size=3), keywords(again, size=4, fill_value=9), keywords(again, size=2))
same(np_, "np.", "isin", [i, j], keywords(f, g, invert=True), [f, jnp.array([0.5, 4.0, 0.5], jnp.float32)])
same(np_, "np.", "union1d", keywords(again, j, size=5), keywords(again, j, size=8, fill_value=0), keywords(again, j, size=7))
same(np_, "np.", "setdiff1d", keywords(again, j, size=1), keywords(again, j, size=3, fill_value=9))
same(np_, "np.", "intersect1d", keywords(again, j, size=2), keywords(again, j, size=4, fill_value=9), keywords(again, j, size=3))
same(np_, "np.", "setxor1d", keywords(again, j, size=2), keywords(again, j, size=4, fill_value=9))
same(np_, "np.", "bincount", keywords(again[0], length=4), keywords(again[0], weights=v, length=3))
same(np_, "np.", "digitize", [f, jnp.sort(v)], keywords(v, jnp.sort(v)[::-1], right=True))
same(np_, "np.", "histogram", [f], keywords(f, bins=3, range=(-1.0, 2.0)), keywords(f, bins=jnp.sort(v), weights=f + 3, density=True))
same(np_, "np.", "histogram_bin_edges", [f], keywords(i, bins=4), keywords(f * 0, bins=2))
same(np_, "np.", "histogram2d", keywords(v, g, bins=2), keywords(v, g, bins=[2, 3], density=True))
same(np_, "np.", "histogramdd", keywords(f, bins=2), keywords(f, bins=[1, 2, 3], range=[[-2.0, 2.0], [-1.0, 3.0], [0.0, 4.0]], weights=positive[:2]))
same(np_, "np.", "interp", [f, jnp.sort(v), g], keywords(f, jnp.sort(v), g, left=-1.0, right="extrapolate"), keywords(f, v, g, period=3.5))
pair(f"{np_}.gradient", "np.gradient", ([f], {}, [f]), ([square], {}, [square]),
     ([square, 2.0], {"axis": 0}, [square, {"spacing": 2.0, "axis": 0}]), ([square, positive.cumsum()], {"axis": 1}, [square, {"spacing": positive.cumsum(), "axis": 1}]))
same(np_, "np.", "trapezoid", [f], keywords(f, x=v), keywords(f, dx=0.5, axis=0))
same(np_, "np.", "ediff1d", [f], keywords(v, to_end=g, to_begin=1.0))
same(np_, "np.", "unwrap", [f * 3], keywords(f * 3, period=4.0, axis=0))
same(np_, "np.", "cross", [f, g], [v, g], keywords(square, f[:1], axis=1), [f[:, :2], g[:2]])
same(np_, "np.", "matvec", [square, v], [jnp.stack([square, square]), f])
same(np_, "np.", "vecmat", [v, square], [f, square])
same(np_, "np.", "convolve correlate", [v, g], [v, f[0][:2]], *[keywords(jnp.ravel(f), g, mode=m) for m in ["full", "same", "valid"]], keywords(g[:2], v, mode="full"))
same(np_, "np.", "polyval", [g, f], [j, i])
same(np_, "np.", "polyadd polysub polymul", [g, v[:2]], [v, g])
same(np_, "np.", "polydiv", [jnp.ravel(f), g], [g[:1], v])
same(np_, "np.", "polyder", [g], [jnp.ravel(f), 2])
same(np_, "np.", "polyint", [g], keywords(g, m=2, k=v[:2]))
same(np_, "np.", "poly", [v])
same(np_, "np.", "vander", [v], [v, 2], keywords(i[0], 4, increasing=True))
pair(f"{np_}.polyfit", "np.polyfit", [jnp.arange(5.0), jnp.array([1.0, 3.0, 2.0, 5.0, 4.0]), 2], keywords(v, tall, 1, w=positive))
same(np_, "np.", "column_stack", [[v, g]], [[square, v]])
same(np_, "np.", "dstack", [[v, g]], [[f, f]])
same(np_, "np.", "block", [[[f, f], [f, -f]]], [[v, g]])
same(np_, "np.", "hsplit", [f, 3], [v, [1]])
same(np_, "np.", "vsplit", [f, 2], [square, [1]])
same(np_, "np.", "dsplit", [image, 2])
same(np_, "np.", "unstack", [f], keywords(f, axis=1))
same(np_, "np.", "append", [f, g], keywords(f, f, axis=1))
same(np_, "np.", "insert", [v, 1, 9.0], ([v, jnp.array([0, 2]), g[:2]], {}, [v, [0, 2], g[:2]]), keywords(f, 1, g[:2], axis=1), ([f, jnp.array([0, 2]), f[:, :2]], {"axis": 1}, [f, [0, 2], f[:, :2], {"axis": 1}]))
same(np_, "np.", "delete", [v, 1], ([f, jnp.array([0, -1])], {"axis": 1}, [f, [0, -1], {"axis": 1}]), ([f, jnp.array([0, 0, 4])], {}, [f, [0, 0, 4]]))
pair(f"{np_}.resize", "np.resize", ([f, (2, 5)], {}, [f, [2, 5]]), ([f, (2,)], {}, [f, [2]]))
same(np_, "np.", "rollaxis", [image, 3], [image, 0, 2])
same(np_, "np.", "place", ([f, b, g[:2]], {"inplace": False}, [f, b, g[:2]]), ([i, i > 0, 8], {"inplace": False}, [i, i > 0, 8]))
pair(f"{np_}.put", "np.put", ([f, shift, g], {"inplace": False}, [f, shift, g]), ([f, j * 3, v], {"mode": "wrap", "inplace": False}, [f, j * 3, v, {"mode": "wrap"}]),
     ([f, j * 3, v[:1]], {"mode": "clip", "inplace": False}, [f, j * 3, v[:1], {"mode": "clip"}]))
pair(f"{np_}.put_along_axis", "np.putAlongAxis", ([f, jnp.array([[0], [2]], jnp.int32), 7.0], {"axis": 1, "inplace": False}, [f, jnp.array([[0], [2]], jnp.int32), 7.0, {"axis": 1}]))
pair(f"{np_}.fill_diagonal", "np.fillDiagonal", ([f, 7.0], {"inplace": False}, [f, 7.0]), ([jnp.tile(f[:, :2], (3, 1)), g[:2]], {"inplace": False}, [jnp.tile(f[:, :2], (3, 1)), g[:2]]))
pair(f"{np_}.choose", "np.choose", ([shift % 2, [v, g]], {"mode": "clip"}, [shift % 2, [v, g]]), ([j, [v, g]], {"mode": "wrap"}, [j, [v, g], {"mode": "wrap"}]))
same(np_, "np.", "diagflat", [f], keywords(v, k=-1))
same(np_, "np.", "lexsort", [[v, shift]], [[f, f % 1]], keywords([f, f % 1], axis=0))
for name in ["partition", "argpartition"]:
    whole = keywords(jnp.array([[2.0, 1.0, 3.0], [1.0, 3.0, 2.0]], jnp.float32), 1)
    pair(f"{np_}.{name}", f"np.{name}", whole)
same(np_, "np.", "ndim shape size", [f])
same(np_, "np.", "empty", [[2, 3]])
same(np_, "np.", "empty_like", [f], [i])
program(f"{np_}.result_type", "np.resultType", [jnp.result_type(f, i) == "float32", jnp.result_type(i, c) == "int32"])
same(np_, "np.", "broadcast_shapes", [[2, 1], [3]])
program(f"{np_}.apply_along_axis", "np.applyAlongAxis", jnp.apply_along_axis(lambda x: jnp.outer(x, x), 0, f))
program(f"{np_}.apply_over_axes", "np.applyOverAxes", jnp.apply_over_axes(jnp.sum, f, [0, 1]))
program(f"{np_}.vectorize", "np.vectorize", jnp.vectorize(lambda m, x: m @ x, signature="(i,j),(j)->(i)")(square, f))
program(f"{np_}.piecewise", "np.piecewise", jnp.piecewise(f, [f < 0, f > 1, f > 2], [lambda x: -x, jnp.sin, 9.0, lambda x: x * x]))
program(f"{np_}.fromfunction", "np.fromfunction", jnp.fromfunction(lambda x, y: x - 2 * y, (2, 3)))

# Linear algebra
same(la, "np.linalg.", "eigvalsh", [square])
same(la, "np.linalg.", "vector_norm", [f], keywords(f, axis=1, ord=3), keywords(f, ord=1))
same(la, "np.linalg.", "matrix_norm", [f], keywords(f, ord=1, keepdims=True), keywords(jnp.stack([square, square]), ord="nuc"))
same(la, "np.linalg.", "multi_dot", [[f, square, v]], [[v, square, square, f.T]])
same(la, "np.linalg.", "tensorinv", keywords(square.reshape(1, 3, 3), ind=2))
same(la, "np.linalg.", "tensorsolve", [square.reshape(1, 3, 3), v[None]])
same(la, "np.", "cross", [f, g])

# Random numbers
k = random.key(7)
words = random.key_data(k)
few = jnp.array([0.3, 1.0, 7.5], jnp.float32)


def sampled(name, ours, *calls):
    """Calls of samplers: arguments after the key, and a shape."""
    pair(f"jax.random.{name}", f"random.{ours}", *[([k, *args], kwargs, [words, *here]) for args, kwargs, here in calls])


for name in ["cauchy", "logistic", "maxwell", "rademacher"]:
    sampled(name, name, ([[2, 5]], {}, [[2, 5]]))
sampled("lognormal", "lognormal", ([], {"sigma": few}, [few]), ([], {"sigma": 0.5, "shape": (4,)}, [0.5, [4]]))
for name in ["pareto", "rayleigh", "gamma", "loggamma", "chisquare", "t"]:
    sampled(name, name, ([few], {}, [few]), ([jnp.float32(0.5)], {"shape": (2, 4)}, [0.5, [2, 4]]), ([few], {"shape": (4, 3)}, [few, [4, 3]]))
sampled("f", "f", ([few + 2, few[::-1] + 2], {}, [few + 2, few[::-1] + 2]))
sampled("beta", "beta", ([few, few[::-1]], {}, [few, few[::-1]]), ([few, 2.0], {"shape": (4, 3)}, [few, 2.0, [4, 3]]))
# Far from 1 digits cancel in JAX's single precision.
sampled("wald", "wald", ([unit], {}, [unit]), ([jnp.float32(0.5)], {"shape": (2, 4)}, [0.5, [2, 4]]))
sampled("weibull_min", "weibullMin", ([2.0, 1.5, (5,)], {}, [2.0, 1.5, [5]]), ([few, 1.5, (3,)], {}, [few, 1.5]))
sampled("double_sided_maxwell", "doubleSidedMaxwell", ([1.0, 2.0, (5,)], {}, [1.0, 2.0, [5]]), ([few, 1.5, (2,)], {}, [few, 1.5, [2]]))
sampled("triangular", "triangular", ([0.0, few, 8.0], {}, [0.0, few, 8.0]), ([0.0, 1.0, 3.0], {"shape": (5,)}, [0.0, 1.0, 3.0, [5]]))
sampled("geometric", "geometric", ([unit], {}, [unit]), ([0.2], {"shape": (2, 4)}, [0.2, [2, 4]]))
sampled("dirichlet", "dirichlet", ([few], {}, [few]), ([few], {"shape": (3,)}, [few, [3]]))
sampled("generalized_normal", "generalizedNormal", ([1.5, (5,)], {}, [1.5, [5]]))
sampled("ball", "ball", ([3], {"shape": (4,)}, [3, [4]]), ([2], {"p": 1.5, "shape": (4,)}, [2, [4], {"p": 1.5}]))
sampled("orthogonal", "orthogonal", ([3], {}, [3]), ([2], {"shape": (2,), "m": 3}, [2, [2], {"m": 3}]), ([3], {"m": 2}, [3, [], {"m": 2}]))
sampled("multivariate_normal", "multivariateNormal", ([v, square], {}, [v, square]), ([v, square], {"shape": (4,)}, [v, square, [4]]))
sampled("key_data", "keyData", ([], {}, []))
sampled("clone", "clone", ([], {}, []))
pair("jax.random.wrap_key_data", "random.wrapKeyData", [words])
sampled("poisson", "poisson", ([jnp.array([0.0, 0.5, 3.0, 9.0], jnp.float32)], {}, [jnp.array([0.0, 0.5, 3.0, 9.0], jnp.float32)]), ([jnp.array([12.0, 30.0, 200.0], jnp.float32)], {}, [jnp.array([12.0, 30.0, 200.0], jnp.float32)]), ([4.0], {"shape": (2, 4)}, [4.0, [2, 4]]), ([40.0], {"shape": (8,)}, [40.0, [8]]))
counts = jnp.array([3.0, 20.0, 100.0, 1000.0], jnp.float32)
sampled("binomial", "binomial", ([counts, 0.4], {}, [counts, 0.4]), ([counts, 0.9], {"shape": (2, 4)}, [counts, 0.9, [2, 4]]))
sampled("multinomial", "multinomial", ([jnp.float32(30.0), jnp.array([0.2, 0.5, 0.3], jnp.float32)], {}, [30.0, jnp.array([0.2, 0.5, 0.3], jnp.float32)]))

# Padding by statistics and ramps
pair(f"{np_}.pad", "np.pad", *[keywords(x, 2, mode=m) for m in ["maximum", "minimum", "mean", "median", "linear_ramp", "empty"] for x in [f, i]],
     *[keywords(f, [[1, 2], [0, 3]], mode=m, stat_length=2) for m in ["maximum", "mean"]], keywords(f, [1, 2], mode="minimum", stat_length=[[1, 2], [2, 1]]),
     keywords(f, [3, 1], mode="linear_ramp", end_values=jnp.array([5.0, -2.0], jnp.float32)),
     keywords(i, 2, mode="linear_ramp", end_values=jnp.array([[1, 2], [3, 40]], jnp.int32)),
     keywords(f, 1, constant_values=jnp.array([[1.0, 2.0], [3.0, 4.0]], jnp.float32)))

# Bits, types and places
same(np_, "np.", "packbits", [b], keywords(i, axis=1), keywords(i[0], bitorder="little"), keywords(jnp.arange(20, dtype=jnp.int32).reshape(2, 10) % 3, axis=0))
octets = jnp.array([[7, 129], [255, 0]], jnp.uint8)
same(np_, "np.", "unpackbits", [octets], keywords(octets, axis=0, bitorder="little"), keywords(octets, axis=1, count=11), keywords(octets, count=-5), keywords(octets[0], count=20))
same(np_, "np.", "bitwise_count", [i], [jnp.array([2**31 - 1, -(2**31) + 1, 255, 0], jnp.int32)], [jnp.array([2**32 - 1, 5], jnp.uint32)])
same(np_, "np.", "isscalar", [f], [f[0, 0]], [2.5], [True])
program(f"{np_}.mask_indices", "np.maskIndices", [jnp.mask_indices(3, jnp.triu, 1, size=4), jnp.mask_indices(4, jnp.tril, size=10)])
program(f"{np_}.promote_types", "np.promoteTypes", [jnp.array(jnp.promote_types(a, b) == c) for a, b, c in [("int32", "float32", "float32"), ("bool", "uint32", "uint32")]])

# Products of scaled blocks
blocks = jnp.sin(jnp.arange(48, dtype=jnp.float32)).reshape(2, 3, 8)
scales = jnp.arange(1.0, 13.0, dtype=jnp.float32).reshape(2, 3, 2) / 4
pair("jax.nn.scaled_matmul", "nn.scaledMatmul", [blocks, blocks[:, :2] + 1, scales, scales[:, :2, :1]])

report()
