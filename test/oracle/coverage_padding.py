"""Padding, bits and element types: python test/oracle/coverage_padding.py > test/fixtures/coverage-padding.json

As coverage_arrays.py.
"""

from coverage_gradients import *

np_ = "jax.numpy"

# Padding by statistics and ramps
pair(f"{np_}.pad", "np.pad", *[keywords(x, 2, mode=m) for m in ["maximum", "minimum", "mean", "median", "linear_ramp", "empty"] for x in [f, i]],
     *[keywords(f, ((1, 2), (0, 3)), mode=m, stat_length=2) for m in ["maximum", "mean"]], keywords(f, (1, 2), mode="minimum", stat_length=((1, 2), (2, 1))),
     ([f, (3, 1)], {"mode": "linear_ramp", "end_values": (5.0, -2.0)},
      [f, (3, 1), {"mode": "linear_ramp", "endValues": jnp.array([5.0, -2.0], jnp.float32)}]),
     ([i, 2], {"mode": "linear_ramp", "end_values": ((1, 2), (3, 40))},
      [i, 2, {"mode": "linear_ramp", "endValues": jnp.array([[1, 2], [3, 40]], jnp.int32)}]),
     ([f, 1], {"constant_values": ((1.0, 2.0), (3.0, 4.0))}, [f, 1, {"constantValues": jnp.array([[1.0, 2.0], [3.0, 4.0]], jnp.float32)}]))

# Bits, types and places
same(np_, "np.", "packbits", [b], keywords(i, axis=1), keywords(i[0], bitorder="little"), keywords(jnp.arange(20, dtype=jnp.int32).reshape(2, 10) % 3, axis=0))
octets = jnp.array([[7, 129], [255, 0]], jnp.uint8)
same(np_, "np.", "unpackbits", [octets], keywords(octets, axis=0, bitorder="little"), keywords(octets, axis=1, count=11), keywords(octets, count=-5), keywords(octets[0], count=20))
same(np_, "np.", "bitwise_count", [i], [jnp.array([2**31 - 1, -(2**31) + 1, 255, 0], jnp.int32)], [jnp.array([2**32 - 1, 5], jnp.uint32)])
same(np_, "np.", "isscalar", [f], [f[0, 0]], [2.5], [True])
program(f"{np_}.mask_indices", "np.maskIndices", [jnp.mask_indices(3, jnp.triu, 1, size=4), jnp.mask_indices(4, jnp.tril, size=10)])
program(f"{np_}.promote_types", "np.promoteTypes", [jnp.array(jnp.promote_types(a, b) == c) for a, b, c in [("int32", "float32", "float32"), ("bool", "uint32", "uint32")]])

report()
