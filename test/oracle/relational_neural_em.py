"""Golden numbers for test/models/relationalNeuralEm.test.ts:
python -P test/oracle/relational_neural_em.py > test/fixtures/relational-neural-em.json

R-NEM (van Steenkiste et al., 2018), and RNN-EM for videos, written again in PyTorch from their description, small, in
float64, without noise: the loss and all gradients with attention, with plain sums of messages, and without messages; with the
derivative through time cut every so many frames; and a rollout, which has no target of its own.
"""

import json

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
FRAMES, BATCH, SLOTS, SIDE, HIDDEN, FEATURES, ATTENTION, CHANNELS = 4, 2, 3, 8, 5, 6, 4, (2, 3)
EPS = 1e-12
generator = torch.Generator().manual_seed(0)


def normal(*shape):
    # Numbers of float32, so that both sides begin with the same ones.
    return torch.randn(*shape, generator=generator).float().double()


video = (normal(FRAMES, BATCH, SIDE, SIDE) > 0).double()
first = normal(BATCH, SLOTS, SIDE * SIDE).abs()
first = (first / first.sum(1, keepdim=True)).float().double()


def layer(name, out, *into):
    return {
        f"{name}.linear.weight": 0.5 * normal(out, *into),
        f"{name}.linear.bias": 0.5 * normal(out),
        f"{name}.norm.weight": 1 + 0.2 * normal(out),
        f"{name}.norm.bias": 0.2 * normal(out),
    }


def parameters(kind):
    w = {
        **layer("encoder.convs.0", CHANNELS[0], 1, 4, 4),
        **layer("encoder.convs.1", CHANNELS[1], CHANNELS[0], 4, 4),
        **layer("encoder.linear.0", FEATURES, 2 * 2 * CHANNELS[1]),
        "norm.weight": 1 + 0.2 * normal(HIDDEN),
        "norm.bias": 0.2 * normal(HIDDEN),
        "recurrent.weight": normal(HIDDEN, FEATURES + (1 if kind == "none" else 2) * HIDDEN),
        "recurrent.bias": normal(HIDDEN),
        **layer("decoder.linear.0", FEATURES, HIDDEN),
        **layer("decoder.linear.1", 2 * 2 * CHANNELS[1], FEATURES),
        **layer("decoder.convs.0", CHANNELS[0], CHANNELS[1], 4, 4),
        "decoder.last.weight": normal(1, CHANNELS[0], 4, 4),
        "decoder.last.bias": normal(1),
    }
    if kind != "none":
        w |= layer("messages.encode", HIDDEN, HIDDEN)
        w |= layer("messages.core", HIDDEN, 2 * HIDDEN)
        w |= layer("messages.context", HIDDEN, HIDDEN)
    if kind == "attention":
        w |= layer("messages.attention.hidden", ATTENTION, HIDDEN)
        w |= {"messages.attention.out.weight": normal(1, ATTENTION)}
        w |= {"messages.attention.out.bias": normal(1)}
    return w


def standardized(x, axes):
    mean = x.mean(axes, keepdim=True)
    return (x - mean) / ((x - mean).square().mean(axes, keepdim=True) + EPS).sqrt()


def linear(w, name, x, activation):
    x = standardized(F.linear(x, w[f"{name}.linear.weight"], w[f"{name}.linear.bias"]), (-1,))
    return activation(x * w[f"{name}.norm.weight"] + w[f"{name}.norm.bias"])


def conv(w, name, x, stride, activation):
    # TensorFlow's SAME padding for a window of 4: one on each side with stride 2, one before and two after with stride 1.
    after = 1 if stride == 2 else 2
    x = F.pad(x, (1, after, 1, after))
    x = F.conv2d(x, w[f"{name}.linear.weight"], w[f"{name}.linear.bias"], stride)
    gain, bias = w[f"{name}.norm.weight"], w[f"{name}.norm.bias"]
    return activation(standardized(x, (1, 2, 3)) * gain[:, None, None] + bias[:, None, None])


