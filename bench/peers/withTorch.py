"""PyTorch's side: every workload as a PyTorch user writes it, run eagerly."""

import os

import torch
import torch.nn.functional as F

from common import discovery_params, grid, noise, serve, slot_params

torch.set_num_threads(len(os.sched_getaffinity(0)))


def tensors(tree, requires_grad=True):
    """A tree of arrays as one of tensors."""
    if isinstance(tree, dict):
        return {k: tensors(v) for k, v in tree.items()}
    if isinstance(tree, list):
        return [tensors(v) for v in tree]
    return torch.tensor(tree, requires_grad=requires_grad)


def leaves(tree):
    if isinstance(tree, torch.Tensor):
        return [tree]
    return [x for v in (tree.values() if isinstance(tree, dict) else tree) for x in leaves(v)]


def layer_norm(p, x):
    return F.layer_norm(x, x.shape[-1:], p["weight"], p["bias"], 1e-3)


def slot_attention(p, inputs, iterations, adjoint):
    x = layer_norm(p["norm_inputs"], inputs)
    k, v = F.linear(x, p["key"]), F.linear(x, p["value"])

    def step(slots):
        b, s, d = slots.shape
        q = F.linear(layer_norm(p["norm_slots"], slots), p["query"]) * d**-0.5
        a = torch.softmax(torch.einsum("bnd,bsd->bns", k, q), -1) + 1e-8
        updates = torch.einsum("bns,bnd->bsd", a / a.sum(1, keepdim=True), v)
        slots = torch.gru_cell(
            updates.reshape(-1, d), slots.reshape(-1, d), p["wih"], p["whh"], p["bih"], p["bhh"]
        ).reshape(b, s, d)
        hidden = torch.relu(F.linear(layer_norm(p["norm_mlp"], slots), p["w1"], p["b1"]))
        return slots + F.linear(hidden, p["w2"], p["b2"])

    slots = p["start"].expand(inputs.shape[0], *p["start"].shape)
    if adjoint == "unrolled":
        for _ in range(iterations):
            slots = step(slots)
        return slots
    with torch.no_grad():
        for _ in range(iterations):
            slots = step(slots)
    return step(slots.detach())


def training(loss, params):
    optimizer = torch.optim.Adam(leaves(params), 1e-3)

    def call():
        optimizer.zero_grad()
        value = loss(params)
        value.backward()
        optimizer.step()
        return value.item()

    return call


def discovery_loss(p, image):
    x = image.permute(0, 3, 1, 2)
    for conv, stride in zip(p["convs"], (2, 2, 1)):
        # As many zeros as TensorFlow's "same" puts: fewer before than after when the stride is 2.
        x = F.pad(x, (0, 1, 0, 1)) if stride == 2 else F.pad(x, (1, 1, 1, 1))
        x = torch.relu(F.conv2d(x, conv["weight"], conv["bias"], stride))
    x = x.permute(0, 2, 3, 1)
    dense = lambda p, x: F.linear(x, p["weight"], p["bias"])
    x = x + dense(p["position"], torch.tensor(grid(*x.shape[1:3])))
    x = layer_norm(p["norm"], x.reshape(x.shape[0], -1, x.shape[-1]))
    x = dense(p["mlp"][1], torch.relu(dense(p["mlp"][0], x)))
    slots = slot_attention(p["slots"], x, 3, "oneStep")
    hidden = dense(p["slot"], slots)[:, :, None, None] + F.linear(
        torch.tensor(grid(32, 32)), p["grid"]
    )
    hidden = torch.relu(hidden)
    for layer in p["layers"][:-1]:
        hidden = torch.relu(dense(layer, hidden))
    drawn = dense(p["layers"][-1], hidden)
    masks = torch.softmax(drawn[..., 3], 1)
    return F.mse_loss((drawn[..., :3] * masks[..., None]).sum(1), image)


