"""Golden numbers for test/metrics/frechet.test.ts: python test/oracle/frechet.py > test/fixtures/frechet.json

Square roots of covariance matrices and Fréchet distances by scipy.linalg.sqrtm, as pytorch-fid computes them.
"""

import json

import numpy as np
import scipy
from scipy.linalg import sqrtm

rng = np.random.default_rng(0)


def covariance(features, samples):
    x = rng.normal(size=(samples, features)) @ rng.normal(size=(features, features))
    return np.atleast_2d(np.cov(x, rowvar=False))


def root(features):
    matrix = covariance(features, 4 * features)
    return {"features": features, "matrix": matrix.ravel().tolist(), "root": sqrtm(matrix).real.ravel().tolist()}


def distance(features, n, m):
    a = rng.normal(size=(n, features)).round(4)
    b = (rng.normal(size=(m, features)) @ rng.normal(size=(features, features)) + 0.5).round(4)
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    product = sqrtm(ca @ cb).real
    d = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca) + np.trace(cb) - 2 * np.trace(product)
    return {"features": features, "a": a.ravel().tolist(), "b": b.ravel().tolist(), "distance": float(d)}


print(json.dumps({
    "versions": {"scipy": scipy.__version__, "numpy": np.__version__},
    "roots": [root(n) for n in [1, 2, 5, 12]],
    "distances": [distance(3, 40, 30), distance(8, 60, 90)],
}))
