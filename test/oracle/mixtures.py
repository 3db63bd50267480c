"""Golden numbers for test/models/mixtures.test.ts: python test/oracle/mixtures.py > test/fixtures/mixtures.json

EM for mixtures of Gaussians and of Bernoulli vectors, and soft k-means, written again in PyTorch with torch.distributions,
in float64. The prior is written as what it stands for: every cluster has imaginary points, two for Gaussians (at the center,
one standard deviation to either side), one of fractional coordinates for Bernoulli vectors. The loss on other points and
its gradients are after four steps, and after very many, always unrolled.
"""

import json

import torch
from torch.distributions import Normal

torch.set_default_dtype(torch.float64)
BATCH, POINTS, OTHERS, SIZE, CLUSTERS = 2, 9, 3, 2, 3
generator = torch.Generator().manual_seed(0)


def normal(*shape):
    # Numbers of float32, so that both sides begin with the same ones.
    return torch.randn(*shape, generator=generator).float().double()


shift = 2 * torch.tensor([[1.0, 0.0], [-1.0, 1.0], [0.0, -2.0]])
points = (normal(BATCH, POINTS, SIZE) * 0.7 + shift.repeat(POINTS // CLUSTERS, 1)).float().double()
others = (normal(BATCH, OTHERS, SIZE) * 0.7 + shift).float().double()
binary = {"points": (normal(BATCH, POINTS, SIZE) > 0).double(), "others": (normal(BATCH, OTHERS, SIZE) > 0).double()}
real = {"points": points, "others": others}
params = {
    "gaussianMixture": {"logStrength": torch.tensor(0.25), "center": normal(SIZE) * 0.5, "logSpread": normal(SIZE) * 0.5},
    "bernoulliMixture": {"logStrength": torch.tensor(-0.5), "center": normal(SIZE) * 0.5},
    "softKMeans": {
        "logStrength": torch.tensor(-0.75),
        "center": normal(SIZE) * 0.5,
        "logInverseTemperature": torch.tensor(0.375),
    },
}
weight = torch.softmax(normal(BATCH, CLUSTERS), -1).float().double()
starts = {
    "gaussianMixture": {
        "weight": weight,
        "mean": normal(BATCH, CLUSTERS, SIZE),
        "variance": (0.5 + normal(BATCH, CLUSTERS, SIZE) ** 2).float().double(),
    },
    "bernoulliMixture": {"weight": weight, "mean": torch.sigmoid(normal(BATCH, CLUSTERS, SIZE)).float().double()},
    "softKMeans": {"mean": normal(BATCH, CLUSTERS, SIZE)},
}


def joint(kind, p, z, x):
    x, mean = x[:, :, None], z["mean"][:, None]
    if kind == "bernoulliMixture":
        logp = (x * mean.log() + (1 - x) * (1 - mean).log()).sum(-1)
        return logp + z["weight"].log()[:, None]
    if kind == "softKMeans":
        sd = (-p["logInverseTemperature"] / 2).exp()
        return Normal(mean, sd).log_prob(x).sum(-1) - torch.tensor(float(CLUSTERS)).log()
    logp = Normal(mean, z["variance"].sqrt()[:, None]).log_prob(x).sum(-1)
    return logp + z["weight"].log()[:, None]


def step(kind, p, z, x):
    gamma = torch.softmax(joint(kind, p, z, x), -1)
    kappa = p["logStrength"].exp()
    if kind == "gaussianMixture":
        sd = (p["logSpread"] / 2).exp()
        imaginary = torch.stack([p["center"] - sd, p["center"] + sd])
    elif kind == "bernoulliMixture":
        imaginary = torch.sigmoid(p["center"])[None]
    else:
        imaginary = p["center"][None]
    own = kappa / len(imaginary) * torch.ones(BATCH, len(imaginary), CLUSTERS)
    share = torch.cat([gamma, own], 1)[..., None]
    x = torch.cat([x, imaginary.expand(BATCH, -1, -1)], 1)[:, :, None]
    mean = (share * x).sum(1) / share.sum(1)
    new = {"mean": mean}
    if kind != "softKMeans":
        new["weight"] = gamma.mean(1)
    if kind == "gaussianMixture":
        new["variance"] = (share * (x - mean[:, None]) ** 2).sum(1) / share.sum(1)
    return new, gamma


cases = []
for kind in params:
    data = binary if kind == "bernoulliMixture" else real
    for steps in (4, 3000):
        p = {name: x.clone().requires_grad_() for name, x in params[kind].items()}
        z = starts[kind]
        for _ in range(steps):
            z, _ = step(kind, p, z, data["points"])
        _, gamma = step(kind, p, z, data["points"])
        loss = -joint(kind, p, z, data["others"]).logsumexp(-1).mean()
        grads = torch.autograd.grad(loss, list(p.values()))
        cases.append({
            "kind": kind,
            "steps": steps,
            "loss": loss.item(),
            "clusters": {name: x.tolist() for name, x in z.items()},
            "assignment": gamma.tolist(),
            "gradient": {name: g.tolist() for name, g in zip(p, grads)},
        })

listed = lambda tree: {k: listed(v) if isinstance(v, dict) else v.tolist() for k, v in tree.items()}
print(json.dumps({
    "real": listed(real), "binary": listed(binary), "params": listed(params), "starts": listed(starts), "cases": cases,
}))
