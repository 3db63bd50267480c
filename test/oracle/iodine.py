"""Golden numbers for test/models/iodine.test.ts: python test/oracle/iodine.py > test/fixtures/iodine.json

IODINE (Greff et al., 2019), as src/models/iodine.ts describes it, written again in PyTorch, in float64: the loss, all
iterates and all gradients, with the recurrent and the flat network, linear and cosine coordinates.
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


class Layers(nn.ModuleList):
    """Linear layers with ELU between."""

    def __init__(self, *sizes):
        super().__init__(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for i, layer in enumerate(self):
            x = layer(x) if i == len(self) - 1 else F.elu(layer(x))
        return x


def same(x, conv):
    """A convolution whose zeros are those of TensorFlow's SAME: more of them at the end."""
    pads = []
    for n, k, s in zip(reversed(x.shape[2:]), reversed(conv.kernel_size), reversed(conv.stride)):
        total = max((math.ceil(n / s) - 1) * s + k - n, 0)
        pads += [total // 2, total - total // 2]
    return conv(F.pad(x, pads))


def coordinates(kind, n):
    if kind == "linear":
        side = torch.linspace(-1, 1, n)
        y, x = torch.meshgrid(side, side, indexing="ij")
        return torch.stack([x, y])
    side = torch.linspace(0, math.pi, n)
    y, x = torch.meshgrid(side, side, indexing="ij")
    return torch.stack([(i * x).cos() * (j * y).cos() for i in range(3) for j in range(3)])[1:]


class Decoder(nn.ModuleList):
    def __init__(self, latent, channels, kernel, layers, n):
        sizes = [latent + 3] + [channels] * layers + [4]
        super().__init__(nn.Conv2d(a, b, kernel) for a, b in zip(sizes, sizes[1:]))
        self.n = n

    def forward(self, z):
        n = self.n
        flat = torch.cat([z, torch.full_like(z[..., :1], 5)], -1).flatten(0, 1)
        yx = coordinates("linear", n).flip(0).expand(len(flat), 2, n, n)
        x = torch.cat([flat[:, :, None, None].expand(-1, -1, n, n), yx], 1)
        for i, conv in enumerate(self):
            x = same(x, conv)
            x = x if i == len(self) - 1 else F.elu(x)
        x = x.unflatten(0, z.shape[:2])
        return x[:, :, 1:], x[:, :, 0]


class Iodine(nn.Module):
    def __init__(self, n=4, slots=3, latent=2, steps=3, channels=4, kernel=3, layers=1, strides=(2,), encoder=4,
                 hidden=(5, 3), memory=3, scale=0.03, places="linear"):
        super().__init__()
        self.n, self.slots, self.latent, self.steps, self.scale, self.places = n, slots, latent, steps, scale, places
        self.posterior = nn.Parameter(torch.zeros(2 * latent))
        self.decoder = Decoder(latent, channels, kernel, layers, n)
        of = {"components": [n, n, 3], "counterfactual": [n, n, 1], "latent": [2 * latent], "likelihood": [n, n, 1],
              "mask": [n, n, 1]}
        self.norms = nn.ModuleDict({name: nn.LayerNorm(shape) for name, shape in of.items()})
        self.refiner = nn.Module()
        sizes = [16 + (2 if places == "linear" else 8)] + [encoder] * len(strides)
        self.refiner.convs = nn.ModuleList(
            nn.Conv2d(a, b, kernel, s) for a, b, s in zip(sizes, sizes[1:], strides))
        self.refiner.mlp = Layers(encoder, *hidden)
        wide = hidden[-1] + 4 * latent + 1
        self.refiner.memory = nn.LSTMCell(wide, memory) if memory else None
        self.refiner.update = nn.Linear(memory or wide, 2 * latent)

    def explain(self, lam, eps, x):
        mean, s = lam.chunk(2, -1)
        variance = F.softplus(s)
        colors, logits = self.decoder(mean + variance.sqrt() * eps)
        return self.likelihood(colors, logits, x), self.divergence(lam), colors, logits

    def perSlot(self, colors, x):
        u = (x[:, None] - colors) / self.scale
        return (-u - math.log(self.scale) - 2 * F.softplus(-u)).sum(2)

    def likelihood(self, colors, logits, x):
        return torch.logsumexp(F.log_softmax(logits, 1) + self.perSlot(colors, x), 1)

    def divergence(self, lam):
        mean, s = lam.chunk(2, -1)
        q = torch.distributions.Normal(mean, F.softplus(s).sqrt())
        return torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, math.sqrt(math.log(2)))).sum((1, 2))

    def forward(self, x, noise):
        """x [batch, 3, n, n] in [0, 1]; noise [steps + 1, batch, slots, latent]"""
        batch, k = len(x), self.slots
        lam = self.posterior.expand(batch, k, -1)
        memory = None
        total, iterates, bounds = 0, [], []
        for t in range(self.steps + 1):
            log_p, kl, colors, logits = self.explain(lam, noise[t], x)
            bound = log_p.sum((1, 2)) - kl
            bounds.append(bound)
            total = total - t / self.steps * bound.mean()
            if t == self.steps:
                break
            dlam, dcolors, dlogits = torch.autograd.grad(-bound.mean(), [lam, colors, logits], retain_graph=True)
            # From here on it is the input of the network.
            p = self.perSlot(colors, x).exp()
            without = torch.stack([
                self.likelihood(colors[:, others], logits[:, others], x)
                for others in ([j for j in range(k) if j != i] for i in range(k))
            ], 1) if k > 1 else torch.zeros_like(logits)
            def norm(name, v):
                return self.norms[name](v)
            last = lambda v: v.movedim(2, -1)
            every = lambda v: v[:, None].expand(-1, k, *[-1] * (v.ndim - 1))
            spatial = torch.cat([
                torch.full_like(logits[..., None], 0.5),
                last(colors),
                coordinates(self.places, self.n).movedim(0, -1).expand(batch, k, -1, -1, -1),
                norm("counterfactual", (log_p[:, None] - without).detach()[..., None]),
                norm("components", last(dcolors)),
                norm("mask", dlogits[..., None]),
                every(x.movedim(1, -1)),
                every(norm("likelihood", log_p.detach()[..., None])),
                logits[..., None],
                (p / (p.sum(1, keepdim=True) + 1e-6))[..., None],
                torch.softmax(logits, 1)[..., None],
            ], -1)
            h = spatial.flatten(0, 1).movedim(-1, 1)
            for conv in self.refiner.convs:
                h = F.elu(same(h, conv))
            h = self.refiner.mlp(h.mean((2, 3))).unflatten(0, (batch, k))
            h = torch.cat([h, norm("latent", dlam), torch.full_like(h[..., :1], 0.5), lam], -1)
            if self.refiner.memory is not None:
                memory = self.refiner.memory(h.flatten(0, 1), memory)
                h = memory[0].unflatten(0, (batch, k))
            lam = lam + self.refiner.update(h)
            iterates.append(lam)
        return total, torch.stack(iterates), torch.stack(bounds), colors, torch.softmax(logits, 1)


