"""Golden numbers for test/models/iterativeAmortizedInference.test.ts:
python test/oracle/iterative_amortized_inference.py > test/fixtures/iterative-amortized-inference.json

Iterative amortized inference (Marino et al., 2018), written again in PyTorch from its description, in float64: estimates,
loss and all gradients after two steps, with each encoding, one and two levels. Gradients are collected as the original
does: after every step those of the inference network, after the last those of the generative model.
"""

import json
import math

import jax
import torch
from variational import gaussian, leaf, noise, numbers
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import elu, linear

BATCH, PIXELS, HIDDEN, STEPS = 3, 5, 4, 2


def highway(flat, path, x, layers=1):
    for i in range(layers):
        gate = torch.sigmoid(linear(x, *leaf(flat, f"{path}.gates.{i}")))
        carried = linear(x, *leaf(flat, f"{path}.skip")) if i == 0 else x
        x = gate * carried + (1 - gate) * elu(linear(x, *leaf(flat, f"{path}.layers.{i}")))
    return x


def plain(flat, path, x):
    return elu(linear(x, *leaf(flat, path + ".layers.0")))


def prior_below(w, z):
    h = plain(w, "generative.priors.0.network", z)
    mean = linear(h, *leaf(w, "generative.priors.0.mean"))
    return gaussian(mean, linear(h, *leaf(w, "generative.priors.0.logVariance")).clamp(-15, 15))


def explain(w, qs, x, key, samples, kind, variance):
    keys = jax.random.split(key, len(qs))
    zs = [q.mean + q.stddev * noise(k, (samples, *q.mean.shape)) for q, k in zip(qs, keys)]
    top = Normal(torch.zeros_like(qs[-1].mean), torch.ones_like(qs[-1].mean))
    priors = [top] if len(qs) == 1 else [prior_below(w, zs[1]), top]
    out = linear(plain(w, "generative.observation.network", zs[0]), *leaf(w, "generative.observation.mean"))
    if kind == "bernoulli":
        out = torch.sigmoid(out)
        rec = x * (out + 1e-7).log() + (1 - x) * (1 - out + 1e-7).log()
    else:
        rec = Normal(out, variance**0.5).log_prob(x)
    elbo = rec.sum(-1).mean(0) - kl_divergence(qs[-1], top).sum(-1)
    if len(qs) == 2:
        elbo = elbo - (qs[0].log_prob(zs[0]) - priors[0].log_prob(zs[0])).sum(-1).mean(0)
    return elbo, zs, priors, out


def encode(inputs, l, lam, grads, below, error, variance, z, prior):
    parts = []
    for name in inputs:
        if name == "data":
            parts += [below]
        elif name == "mean":
            parts += [lam[0]]
        elif name == "logVariance":
            parts += [lam[1]]
        elif name == "gradient":
            parts += list(grads)
        elif name == "logGradient":
            parts += [(g.abs() + 1e-5).log() for g in grads]
        elif name == "signGradient":
            parts += [g.sign() for g in grads]
        elif name == "standardGradient":
            parts += [(g - g.mean(0)) / (g.std(0) + 1e-5) for g in grads]
        elif name == "bottomError":
            parts += [error]
        elif name == "bottomNormError":
            parts += [error / (variance + 1e-7)]
        elif name == "topError":
            parts += [(z - prior.mean.detach()).mean(0)]
        elif name == "topNormError":
            parts += [((z - prior.mean.detach()) / (prior.variance.detach() + 1e-7)).mean(0)]
    return torch.cat(parts, -1)


