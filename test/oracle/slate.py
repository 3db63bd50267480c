"""Golden numbers for test/models/slate.test.ts: python test/oracle/slate.py > test/fixtures/slate.json

SLATE (Singh et al., 2022) written again in PyTorch from its description: the discrete VAE, the dictionary, slot attention
over tokens, the transformer with a normalized first residual, both losses; small, in float64, with all gradients, two
steps of the optimizer (joint clipping by the infinity norm, Adam with two rates), and the schedules. `implicit` is
Fig. 2 of Chang et al. (2022): iterate, detach, take one more step. All noise is JAX's, of the keys that the library uses.
"""

import json
import math

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)
BATCH, IMAGE, SIDE, VOCABULARY, SIZE, CHANNELS = 2, 12, 3, 6, 4, 2
BLOCKS, HEADS, SLOTS, SLOT_HEADS, ITERATIONS, LENGTH = 2, 2, 3, 2, 3, 9


class Block(nn.Module):
    def __init__(self, i, o, kernel, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(i, o, kernel, stride, padding, bias=False)
        self.norm = nn.GroupNorm(1, o)

    def forward(self, x):
        return F.relu(self.norm(self.conv(x)))


class Stack(nn.Module):
    def __init__(self, blocks, shuffled, out):
        super().__init__()
        self.blocks, self.shuffled, self.out = nn.ModuleList(blocks), shuffled, out

    def forward(self, x):
        for i, block in enumerate(self.blocks):
            x = block(x)
            x = F.pixel_shuffle(x, 2) if i in self.shuffled else x
        return self.out(x)


class DiscreteVae(nn.Module):
    def __init__(self):
        super().__init__()
        c = CHANNELS
        grown = lambda: [Block(c, c, 3, 1, 1), Block(c, c, 1), Block(c, c, 1), Block(c, 4 * c, 1)]
        self.encoder = Stack([Block(3, c, 4, 4)] + [Block(c, c, 1) for _ in range(6)], [],
                             nn.Conv2d(c, VOCABULARY, 1))
        self.decoder = Stack([Block(VOCABULARY, c, 1)] + grown() + grown(), [4, 8], nn.Conv2d(c, 3, 1))

    def encode(self, image):
        return F.log_softmax(self.encoder(image.movedim(-1, 1)), 1).movedim(1, -1)

    def decode(self, codes):
        return self.decoder(codes.movedim(-1, 1)).movedim(1, -1)


class Embedding(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY + 1, SIZE)
        self.places = nn.Embedding(LENGTH + 1, SIZE)

    def forward(self, tokens):
        begin = torch.zeros(len(tokens), 1, dtype=torch.int64)
        return self.tokens(torch.cat([begin, tokens + 1], 1)) + self.places.weight


def layers(*sizes):
    return nn.ModuleList(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))


def perceptron(linears, x):
    return linears[1](F.relu(linears[0](x)))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(SIZE)
        self.layers = layers(SIZE, SIZE, SIZE)


class Start(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(SIZE))
        self.log_sigma = nn.Parameter(torch.zeros(SIZE))


class Gru(nn.Module):
    """The names of the library; the cell is PyTorch's."""

    def __init__(self):
        super().__init__()
        self.weight_ih, self.weight_hh = (nn.Parameter(torch.zeros(3 * SIZE, SIZE)) for _ in range(2))
        self.bias_ih, self.bias_hh = (nn.Parameter(torch.zeros(3 * SIZE)) for _ in range(2))

    def forward(self, x, h):
        return torch.gru_cell(x, h, self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)


