"""Golden numbers for test/experiments/statistics.test.ts:
python test/oracle/statistics.py > test/fixtures/statistics.json

Intervals and tests from SciPy; Hedges' g by its formula, which SciPy does not have.
"""

import json
from math import sqrt

import numpy as np
import scipy
from scipy import stats
from scipy.special import gamma

rng = np.random.default_rng(0)


def bounds(interval):
    return [float(interval.low), float(interval.high)]


def sample(n, scale):
    x = (rng.normal(size=n) * scale + 1).round(4)
    low, high = stats.t.interval(0.95, n - 1, loc=x.mean(), scale=stats.sem(x))
    return {"values": x.tolist(), "mean": x.mean(), "deviation": x.std(ddof=1),
            "interval": [low, high]}


def mean_gap(x, y, axis=0):
    # Two-sided: the fraction of ways with means at least as far apart. SciPy's own "two-sided" is twice the
    # smaller tail, which differs where the numbers of values do.
    return np.abs(np.mean(x, axis=axis) - np.mean(y, axis=axis))


def hedges(d, degrees):
    return d * gamma(degrees / 2) / (sqrt(degrees / 2) * gamma((degrees - 1) / 2))


def paired(n, shift, level=0.95, ties=False):
    a, b = rng.normal(size=n).round(4), rng.normal(size=n).round(4)
    a = a + shift
    if ties:  # equal differences: many sums are equal but for rounding
        b = a - np.array([0.1, 0.1, -0.1, 0.1, 0.3][:n])
    gaps = a - b
    test = stats.permutation_test((a, b), mean_gap, permutation_type="samples",
                                  n_resamples=np.inf, alternative="greater")
    return {"a": a.tolist(), "b": b.tolist(), "level": level, "mean": gaps.mean(),
            "interval": bounds(stats.ttest_rel(a, b).confidence_interval(level)),
            "p": float(test.pvalue), "effect": hedges(gaps.mean() / gaps.std(ddof=1), n - 1)}


def independent(n, m, shift):
    a, b = rng.normal(size=n).round(4) + shift, (3 * rng.normal(size=m)).round(4)
    test = stats.permutation_test((a, b), mean_gap, permutation_type="independent",
                                  n_resamples=np.inf, alternative="greater")
    pooled = sqrt(((n - 1) * a.var(ddof=1) + (m - 1) * b.var(ddof=1)) / (n + m - 2))
    return {"a": a.tolist(), "b": b.tolist(), "mean": a.mean() - b.mean(),
            "interval": bounds(stats.ttest_ind(a, b, equal_var=False).confidence_interval()),
            "p": float(test.pvalue), "effect": hedges((a.mean() - b.mean()) / pooled, n + m - 2)}


DEGREES = [1, 2, 3, 4, 9.5, 30, 300]
print(json.dumps({
    "made": f"numpy {np.__version__}, scipy {scipy.__version__}",
    "quantiles": [[p, df, stats.t.ppf(p, df)] for df in DEGREES for p in (0.01, 0.3, 0.9, 0.975, 0.9995)],
    "probabilities": [[x, df, stats.t.cdf(x, df)] for df in DEGREES for x in (-20, -2, -0.1, 0.4, 3, 9)],
    "samples": [sample(n, scale) for n, scale in [(2, 1), (3, 0.01), (5, 1), (12, 100)]],
    "paired": [paired(3, 0), paired(3, 4), paired(5, 1, 0.99), paired(5, 0, ties=True), paired(9, 0.5)],
    "independent": [independent(3, 3, 0), independent(3, 5, 6), independent(6, 4, 2)],
}, indent=1))
