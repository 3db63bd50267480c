"""What the Python peers share: the same numbers as noise.ts, and the protocol of serve.ts."""

import json
import sys
import time

import numpy as np

MARK = "@bench "


def noise(seed, shape, scale=1.0):
    """Uniform in ±scale: a hash of the seed and the position."""
    u32 = np.uint32
    with np.errstate(over="ignore"):
        i = np.arange(1, int(np.prod(shape)) + 1, dtype=u32)
        u = (i * u32(0x9E3779B1)) ^ u32(((seed + 1) * 0x85EBCA6B) & 0xFFFFFFFF)
        u = (u ^ (u >> u32(15))) * u32(0x2C1B3C6D)
        u = (u ^ (u >> u32(12))) * u32(0x297A2D39)
        u ^= u >> u32(15)
    return (scale * (u.astype(np.float64) / 2**31 - 1)).astype(np.float32).reshape(shape)


def resident(field):
    with open("/proc/self/status") as f:
        return next(1024 * int(line.split()[1]) for line in f if line.startswith(field))


def serve(make, versions):
    """`make(case)` gives a function that does the work once and returns a number of its result."""
    call = make(json.loads(sys.argv[1]))
    before = resident("VmRSS")
    for line in sys.stdin:
        times = []
        for _ in range(int(line)):
            start = time.perf_counter()
            check = call()
            times.append(1000 * (time.perf_counter() - start))
        print(MARK + json.dumps({
            "times": times,
            "check": check,
            "peakBytes": resident("VmHWM") - before,
            "versions": versions,
        }), flush=True)


def slot_params():
    """Parameters of slot attention (a), by the seeds that all subjects use."""
    d, h = 64, 128
    w = lambda seed, *shape: noise(seed, shape, 1 / 8)
    norm = lambda: {"weight": np.ones(d, np.float32), "bias": np.zeros(d, np.float32)}
    return {
        "norm_inputs": norm(), "norm_slots": norm(), "norm_mlp": norm(),
        "query": w(2, d, d), "key": w(3, d, d), "value": w(4, d, d),
        "wih": w(5, 3 * d, d), "whh": w(6, 3 * d, d), "bih": w(7, 3 * d), "bhh": w(8, 3 * d),
        "w1": w(9, h, d), "b1": w(10, h), "w2": w(11, d, h), "b2": w(12, d),
        "start": noise(1, (7, d)),
    }


def discovery_params():
    """Parameters of object discovery (d), in the order of discovery.ts."""
    c, h = 32, 64
    seed = [0]

    def weight(*shape):
        seed[0] += 1
        return noise(seed[0], shape, 1 / np.sqrt(np.prod(shape[1:])))

    def bias(n):
        seed[0] += 1
        return noise(seed[0], (n,), 0.1)

    dense = lambda *shape: {"weight": weight(*shape), "bias": bias(shape[0])}
    norm = lambda: {"weight": np.ones(c, np.float32), "bias": np.zeros(c, np.float32)}
    p = {"convs": [dense(c, n, 3, 3) for n in (3, c, c)]}
    p["position"] = dense(c, 4)
    p["norm"] = norm()
    p["mlp"] = [dense(c, c), dense(c, c)]
    slots = {"start": weight(4, c), "query": weight(c, c), "key": weight(c, c),
             "value": weight(c, c), "wih": weight(3 * c, c), "whh": weight(3 * c, c),
             "bih": bias(3 * c), "bhh": bias(3 * c)}
    first, second = dense(h, c), dense(c, h)
    slots |= {"w1": first["weight"], "b1": first["bias"], "w2": second["weight"],
              "b2": second["bias"], "norm_inputs": norm(), "norm_slots": norm(),
              "norm_mlp": norm()}
    p["slots"] = slots
    p["slot"] = dense(c, c)
    p["grid"] = weight(c, 4)
    p["layers"] = [dense(c, c), dense(c, c), dense(4, c)]
    return p


def grid(height, width):
    """Positions in [-1, 1] and their opposites, [height, width, 4]."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    g = np.stack([y, x], -1).astype(np.float32)
    return np.concatenate([g, -g], -1)
