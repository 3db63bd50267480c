"""Calls of JAX, and what they give: python test/oracle/coverage_pairs.py > test/fixtures/coverage-pairs.json

Each pair names a function there and the one that docs/coverage.md says is the same here, with a call of both. A
test calls ours with the same arguments and compares element types, shapes and values; random bits must be equal.
Where the call is not written in the same way, `here` holds our arguments. Functions of functions are run by programs
that the test writes down again, under the name of the pair.
"""

import contextlib
import math
import sys

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax, random

from coverage_calls import *

np_, la = "jax.numpy", "jax.numpy.linalg"


# Element by element
same(np_, "np.", "abs absolute negative positive sign square", [f], [i])
same(np_, "np.", "acosh arccosh", [large])
same(np_, "np.", "acos arccos asin arcsin atanh arctanh", [unit], [b])
same(np_, "np.", "asinh arcsinh atan arctan cbrt cos cosh deg2rad degrees exp exp2 expm1 rad2deg radians", [f], [i])
same(np_, "np.", "reciprocal sin sinc sinh tan tanh", [f])
same(np_, "np.", "log log10 log1p log2 sqrt", [unit], [j])
same(np_, "np.", "ceil floor trunc round", [f], [i])
same(np_, "np.", "isfinite isinf isnan", [special], [i])
same(np_, "np.", "signbit", [f])
same(np_, "np.", "logical_not", [f], [b])
same(np_, "np.", "bitwise_not", [i], [b])
same(np_, "np.", "add multiply subtract maximum minimum", [f, g], [i, j], [i, g], [f, 2])
same(np_, "np.", "divide true_divide floor_divide fmod mod remainder", [f, g], [i, j], [i, 2.5])
same(np_, "np.", "power", [large, g], [i, 2], [f, 3])
same(np_, "np.", "atan2 arctan2 hypot logaddexp", [f, g], [special, 1.0])
same(np_, "np.", "equal not_equal less less_equal greater greater_equal", [f, g], [i, j], [i, 2])
same(np_, "np.", "logical_and logical_or logical_xor", [b, c], [f, g])
same(np_, "np.", "bitwise_and bitwise_or bitwise_xor", [i, j], [b, c])
same(np_, "np.", "left_shift right_shift", [i, shift])
same(np_, "np.", "allclose isclose array_equal", [f, f], [f, f + 1])
same(np_, "np.", "clip", [f, -1, 2], [i, -3, 3])
same(np_, "np.", "nan_to_num", [special])
same(np_, "np.", "where", [b, f, g], [b, i, 0])
same(np_, "np.", "select", [[b, c], [f, g], 7])
same(np_, "np.", "astype", [f, "int32"], [i, "float32"], [f, "bool"])
same(np_, "np.", "copy", [f])

# Reductions, and along axes
same(np_, "np.", "sum prod mean var std max min ptp", [f], keywords(f, axis=0), keywords(i, axis=-1, keepdims=True))
same(np_, "np.", "all any count_nonzero", [b], keywords(i, axis=0))
same(np_, "np.", "nansum nanmean", [special[:1]], keywords(f, axis=1))
same(np_, "np.", "argmax argmin", [f], keywords(f, axis=1))
same(np_, "np.", "median", [f], keywords(f, axis=1))
same(np_, "np.", "average", [f], keywords(f, axis=1, weights=g))
same(np_, "np.", "quantile", [f, 0.3], keywords(f, 0.3, method="nearest"))
same(np_, "np.", "cumsum cumprod", [i], keywords(f, axis=1))
same(np_, "np.", "diff", [v], keywords(f, n=2, axis=1))
same(np_, "np.", "sort argsort", [f], keywords(f, axis=0, descending=True))
same(np_, "np.", "searchsorted", [jnp.sort(v), g], keywords(jnp.sort(v), v, side="right"))

