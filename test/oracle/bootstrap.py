"""Golden numbers for test/experiments/bootstrap.test.ts:
python test/oracle/bootstrap.py > test/fixtures/bootstrap.json

SciPy's bootstrap draws resamples by chance; here its generator hands out every resample once, so that the intervals are
those of the exact bootstrap distribution. Values are multiples of 1/64: equal means are equal to the last bit.
"""

import json
from itertools import product

import numpy as np
import scipy
from scipy import stats

rng = np.random.default_rng(1)


class Every(np.random.Generator):
    """Hands out prepared tables of indices in place of random ones."""

    def __init__(self, tables):
        super().__init__(np.random.PCG64(0))
        self.tables = list(tables)

    def integers(self, low, high=None, size=None, **_):
        table = self.tables.pop(0)
        assert size == table.shape, (size, table.shape)
        return table


def every(n):
    return np.array(list(product(range(n), repeat=n)))


def mean(x, axis=-1):
    return np.mean(x, axis=axis)


def gap(x, y, axis=-1):
    return np.mean(x, axis=axis) - np.mean(y, axis=axis)


def intervals(data, statistic, tables, level):
    found = {}
    for method in ("percentile", "BCa"):
        result = stats.bootstrap(data, statistic, n_resamples=len(tables[0]), confidence_level=level,
                                 method=method, rng=Every(tables), vectorized=True)
        low, high = result.confidence_interval
        found[method] = [float(low), float(high)]
    return found


def values(n, scale=1.0):
    return np.round(rng.normal(size=n) ** 3 * scale * 64) / 64


def one(n, level=0.95):
    x = values(n)
    return {"values": x.tolist(), "level": level, **intervals((x,), mean, [every(n)], level)}


def two(n, m, level=0.95):
    x, y = values(n), values(m, 3)
    a, b = every(n), every(m)
    tables = [np.repeat(a, len(b), axis=0), np.tile(b, (len(a), 1))]
    return {"a": x.tolist(), "b": y.tolist(), "level": level, **intervals((x, y), gap, tables, level)}


def many(n):
    """Too many resamples to list: a million by chance."""
    x = values(n)
    found = {}
    for method in ("percentile", "BCa"):
        low, high = stats.bootstrap((x,), mean, n_resamples=1_000_000, method=method, batch=20_000,
                                    rng=np.random.default_rng(2)).confidence_interval
        found[method] = [float(low), float(high)]
    return {"values": x.tolist(), **found}


def signed_ranks(x):
    x = np.array(x, dtype=float)
    ties = len(set(np.abs(x[x != 0]))) < np.count_nonzero(x)
    method = stats.PermutationMethod(n_resamples=np.inf) if ties else "exact"
    test = stats.wilcoxon(x, zero_method="wilcox", method=method)
    return {"differences": x.tolist(), "p": float(test.pvalue)}


print(json.dumps({
    "made": f"numpy {np.__version__}, scipy {scipy.__version__}",
    "one": [one(2), one(3), one(3, 0.9), one(4), one(5), one(6)],
    "two": [two(2, 2), two(3, 3), two(3, 4, 0.9), two(4, 4)],
    "many": [many(12), many(30)],
    "wilcoxon": [signed_ranks(x) for x in (
        [1, 2, 3], [1, -2, 3], [0.5, 0.25, -0.125, 1, 2], (np.arange(1, 13) * (-1) ** np.arange(12)).tolist(),
        rng.normal(0.4, 1, 25).round(6).tolist(), [1, 1, -1, 2], [0, 1, 2, -3, 3], [1, 1, 1, 1, 1, 1],
        [-2, 2, 4, 4, 6, 8, -8, 10],
    )],
    "normal": [[x, float(stats.norm.cdf(x))] for x in (-9, -4, -1.5, -0.1, 0, 0.3, 1.96, 5, 8.5)],
    "normalQuantiles": [[p, float(stats.norm.ppf(p))] for p in (1e-9, 0.001, 0.025, 0.4, 0.5, 0.8, 0.999)],
}, indent=1))
