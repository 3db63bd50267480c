"""Golden numbers for test/models/multisetPrediction.test.ts:
python test/oracle/multiset_prediction.py > test/fixtures/multiset-prediction.json

iDSPN (Zhang et al., 2022) written again in PyTorch from its description, small, in float64. The descent is torch's SGD with
Nesterov's momentum; the gradient is that of plain descent at the last set but one ("implicit"), or that of all steps
("unrolled"). Chamfer distances and the matching are left to other tests: the loss is a weighted sum of the set.
"""

import json

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
BATCH, OBJECTS, SIZE, LATENT, HIDDEN, STEPS, SIDE, CHANNELS = 2, 3, 4, 5, 6, 4, 4, 2
generator = torch.Generator().manual_seed(0)


def normal(*shape):
    # Numbers of float32, so that both sides begin with the same ones.
    return torch.randn(*shape, generator=generator).float().double()


image = normal(BATCH, SIDE, SIDE, 3)
first = normal(BATCH, OBJECTS, SIZE)
weights = normal(BATCH, OBJECTS, SIZE)
names = {
    "image.convs.0.weight": normal(CHANNELS, 3, 3, 3),
    "image.convs.0.bias": normal(CHANNELS),
    "image.out.weight": normal(LATENT, 2 * 2 * CHANNELS),
    "image.out.bias": normal(LATENT),
    "set.mlp.0.weight": normal(HIDDEN, SIZE),
    "set.mlp.0.bias": normal(HIDDEN),
    "set.mlp.1.weight": normal(LATENT, HIDDEN),
    "set.mlp.1.bias": normal(LATENT),
    "set.pool": normal(OBJECTS, LATENT),
}


def encode_image(w):
    # TensorFlow's SAME padding: nothing before and one after for a window of 3 with stride 2.
    x = F.pad(image.movedim(-1, 1), (0, 1, 0, 1))
    x = F.relu(F.conv2d(x, w["image.convs.0.weight"], w["image.convs.0.bias"], 2))
    return F.linear(x.movedim(1, -1).flatten(1), w["image.out.weight"], w["image.out.bias"])


def encode_set(w, y):
    h = F.relu(F.linear(y, w["set.mlp.0.weight"], w["set.mlp.0.bias"]))
    h = F.linear(h, w["set.mlp.1.weight"], w["set.mlp.1.bias"])
    return (h.sort(dim=1).values * w["set.pool"]).sum(1)


def slope(w, y, z, graph):
    objective = (0.5 * (encode_set(w, y) - z) ** 2).mean(-1).sum()
    (g,) = torch.autograd.grad(objective, y, create_graph=graph)
    return g


def clipped(g, most):
    norm = g.detach().flatten(1).norm(dim=1)[:, None, None]
    return g * (most / (norm + 1e-6)).clamp(max=1)


def implicit(w, rate, momentum, most):
    z = encode_image(w)
    y = first.clone().requires_grad_()
    sgd = torch.optim.SGD([y], lr=rate, momentum=momentum, nesterov=momentum > 0)
    for t in range(STEPS):
        last = y.detach().clone()
        y.grad = clipped(slope({k: v.detach() for k, v in w.items()}, y, z.detach(), False), most)
        sgd.step()
    at = last.requires_grad_()
    return y.detach() + (-slope(w, at, z, True)) - (-slope(w, at, z, True)).detach()


def unrolled(w, rate, momentum, most):
    z = encode_image(w)
    y, v = first.clone().requires_grad_(), 0
    for t in range(STEPS):
        g = clipped(slope(w, y, z, True), most)
        v = momentum * v + g
        y = y - rate * (g + momentum * v)
    return y


cases = []
for kind, rate, momentum, most in [
    ("implicit", 1.0, 0.9, 10.0),
    ("implicit", 0.5, 0.0, 0.3),
    ("unrolled", 0.2, 0.9, 10.0),
    ("unrolled", 0.2, 0.5, 0.3),
]:
    w = {name: x.clone().requires_grad_() for name, x in names.items()}
    found = {"implicit": implicit, "unrolled": unrolled}[kind](w, rate, momentum, most)
    loss = (found * weights).sum()
    gradient = torch.autograd.grad(loss, list(w.values()))
    cases.append({
        "adjoint": kind,
        "rate": rate,
        "momentum": momentum,
        "clip": most,
        "found": found.flatten().tolist(),
        "gradient": {name: g.flatten().tolist() for name, g in zip(w, gradient)},
    })

flat = lambda x: x.flatten().tolist()
print(json.dumps({
    "image": flat(image),
    "first": flat(first),
    "weights": flat(weights),
    "params": {name: {"shape": list(x.shape), "data": flat(x)} for name, x in names.items()},
    "cases": cases,
}))
