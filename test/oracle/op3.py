"""Golden numbers for test/models/op3.test.ts: python -P test/oracle/op3.py > test/fixtures/op3.json

OP3 (Veerapaneni et al., 2020) as src/models/op3.ts describes it, written again in PyTorch, small, in float64: the loss of each
step of a schedule, what is drawn last, and all gradients, with actions and without, and with the derivative cut.
"""

import json
import math

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)
BATCH, SLOTS, SIDE, D, Z, A, EFFECT, MEMORY, CHANNELS, HIDDEN = 2, 3, 4, 2, 3, 2, 2, 4, 3, 5
SIGMA, BETA = 0.5, 0.7
R = D + Z
generator = torch.Generator().manual_seed(0)


def normal(*shape):
    # Numbers of float32, so that both sides begin with the same ones.
    return torch.randn(*shape, generator=generator).float().double()


def affine(name, out, *into):
    return {f"{name}.weight": 0.4 * normal(out, *into), f"{name}.bias": 0.4 * normal(out)}


def norm(name, n):
    return {f"norms.{name}.weight": 1 + 0.2 * normal(n), f"norms.{name}.bias": 0.2 * normal(n)}


def pair(name, *sizes):
    a, b, c = sizes
    return {**affine(f"{name}.hidden", b, a), **affine(f"{name}.out", c, b)}


def parameters(actions):
    w = {
        "start.deterministic": normal(D),
        "start.posterior": normal(2 * Z),
        **affine("decoder.0", CHANNELS, R + 2, 3, 3),
        **affine("decoder.1", 4, CHANNELS, 3, 3),
        **norm("mask", 1), **norm("likelihood", 1), **norm("without", 1), **norm("colors", 3),
        **norm("mean", Z), **norm("scale", Z),
        **affine("encoder.convs.0", CHANNELS, 17, 3, 3),
        **affine("encoder.hidden", HIDDEN, CHANNELS),
        "memory.weightIh": 0.4 * normal(4 * MEMORY, HIDDEN + 5 * Z),
        "memory.weightHh": 0.4 * normal(4 * MEMORY, MEMORY),
        "memory.biasIh": 0.4 * normal(4 * MEMORY),
        "memory.biasHh": 0.4 * normal(4 * MEMORY),
        **affine("mean", Z, MEMORY),
        **affine("scale", Z, MEMORY),
        **pair("dynamics.inertia", R, R, R),
        **pair("dynamics.pair", 2 * R, 2 * R, R),
        **pair("dynamics.effect", R, R, EFFECT),
        **pair("dynamics.attention", R, R, 1),
        **pair("dynamics.merge", R + EFFECT, R, R),
        **pair("dynamics.heads.deterministic", R, R, D),
        **pair("dynamics.heads.mean", R, R, Z),
        **pair("dynamics.heads.scale", R, R, Z),
    }
    if actions:
        w |= pair("dynamics.action.encode", A, R, EFFECT)
        w |= pair("dynamics.action.effect", R + EFFECT, R, R)
        w |= pair("dynamics.action.attention", R + EFFECT, R, 1)
    return w


def linear(w, name, x):
    return F.linear(x, w[f"{name}.weight"], w[f"{name}.bias"])


def two(w, name, x, activation=lambda x: x):
    return activation(linear(w, f"{name}.out", F.elu(linear(w, f"{name}.hidden", x))))


def conv(w, name, x):
    return F.conv2d(x, w[f"{name}.weight"], w[f"{name}.bias"], padding=1)


side = torch.linspace(-1, 1, SIDE)
ys, xs = torch.meshgrid(side, side, indexing="ij")
coordinates = torch.stack([xs, ys])


def deviation(s):
    return (F.softplus(s.clamp(max=80)) + 1e-5).sqrt()


def sample(z):
    mean, s = z["lambda"].chunk(2, -1)
    return mean + deviation(s) * z["noise"]


