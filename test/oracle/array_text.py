"""Arrays and how NumPy prints them: writes test/fixtures/array-text.json."""
import json
import pathlib
import numpy as np

rng = np.random.default_rng(0)
f, d, i = np.float32, np.float64, np.int32
arrays = [
    f(0.1), f(-0.0), f(1e-5), f(1e20), f(3), f(np.nan), f(np.inf), d(0.1), d(1 / 3), i(7), np.bool_(True),
    np.array([], f), np.zeros([2, 0], f), np.array([1, 2, 3], f), np.array([1, 0.5, -0.25], f),
    np.array([0.1, 1 / 3, 2 / 3], f), np.array([0.1, 1 / 3, 2 / 3], d), np.array([1e-5, 1], f),
    np.array([1e10, 1, -1.5], f), np.array([1, 1001], f), np.array([1, 999], f), np.array([0, -0.0], f),
    np.array([1e-40, 0], f), np.array([np.nan, 1, np.inf], f), np.array([np.nan, np.nan], f),
    np.array([-np.inf, 0.5], f), np.array([-np.inf, 1e-9, np.nan], f), np.array([1e100, -1e-100, 0], d),
    np.array([16777216, 16777217], i), np.array([[1, -20], [300, 4]], i), np.array([True, False]),
    np.array([[True, True], [False, True]]), np.array([4294967295, 0], np.uint32),
    np.array([0.123456789, 1.123456789], d), np.array([99999999.0], f), np.array([12345.678, 99.5], f),
    rng.normal(size=[3, 4]).astype(f), rng.normal(size=[2, 3, 4]).astype(f), rng.normal(size=[2, 2, 2, 2]),
    rng.normal(size=[5, 30]).astype(f), rng.normal(size=[30]).astype(f), rng.normal(size=[1000]).astype(f),
    rng.normal(size=[1001]).astype(f), rng.normal(size=[40, 30]).astype(f), rng.normal(size=[7, 6, 40]).astype(f),
    np.arange(2000, dtype=i), np.arange(10 * 200, dtype=i).reshape(10, 200), np.zeros([2000], f),
    rng.normal(size=[2, 50]) * 10.0 ** rng.integers(-8, 8, [2, 50]), rng.integers(-5, 5, [4, 60]).astype(i),
    rng.normal(size=[1, 1, 1]).astype(f), rng.normal(size=[1001, 1]).astype(f), rng.normal(size=[2, 600]).astype(f),
    (rng.normal(size=[200]) * 10.0 ** rng.integers(-40, 38, [200])).astype(f),
    (rng.random(size=[100]) * 1000).astype(f), rng.random(size=[100]) * 1000, np.array([2.0**-9, 3 * 2.0**-9, 0.5], f),
    np.array([2.0**-9, 3 * 2.0**-10]), np.array([9.9999999996, 1e-5]), np.array([9.999999999e-5, 1]), (rng.random(size=[20]) * 1e7).astype(f),
]


def entry(a):
    a = np.asarray(a)
    values = [str(v) if not np.isfinite(v) else repr(float(v)) for v in a.ravel()]
    return {"dtype": str(a.dtype), "shape": a.shape, "values": " ".join(values), "text": str(a)}


path = pathlib.Path(__file__).parent.parent / "fixtures" / "array-text.json"
path.write_text(json.dumps([entry(a) for a in arrays]))
