"""Golden numbers for test/models: python test/oracle/slot_attention.py > test/fixtures/slot-attention.json

Slot attention, object discovery and property prediction as the official code
(google-research/slot_attention) has them, written again in PyTorch: small, in float64, with the
gradients of the loss in all parameters. `implicit` is the code of Fig. 2 of Chang et al. (2022):
iterate, detach, and take one more step. Random slots begin with JAX's normal numbers.
"""

import json

import jax

jax.config.update("jax_enable_x64", True)

import numpy as np
import scipy
import torch
import torch.nn.functional as F
from scipy.optimize import linear_sum_assignment
from torch import nn

torch.set_default_dtype(torch.float64)
torch.manual_seed(0)
EPS = 1e-3  # of Keras's layer normalization
BATCH, SLOTS, SIZE, CHANNELS, HIDDEN = 2, 3, 6, 4, 8
RESOLUTION = 8


def soft_grid(height, width):
    y, x = torch.meshgrid(torch.linspace(0, 1, height), torch.linspace(0, 1, width), indexing="ij")
    grid = torch.stack([y, x], -1)
    return torch.cat([grid, 1 - grid], -1)


class Layers(nn.ModuleList):
    """Linear layers with ReLU between."""

    def __init__(self, *sizes):
        super().__init__(nn.Linear(a, b) for a, b in zip(sizes, sizes[1:]))

    def forward(self, x):
        for i, layer in enumerate(self):
            x = layer(x) if i == len(self) - 1 else F.relu(layer(x))
        return x