def decode(w, z):
    x = torch.cat([z["d"], sample(z)], -1).flatten(0, 1)[:, :, None, None].expand(-1, -1, SIDE, SIDE)
    x = torch.cat([x, coordinates.expand(len(x), -1, -1, -1)], 1)
    x = conv(w, "decoder.1", F.elu(conv(w, "decoder.0", x))).unflatten(0, (BATCH, SLOTS))
    return x[:, :, :3], x[:, :, 3]


def densities(colors, image):
    return torch.exp(-(colors - image[:, None]).square().sum(2) / (3 * 2 * SIGMA**2)) / (SIGMA**3 * 248.05)


def loss_of(z, colors, mask, image):
    likelihood = (mask * densities(colors, image)).sum(1)
    normals = []
    for name in ("lambda", "prior"):
        mean, s = z[name].chunk(2, -1)
        normals.append(torch.distributions.Normal(mean, deviation(s)))
    kl = torch.distributions.kl_divergence(*normals).sum((1, 2))
    return -torch.log(likelihood + 1e-12).sum((1, 2)) + BETA * kl


def standard(w, name, x, axes, eps):
    x = x.detach()
    x = (x - x.mean(axes, keepdim=True)) / (x.std(axes, keepdim=True) + eps)
    shape = [-1] + [1] * (2 if len(axes) > 1 else 0)
    return x * w[f"norms.{name}.weight"].reshape(shape) + w[f"norms.{name}.bias"].reshape(shape)


def refine(w, z, image, noise):
    colors, logits = decode(w, z)
    mask = logits.softmax(1)
    total = loss_of(z, colors, mask, image).mean()
    # The prior is a number to the gradient that is seen.
    dc, dm, dl = torch.autograd.grad(total, [colors, mask, z["lambda"]], retain_graph=True)
    p = densities(colors, image)
    likelihood = (mask * p).sum(1)
    every = lambda x: x[:, None].expand(-1, SLOTS, *x.shape[1:])
    image_norm = lambda name, x: standard(w, name, x, (2, 3, 4), 1e-5)
    a = torch.cat([
        every(image), colors, mask[:, :, None], logits[:, :, None],
        (p / (p.sum(1, keepdim=True) + 1e-8))[:, :, None],
        image_norm("mask", dm[:, :, None]),
        image_norm("likelihood", every(likelihood)[:, :, None]),
        image_norm("without", (likelihood[:, None] - mask * p)[:, :, None]),
        image_norm("colors", dc),
        coordinates.expand(BATCH, SLOTS, -1, -1, -1),
    ], 2)
    h = F.elu(conv(w, "encoder.convs.0", a.flatten(0, 1))).mean((2, 3))
    h = F.elu(linear(w, "encoder.hidden", h)).unflatten(0, (BATCH, SLOTS))
    d1, d2 = dl.chunk(2, -1)
    h = torch.cat([
        h, standard(w, "mean", d1, (-1,), 1e-6), standard(w, "scale", d2, (-1,), 1e-6), z["lambda"], sample(z)
    ], -1)
    gates = F.linear(h, w["memory.weightIh"], w["memory.biasIh"]) + F.linear(
        z["h"], w["memory.weightHh"], w["memory.biasHh"])
    i, f, g, o = gates.chunk(4, -1)
    c = f.sigmoid() * z["c"] + i.sigmoid() * g.tanh()
    h = o.sigmoid() * c.tanh()
    return z | {"lambda": torch.cat([linear(w, "mean", h), linear(w, "scale", h)], -1), "h": h, "c": c, "noise": noise}