# Shapes
same(np_, "np.", "reshape", [f, [3, 2]], [f, [-1]])
same(np_, "np.", "ravel transpose matrix_transpose fliplr flipud flip atleast_1d atleast_2d atleast_3d", [f])
same(np_, "np.", "permute_dims", [f, [1, 0]])
same(np_, "np.", "swapaxes moveaxis", [image, 1, -1])
same(np_, "np.", "expand_dims", [f, 1], [f, [0, 3]])
same(np_, "np.", "squeeze", [f[None]], [f[None], 0])
same(np_, "np.", "broadcast_to", [g, [2, 3]])
same(np_, "np.", "broadcast_arrays", [f, g])
same(np_, "np.", "rot90", [f], [f, 3])
same(np_, "np.", "concat concatenate stack", [[f, f]], keywords([f, f], axis=1), [[i, f]])
same(np_, "np.", "vstack hstack", [[v, g]], [[f, f]])
same(np_, "np.", "split", [f, 2], keywords(f, [1, 2], axis=1))
same(np_, "np.", "array_split", [v, 2])
same(np_, "np.", "repeat", [f, 2], keywords(f, 2, axis=0))
same(np_, "np.", "tile", [f, [2, 1]])
same(np_, "np.", "roll", [f, 1], keywords(f, 1, axis=1))
pair(f"{np_}.pad", "np.pad", [f, 1], *[keywords(f, 1, mode=m) for m in ["edge", "reflect", "symmetric", "wrap"]])
pair(f"{np_}.meshgrid", "np.meshgrid", ([v, g], {}, [[v, g]]), ([v, g], {"indexing": "ij"}, [[v, g], {"indexing": "ij"}]))
same(np_, "np.", "take", [f, j % 6], keywords(f, shift - 1, axis=1))
same(np_, "np.", "take_along_axis", keywords(f, jnp.argsort(f, axis=1), axis=1))

# New arrays
same(np_, "np.", "array asarray", [[[1.5, 2], [3, 4]]], [[[True, False]]])
same(np_, "np.", "zeros ones", [[2, 3]], keywords([2], dtype="int32"))
same(np_, "np.", "full", [[2, 3], 7.5], [[2], True])
same(np_, "np.", "zeros_like ones_like", [f], [i])
same(np_, "np.", "full_like", [f, 2], [i, 2])
same(np_, "np.", "arange", [5], [1, 8, 3], [0, 1, 0.25])
same(np_, "np.", "linspace logspace", [0, 1, 5], keywords(0, 1, 4, endpoint=False))
same(np_, "np.", "eye tri", [3], [2, 3])
same(np_, "np.", "identity", [3])
same(np_, "np.", "diag", [v], keywords(f, k=1))
same(np_, "np.", "tril triu", [f], keywords(f, k=1))
same(np_, "np.", "diagonal trace", [f], keywords(f, offset=1))

# Products
same(np_, "np.", "matmul dot inner", [square, v], [square, square])
same(np_, "np.", "outer vdot", [v, g])
same(np_, "np.", "vecdot", [f, g])
same(np_, "np.", "tensordot", [square, square], keywords(f, g, axes=1))
same(np_, "np.", "kron", [f, g])
pair(f"{np_}.einsum", "np.einsum", ["ij,j->i", f, g], ["ij,kj", f, f])

# Linear algebra; the signs of factors are those of JAX's example only where they are determined.
same(la, "np.linalg.", "cholesky cond det inv matrix_rank pinv slogdet svdvals trace", [square])
same(la, "np.linalg.", "matrix_power", [square, 3], [square, -1])
same(la, "np.linalg.", "solve", [square, v], [square, tall])
same(la, "np.linalg.", "norm", [f], [v], keywords(f, axis=1), keywords(f, ord="nuc"))
same(la, "np.", "diagonal matrix_transpose", [f])
same(la, "np.", "matmul", [square, v])
same(la, "np.", "outer vecdot", [v, g])
same(la, "np.", "tensordot", keywords(f, g, axes=1))
pairs_of_factors = [("svd", lambda u, s, vt: (s, (u * s) @ vt)), ("eigh", lambda w, q: (w, (q * w) @ q.T)), ("qr", lambda q, r: (jnp.abs(r), q @ r))]
for name, determined in pairs_of_factors:
    program(f"{la}.{name}", f"np.linalg.{name}", determined(*lookup(f"{la}.{name}")(square)))
program(f"{la}.lstsq", "np.linalg.lstsq", jnp.linalg.lstsq(tall, v)[0])

# lax: instructions, whose operands have one type
lx = "jax.lax"
same(lx, "np.", "abs sign square", [f], [i])
pair("jax.lax.neg", "np.negative", [f], [i])
same(lx, "np.", "acos asin atanh", [unit])
same(lx, "np.", "acosh", [large])
same(lx, "np.", "asinh atan cbrt ceil cos cosh erf exp exp2 expm1 floor reciprocal sin sinh tan tanh", [f])
same(lx, "np.", "erf_inv log log1p rsqrt sqrt", [unit])
pair("jax.lax.logistic", "np.sigmoid", [f])
pair("jax.lax.is_finite", "np.isfinite", [special])
same(lx, "np.", "atan2", [f, f[::-1]])
same(lx, "np.", "add", [f, f], [i, i])
same(lx, "np.", "bitwise_and bitwise_or bitwise_xor", [i, i[::-1]], [b, b[::-1]])
same(lx, "np.", "bitwise_not", [i], [b])
one, two = [f, f[::-1] + 3.5], [i, i[::-1] + 11]
for there, ours in {
    "max": "maximum", "min": "minimum", "mul": "multiply", "sub": "subtract", "rem": "fmod",
    "eq": "equal", "ne": "notEqual", "lt": "less", "le": "lessEqual", "gt": "greater", "ge": "greaterEqual",
}.items():
    pair(f"jax.lax.{there}", f"np.{ours}", one, two)
