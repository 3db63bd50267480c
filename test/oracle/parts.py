"""Golden numbers for test/models/parts.test.ts: python test/oracle/parts.py > test/fixtures/parts.json

PARTS (Zoran et al., 2021), as src/models/parts.ts describes it, written again in PyTorch, small, in float64: the loss, all
outputs and all gradients of three frames, of which the last has no derivative in those before (`truncate` 2).
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)
FRAMES, BATCH, SLOTS, LATENT, CHANNELS, N, HEADS, MEMORY, TRUNCATE = 3, 2, 3, 2, 4, 4, 2, 3, 2
SIZE, VARIANCE, BETA, CLIP = 2 * LATENT, 0.09, 0.5, 10


def grid(n):
    side = torch.linspace(0, 1, n)
    yx = torch.stack(torch.meshgrid(side, side, indexing="ij"), -1)
    return torch.cat([yx, 1 - yx], -1)


class Layers(nn.ModuleList):
    """Linear layers with ReLU between."""

    def __init__(self, *sizes):
        super().__init__(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for i, layer in enumerate(self):
            x = layer(x) if i == len(self) - 1 else F.relu(layer(x))
        return x


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv2d(4, CHANNELS, 3, 2)])
        self.position = nn.Linear(4, CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS)
        self.mlp = Layers(CHANNELS, CHANNELS, CHANNELS)

    def forward(self, x):
        x = F.relu(self.convs[0](F.pad(x.movedim(-1, 1), (0, 1, 0, 1)))).movedim(1, -1)
        return self.mlp(self.norm((x + self.position(grid(N // 2))).flatten(1, 2)))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.slot = nn.Linear(LATENT, CHANNELS)
        self.position = nn.Linear(4, CHANNELS, bias=False)
        self.layers = Layers(CHANNELS, 4)

    def forward(self, z):
        x = F.relu(self.slot(z)[:, :, None, None] + self.position(grid(N)))
        x = self.layers(x)
        return x[..., :3], torch.softmax(x[..., 3], 1)


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(SIZE, SIZE) for _ in range(4))

    def forward(self, x):
        q, k, v = (f(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = Attention()
        self.mlp = Layers(SIZE, 5, SIZE)
        self.norm1 = nn.LayerNorm(SIZE)
        self.norm2 = nn.LayerNorm(SIZE)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class Parts(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder, self.decoder = Encoder(), Decoder()
        self.query = nn.Linear(2 * SIZE, SIZE, bias=False)
        self.key = nn.Linear(CHANNELS, SIZE, bias=False)
        self.value = nn.Linear(CHANNELS, SIZE, bias=False)
        self.norm_gradient, self.norm_update = nn.LayerNorm(SIZE), nn.LayerNorm(SIZE)
        self.correct = Layers(3 * SIZE, 5, 5, SIZE)
        self.blocks = nn.ModuleList([Block(), Block()])
        self.memory = nn.LSTMCell(SIZE, MEMORY)
        self.predict = nn.Linear(MEMORY, SIZE)

    def advance(self, lam, memory):
        for block in self.blocks:
            lam = block(lam)
        memory = self.memory(lam.reshape(-1, SIZE), memory)
        return self.predict(memory[0]).reshape(BATCH, SLOTS, SIZE), memory

    def bound(self, lam, frame, noise):
        mean, deviation = lam[..., :LATENT], lam[..., LATENT:]
        images, masks = self.decoder(mean + deviation.exp() * noise)
        normal = torch.distributions.Normal(images, math.sqrt(VARIANCE))
        pixels = torch.logsumexp((masks + 1e-6).log() + normal.log_prob(frame[:, None]).sum(-1), 1)
        q = torch.distributions.Normal(mean, deviation.exp())
        kl = torch.distributions.kl_divergence(q, torch.distributions.Normal(0.0, 1.0))
        return pixels.sum((1, 2)) - BETA * kl.sum((1, 2)), pixels

    def forward(self, video, noise):
        lam, memory = torch.zeros(BATCH, SLOTS, SIZE), [torch.zeros(BATCH * SLOTS, MEMORY)] * 2
        lam, memory = self.advance(lam, memory)
        total, found = 0, []
        for t, (frame, eps) in enumerate(zip(video, noise)):
            elbo, pixels = self.bound(lam, frame, eps)
            total = total - elbo.mean() / FRAMES
            g, = torch.autograd.grad(-elbo.sum(), lam, retain_graph=True)
            g = g * (CLIP / (g.flatten(1).norm(dim=1) + 1e-6)).clamp(max=1)[:, None, None]
            g = self.norm_gradient(g)
            features = self.encoder(torch.cat([frame, pixels.detach()[..., None]], -1))
            q = self.query(torch.cat([lam, g], -1)) * SIZE ** -0.5
            a = torch.softmax(self.key(features) @ q.mT, -1) + 1e-8
            u = self.norm_update((a / a.sum(-2, keepdim=True)).mT @ self.value(features))
            lam = lam + self.correct(torch.cat([u, lam, g], -1))
            found.append((lam, self.decoder(lam[..., :LATENT])[1]))
            lam, memory = self.advance(lam, memory)
            if (t + 1) % TRUNCATE == 0:
                lam, memory = lam.detach().requires_grad_(), [m.detach() for m in memory]
        return total, [torch.stack(x) for x in zip(*found)]


def numbers(x):
    """Twelve digits say what 1e-9 needs."""
    return [float(f"{v:.12g}") for v in x.detach().flatten().tolist()]


rng = np.random.default_rng(0)
video = torch.tensor(rng.uniform(0, 1, (FRAMES, BATCH, N, N, 3)).round(2))
noise = torch.tensor(rng.normal(size=(FRAMES, BATCH, SLOTS, LATENT)).round(2))
model = Parts()
with torch.no_grad():
    for p in model.parameters():
        p.copy_(torch.tensor(rng.normal(size=p.shape).round(2)) * (0.5 if p.ndim > 1 else 0.3))
loss, (lam, masks) = model(video, noise)
loss.backward()
print(json.dumps({
    "torch": torch.__version__,
    "video": numbers(video),
    "noise": numbers(noise),
    "params": {k: {"shape": list(v.shape), "data": numbers(v)} for k, v in model.named_parameters()},
    "loss": loss.item(),
    "lambda": numbers(lam),
    "masks": numbers(masks),
    "gradients": {k: numbers(v.grad) for k, v in model.named_parameters()},
}))