def doubled(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def encode(w, x):
    x = conv(w, "encoder.convs.1", conv(w, "encoder.convs.0", x, 2, F.elu), 2, F.elu)
    return linear(w, "encoder.linear.0", x.movedim(1, -1).flatten(1), F.elu)


def decode(w, h):
    x = linear(w, "decoder.linear.0", h, F.relu)
    x = linear(w, "decoder.linear.1", x, F.relu).reshape(-1, 2, 2, CHANNELS[1]).movedim(-1, 1)
    x = conv(w, "decoder.convs.0", doubled(x), 1, F.relu)
    x = F.conv2d(F.pad(doubled(x), (1, 2, 1, 2)), w["decoder.last.weight"], w["decoder.last.bias"])
    return x.sigmoid()


def interact(w, kind, theta):
    """Each component is told by all others, written as a loop over pairs."""
    e = linear(w, "messages.encode", theta, F.relu)
    effects = []
    for k in range(SLOTS):
        effect = torch.zeros(BATCH, HIDDEN)
        for j in range(SLOTS):
            if j == k:
                continue
            core = linear(w, "messages.core", torch.cat([e[:, k], e[:, j]], -1), F.relu)
            message = linear(w, "messages.context", core, F.relu)
            if kind == "attention":
                a = linear(w, "messages.attention.hidden", core, torch.tanh)
                out = [w[f"messages.attention.out.{x}"] for x in ("weight", "bias")]
                message = message * F.linear(a, *out).sigmoid()
            effect = effect + message
        effects.append(effect)
    return e, torch.stack(effects, 1)


def step(w, kind, state, image, target):
    theta, psi, gamma = state
    if image is None:
        image = (gamma * psi).sum(1)
    delta = gamma.detach() * (image[:, None] - psi)
    u = encode(w, delta.reshape(BATCH * SLOTS, 1, SIDE, SIDE)).reshape(BATCH, SLOTS, FEATURES)
    parts = [u, theta] if kind == "none" else [*interact(w, kind, theta), u]
    h = F.linear(torch.cat(parts, -1), w["recurrent.weight"], w["recurrent.bias"])
    out = (standardized(h, (-1,)) * w["norm.weight"] + w["norm.bias"]).sigmoid()
    psi = decode(w, out.reshape(BATCH * SLOTS, HIDDEN)).reshape(BATCH, SLOTS, SIDE * SIDE)
    if target is None:
        target = (psi.max(1).values > 0.1).double()
    p = target[:, None] * psi + (1 - target[:, None]) * (1 - psi) + 1e-6
    return h.sigmoid(), psi, (p / p.sum(1, keepdim=True)).detach()


def start():
    return torch.zeros(BATCH, SLOTS, HIDDEN), torch.zeros_like(first), first


def energy(psi, gamma, x, prior):
    psi, x = psi.clamp(1e-6, 1 - 1e-6), x[:, None]
    bce = -(x * psi.log() + (1 - x) * (1 - psi).log())
    return (gamma * bce - prior * (1 - gamma) * (1 - psi).log()).sum((1, 2))


flat = video.flatten(2)
weights = {kind: parameters(kind) for kind in ("attention", "plain", "none")}
cases = []
for kind, cut, prior in [
    ("attention", None, 1.0),
    ("plain", None, 1.0),
    ("none", None, 1.0),
    ("attention", 1, 1.0),
    ("none", 2, 0.5),
]:
    w = {name: x.clone().requires_grad_() for name, x in weights[kind].items()}
    state, total = start(), 0
    for t in range(FRAMES - 1):
        if cut is not None and t > 0 and t % cut == 0:
            state = tuple(x.detach() for x in state)
        state = step(w, kind, state, flat[t], flat[t + 1])
        total = total + energy(state[1], state[2], flat[t + 1], prior).mean() / (FRAMES - 1)
    gradient = torch.autograd.grad(total, list(w.values()))
    # Two frames further than the last.
    with torch.no_grad():
        rolled = state
        rolled = step(w, kind, rolled, flat[FRAMES - 1], None)
        rolled = step(w, kind, rolled, None, None)
    cases.append({
        "messages": kind,
        "truncate": cut,
        "priorWeight": prior,
        "loss": total.item(),
        "picture": state[1].flatten().tolist(),
        "assignment": state[2].flatten().tolist(),
        "rolled": rolled[1].flatten().tolist(),
        "gradient": {name: g.flatten().tolist() for name, g in zip(w, gradient)},
    })

listed = lambda x: x.flatten().tolist()
print(json.dumps({
    "video": listed(video),
    "first": listed(first),
    "weights": {
        kind: {n: {"shape": list(x.shape), "data": listed(x)} for n, x in w.items()}
        for kind, w in weights.items()
    },
    "cases": cases,
}))