pair("jax.lax.pow", "np.power", [large, v], [f, 3])
pair("jax.lax.clamp", "np.clip", ([-1.0, f, 2.0], {}, [f, -1, 2]), ([-3, i, 3], {}, [i, -3, 3]))
pair("jax.lax.select", "np.where", [b, f, -f], [b, i, -i])
pair("jax.lax.convert_element_type", "Tensor.astype", [f, "int32"], [i, "float32"], [b, "int32"])
for there in ["argmax", "argmin"]:
    pair(f"jax.lax.{there}", f"np.{there}", ([f, 1, jnp.int32], {}, [f, {"axis": 1}]))
for there, ours in {"sum": "sum", "max": "max", "min": "min", "prod": "prod"}.items():
    pair(f"jax.lax.reduce_{there}", f"np.{ours}", ([f, (0,)], {}, [f, {"axis": [0]}]), ([i, (0, 1)], {}, [i, {"axis": [0, 1]}]))
for there in ["cumsum", "cumprod", "cummax", "cummin"]:
    pair(f"jax.lax.{there}", f"np.{there}", keywords(f, axis=1), keywords(i, axis=0, reverse=True))
pair("jax.lax.sort", "np.sort", [f], ([f], {"dimension": 0}, [f, {"axis": 0}]))
pair("jax.lax.top_k", "np.topK", [f, 2])
pair("jax.lax.rev", "np.flip", [f, [0]], [f, [0, 1]])
pair("jax.lax.iota", "np.arange", (["int32", 5], {}, [5]), (["float32", 5], {}, [5, {"dtype": "float32"}]))
pair("jax.lax.reshape", "np.reshape", [f, [3, 2]])
pair("jax.lax.transpose", "np.transpose", [f, [1, 0]], [image, [0, 3, 1, 2]])
pair("jax.lax.expand_dims", "np.expandDims", [f, [1]])
pair("jax.lax.squeeze", "np.squeeze", [f[None], [0]])
pair("jax.lax.concatenate", "np.concatenate", ([[f, f], 1], {}, [[f, f], {"axis": 1}]))
pair("jax.lax.stack", "np.stack", [[f, f]], ([[f, f], 1], {}, [[f, f], {"axis": 1}]))
pair("jax.lax.tile", "np.tile", [f, [2, 1]])
pair("jax.lax.full", "np.full", [[2, 3], 7.5])
pair("jax.lax.full_like", "np.fullLike", [f, 2], [i, 2])
pair("jax.lax.dot", "np.dot", [square, v], [square, square], [v, g])
pair("jax.lax.slice", "np.slice", ([f, (0, 1), (2, 3)], {}, [f, [0, 2], [1, 3]]))
pair("jax.lax.dynamic_slice", "np.dynamicSlice", [f, [jnp.int32(1), jnp.int32(2)], [1, 2]])
pair("jax.lax.dynamic_update_slice", "np.dynamicUpdateSlice", [f, f[:1, :2], [jnp.int32(1), jnp.int32(2)]])
nhwc = {"strides": [1, 2], "padding": "SAME"}
layouts = ("NHWC", "HWIO", "NHWC")
pair("jax.lax.conv_general_dilated", "np.convGeneralDilated",
     ([image, kernel], {"window_strides": [1, 2], "padding": "SAME", "dimension_numbers": layouts}, [image, kernel, nhwc]))
pair("jax.lax.conv_transpose", "np.convTranspose",
     ([image, kernel], {"strides": [2, 2], "padding": "SAME"}, [image, kernel, {"strides": 2, "padding": "SAME"}]))
pair("jax.lax.stop_gradient", "stopGradient", [f])

