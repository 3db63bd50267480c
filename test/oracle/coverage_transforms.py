"""Transformations of JAX, and what they give: python test/oracle/coverage_transforms.py > test/fixtures/coverage-transforms.json

As coverage_pairs.py, which says how pairs are recorded. All are run by programs that the test writes down again.
"""

import jax
import jax.numpy as jnp
from jax import lax
import optax

from coverage_calls import *

lx = "jax.lax"
layouts = ("NHWC", "HWIO", "NHWC")


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
# The host sees arguments as they are, or with the axis of the batch in front; it gives sums along the last one.
def host_sums(x, factor):
    return np.cumsum(x * factor, axis=-1).astype(np.float32)


def called(method):
    like = jax.ShapeDtypeStruct((2,), jnp.float32)
    return lambda x, factor: jax.pure_callback(host_sums, like, x, factor, vmap_method=method)


factors = jnp.array([2.0, -1.0], jnp.float32)
program("jax.pure_callback", "pureCallback", [
    jax.jit(lambda x, factor: called(None)(jnp.sin(x), factor) * 2)(wave(2), factors),
    *[jax.vmap(called(method), in_axes=(0, None))(wave(3, 2), factors)
      for method in ["sequential", "sequential_unrolled", "expand_dims", "broadcast_all"]],
    jax.lax.scan(lambda c, x: (called(None)(c, x), c), factors, wave(3, 2)),
])

with jax.disable_jit():
    summed = jax.jit(lambda x: lax.scan(lambda c, x: (seen.append(c + 0) or c + x, c * x), jnp.zeros(2), x))(x)
program("jax.disable_jit", "disableJit", [summed, seen])

# Instructions of lax
moving = [
    ("add", 0.0, [1, 2], {"window_strides": [1, 1], "padding": "VALID"}),
    ("max", -math.inf, [2, 2], {"window_strides": [1, 2], "padding": "SAME"}),
    ("mul", 1.0, [2, 1], {"window_strides": [2, 1], "padding": [(1, 0), (0, 1)], "base_dilation": [2, 1], "window_dilation": [2, 1]}),
    ("min", math.inf, [1, 3], {"window_strides": [1, 1], "padding": [(0, 0), (2, 2)], "window_dilation": [1, 2]}),
]
windowed = {"add": lax.add, "max": lax.max, "mul": lax.mul, "min": lax.min}
reduced = lambda k: lambda x: lax.reduce_window(x, moving[k][1], windowed[moving[k][0]], moving[k][2], **moving[k][3])
program(f"{lx}.reduce_window", "np.reduceWindow",
        [reduced(k)(f) for k in range(4)] + [jax.vmap(jax.grad(lambda x: weighted(reduced(k)(x))))(jnp.stack([f, f * f])) for k in range(2)])
there = {"padding": "SAME", "dimension_numbers": layouts}
pair(f"{lx}.conv_general_dilated_patches", "np.convGeneralDilatedPatches",
     ([image, [2, 3], [1, 2]], there, [image, [2, 3], {"strides": [1, 2], "padding": "SAME"}]),
     ([image, [2, 2], [1, 1], "VALID"], {"rhs_dilation": [2, 1], "dimension_numbers": layouts}, [image, [2, 2], {"rhsDilation": [2, 1]}]),
     ([image, [2, 2], [1, 1], "VALID"], {}, [image, [2, 2], {"dimensionNumbers": ["NCHW", "OIHW", "NCHW"]}]))
pair(f"{lx}.sort_key_val", "np.sortKeyVal", [f, -f], ([i, f, 0], {}, [i, f, {"axis": 0}]))
pair(f"{lx}.top_k", "np.topK", [f, 2], ([f, 1], {"axis": 0}, [f, 1, {"axis": 0}]))
pair(f"{lx}.batch_matmul", "np.matmul", [image[0], jnp.swapaxes(image[0], 1, 2)])
pair(f"{lx}.broadcast_shapes", "np.broadcastShapes", [[2, 1], [3]])
pair(f"{lx}.div", "np.divide", [f, f + 7])
pair(f"{lx}.nextafter", "np.nextafter", [f, -f])
pair(f"{lx}.integer_pow", "np.power", [f, 3], [f, -2])
pair(f"{lx}.shift_left", "np.leftShift", [i, i[::-1] % 5])
pair(f"{lx}.shift_right_arithmetic", "np.rightShift", [i, i[::-1] % 5])
pair(f"{lx}.reduce_and", "np.all", ([b, [1]], {}, [b, {"axis": 1}]))
pair(f"{lx}.reduce_or", "np.any", ([b, [1]], {}, [b, {"axis": 1}]))
pair(f"{lx}.select_n", "np.where", ([b, f, -f], {}, [b, -f, f]))
pair(f"{lx}.split", "np.split", ([f, [1, 2]], {"axis": 1}, [f, [1], {"axis": 1}]))
pair(f"{lx}.unstack", "np.unstack", [f], ([f], {"axis": 1}, [f, {"axis": 1}]))
pair(f"{lx}.collapse", "np.reshape", ([image, 1, 3], {}, [image, [1, 16, 2]]))
pair(f"{lx}.index_in_dim", "np.take", ([f, 1], {"axis": 1, "keepdims": False}, [f, 1, {"axis": 1}]))
pair(f"{lx}.dynamic_index_in_dim", "np.take", ([f, jnp.int32(1)], {"axis": 1, "keepdims": False}, [f, jnp.int32(1), {"axis": 1}]))
pair(f"{lx}.slice_in_dim", "np.slice", ([f, 1, 3], {"axis": 1}, [f, [0, 2], [1, 3]]))
pair(f"{lx}.dynamic_slice_in_dim", "np.dynamicSlice", ([f, jnp.int32(1), 2], {"axis": 1}, [f, [0, jnp.int32(1)], [2, 2]]))
pair(f"{lx}.dynamic_update_slice_in_dim", "np.dynamicUpdateSlice", ([f, f[:, :1], jnp.int32(2)], {"axis": 1}, [f, f[:, :1], [0, jnp.int32(2)]]))
pair(f"{lx}.pad", "np.pad", ([f, 7.0, [(1, 0, 0), (0, 2, 0)]], {}, [f, [[1, 0], [0, 2]], {"constantValues": 7}]))
pair(f"{lx}.conv", "np.convGeneralDilated",
     ([image, jnp.moveaxis(kernel, (2, 3), (1, 0)).reshape(3, 4, 1, 1)[:, :4], [1, 1], "SAME"], {},
      [image, jnp.moveaxis(kernel, (2, 3), (1, 0)).reshape(3, 4, 1, 1)[:, :4], {"padding": "SAME", "dimensionNumbers": ["NCHW", "OIHW", "NCHW"]}]))
