"""Golden numbers for test/models/efficientMorl.test.ts: python test/oracle/efficient_morl.py > test/fixtures/efficient-morl.json

EfficientMORL (Emami et al., 2021), as src/models/efficientMorl.ts describes it, written again in PyTorch, in float64: the
loss, the terms of all iterates and all gradients, with both likelihoods, one to three levels, with and without GECO.
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)
BATCH, N, LATENT, CHANNELS = 2, 4, 2, 3


def grid(n):
    side = torch.linspace(0, 1, n)
    yx = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1)
    return torch.cat([yx, 1 - yx], -1)


class Layers(nn.ModuleList):
    """Linear layers with an activation between."""

    def __init__(self, *sizes, activation=F.relu):
        super().__init__(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))
        self.activation = activation

    def forward(self, x):
        for i, layer in enumerate(self):
            x = layer(x) if i == len(self) - 1 else self.activation(layer(x))
        return x


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(3, CHANNELS, 3, 2)])
        self.position = nn.Linear(4, CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS)
        self.mlp = Layers(CHANNELS, CHANNELS, CHANNELS)

    def forward(self, x):
        x = F.relu(self.convs[0](F.pad(x, (0, 1, 0, 1)))).movedim(1, -1)
        return self.mlp(self.norm((x + self.position(grid(N // 2))).flatten(1, 2)))


class Decoder(nn.Module):
    """Two convolutions of window 3 with zeros of 1 around none of them."""

    def __init__(self, activation):
        super().__init__()
        self.position = nn.Linear(4, LATENT)
        self.convs = nn.ModuleList([nn.Conv2d(LATENT, CHANNELS, 3), nn.Conv2d(CHANNELS, 4, 3)])
        self.activation = activation

    def forward(self, z):
        x = z.flatten(0, 1)[:, :, None, None] + self.position(grid(N + 4)).movedim(-1, 0)
        x = self.convs[1](self.activation(self.convs[0](x))).unflatten(0, z.shape[:2])
        return torch.sigmoid(x[:, :, :3]), x[:, :, 3]


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(LATENT)
        self.layers = Layers(LATENT, 2 * LATENT, LATENT)

    def forward(self, x):
        return x + self.layers(self.norm(x))


class Pair(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.mean, self.scale = make(), make()


class Hierarchy(nn.Module):
    def __init__(self):
        super().__init__()
        self.posterior = nn.Parameter(torch.zeros(2 * LATENT))
        self.norm_slots = nn.LayerNorm(LATENT)
        self.query = nn.Linear(LATENT, LATENT, bias=False)
        self.key = nn.Linear(CHANNELS, LATENT, bias=False)
        self.value = nn.Linear(CHANNELS, LATENT, bias=False)
        self.gru = Pair(lambda: nn.GRUCell(LATENT, LATENT))
        self.mlp = Pair(Residual)
        self.prior = Pair(lambda: nn.Linear(128, LATENT))
        self.prior.hidden = nn.Linear(LATENT, 128)


def normal(lam):
    mean, s = lam.chunk(2, -1)
    return torch.distributions.Normal(mean, (F.softplus(s.clamp(max=80)) + 1e-5).sqrt())


def divergence(q, p):
    return torch.distributions.kl_divergence(q, p).sum((1, 2))


class EfficientMorl(nn.Module):
    def __init__(self, slots=3, levels=3, steps=2, likelihood="mixture", deviation=0.1, geco=None, activation=F.elu):
        super().__init__()
        self.slots, self.levels, self.steps, self.likelihood = slots, levels, steps, likelihood
        self.deviation, self.geco = deviation, geco
        self.encoder, self.hierarchy, self.decoder = Encoder(), Hierarchy(), Decoder(activation)
        self.refiner = nn.Module()
        self.refiner.mlp = Layers(4 * LATENT, 128, LATENT, activation=F.elu)
        self.refiner.gru = nn.GRUCell(LATENT, LATENT)
        self.refiner.mean, self.refiner.scale = nn.Linear(LATENT, LATENT), nn.Linear(LATENT, LATENT)

    def prior(self, z):
        h = F.elu(self.hierarchy.prior.hidden(z))
        return normal(torch.cat([self.hierarchy.prior.mean(h), self.hierarchy.prior.scale(h)], -1))

    def error(self, colors, logits, x):
        if self.likelihood == "gaussian":
            log_p = self.log_normal(x, (colors * torch.softmax(logits, 1)[:, :, None]).sum(1))
        else:
            log_p = torch.logsumexp(F.log_softmax(logits, 1)[:, :, None] + self.log_normal(x[:, None], colors), 1)
        return -log_p.sum((1, 2, 3))

    def log_normal(self, x, mean):
        return -math.log(self.deviation) - 0.5 * ((x - mean) / self.deviation) ** 2

    def forward(self, x, noise, later):
        """x [batch, 3, n, n] in [0, 1]; noise [2 levels, …] of the first stage, later [steps, …] of refinements"""
        p, draw = self.hierarchy, lambda q, eps: q.mean + q.stddev * eps
        features = self.encoder(2 * x - 1)
        k, v = p.key(features), p.value(features)
        lam = p.posterior.expand(BATCH, self.slots, -1)
        all_ = []
        z = draw(normal(lam), noise[0])
        for l in range(self.levels):
            q = p.query(p.norm_slots(z)) * LATENT ** -0.5
            a = torch.softmax(q @ k.mT, 1) + 1e-8
            u = (a / a.sum(-1, keepdim=True)) @ v
            parts = []
            for name, old in zip(["mean", "scale"], lam.chunk(2, -1)):
                new = getattr(p.gru, name)(u.flatten(0, 1), old.flatten(0, 1)).unflatten(0, old.shape[:2])
                parts.append(getattr(p.mlp, name)(new))
            lam = torch.cat(parts, -1)
            all_.append(normal(lam))
            z = draw(all_[-1], noise[l + 1])
        standard = torch.distributions.Normal(0.0, 1.0)
        kl, prior = divergence(all_[-1], standard), standard
        for l in reversed(range(self.levels - 1)):
            prior = self.prior(draw(all_[l + 1], noise[self.levels + 1 + l]))
            kl = kl + divergence(all_[l], prior)
        memory = torch.zeros(BATCH * self.slots, LATENT)
        total, errors, divergences = 0, [], []
        for i in range(self.steps + 1):
            if i > 0:
                slope, = torch.autograd.grad(loss, lam, retain_graph=True)
                halves = [F.layer_norm(half, (LATENT,)).detach() for half in slope.chunk(2, -1)]
                seen = self.refiner.mlp(torch.cat([lam, *halves], -1)).flatten(0, 1)
                memory = self.refiner.gru(seen, memory)
                change = torch.cat([self.refiner.mean(memory), self.refiner.scale(memory)], -1)
                lam = lam + change.unflatten(0, lam.shape[:2])
                z, kl = draw(normal(lam), later[i - 1]), divergence(normal(lam), prior)
            colors, logits = self.decoder(z)
            error = self.error(colors, logits, x)
            errors.append(error)
            divergences.append(kl)
            if self.geco is None:
                loss = error.mean() + kl.mean()
            else:
                beta, ema, target = self.geco
                c = target - error.mean()
                loss = kl.mean() - F.softplus(torch.tensor(beta)) * (c + (ema - c).detach())
            total = total + (self.steps + 3 - i) / (self.steps + 1) * loss
        return total, torch.stack(errors), torch.stack(divergences), colors, torch.softmax(logits, 1), lam


def numbers(x):
    """Twelve digits say what 1e-9 needs."""
    return [float(f"{v:.12g}") for v in x.detach().flatten().tolist()]


def case(**options):
    rng = np.random.default_rng(0)
    model = EfficientMorl(**options)
    x = torch.tensor(rng.uniform(0, 1, (BATCH, 3, N, N)).round(2))
    shape = (BATCH, model.slots, LATENT)
    noise = torch.tensor(rng.normal(size=(2 * model.levels, *shape)).round(2))
    later = torch.tensor(rng.normal(size=(model.steps, *shape)).round(2))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(rng.normal(size=p.shape).round(2)) * (0.4 if p.ndim > 1 else 0.2))
    loss, errors, divergences, colors, masks, lam = model(x, noise, later)
    loss.backward()
    of = lambda v: numbers(torch.zeros_like(v) if v.grad is None else v.grad)
    return {
        "image": numbers(x.movedim(1, -1)),
        "noise": numbers(noise),
        "later": numbers(later),
        "params": {k: {"shape": list(v.shape), "data": numbers(v)} for k, v in model.named_parameters()},
        "loss": loss.item(),
        "errors": numbers(errors),
        "divergences": numbers(divergences),
        "lambda": numbers(lam),
        "images": numbers(colors.movedim(2, -1)),
        "masks": numbers(masks),
        "gradients": {k: of(v) for k, v in model.named_parameters()},
    }


print(json.dumps({
    "torch": torch.__version__,
    "cases": {
        "mixture": case(geco=[0.75, -3.0, -20.0]),
        "gaussian": case(levels=2, steps=1, likelihood="gaussian", deviation=0.3, activation=F.relu),
        "flat": case(levels=1, steps=1),
    },
}))
