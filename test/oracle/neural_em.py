"""Golden numbers for test/models/neuralEm.test.ts: python test/oracle/neural_em.py > test/fixtures/neural-em.json

N-EM and RNN-EM (Greff et al., 2017) written again in PyTorch from their description, small, in float64: the loss and all
gradients after three steps, for each cell, with and without the gradient through the assignments, on the last step or
on all, unrolled and with one step from the detached iterate (without noise). `pull` is the share of the energy that the
prior has.
"""

import json

import torch

torch.set_default_dtype(torch.float64)
BATCH, SLOTS, PIXELS, HIDDEN, STEPS = 2, 3, 8, 4, 3
generator = torch.Generator().manual_seed(0)


def normal(*shape):
    # Numbers of float32, so that both sides begin with the same ones.
    return torch.randn(*shape, generator=generator).float().double()


image = (normal(BATCH, PIXELS) > 0).double()
first = normal(BATCH, SLOTS, PIXELS).abs()
first = (first / first.sum(1, keepdim=True)).float().double()
weights = {
    "rnn": {
        "recurrent.weight": normal(HIDDEN, PIXELS + HIDDEN),
        "recurrent.bias": normal(HIDDEN),
        "draw.weight": normal(PIXELS, HIDDEN),
        "draw.bias": normal(PIXELS),
    },
    "gradient": {"weight": normal(PIXELS, HIDDEN), "rate": torch.tensor(0.75)},
}


def cell(kind, w, theta, delta):
    if kind == "rnn":
        joined = torch.cat([delta, theta], -1)
        theta = torch.sigmoid(joined @ w["recurrent.weight"].T + w["recurrent.bias"])
        return theta, torch.sigmoid(theta @ w["draw.weight"].T + w["draw.bias"])
    # The step is written as the derivative that it stands for.
    def expected(theta):
        psi = torch.sigmoid(torch.sigmoid(theta) @ w["weight"].T)
        return psi

    active = torch.sigmoid(theta)
    theta = theta + w["rate"] * active * (1 - active) * (delta @ w["weight"])
    return theta, expected(theta)


def energy(psi, gamma, x, prior):
    psi = psi.clamp(1e-6, 1 - 1e-6)
    bce = -(x * psi.log() + (1 - x) * (1 - psi).log())
    return (gamma * bce - prior * (1 - gamma) * (1 - psi).log()).sum((1, 2))


def loss(kind, w, through, all_steps, one_step, prior):
    theta = torch.zeros(BATCH, SLOTS, HIDDEN)
    psi = torch.zeros(BATCH, SLOTS, PIXELS)
    gamma, x, total = first, image[:, None], 0
    steps = STEPS + 1 if one_step else STEPS
    for t in range(steps):
        if one_step and t == STEPS:
            theta, psi, gamma = theta.detach(), psi.detach(), gamma.detach()
        stop = (lambda g: g) if through else (lambda g: g.detach())
        theta, psi = cell(kind, w, theta, stop(gamma) * (x - psi))
        p = x * psi + (1 - x) * (1 - psi) + 1e-6
        gamma = p / p.sum(1, keepdim=True)
        e = energy(psi, stop(gamma), x, prior)
        total = total + e if all_steps else e
    return total.mean(), psi, gamma


cases = []
for kind in weights:
    for through, all_steps, one_step, prior in [
        (True, False, False, 1.0),
        (False, False, False, 1.0),
        (False, True, False, 0.5),
        (True, True, False, 1.0),
        (False, False, True, 1.0),
        (True, False, True, 1.0),
    ]:
        w = {name: x.clone().requires_grad_() for name, x in weights[kind].items()}
        value, psi, gamma = loss(kind, w, through, all_steps, one_step, prior)
        grads = torch.autograd.grad(value, list(w.values()))
        cases.append({
            "cell": kind,
            "assignmentGradient": through,
            "lossOn": "all" if all_steps else "last",
            "oneStep": one_step,
            "priorWeight": prior,
            "loss": value.item(),
            "picture": psi.tolist(),
            "assignment": gamma.tolist(),
            "gradient": {name: g.tolist() for name, g in zip(w, grads)},
        })

print(json.dumps({
    "image": image.tolist(),
    "first": first.tolist(),
    "weights": {k: {n: x.tolist() for n, x in w.items()} for k, w in weights.items()},
    "cases": cases,
}))
