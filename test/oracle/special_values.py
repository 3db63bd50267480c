"""Golden numbers for test/numpy/specialValues.test.ts:
python test/oracle/special_values.py > test/fixtures/special-values.json

JAX's values and derivatives in float64 where numbers end: at ±0, ±1, ±infinity, NaN, the largest and the smallest
normal number, and the same of int32.

- `elementwise`: functions of one or two numbers at all (pairs of) special numbers, and their derivatives.
- `integers`: the same of int32, without derivatives.
- `linalg`: functions of matrices that are singular, indefinite, or not finite. Gradients are those of the sum of
  all elements of the result.
- `reductions`: over rows that hold special numbers.

The test says where Trilevel differs on purpose.
"""

import json
import math

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from jax import lax, nn
from jax.scipy import special

inf, nan = math.inf, math.nan
NUMBERS = [-inf, -1.7976931348623157e308, -2.5, -1.0, -0.5, -2.2250738585072014e-308, -0.0, 0.0,
           2.2250738585072014e-308, 0.5, 1.0, 2.5, 40.0, 1.7976931348623157e308, inf, nan]
INTEGERS = [-2147483648, -2147483647, -7, -2, -1, 0, 1, 2, 3, 31, 32, 2147483647]


def plain(v):
    if isinstance(v, float) and (not math.isfinite(v) or (v == 0 and math.copysign(1, v) < 0)):
        return "-0" if v == 0 else "NaN" if math.isnan(v) else "Infinity" if v > 0 else "-Infinity"
    return v


def lists(x):
    x = np.asarray(x)
    return {"shape": list(x.shape), "data": [plain(v) for v in x.ravel().astype(np.float64).tolist()]}


elementwise, integers = [], []
one = {
    "exp": jnp.exp, "exp2": jnp.exp2, "expm1": jnp.expm1, "log": jnp.log, "log2": jnp.log2, "log10": jnp.log10,
    "log1p": jnp.log1p, "sqrt": jnp.sqrt, "rsqrt": lax.rsqrt, "cbrt": jnp.cbrt, "square": jnp.square,
    "reciprocal": jnp.reciprocal, "asin": jnp.arcsin, "acos": jnp.arccos,
    "atan": jnp.arctan, "sinh": jnp.sinh, "cosh": jnp.cosh, "tanh": jnp.tanh, "asinh": jnp.arcsinh,
    "acosh": jnp.arccosh, "atanh": jnp.arctanh, "sigmoid": nn.sigmoid, "softplus": nn.softplus,
    "erf": special.erf, "erfInv": special.erfinv, "sinc": jnp.sinc, "sign": jnp.sign, "floor": jnp.floor,
    "ceil": jnp.ceil, "trunc": jnp.trunc, "round": jnp.round, "isnan": jnp.isnan, "isinf": jnp.isinf,
    "isfinite": jnp.isfinite, "signbit": jnp.signbit, "negative": jnp.negative, "abs": jnp.abs,
    "nanToNum": jnp.nan_to_num, "sin": jnp.sin, "cos": jnp.cos, "tan": jnp.tan,
}
two = {
    "add": jnp.add, "subtract": jnp.subtract, "multiply": jnp.multiply, "divide": jnp.divide,
    "maximum": jnp.maximum, "minimum": jnp.minimum, "atan2": jnp.arctan2, "hypot": jnp.hypot,
    "logaddexp": jnp.logaddexp, "power": jnp.power, "mod": jnp.mod, "fmod": jnp.fmod,
    "floorDivide": jnp.floor_divide, "xlogy": special.xlogy, "equal": jnp.equal, "less": jnp.less,
    "lessEqual": jnp.less_equal, "isclose": jnp.isclose,
}
x = np.array(NUMBERS)
few = np.array([-inf, -2.5, -1.0, -0.0, 0.0, 0.5, 3.0, 1.7976931348623157e308, inf, nan])
pairs = np.stack(np.meshgrid(few, few, indexing="ij"), -1).reshape(-1, 2)


