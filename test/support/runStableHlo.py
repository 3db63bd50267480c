"""Runs StableHLO on XLA: reads {"text", "inputs"} as lines of JSON, and answers each with its outputs, or an error.

An input or output is {"dtype", "shape", "data"}, with NaN and infinities as text.
"""

import json
import math
import sys

import jax
import numpy as np
from jax._src.lib import xla_client

device = jax.devices("cpu")[0]


def decode(x):
    return jax.device_put(np.array([float(v) for v in x["data"]]).astype(x["dtype"]).reshape(x["shape"]), device)


def encode(x):
    x = np.asarray(x)
    data = [v if math.isfinite(v) else "NaN" if math.isnan(v) else f"{'-' if v < 0 else ''}Infinity"
            for v in x.ravel().astype(np.float64).tolist()]
    return {"dtype": str(x.dtype), "shape": list(x.shape), "data": data}


for line in sys.stdin:
    request = json.loads(line)
    try:
        devices = xla_client.DeviceList((device,))
        program = device.client.compile_and_load(request["text"], devices, xla_client.CompileOptions())
        results = program.execute_sharded([decode(x) for x in request["inputs"]])
        outputs = [encode(y) for y, in results.disassemble_into_single_device_arrays()]
        print(json.dumps({"outputs": outputs}), flush=True)
    except Exception as error:  # the test says which program it was
        print(json.dumps({"error": str(error)[:2000]}), flush=True)