def same(x, kernel, stride):
    """TensorFlow's SAME padding of batch × channels × space."""
    pads = []
    for n in reversed(x.shape[2:]):
        total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
        pads += [total // 2, total - total // 2]
    return F.pad(x, pads)


class Encoder(nn.Module):
    def __init__(self, strides):
        super().__init__()
        self.strides = strides
        self.convs = nn.ModuleList(
            nn.Conv2d(3 if i == 0 else CHANNELS, CHANNELS, 3, s) for i, s in enumerate(strides))
        self.position = nn.Linear(4, CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS, EPS)
        self.mlp = Layers(CHANNELS, CHANNELS, CHANNELS)

    def forward(self, image):
        x = image.movedim(-1, 1)
        for conv, stride in zip(self.convs, self.strides):
            x = F.relu(conv(same(x, 3, stride)))
        x = x.movedim(1, -1)
        x = x + self.position(soft_grid(*x.shape[1:3]))
        return self.mlp(self.norm(x.flatten(1, 2)))


class Start(nn.Module):
    def __init__(self):
        super().__init__()
        self.mu = nn.Parameter(torch.zeros(SIZE))
        self.log_sigma = nn.Parameter(torch.zeros(SIZE))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(SIZE, EPS)
        self.layers = Layers(SIZE, HIDDEN, SIZE)


class SlotAttention(nn.Module):
    def __init__(self, iterations, implicit):
        super().__init__()
        self.iterations, self.implicit = iterations, implicit
        self.norm_inputs = nn.LayerNorm(CHANNELS, EPS)
        self.norm_slots = nn.LayerNorm(SIZE, EPS)
        self.query = nn.Linear(SIZE, SIZE, bias=False)
        self.key = nn.Linear(CHANNELS, SIZE, bias=False)
        self.value = nn.Linear(CHANNELS, SIZE, bias=False)
        self.gru = nn.GRUCell(SIZE, SIZE)
        self.mlp = Mlp()
        self.start = Start()

    def attend(self, slots, k):
        q = self.query(self.norm_slots(slots)) * SIZE ** -0.5
        return torch.softmax(k @ q.transpose(-1, -2), -1)

    def step(self, slots, k, v):
        attention = self.attend(slots, k) + 1e-8
        attention = attention / attention.sum(-2, keepdim=True)
        updates = attention.transpose(-1, -2) @ v
        slots = self.gru(updates.reshape(-1, SIZE), slots.reshape(-1, SIZE)).reshape(slots.shape)
        return slots + self.mlp.layers(self.mlp.norm(slots))

    def forward(self, inputs, noise):
        inputs = self.norm_inputs(inputs)
        k, v = self.key(inputs), self.value(inputs)
        slots = self.start.mu + self.start.log_sigma.exp() * noise
        for _ in range(self.iterations):
            slots = self.step(slots, k, v)
        if self.implicit:
            slots = self.step(slots.detach(), k, v)
        return slots, self.attend(slots, k)


def composite(drawn):
    images, masks = drawn[..., :3], torch.softmax(drawn[..., 3], 1)
    return {"reconstruction": (images * masks[..., None]).sum(1), "images": images, "masks": masks}


class BroadcastDecoder(nn.Module):
    strides = (2, 2)

    def __init__(self):
        super().__init__()
        self.position = nn.Linear(4, SIZE)
        self.convs = nn.ModuleList([
            nn.ConvTranspose2d(SIZE, CHANNELS, 5, 2), nn.ConvTranspose2d(CHANNELS, CHANNELS, 5, 2),
            nn.ConvTranspose2d(CHANNELS, 4, 3, 1)])

    def forward(self, slots):
        grid = RESOLUTION // 4
        x = slots.reshape(-1, 1, 1, SIZE).expand(-1, grid, grid, SIZE)
        x = (x + self.position(soft_grid(grid, grid))).movedim(-1, 1)
        for i, conv in enumerate(self.convs):
            # Keras's padding="same": the sizes times the stride, cut on both sides.
            stride, n = conv.stride[0], x.shape[-1] * conv.stride[0]
            low = (conv.kernel_size[0] - stride) // 2
            x = conv(x)[..., low:low + n, low:low + n]
            x = F.relu(x) if i < 2 else x
        return composite(x.movedim(1, -1).reshape(BATCH, SLOTS, RESOLUTION, RESOLUTION, 4))


class PixelDecoder(nn.Module):
    """An MLP of the slot and the place, concatenated: the first layer in two parts."""

    def __init__(self):
        super().__init__()
        self.slot = nn.Linear(SIZE, CHANNELS)
        self.position = nn.Linear(4, CHANNELS, bias=False)
        self.layers = Layers(CHANNELS, CHANNELS, 4)

    def forward(self, slots):
        grid = soft_grid(RESOLUTION, RESOLUTION).expand(BATCH, SLOTS, -1, -1, -1)
        wide = slots[:, :, None, None].expand(-1, -1, RESOLUTION, RESOLUTION, -1)
        weight = torch.cat([self.slot.weight, self.position.weight], 1)
        hidden = F.relu(F.linear(torch.cat([wide, grid], -1), weight, self.slot.bias))
        return composite(self.layers(hidden))


class Discovery(nn.Module):
    def __init__(self, implicit, decoder):
        super().__init__()
        self.encoder = Encoder((2, 1))
        self.slot_attention = SlotAttention(3, implicit)
        self.decoder = decoder

    def forward(self, image, noise, _):
        slots, attention = self.slot_attention(self.encoder(image), noise)
        out = {"slots": slots, "attention": attention, **self.decoder(slots)}
        return ((out["reconstruction"] - image) ** 2).mean(), out


class Properties(nn.Module):
    def __init__(self, implicit):
        super().__init__()
        self.encoder = Encoder((1, 2))
        self.slot_attention = SlotAttention(3, implicit)
        self.head = Layers(SIZE, 7, 5)

    def forward(self, image, noise, targets):
        slots, attention = self.slot_attention(self.encoder(image), noise)
        predictions = torch.sigmoid(self.head(slots))
        costs = F.huber_loss(predictions[:, :, None].expand(-1, -1, SLOTS, -1),
                             targets[:, None].expand(-1, SLOTS, -1, -1), reduction="none").mean(-1)
        matching = np.stack([linear_sum_assignment(c)[1] for c in costs.detach().numpy()])
        picked = costs.gather(-1, torch.tensor(matching)[..., None])
        out = {"slots": slots, "attention": attention, "predictions": predictions,
               "matching": torch.tensor(matching)}
        return picked.sum((1, 2)).mean(), out


def numbers(x):
    """Twelve digits say what 1e-9 needs."""
    return [float(f"{v:.12g}") for v in x.detach().flatten().tolist()]


rng = np.random.default_rng(0)
image = torch.tensor(rng.uniform(-1, 1, (BATCH, RESOLUTION, RESOLUTION, 3)).round(2))
targets = torch.tensor(rng.uniform(0, 1, (BATCH, SLOTS, 5)).round(2))
noise = torch.tensor(np.array(
    jax.random.normal(jax.random.key(7), (BATCH, SLOTS, SIZE), dtype="float64")))


def case(model):
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(rng.normal(size=p.shape).round(2)) * (0.5 if p.ndim > 1 else 0.3))
    loss, out = model(image, noise, targets)
    loss.backward()
    return {
        "params": {k: {"shape": list(v.shape), "data": numbers(v)}
                   for k, v in model.named_parameters()},
        "loss": loss.item(),
        "outputs": {k: numbers(v) for k, v in out.items() if k != "images"},
        "gradients": {k: numbers(torch.zeros_like(v) if v.grad is None else v.grad)
                      for k, v in model.named_parameters()},
    }


print(json.dumps({
    "versions": {"torch": torch.__version__, "jax": jax.__version__, "scipy": scipy.__version__},
    "image": numbers(image),
    "targets": numbers(targets),
    "key": 7,
    "noise": numbers(noise),
    "cases": {
        "vanilla": case(Discovery(False, BroadcastDecoder())),
        "implicit": case(Discovery(True, BroadcastDecoder())),
        "pixel": case(Discovery(True, PixelDecoder())),
        "properties": case(Properties(False)),
        "propertiesImplicit": case(Properties(True)),
    },
}))