def numbers(x):
    """Twelve digits say what 1e-9 needs."""
    return [float(f"{v:.12g}") for v in x.detach().flatten().tolist()]


def case(**options):
    rng = np.random.default_rng(0)
    model = Iodine(**options)
    n, batch = model.n, 2
    x = torch.tensor(rng.uniform(0, 1, (batch, 3, n, n)).round(2))
    noise = torch.tensor(rng.normal(size=(model.steps + 1, batch, model.slots, model.latent)).round(2))
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(rng.normal(size=p.shape).round(2)) * (0.3 if p.ndim > 1 else 0.1))
    loss, iterates, bounds, colors, masks = model(x, noise)
    loss.backward()
    return {
        "image": numbers(x.movedim(1, -1)),
        "noise": numbers(noise),
        "params": {k: {"shape": list(v.shape), "data": numbers(v)} for k, v in model.named_parameters()},
        "loss": loss.item(),
        "iterates": numbers(iterates),
        "bounds": numbers(bounds),
        "colors": numbers(colors.movedim(2, -1)),
        "masks": numbers(masks),
        "gradients": {k: numbers(v.grad) for k, v in model.named_parameters()},
    }


if __name__ == "__main__":
    torch.set_default_dtype(torch.float64)
    print(json.dumps({
        "torch": torch.__version__,
        "cases": {
            "memory": case(scale=0.3),
            "flat": case(scale=0.3, places="cosine", memory=0, hidden=(3,), steps=2),
        },
    }))