def dynamics(w, z, action, noise):
    e = two(w, "dynamics.inertia", torch.cat([z["d"], sample(z)], -1), F.elu)
    if action is not None:
        known = two(w, "dynamics.action.encode", action, F.elu)[:, None].expand(-1, SLOTS, -1)
        both = torch.cat([e, known], -1)
        e = two(w, "dynamics.action.effect", both, F.elu) * two(w, "dynamics.action.attention", both, torch.sigmoid)
    effects = []
    for i in range(SLOTS):
        effect = 0
        for j in range(SLOTS):
            if i == j:
                continue
            p = two(w, "dynamics.pair", torch.cat([e[:, i], e[:, j]], -1), F.elu)
            effect = effect + two(w, "dynamics.effect", p, F.elu) * two(w, "dynamics.attention", p, torch.sigmoid)
        effects.append(effect)
    m = two(w, "dynamics.merge", torch.cat([e, torch.stack(effects, 1)], -1), F.elu)
    lam = torch.cat([two(w, f"dynamics.heads.{x}", m) for x in ("mean", "scale")], -1)
    zero = torch.zeros(BATCH, SLOTS, MEMORY)
    return {"d": two(w, "dynamics.heads.deterministic", m), "lambda": lam, "prior": lam, "noise": noise, "h": zero, "c": zero}


def run(w, schedule, video, actions, noise, cut):
    zero = torch.zeros(BATCH, SLOTS, MEMORY)
    flat = torch.zeros(BATCH, SLOTS, Z)
    z = {
        "d": w["start.deterministic"].expand(BATCH, SLOTS, -1),
        "lambda": w["start.posterior"].expand(BATCH, SLOTS, -1),
        "prior": torch.cat([flat, flat + math.log(math.e - 1)], -1),
        "noise": noise[0], "h": zero, "c": zero,
    }
    losses, frame = [], 0
    for t, kind in enumerate(schedule):
        if cut is not None and t > 0 and t % cut == 0:
            z = {name: x.detach() for name, x in z.items()}
            z["lambda"].requires_grad_()
        if kind == "refine":
            z = refine(w, z, video[frame], noise[t + 1])
        else:
            z = dynamics(w, z, None if actions is None else actions[frame], noise[t + 1])
            frame += 1
        colors, logits = decode(w, z)
        losses.append(loss_of(z, colors, logits.softmax(1), video[frame]))
    losses = torch.stack(losses)
    weights = torch.arange(1.0, len(schedule) + 1)
    total = (losses.mean(1) * weights).sum() / weights.sum()
    return total, losses, (colors * logits.softmax(1)[:, :, None]).sum(1)


cases = []
for schedule, acted, cut in [
    (["refine", "refine", "dynamics", "refine"], True, None),
    (["refine", "dynamics", "dynamics"], False, None),
    (["refine", "dynamics", "refine"], True, 1),
]:
    w = {name: x.requires_grad_() for name, x in parameters(acted).items()}
    frames = 1 + schedule.count("dynamics")
    video = torch.rand(frames, BATCH, 3, SIDE, SIDE, generator=generator).float().double()
    actions = normal(frames - 1, BATCH, A) if acted else None
    noise = normal(len(schedule) + 1, BATCH, SLOTS, Z)
    for t, kind in enumerate(schedule):
        if kind == "dynamics":
            noise[t + 1] = 0  # the dynamics take the mean in these cases
    total, losses, last = run(w, schedule, video, actions, noise, cut)
    gradient = torch.autograd.grad(total, list(w.values()), allow_unused=True)
    listed = lambda x: None if x is None else [float(f"{v:.12g}") for v in x.detach().flatten().tolist()]
    cases.append({
        "schedule": schedule,
        "truncate": cut,
        "video": listed(video.movedim(2, -1)),
        "actions": listed(actions),
        "noise": listed(noise),
        "params": {n: {"shape": list(x.shape), "data": x.flatten().tolist()} for n, x in w.items()},
        "loss": total.item(),
        "losses": listed(losses),
        "last": listed(last.movedim(1, -1)),
        "gradient": {n: listed(torch.zeros_like(x) if g is None else g) for (n, x), g in zip(w.items(), gradient)},
    })

print(json.dumps({"sigma": SIGMA, "beta": BETA, "cases": cases}))