def generator(slots):
    """SLATE's greedy decoder with a cache for 64 tokens of 1,024, as a PyTorch user writes it, without gradients."""
    d, heads, length, vocabulary, count = 192, 4, 64, 1024, 4
    w = lambda seed, *shape: torch.tensor(noise(seed, shape, shape[-1] ** -0.5))
    attention = lambda seed: [w(seed + i, d, d) for i in range(4)]
    places, table, memory_w, head = w(1, 1 + length, d), w(2, vocabulary + 1, d), w(3, d, d), w(4, vocabulary, d)
    blocks = [(attention(20 * i + 10), attention(20 * i + 14), w(20 * i + 18, 4 * d, d), w(20 * i + 19, d, 4 * d))
              for i in range(count)]
    norm = lambda x: F.layer_norm(x, (d,))
    split = lambda x: x.unflatten(-1, (heads, -1)).transpose(1, 2)

    def attend(p, x, k, v):
        y = F.scaled_dot_product_attention(split(F.linear(x, p[0])), k, v)
        return F.linear(y.transpose(1, 2).flatten(2), p[3])

    @torch.inference_mode()
    def call():
        memory = F.linear(slots, memory_w)
        crossed = [(split(F.linear(memory, p[1])), split(F.linear(memory, p[2]))) for _, p, _, _ in blocks]
        shape = (len(slots), heads, length, d // heads)
        cache = [(torch.empty(shape), torch.empty(shape)) for _ in blocks]
        token, tokens = torch.full((len(slots),), -1), []
        for t in range(length):
            x = (table[token + 1] + places[t])[:, None]
            for i, (own, other, w1, w2) in enumerate(blocks):
                y = norm(x)
                k, v = cache[i]
                k[:, :, t : t + 1], v[:, :, t : t + 1] = split(F.linear(y, own[1])), split(F.linear(y, own[2]))
                x = (y if i == 0 else x) + attend(own, y, k[:, :, : t + 1], v[:, :, : t + 1])
                x = x + attend(other, norm(x), *crossed[i])
                x = x + F.linear(torch.relu(F.linear(norm(x), w1)), w2)
            token = F.linear(norm(x[:, 0]), head).argmax(-1)
            tokens.append(token)
        return torch.stack(tokens, 1)[0, 0].item()

    return call


def make(case):
    match case["workload"]:
        case "slotAttention":
            params, x = tensors(slot_params()), torch.tensor(noise(0, (8, 256, 64)))
            wanted = leaves(params)

            def call():
                slots = slot_attention(params, x, case["iterations"], case["adjoint"])
                loss = slots.square().mean()
                torch.autograd.grad(loss, wanted, allow_unused=True)
                return loss.item()

            return call
        case "mlp":
            x, labels = torch.tensor(noise(0, (64, 784))), torch.arange(64) % 10
            params = tensors([
                [noise(1, (256, 784), 1 / 28), noise(0, (256,), 0)],
                [noise(2, (10, 256), 1 / 16), noise(0, (10,), 0)],
            ])

            def loss(p):
                hidden = torch.relu(F.linear(x, *p[0]))
                return F.cross_entropy(F.linear(hidden, *p[1]), labels)

            return training(loss, params)
        case "conv":
            part = case["part"]
            x = torch.tensor(noise(0, (4, 64, 64, 64)), requires_grad=part == "input")
            w = torch.tensor(noise(1, (64, 64, 5, 5), 1 / 40), requires_grad=part == "filter")
            y = torch.tensor(noise(2, (4, 64, 64, 64)))

            def call():
                if part == "forward":
                    return F.conv2d(x, w, padding=2).flatten()[0].item()
                gradient = torch.ops.aten.convolution_backward(
                    y, x, w, None, (1, 1), (2, 2), (1, 1), False, (0, 0), 1,
                    (part == "input", part == "filter", False),
                )
                return gradient[0 if part == "input" else 1].flatten()[0].item()

            return call
        case "discovery":
            image = torch.tensor(noise(0, (16, 32, 32, 3)))
            return training(lambda p: discovery_loss(p, image), tensors(discovery_params()))
        case "elementwise":
            x, y = (torch.tensor(noise(s, (16, 7, 64))) for s in (0, 1))

            def call():
                z = x
                for _ in range(100):
                    z = z * 0.999 + y
                return z.flatten()[0].item()

            return call
        case "generation":
            return generator(torch.tensor(noise(0, (16, 7, 192))))
        case "matmul":
            n = case["size"]
            x, y = torch.tensor(noise(0, (n, n))), torch.tensor(noise(1, (n, n)))
            return lambda: (x @ y).flatten()[0].item()


serve(make, {"torch": torch.__version__})