def derivative(f, argnum, *args):
    y = jax.eval_shape(f, *[a[0] for a in args])
    if y.dtype != np.float64:
        return None
    return lists(jax.vmap(jax.grad(f, argnum))(*args))


for name, f in one.items():
    elementwise.append({"name": name, "args": [lists(x)], "value": lists(f(x)), "grads": [derivative(f, 0, x)]})
for name, f in two.items():
    a, b = pairs[:, 0], pairs[:, 1]
    elementwise.append({"name": name, "args": [lists(a), lists(b)], "value": lists(f(a, b)),
                        "grads": [derivative(f, i, a, b) for i in range(2)]})

n = np.array(INTEGERS, np.int32)
ends = np.array([-2147483648, -7, -1, 0, 1, 3, 31, 2147483647], np.int32)
some = np.stack(np.meshgrid(ends, ends, indexing="ij"), -1).reshape(-1, 2)
for name in ("abs", "negative", "sign", "square", "bitwiseNot"):
    f = {"bitwiseNot": jnp.bitwise_not}.get(name) or getattr(jnp, name)
    integers.append({"name": name, "args": [lists(n)], "value": lists(f(n))})
for name, f, right in [
    ("add", jnp.add, some), ("subtract", jnp.subtract, some), ("multiply", jnp.multiply, some),
    ("maximum", jnp.maximum, some), ("minimum", jnp.minimum, some),
    # Without divisions by 0, which JAX leaves to the machine.
    ("floorDivide", jnp.floor_divide, some[some[:, 1] != 0]), ("mod", jnp.mod, some[some[:, 1] != 0]),
    ("fmod", jnp.fmod, some[some[:, 1] != 0]), ("leftShift", jnp.left_shift, some[some[:, 1] >= 0]),
    ("rightShift", jnp.right_shift, some[some[:, 1] >= 0]), ("bitwiseAnd", jnp.bitwise_and, some),
    ("bitwiseOr", jnp.bitwise_or, some), ("bitwiseXor", jnp.bitwise_xor, some),
    ("power", jnp.power, some[some[:, 1] >= 0]),
]:
    a, b = right[:, 0], right[:, 1]
    integers.append({"name": name, "args": [lists(a), lists(b)], "value": lists(f(a, b))})

linalg = []


def entry(name, f, *args, options=None, grads=True):
    args = [np.array(a, np.float64) for a in args]
    y = f(*args)
    slopes = [lists(jax.grad(lambda *xs: jnp.sum(f(*xs)), i)(*args)) for i in range(len(args))] if grads else None
    linalg.append({"name": name, "args": [lists(a) for a in args], "options": options or {}, "value": lists(y),
                   **({"grads": slopes} if slopes else {})})


regular = [[4.0, 1.0, 0.5], [1.0, 3.0, -1.0], [0.5, -1.0, 2.0]]
indefinite = [[1.0, 2.0, 0.0], [2.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
rank2 = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]]
rank1 = [[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 6.0, 9.0]]
tall1 = [[1.0, 2.0], [2.0, 4.0], [3.0, 6.0]]
zero = [[0.0, 0.0], [0.0, 0.0]]
broken = [[1.0, nan], [2.0, 1.0]]
hilbert = (1 / (np.arange(6)[:, None] + np.arange(6)[None] + 1)).tolist()
for m in (regular, indefinite, [[-1.0]], [[0.0]], [[2.0, 0.0], [0.0, -1.0]], [regular, indefinite]):
    entry("cholesky", jnp.linalg.cholesky, m, grads=False)
