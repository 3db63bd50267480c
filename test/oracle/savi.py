"""Golden numbers for test/models/savi.test.ts: python test/oracle/savi.py > test/fixtures/savi.json

SAVi (Kipf et al., 2022) written again in PyTorch from its description, small, in float64: slots from boxes, from centres,
learned, or given; the loss, all outputs and all gradients. `cut` stops the gradient through time every so many frames.
`one_step` iterates without gradients and takes one more step; the slots before a frame then get the gradient of that
step's input ("through"), or none ("none").
"""

import json

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)
EPS = 1e-6  # of Flax's layer normalization
FRAMES, BATCH, SLOTS, SIZE, CHANNELS, RESOLUTION, HEADS = 3, 2, 3, 6, 4, 8, 2


def grid(n):
    side = torch.linspace(-1, 1, n)
    return torch.stack(torch.meshgrid(side, side, indexing="ij"), -1)


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
        self.convs = nn.ModuleList([nn.Conv2d(3, CHANNELS, 3, 2), nn.Conv2d(CHANNELS, CHANNELS, 3)])
        self.position = nn.Linear(2, CHANNELS)
        self.norm = nn.LayerNorm(CHANNELS, EPS)
        self.mlp = Layers(CHANNELS, 5, CHANNELS)

    def forward(self, frame):
        x = frame.movedim(-1, 1)
        # TensorFlow's SAME padding: nothing before and one after for a window of 3 with stride 2.
        x = F.relu(self.convs[0](F.pad(x, (0, 1, 0, 1))))
        x = F.relu(self.convs[1](F.pad(x, (1, 1, 1, 1)))).movedim(1, -1)
        x = x + self.position(grid(RESOLUTION // 2))
        return self.mlp(self.norm(x.flatten(1, 2)))


class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(SIZE, EPS)
        self.layers = Layers(SIZE, 7, SIZE)


class Corrector(nn.Module):
    def __init__(self, mlp):
        super().__init__()
        self.norm_inputs = nn.LayerNorm(CHANNELS, EPS)
        self.norm_slots = nn.LayerNorm(SIZE, EPS)
        self.query = nn.Linear(SIZE, SIZE, bias=False)
        self.key = nn.Linear(CHANNELS, SIZE, bias=False)
        self.value = nn.Linear(CHANNELS, SIZE, bias=False)
        self.gru = nn.GRUCell(SIZE, SIZE)
        self.mlp = Perceptron() if mlp else None

    def forward(self, slots, features):
        inputs = self.norm_inputs(features)
        q = self.query(self.norm_slots(slots)) * SIZE ** -0.5
        attention = torch.softmax(self.key(inputs) @ q.mT, -1)
        attention = attention / (attention.sum(-2, keepdim=True) + 1e-8)
        updates = attention.mT @ self.value(inputs)
        slots = self.gru(updates.reshape(-1, SIZE), slots.reshape(-1, SIZE)).reshape(slots.shape)
        return slots if self.mlp is None else slots + self.mlp.layers(self.mlp.norm(slots))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.query, self.key, self.value, self.out = (nn.Linear(SIZE, SIZE) for _ in range(4))

    def forward(self, x):
        q, k, v = (f(x).unflatten(-1, (HEADS, -1)).transpose(1, 2) for f in (self.query, self.key, self.value))
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Predictor(nn.Module):
    """A transformer's block with normalizations after its parts."""

    def __init__(self):
        super().__init__()
        self.attention = Attention()
        self.mlp = Layers(SIZE, 8, SIZE)
        self.norm1 = nn.LayerNorm(SIZE, EPS)
        self.norm2 = nn.LayerNorm(SIZE, EPS)

    def forward(self, x):
        x = self.norm1(x + self.attention(x))
        return self.norm2(x + self.mlp(x))


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.position = nn.Linear(2, SIZE)
        self.convs = nn.ModuleList([
            nn.ConvTranspose2d(SIZE, CHANNELS, 3, 2), nn.ConvTranspose2d(CHANNELS, 4, 1, 1)])

    def forward(self, slots):
        n = RESOLUTION // 2
        x = slots.reshape(-1, 1, 1, SIZE).expand(-1, n, n, SIZE)
        x = (x + self.position(grid(n))).movedim(-1, 1)
        x = F.relu(self.convs[0](x)[..., :RESOLUTION, :RESOLUTION])
        x = self.convs[1](x).movedim(1, -1).reshape(BATCH, SLOTS, RESOLUTION, RESOLUTION, 4)
        images, masks = x[..., :3], torch.softmax(x[..., 3], 1)
        return (images * masks[..., None]).sum(1), images, masks


class Start(nn.Module):
    def __init__(self):
        super().__init__()
        self.slots = nn.Parameter(torch.zeros(SLOTS, SIZE))


class Savi(nn.Module):
    def __init__(self, start, iterations):
        super().__init__()
        self.kind, self.iterations = start, iterations
        self.encoder = Encoder()
        self.corrector = Corrector(iterations > 1)
        self.predictor = Predictor()
        if start == "learned":
            self.start = Start()
        elif start != "random":
            self.start = Layers({"boxes": 4, "centers": 2}[start], 5, SIZE)
        self.decoder = Decoder()

    def forward(self, video, target, objects, given, cut, one_step):
        if self.kind == "learned":
            slots = self.start.slots.expand(BATCH, -1, -1)
        elif self.kind == "random":
            slots = given
        else:
            slots = self.start(torch.cat([torch.zeros_like(objects[:, :1]), objects], 1))
        frames = []
        for t, frame in enumerate(video):
            features = self.encoder(frame)
            if one_step:
                with torch.no_grad():
                    point = slots
                    for _ in range(self.iterations):
                        point = self.corrector(point, features)
                if one_step == "through":
                    point = point + (slots - slots.detach())
                slots = self.corrector(point, features)
            else:
                for _ in range(self.iterations):
                    slots = self.corrector(slots, features)
            corrected, slots = slots, self.predictor(slots)
            frames.append((corrected, slots, *self.decoder(corrected)))
            if cut and (t + 1) % cut == 0:
                slots = slots.detach()
        names = ("corrected", "predicted", "reconstruction", "images", "masks")
        out = {name: torch.stack(parts) for name, parts in zip(names, zip(*frames))}
        return ((out["reconstruction"] - target) ** 2).sum((0, 2, 3, 4)).mean(), out


def numbers(x):
    """Twelve digits say what 1e-9 needs."""
    return [float(f"{v:.12g}") for v in x.detach().flatten().tolist()]


rng = np.random.default_rng(0)
draw = lambda *shape: torch.tensor(rng.uniform(0, 1, shape).round(2))
video, target = draw(FRAMES, BATCH, RESOLUTION, RESOLUTION, 3), draw(FRAMES, BATCH, RESOLUTION, RESOLUTION, 3)
objects = {"boxes": draw(BATCH, SLOTS - 1, 4), "centers": draw(BATCH, SLOTS - 1, 2)}
given = torch.tensor(rng.normal(size=(BATCH, SLOTS, SIZE)).round(2))


def case(start, iterations=1, cut=None, one_step=None):
    model = Savi(start, iterations)
    with torch.no_grad():
        for p in model.parameters():
            p.copy_(torch.tensor(rng.normal(size=p.shape).round(2)) * (0.5 if p.ndim > 1 else 0.3))
    loss, out = model(video, target, objects.get(start), given, cut, one_step)
    loss.backward()
    return {
        "options": {"start": start, "iterations": iterations, "cut": cut, "oneStep": one_step},
        "params": {k: {"shape": list(v.shape), "data": numbers(v)} for k, v in model.named_parameters()},
        "loss": loss.item(),
        "outputs": {k: numbers(v) for k, v in out.items() if k in ("corrected", "predicted", "masks")},
        "gradients": {k: numbers(torch.zeros_like(v) if v.grad is None else v.grad)
                      for k, v in model.named_parameters()},
    }


print(json.dumps({
    "torch": torch.__version__,
    "video": numbers(video),
    "target": numbers(target),
    "objects": {k: numbers(v) for k, v in objects.items()},
    "slots": numbers(given),
    "cases": [
        case("boxes"),
        case("centers", cut=2),
        case("learned", iterations=2),
        case("learned", one_step="through"),
        case("random", one_step="none"),
    ],
}))
