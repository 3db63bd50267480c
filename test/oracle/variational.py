"""Golden numbers for test/models/variational.test.ts: python test/oracle/variational.py > test/fixtures/variational.json

A variational autoencoder and stochastic variational inference, written again in PyTorch with torch.distributions, in float64:
the loss, the posterior and all gradients. Noise has the bits of jax.random, and becomes normal in double precision.
"""

import json

import jax
import numpy
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence
from torch.nn.functional import linear

torch.set_default_dtype(torch.float64)
generator = torch.Generator().manual_seed(0)


def numbers(*shape):
    # Numbers of float32, so that both sides begin with the same ones.
    return torch.randn(*shape, generator=generator).float().double()


def noise(key, shape):
    bits = numpy.asarray(jax.random.bits(key, shape)) >> 9
    low = float(numpy.nextafter(numpy.float32(-1), numpy.float32(0)))
    u = torch.tensor(bits * 2.0**-23) * float(numpy.float32(1 - low)) + low
    return torch.erfinv(u) * float(numpy.float32(2**0.5))


def leaf(flat, path):
    return flat[path + ".weight"], flat[path + ".bias"]


def network(flat, path, x, act, layers=1):
    for i in range(layers):
        x = act(linear(x, *leaf(flat, f"{path}.layers.{i}")))
    return x


def explain(flat, path, q, x, key, samples, closed, kind, variance, act, layers=1):
    """ELBO of each datum; the KL in closed form or of the draw."""
    eps = noise(jax.random.split(key, 1)[0], (samples, *q.mean.shape))
    z = q.mean + q.stddev * eps
    out = linear(network(flat, path + ".network", z, act, layers), *leaf(flat, path + ".mean"))
    if kind == "bernoulli":
        p = torch.sigmoid(out)
        rec = x * (p + 1e-7).log() + (1 - x) * (1 - p + 1e-7).log()
    else:
        rec = Normal(out, variance**0.5).log_prob(x)
    prior = Normal(torch.zeros_like(q.mean), torch.ones_like(q.mean))
    kl = kl_divergence(q, prior) if closed else (q.log_prob(z) - prior.log_prob(z)).mean(0)
    return rec.sum(-1).mean(0) - kl.sum(-1)


def gaussian(mean, log_variance):
    return Normal(mean, (log_variance / 2).exp())


if __name__ == "__main__":
    BATCH, PIXELS, LATENT, HIDDEN = 3, 5, 2, 4
    data = {
        "bernoulli": (numbers(BATCH, PIXELS) > 0).double(),
        "gaussian": numbers(BATCH, PIXELS),
    }
    decoder = {
        "network.layers.0.weight": numbers(HIDDEN, LATENT),
        "network.layers.0.bias": numbers(HIDDEN),
        "mean.weight": numbers(PIXELS, HIDDEN),
        "mean.bias": numbers(PIXELS),
    }
    weights = {
        "vae": {
            "encoder.network.layers.0.weight": numbers(HIDDEN, PIXELS),
            "encoder.network.layers.0.bias": numbers(HIDDEN),
            "encoder.mean.weight": numbers(LATENT, HIDDEN),
            "encoder.mean.bias": numbers(LATENT),
            "encoder.logVariance.weight": numbers(LATENT, HIDDEN),
            "encoder.logVariance.bias": numbers(LATENT),
            **{"generative.observation." + name: x for name, x in decoder.items()},
        },
        "stochasticVariationalInference": {"observation." + name: x for name, x in decoder.items()},
    }
    key = jax.random.key(7)
    first, second = jax.random.split(key)
    cases = []

    def add(kind, case, w, loss, q):
        names = [n for n, x in w.items()]
        grads = torch.autograd.grad(loss, list(w.values()))
        cases.append({
            "system": kind, **case, "loss": loss.item(), "mean": q.mean.tolist(),
            "logVariance": (2 * q.stddev.log()).tolist(),
            "gradient": {n: g.tolist() for n, g in zip(names, grads)},
        })

    for likelihood, closed, samples, variance in [
        ("bernoulli", True, 1, 1.0), ("bernoulli", False, 2, 1.0), ("gaussian", True, 2, 0.5),
    ]:
        w = {n: x.clone().requires_grad_() for n, x in weights["vae"].items()}
        x = data[likelihood]
        h = network(w, "encoder.network", x, torch.tanh)
        q = gaussian(linear(h, *leaf(w, "encoder.mean")), linear(h, *leaf(w, "encoder.logVariance")))
        elbo = explain(w, "generative.observation", q, x, second, samples, closed, likelihood, variance, torch.tanh)
        add("vae", {"likelihood": likelihood, "divergence": "closed" if closed else "sampled",
                    "samples": samples, "variance": variance}, w, -elbo.mean(), q)

    for likelihood, detached in [("bernoulli", True), ("gaussian", False)]:
        w = {n: x.clone().requires_grad_() for n, x in weights["stochasticVariationalInference"].items()}
        x = data[likelihood]
        mean = torch.zeros(BATCH, LATENT, requires_grad=True)
        s = torch.zeros(BATCH, LATENT, requires_grad=True)
        for t in range(3):
            elbo = explain(w, "observation", gaussian(mean, s), x, jax.random.fold_in(first, t + 1), 1, True, likelihood, 0.5, torch.tanh)
            a, b = torch.autograd.grad(elbo.sum(), (mean, s), create_graph=not detached)
            mean, s = mean + 0.05 * a, s + 0.05 * b
            if detached:
                mean, s = mean.detach().requires_grad_(), s.detach().requires_grad_()
        q = gaussian(mean, s)
        elbo = explain(w, "observation", q, x, second, 1, True, likelihood, 0.5, torch.tanh)
        add("stochasticVariationalInference", {"likelihood": likelihood, "detached": detached, "variance": 0.5}, w, -elbo.mean(), q)

    listed = lambda tree: {k: listed(v) if isinstance(v, dict) else v.tolist() for k, v in tree.items()}
    print(json.dumps({"data": listed(data), "weights": listed(weights), "cases": cases}))