for m in (rank2, rank1, tall1, np.transpose(tall1), zero, regular, hilbert, [[0.0]], [[inf, 1.0], [1.0, 1.0]], [rank2, regular]):
    square = np.shape(m)[-1] == np.shape(m)[-2]
    entry("svdvals", lambda a: jnp.linalg.svd(a, compute_uv=False), m, grads=m is regular or m is hilbert)
    if m is not hilbert and not np.isinf(m).any():  # of Hilbert's matrix JAX has lost five digits
        entry("pinv", jnp.linalg.pinv, m, grads=np.any(m))
    entry("matrixRank", jnp.linalg.matrix_rank, m, grads=False)
    if m is not hilbert:
        entry("cond", jnp.linalg.cond, m, grads=m is regular)
    if square and np.shape(m)[-1] < 6:
        for order in (1, "fro", inf):
            entry("cond", lambda a, o=order: jnp.linalg.cond(a, o), m, options={"ord": plain(order)}, grads=False)
entry("pinv", lambda a: jnp.linalg.pinv(a, rtol=0.1), hilbert, options={"rtol": 0.1})
for a, b in ((rank2, [1.0, 2.0, 4.0]), (tall1, [1.0, 0.0, 2.0]), (np.transpose(tall1), [1.0, 3.0]),
             (zero, [1.0, 1.0]), (regular, [1.0, 2.0, 3.0]), (regular, np.eye(3))):
    entry("lstsq", lambda a, b: jnp.linalg.lstsq(a, b)[0], a, b, grads=a is regular)
for m in (rank1, zero, regular, broken, [[inf, 1.0], [1.0, 1.0]], [[0.0]]):
    entry("det", jnp.linalg.det, m, grads=False)
    entry("slogdet", lambda a: jnp.stack(jnp.linalg.slogdet(a)), m, grads=False)
for v in ([3e200, 4e200], [3e-200, 4e-200], [inf, 1.0], [nan, inf], [1.0, 0.0]):
    for order in (None, 1, inf, -inf, 0):
        f = lambda a, o=order: jnp.linalg.norm(a, ord=o)
        if np.max(np.abs(v)) in (inf,) or order is not None or max(v) < 10 and min(v) > -1 and max(v) > 1e-10:
            entry("norm", f, v, options={} if order is None else {"ord": plain(order)}, grads=False)

reductions = []
rows = np.array([[1.0, inf, 2.0], [inf, -inf, 0.0], [nan, 1.0, inf], [-inf, -inf, -inf], [0.0, -0.0, 0.0],
                 [inf, inf, inf], [1e308, 1e308, -1e308]])
for name, f in {
    "sum": jnp.sum, "mean": jnp.mean, "prod": jnp.prod, "max": jnp.max, "min": jnp.min, "ptp": jnp.ptp, "var": jnp.var,
    "std": jnp.std, "logsumexp": special.logsumexp, "argmax": jnp.argmax, "argmin": jnp.argmin, "nansum": jnp.nansum,
    "nanmean": jnp.nanmean, "median": jnp.median, "sort": jnp.sort, "argsort": jnp.argsort, "cumsum": jnp.cumsum,
    "cumprod": jnp.cumprod, "softmax": nn.softmax, "logSoftmax": nn.log_softmax,
    "all": jnp.all, "any": jnp.any, "countNonzero": jnp.count_nonzero,
}.items():
    reductions.append({"name": name, "args": [lists(rows)], "options": {"axis": -1}, "value": lists(f(rows, axis=-1))})
short = np.array([[1.0, 2.0], [3.0, 5.0]])
for ddof in (0, 1, 2, 3):
    for name in ("var", "std"):
        reductions.append({"name": name, "args": [lists(short)], "options": {"axis": -1, "ddof": ddof},
                           "value": lists(getattr(jnp, name)(short, axis=-1, ddof=ddof))})

print(json.dumps({"versions": {"jax": jax.__version__, "numpy": np.__version__}, "elementwise": elementwise,
                  "integers": integers, "linalg": linalg, "reductions": reductions}, allow_nan=False)
      .replace('}, {"name"', '},\n{"name"'))