class Slots(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm_inputs, self.norm_slots = nn.LayerNorm(SIZE), nn.LayerNorm(SIZE)
        self.query, self.key, self.value = (nn.Linear(SIZE, SIZE, bias=False) for _ in range(3))
        self.gru, self.mlp, self.start = Gru(), Mlp(), Start()

    def step(self, z, k, v):
        split = lambda x: x.unflatten(-1, (SLOT_HEADS, -1)).transpose(1, 2)
        q = split(self.query(self.norm_slots(z)))
        logits = k @ q.transpose(-1, -2)  # [batch, heads, inputs, slots]
        a = torch.softmax(logits.transpose(1, 2).flatten(2), -1)
        a = a.unflatten(-1, (SLOT_HEADS, SLOTS)).transpose(1, 2)
        picture = a.sum(1)
        a = a + 1e-8
        a = a / a.sum(-2, keepdim=True)
        u = (a.transpose(-1, -2) @ v).transpose(1, 2).flatten(2)
        z = self.gru(u.reshape(-1, SIZE), z.reshape(-1, SIZE)).reshape(z.shape)
        return z + perceptron(self.mlp.layers, self.mlp.norm(z)), picture

    def forward(self, inputs, noise, implicit):
        x = self.norm_inputs(inputs)
        split = lambda y: y.unflatten(-1, (SLOT_HEADS, -1)).transpose(1, 2)
        k, v = split(self.key(x)) * (SIZE / SLOT_HEADS) ** -0.5, split(self.value(x))
        z = self.start.mu + self.start.log_sigma.exp() * noise
        for _ in range(ITERATIONS):
            z, attention = self.step(z, k, v)
        return self.step(z.detach(), k, v) if implicit else (z, attention)


class SlotAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm, self.mlp, self.slots = nn.LayerNorm(SIZE), layers(SIZE, SIZE, SIZE), Slots()


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(SIZE, SIZE, bias=False) for _ in range(4))

    def forward(self, x, memory, causal):
        split = lambda y: y.unflatten(-1, (HEADS, -1)).transpose(1, 2)
        q, k, v = split(self.query(x)), split(self.key(memory)), split(self.value(memory))
        logits = (q * (SIZE / HEADS) ** -0.5) @ k.transpose(-1, -2)
        if causal:
            hidden = torch.triu(torch.ones(x.shape[1], x.shape[1], dtype=torch.bool), 1)
            logits = logits.masked_fill(hidden, float("-inf"))
        return self.out((torch.softmax(logits, -1) @ v).transpose(1, 2).flatten(2))


class DecoderBlock(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(SIZE) for _ in range(3))
        self.self, self.cross = Attention(), Attention()
        self.mlp = layers(SIZE, 4 * SIZE, SIZE)

    def forward(self, x, memory, first):
        y = self.norm1(x)
        x = (y if first else x) + self.self(y, y, True)
        x = x + self.cross(self.norm2(x), memory, False)
        return x + perceptron(self.mlp, self.norm3(x))


