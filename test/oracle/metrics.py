"""Golden numbers for test/metrics: python test/oracle/metrics.py > test/fixtures/metrics.json

ARI, AMI from scikit-learn; assignments from SciPy; average precision by the rule of the set
prediction literature, written down naively here; the Fréchet distance with SciPy's matrix root.
"""

import json

import numpy as np
import scipy
import sklearn
from scipy.linalg import sqrtm
from scipy.optimize import linear_sum_assignment
from sklearn.metrics import adjusted_mutual_info_score, adjusted_rand_score

rng = np.random.default_rng(0)


def clustering(n, true_labels, predicted_labels, noise):
    truth = rng.integers(0, true_labels, n)
    predicted = np.where(rng.random(n) < noise, rng.integers(0, predicted_labels, n), truth)
    foreground = truth != 0
    return {
        "truth": truth.tolist(),
        "predicted": predicted.tolist(),
        "ari": adjusted_rand_score(truth, predicted),
        "foregroundAri": adjusted_rand_score(truth[foreground], predicted[foreground]),
        "amiArithmetic": adjusted_mutual_info_score(truth, predicted, average_method="arithmetic"),
        "amiMax": adjusted_mutual_info_score(truth, predicted, average_method="max"),
    }


def assignment(rows, columns):
    cost = rng.normal(size=(rows, columns)).round(3)
    r, c = linear_sum_assignment(cost)
    return {"rows": rows, "columns": columns, "cost": cost.ravel().tolist(),
            "total": float(cost[r, c].sum())}


BLOCKS = [(3, 5), (5, 7), (7, 10), (10, 18)]


def objects(sets, slots):
    x = np.zeros((sets, slots, 19))
    x[..., :3] = rng.random((sets, slots, 3))
    for a, b in BLOCKS:
        # Few kinds, so that several objects of an image are equal in all attributes.
        kind = rng.integers(0, 2, (sets, slots))
        x[..., a:b] = np.eye(b - a)[kind]
    x[..., 18] = rng.random((sets, slots)) < 0.7
    return x


def average_precision(predictions, targets, threshold):
    detections = [(predictions[i, j, 18], i, j)
                  for i in range(len(predictions)) for j in range(predictions.shape[1])]
    detections.sort(key=lambda d: -d[0])
    claimed, tp = set(), []
    for _, i, j in detections:
        p, best, where = predictions[i, j], 10000.0, None
        for k, t in enumerate(targets[i]):
            if t[18] and all(p[a:b].argmax() == t[a:b].argmax() for a, b in BLOCKS):
                d = np.linalg.norm((p[:3] - t[:3]) * 6)
                if d < best:
                    best, where = d, (i, k)
        hit = where is not None and best < threshold and where not in claimed
        if hit:
            claimed.add(where)
        tp.append(hit)
    tp = np.cumsum(tp)
    recall = np.concatenate([[0], tp / targets[..., 18].sum(), [1]])
    precision = np.concatenate([[0], tp / np.arange(1, len(tp) + 1), [0]])
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    return float(((recall[1:] - recall[:-1]) * precision[1:]).sum())


def set_prediction(sets, slots):
    targets = objects(sets, slots)
    predictions = targets[:, rng.permutation(slots)] + rng.normal(0, 0.25, targets.shape)
    predictions[..., :3] = np.clip(predictions[..., :3] * 0.3 + targets[..., :3] * 0.7, 0, 1)
    predictions = predictions.round(3)
    targets = targets.round(3)
    thresholds = [1e9, 1, 0.5, 0.25, 0.125]
    return {"sets": sets, "slots": slots, "targets": targets.ravel().tolist(),
            "predictions": predictions.ravel().tolist(),
            "averagePrecisions": [average_precision(predictions, targets, t) for t in thresholds]}


def frechet(n, m, features):
    a = rng.normal(size=(n, features)).round(3)
    b = (rng.normal(size=(m, features)) @ rng.normal(size=(features, features)) * 0.7 + 0.3).round(3)
    ca, cb = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    d = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(ca + cb - 2 * sqrtm(ca @ cb).real)
    return {"a": a.ravel().tolist(), "b": b.ravel().tolist(), "features": features,
            "distance": float(d)}


print(json.dumps({
    "madeWith": {"sklearn": sklearn.__version__, "scipy": scipy.__version__,
                 "numpy": np.__version__},
    "clusterings": [clustering(*c) for c in
                    [(40, 3, 3, 0.3), (200, 5, 4, 0.6), (300, 4, 11, 1.0), (60, 2, 2, 0.05),
                     (30, 4, 1, 1.0), (25, 1, 1, 0.0)]],
    "assignments": [assignment(*s) for s in [(1, 1), (5, 5), (4, 9), (9, 4), (10, 10)]],
    "setPrediction": [set_prediction(3, 6), set_prediction(4, 4)],
    "frechet": [frechet(12, 20, 4), frechet(5, 30, 6)],
}))