pair(f"{lx}.conv_with_general_padding", "np.convGeneralDilated",
     ([image, jnp.ones([3, 4, 2, 1]), [1, 1], [(1, 0), (0, 0)], None, None], {},
      [image, jnp.ones([3, 4, 2, 1]), {"padding": [[1, 0], [0, 0]], "dimensionNumbers": ["NCHW", "OIHW", "NCHW"]}]))

# Trees of parameters
ot, op = "optax.tree", "optim.tree."
one, two = {"b": g, "w": f}, {"b": g * 2 + 1, "w": f[::-1] * 0.5 + 3}
same(ot, op, "sub mul div", [one, two])
pair(f"{ot}.add", op + "add", [one, two], [one, two, one])
pair(f"{ot}.scale", op + "scale", [0.25, one])
pair(f"{ot}.add_scale", op + "addScale", [one, 0.25, two])
pair(f"{ot}.vdot", op + "vdot", [one, two])
same(ot, op, "sum max min size zeros_like ones_like", [one])
pair(f"{ot}.norm", op + "norm", [one], ([one, 1], {}, [one, {"ord": 1}]), ([one, "inf"], {}, [one, {"ord": "inf"}]),
     ([one], {"squared": True}, [one, {"squared": True}]))
pair(f"{ot}.full_like", op + "fullLike", [one, 7.0])
pair(f"{ot}.clip", op + "clip", [one, -1, 2])
pair(f"{ot}.cast", op + "cast", [one, "int32"])
pair(f"{ot}.cast_like", op + "castLike", [one, {"b": j, "w": f}])
pair(f"{ot}.where", op + "where", [jnp.array(True), one, two], [jnp.array(False), one, two])
pair(f"{ot}.allclose", op + "allclose", [one, one], [one, two], ([one, two], {"atol": 9.0}, [one, two, {"atol": 9.0}]))
pair(f"{ot}.batch_shape", op + "batchShape", [one, [2]])
pair(f"{ot}.split_key_like", op + "splitKeyLike", [jax.random.PRNGKey(3), one])
pair(f"{ot}.random_like", op + "randomLike", [jax.random.PRNGKey(3), one])
adam = optax.chain(optax.clip(1.0), optax.scale_by_adam())
_, state = adam.update(one, adam.init(one))
program(f"{ot}.get", "optim.tree.get", optax.tree.get(state, "count"))
program(f"{ot}.get_all_with_path", "optim.tree.getAllWithPath", [value for _, value in optax.tree.get_all_with_path(state, "nu")])
program(f"{ot}.set", "optim.tree.set", optax.tree.get(optax.tree.set(state, count=jnp.int32(7)), "count"))
pair(f"{ot}.update_moment", op + "updateMoment", [one, two, 0.9, 2])
pair(f"{ot}.update_infinity_moment", op + "updateInfinityMoment", [one, two, 0.9, 0.1])
pair(f"{ot}.update_moment_per_elem_norm", op + "updateMomentPerElemNorm", [one, two, 0.9, 2])
pair(f"{ot}.bias_correction", op + "biasCorrection", [one, 0.9, jnp.int32(3)])

# Projections, with their derivatives
ob, pr = "optax.projections", "optim.projections."
same(ob, pr, "projection_non_negative", [one])
pair(f"{ob}.projection_hypercube", pr + "projectionHypercube", [f], [f, 2.5])
same(ob, pr, "projection_simplex projection_l1_ball projection_l1_sphere projection_l2_ball projection_l2_sphere",
     [one], [one, 2.5], [one, 100.0])
pair(f"{ob}.projection_box", pr + "projectionBox", [one, one, two])
pair(f"{ob}.projection_linf_ball", pr + "projectionLinfBall", [one], [one, 2.5])
same(ob, pr, "projection_halfspace projection_hyperplane", [one, two, 1.0], [one, two, 100.0])
pair(f"{ob}.projection_vector", pr + "projectionVector", [one, two])

report()
