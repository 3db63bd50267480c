"""The public functions of JAX and optax, by module: what docs/coverage.md compares with.

Usage: python jax_names.py > ../fixtures/jax-names.json
"""

import importlib
import json

import jax
import optax

modules = ["jax", "jax.numpy", "jax.numpy.linalg", "jax.numpy.fft", "jax.lax", "jax.random", "jax.nn", "optax", "optax.tree", "optax.projections"]


def functions(module):
    found = importlib.import_module(module)
    return sorted(
        name
        for name in dir(found)
        if not name.startswith("_")
        and callable(getattr(found, name))
        and not isinstance(getattr(found, name), type)
    )


print(
    json.dumps(
        {
            "versions": {"jax": jax.__version__, "optax": optax.__version__},
            "modules": {module: functions(module) for module in modules},
        },
        indent=1,
    )
)