def run(w, latents, x, key, inputs, samples, kind, variance, of, leak):
    first, second, third = jax.random.split(key, 3)
    lam = [(torch.zeros(BATCH, n), torch.zeros(BATCH, n)) for n in latents]
    if len(latents) == 2:
        # The prior of the lower level, at a draw of the upper one.
        z = noise(jax.random.split(first, 2)[0], (1, BATCH, latents[1]))[0]
        p = prior_below(w, z)
        lam[0] = (p.mean.detach(), (2 * p.stddev.log()).detach())
    losses, history = [], []
    for t in range(STEPS):
        a, b = jax.random.split(jax.random.fold_in(first, t + 1), 2)
        if not leak:
            lam = [(m.detach(), s.detach()) for m, s in lam]
        lam = [(m if m.requires_grad else m.requires_grad_(), s if s.requires_grad else s.requires_grad_()) for m, s in lam]
        elbo, zs, priors, out = explain(w, [gaussian(*q) for q in lam], x, a, samples, kind, variance)
        loss = -(elbo.mean() if of == "mean" else elbo.sum())
        flat = [v for q in lam for v in q]
        grads = [g.detach() for g in torch.autograd.grad(loss, flat, retain_graph=True)]
        below, error, spread = x - 0.5, (x - out.detach()).mean(0), variance
        keys = jax.random.split(b, len(latents))
        new = []
        for l in range(len(latents)):
            old = tuple(v.detach() for v in lam[l])
            e = encode(inputs, l, old, grads[2 * l: 2 * l + 2], below, error, spread, zs[l], priors[l])
            path = f"inference.{l}"
            h = highway(w, path + ".network", e)
            m, s = (
                torch.sigmoid(linear(h, *leaf(w, f"{path}.{n}Gate"))) * v
                + (1 - torch.sigmoid(linear(h, *leaf(w, f"{path}.{n}Gate")))) * linear(h, *leaf(w, f"{path}.{n}"))
                for n, v in zip(("mean", "logVariance"), old)
            )
            s = s.clamp(-15, 15)
            new.append((m, s))
            below = m + (s / 2).exp() * noise(keys[l], (1, *m.shape))[0]
            p = priors[l]
            error = (below - p.mean.detach()).reshape(-1, *m.shape).mean(0)
            spread = p.variance.detach().reshape(-1, *m.shape).mean(0)
        lam = new
        history.append(lam)
    # All iterates in one batch, with one draw for all of it, as the loss has them.
    stacked = [gaussian(torch.cat([h[l][0] for h in history]), torch.cat([h[l][1] for h in history])) for l in range(len(latents))]
    learned = -explain(w, stacked, x.repeat(STEPS, 1), second, samples, kind, variance)[0].mean()
    ends = [gaussian(m.detach(), s.detach()) for m, s in lam]
    end = -explain(w, ends, x, third, samples, kind, variance)[0].mean()
    names = list(w)
    inference = [n for n in names if n.startswith("inference")]
    generative = [n for n in names if n.startswith("generative")]
    grads = dict(zip(inference, torch.autograd.grad(learned, [w[n] for n in inference], allow_unused=True)))
    grads |= dict(zip(generative, torch.autograd.grad(end, [w[n] for n in generative], allow_unused=True)))
    return end, lam, grads


def sizes(inputs, latent, below):
    return sum(below if n == "data" or n.startswith("bottom") else 2 * latent if "radient" in n else latent for n in inputs)


def weights(inputs, latents):
    w = {}

    def add(path, to, frm):
        # Multiples of 1/64, which are short in decimals and the same in any precision.
        w[path + ".weight"] = (numbers(to, frm) * 16).round() / 64
        w[path + ".bias"] = (numbers(to) * 16).round() / 64

    for l, n in enumerate(latents):
        frm = sizes(inputs, n, ([PIXELS] + latents)[l])
        for part in ("layers.0", "gates.0", "skip"):
            add(f"inference.{l}.network.{part}", HIDDEN, frm)
        for head in ("mean", "logVariance", "meanGate", "logVarianceGate"):
            add(f"inference.{l}.{head}", n, HIDDEN)
    add("generative.observation.network.layers.0", HIDDEN, latents[0])
    add("generative.observation.mean", PIXELS, HIDDEN)
    if len(latents) == 2:
        add("generative.priors.0.network.layers.0", HIDDEN, latents[1])
        add("generative.priors.0.mean", latents[0], HIDDEN)
        add("generative.priors.0.logVariance", latents[0], HIDDEN)
    return w


if __name__ == "__main__":
    binary = (numbers(BATCH, PIXELS) > 0).double()
    real = (numbers(BATCH, PIXELS) * 64).round() / 64
    lam = ["mean", "logVariance"]
    cases = []
    for inputs, latents, kind, samples, of, leak in [
        (["data", "logGradient", "signGradient", *lam], [2], "bernoulli", 2, "mean", False),
        (["gradient", *lam], [2], "gaussian", 1, "sum", False),
        (["data", "standardGradient", *lam], [2], "bernoulli", 1, "mean", False),
        (["bottomError", "bottomNormError", "topError", "topNormError", *lam], [2], "gaussian", 2, "mean", False),
        (["data", "bottomError", "topError", *lam], [2], "bernoulli", 1, "mean", True),
        (["data", "bottomError", "topError", *lam], [2, 3], "bernoulli", 1, "mean", False),
        (["bottomNormError", "topNormError", "gradient", *lam], [2, 3], "gaussian", 2, "sum", False),
        (["data", "bottomError", "topError", *lam], [2, 3], "bernoulli", 1, "mean", True),
    ]:
        start = weights(inputs, latents)
        w = {n: x.clone().requires_grad_() for n, x in start.items()}
        x = binary if kind == "bernoulli" else real
        loss, found, grads = run(w, latents, x, jax.random.key(7), inputs, samples, kind, 0.5, of, leak)
        # Few numbers of each gradient are enough: its first row, and its sum.
        cases.append({
            "inputs": inputs, "latent": latents, "likelihood": kind, "samples": samples, "gradientOf": of, "leak": leak,
            "weights": {n: v.tolist() for n, v in start.items()},
            "loss": loss.item(),
            "posteriors": [{"mean": m.tolist(), "logVariance": s.tolist()} for m, s in found],
            "gradient": {n: [g.sum().item(), g.flatten()[0].item(), g.abs().sum().item()] for n, g in grads.items() if g is not None},
        })
    print(json.dumps({"bernoulli": binary.tolist(), "gaussian": real.tolist(), "cases": cases}))