class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList(DecoderBlock() for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(SIZE)

    def forward(self, x, memory):
        for i, block in enumerate(self.blocks):
            x = block(x, memory, i == 0)
        return self.norm(x)


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.memory = nn.Linear(SIZE, SIZE, bias=False)
        self.transformer = Transformer()
        self.head = nn.Linear(SIZE, VOCABULARY, bias=False)


class Slate(nn.Module):
    def __init__(self):
        super().__init__()
        self.discrete_vae, self.embedding = DiscreteVae(), Embedding()
        self.slot_attention, self.decoder = SlotAttention(), Decoder()

    def logits(self, rows, slots):
        d = self.decoder
        return d.head(d.transformer(rows, d.memory(slots)))

    def forward(self, image, noise, tau, hard, implicit):
        codes = self.discrete_vae.encode(image)
        y = torch.softmax((codes + noise["codes"]) / tau, -1)
        if hard:
            y = F.one_hot(y.argmax(-1), VOCABULARY) - y.detach() + y
        reconstruction = self.discrete_vae.decode(y)
        tokens = (codes + noise["tokens"]).argmax(-1).flatten(1).detach()
        rows = self.embedding(tokens)
        inputs = perceptron(self.slot_attention.mlp, self.slot_attention.norm(rows[:, 1:]))
        slots, attention = self.slot_attention.slots(inputs, noise["slots"], implicit)
        logits = self.logits(rows[:, :-1], slots)
        squared = ((image - reconstruction) ** 2).sum() / len(image)
        cross = F.cross_entropy(logits.flatten(0, 1), tokens.flatten(), reduction="sum") / len(image)
        return squared + cross, {
            "reconstruction": reconstruction, "tokens": tokens, "slots": slots, "attention": attention,
            "logits": logits, "squaredError": squared, "crossEntropy": cross}


def numbers(x):
    """Twelve digits say what 1e-9 needs."""
    return [float(f"{v:.12g}") for v in x.detach().flatten().tolist()]


KEY, TAU = 7, 0.7
keys = jax.random.split(jax.random.key(KEY), 5)
host = lambda x: torch.tensor(np.array(x))
grid = (BATCH, SIDE, SIDE, VOCABULARY)
noise = {
    "codes": host(jax.random.gumbel(keys[0], grid, dtype="float64")),
    "tokens": host(jax.random.gumbel(keys[1], grid, dtype="float64")),
    "slots": host(jax.random.normal(keys[3], (BATCH, SLOTS, SIZE), dtype="float64")),
}
rng = np.random.default_rng(0)
image = torch.tensor(rng.uniform(0, 1, (BATCH, IMAGE, IMAGE, 3)).round(2))
start = {}
for name, p in Slate().named_parameters():
    scale = 0.5 if p.ndim > 1 else 0.3
    start[name] = torch.tensor((rng.normal(size=p.shape) * scale).round(2))


def fresh():
    model = Slate()
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(start[name])
    return model


def case(implicit, hard):
    model = fresh()
    loss, out = model(image, noise, TAU, hard, implicit)
    loss.backward()
    return {
        "loss": loss.item(),
        "codes": numbers(model.discrete_vae.encode(image)),
        "outputs": {k: numbers(v) for k, v in out.items()},
        "gradients": {k: numbers(torch.zeros_like(v) if v.grad is None else v.grad)
                      for k, v in model.named_parameters()},
        "untouched": [k for k, v in model.named_parameters() if v.grad is None],
    }


RATES, STEPS = {"discreteVae": 3e-3, "rest": 1e-3}, 3


def training():
    """Adam with two groups after one joint clip; the second group warms up over two steps."""
    model = fresh()
    groups = {"discreteVae": [], "rest": []}
    for name, p in model.named_parameters():
        groups["discreteVae" if "discrete_vae" in name else "rest"].append(p)
    optimizer = torch.optim.Adam([{"params": ps, "lr": RATES[g]} for g, ps in groups.items()])
    norms = []
    for step in range(STEPS):
        optimizer.param_groups[1]["lr"] = RATES["rest"] * min(1, (step + 1) / 2)
        optimizer.zero_grad()
        loss, _ = model(image, noise, TAU, False, True)
        loss.backward()
        norms.append(nn.utils.clip_grad_norm_(model.parameters(), 1.0, norm_type=float("inf")).item())
        optimizer.step()
    return {"rates": RATES, "steps": STEPS, "norms": norms,
            "params": {k: numbers(v) for k, v in model.named_parameters()}}


def plateau(losses):
    """The factor of both rates after each validation: halved after 4 in a row without a new best."""
    best, bad, factor, factors = math.inf, 0, 1.0, []
    for loss in losses:
        if loss < best:
            best, bad = loss, 0
        else:
            bad += 1
            if bad >= 4:
                factor, bad = factor / 2, 0
        factors.append(factor)
    return factors


LOSSES = [9, 8, 8, 8.5, 8, 8, 7.9999, 8, 8, 8, 8, 8, 8, 8, 8, 7, 6, 6, 6, 6, 6]
AT = [0, 1, 100, 7500, 15000, 29999, 30000, 40000]

print(json.dumps({
    "versions": {"torch": torch.__version__, "jax": jax.__version__},
    "image": numbers(image),
    "key": KEY,
    "temperature": TAU,
    "noise": {k: numbers(v) for k, v in noise.items()},
    "params": {k: {"shape": list(v.shape), "data": numbers(v)} for k, v in start.items()},
    "cases": {
        "vanilla": case(False, False),
        "implicit": case(True, False),
        "hard": case(True, True),
    },
    "training": training(),
    "plateau": {"losses": LOSSES, "factors": plateau(LOSSES)},
    "schedules": {
        "steps": AT,
        "temperature": [0.45 * math.cos(math.pi * t / 30000) + 0.55 if t < 30000 else 0.1 for t in AT],
        "warmup": [1e-4 * min(1, (t + 1) / 30000) for t in AT],
    },
}))