# Random numbers: bit by bit
key = random.PRNGKey(3)
jr = "jax.random"
same(jr, "random.", "key", [3], [2**31 + 5])
pair("jax.random.PRNGKey", "random.key", [3])
program("jax.random.split", "random.split", list(random.split(key, 3)))
same(jr, "random.", "fold_in", [key, 7])
same(jr, "random.", "bits", [key, [5]])
same(jr, "random.", "normal exponential gumbel laplace", [key, [5]])
pair("jax.random.uniform", "random.uniform", [key, [5]], ([key, [5]], {"minval": -1, "maxval": 2}, [key, [5], {"minval": -1, "maxval": 2}]))
same(jr, "random.", "bernoulli", [key, 0.3, [8]])
same(jr, "random.", "randint", [key, [6], 0, 10])
same(jr, "random.", "truncated_normal", [key, -1.0, 2.0, [5]])
same(jr, "random.", "permutation", [key, 8], [key, f])
same(jr, "random.", "categorical", [key, f])
pair("jax.random.choice", "random.choice", [key, v, [4]], ([key, v, [2]], {"replace": False}, [key, v, [2], {"replace": False}]))

# Transformations: the same functions are written down in the test.
cubes = lambda x: jnp.sum(x**3)
waves = lambda x, y: jnp.sin(x) * y
args = (f, f + 1)
program("jax.grad", "grad", jax.grad(cubes)(f))
program("jax.value_and_grad", "valueAndGrad", jax.value_and_grad(cubes)(f))
program("jax.vjp", "vjp", (lambda y, pull: (y, *pull(g + y)))(*jax.vjp(waves, *args)))
program("jax.jvp", "jvp", jax.jvp(waves, args, args))
program("jax.linearize", "linearize", (lambda y, lin: (y, lin(*args)))(*jax.linearize(waves, *args)))
program("jax.linear_transpose", "linearTranspose", jax.linear_transpose(lambda x: square @ x, v)(g))
program("jax.jacfwd", "jacfwd", jax.jacfwd(lambda x: waves(x, v))(g))
program("jax.jacrev", "jacrev", jax.jacrev(lambda x: waves(x, v))(g))
program("jax.jacobian", "jacrev", jax.jacobian(lambda x: waves(x, v))(g))
program("jax.hessian", "hessian", jax.hessian(cubes)(g))
program("jax.vmap", "vmap", jax.vmap(waves, in_axes=(1, None))(f, v[:2]))
program("jax.jit", "jit", jax.jit(waves)(*args))
program("jax.checkpoint", "checkpoint", jax.grad(jax.checkpoint(cubes))(f))
program("jax.remat", "checkpoint", jax.grad(jax.remat(cubes))(f))
program("jax.eval_shape", "evalShape", jnp.array(jax.eval_shape(waves, f, f).shape, jnp.int32))
program("jax.device_get", "Tensor.data", jax.device_get(f))
program("jax.block_until_ready", "Tensor.data", jax.block_until_ready(f))
program("jax.device_put", "Tensor.to", jax.device_put(f))
program("jax.make_jaxpr", "makeProgram", jnp.array([a.shape for a in jax.make_jaxpr(waves)(*args).out_avals], jnp.int32))

seen = []
jax.debug.callback(lambda x: seen.append(float(x)), jnp.float32(3))
jax.effects_barrier()
program("jax.effects_barrier", "debug.done", jnp.array(seen, jnp.float32))
with jax.debug_nans(True), contextlib.redirect_stdout(sys.stderr):
    try:
        jnp.log(jnp.float32(-1)).block_until_ready()
        found = False
    except FloatingPointError:
        found = True
program("jax.debug_nans", "debugNans", jnp.array(found))

# Control flow
program("jax.lax.cond", "cond", [lax.cond(p, jnp.sin, jnp.cos, f) for p in [True, False]])
program("jax.lax.switch", "switchCase", [lax.switch(n, [jnp.sin, jnp.cos, jnp.tanh], f) for n in [-1, 1, 5]])
program("jax.lax.while_loop", "whileLoop", lax.while_loop(lambda x: jnp.sum(x) < 100, lambda x: x * 2, v))
program("jax.lax.fori_loop", "foriLoop", lax.fori_loop(2, 5, lambda n, x: x * n, v))
program("jax.lax.scan", "scan", lax.scan(lambda s, x: (s + x, s * x), g, f))
program("jax.lax.map", "map", lax.map(jnp.sum, f))
program("jax.lax.associative_scan", "associativeScan", lax.associative_scan(jnp.multiply, f))
program("jax.lax.custom_linear_solve", "linearSolve",
        jax.grad(lambda r: jnp.sum(lax.custom_linear_solve(
            lambda x: square @ x, r, lambda _, y: jnp.linalg.solve(square, y), lambda _, y: jnp.linalg.solve(square.T, y))))(v))

report()
