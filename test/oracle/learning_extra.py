"""What PyTorch and optax give where docs/coverage.md has no row: python test/oracle/learning_extra.py > test/fixtures/learning-extra.json

Layers of PyTorch with explicit parameters, and losses that optax keeps in a module of its own.
"""

import json

import jax.numpy as jnp
import numpy as np
import optax
import torch

torch.manual_seed(0)
float64 = torch.float64


def plain(x):
    x = np.asarray(x.detach() if isinstance(x, torch.Tensor) else x)
    return {"shape": list(x.shape), "data": x.ravel().tolist()}


def tree(of):
    if isinstance(of, dict):
        return {k: tree(v) for k, v in of.items()}
    return [tree(x) for x in of] if isinstance(of, list) else plain(of)


def batch_norm():
    layer = torch.nn.BatchNorm2d(3, momentum=0.3).to(float64)
    torch.nn.init.normal_(layer.weight)
    torch.nn.init.normal_(layer.bias)
    steps = []
    for _ in range(2):
        x = torch.randn(2, 3, 2, 2, dtype=float64) * 2 + 1
        y = layer(x).permute(0, 2, 3, 1)
        steps.append({"x": x.permute(0, 2, 3, 1), "y": y,
                      "mean": layer.running_mean.clone(), "variance": layer.running_var.clone()})
    layer.eval()
    return {"weight": layer.weight, "bias": layer.bias, "steps": steps,
            "evaluated": layer(x).permute(0, 2, 3, 1)}


def rms_norm():
    layer = torch.nn.RMSNorm(4, eps=1e-6).to(float64)
    torch.nn.init.normal_(layer.weight)
    x = torch.randn(3, 4, dtype=float64)
    return {"weight": layer.weight, "x": x, "y": layer(x)}


def transformer(norm_first):
    layer = torch.nn.TransformerEncoderLayer(
        4, 2, 6, dropout=0.0, activation="gelu", batch_first=True, norm_first=norm_first).to(float64)
    for p in layer.parameters():
        torch.nn.init.normal_(p, std=0.5)
    weight, bias = layer.self_attn.in_proj_weight.chunk(3), layer.self_attn.in_proj_bias.chunk(3)
    linear = lambda of: {"weight": of.weight, "bias": of.bias}
    attention = {n: {"weight": w, "bias": b} for n, w, b in zip(["query", "key", "value"], weight, bias)}
    x = torch.randn(2, 3, 4, dtype=float64)
    return {
        "params": {
            "attention": attention | {"out": linear(layer.self_attn.out_proj)},
            "mlp": [linear(layer.linear1), linear(layer.linear2)],
            "norm1": linear(layer.norm1), "norm2": linear(layer.norm2),
        },
        "x": x, "y": layer(x, src_mask=torch.nn.Transformer.generate_square_subsequent_mask(3, dtype=float64)),
    }


x = np.random.default_rng(0).normal(size=(3, 4)).astype("float32")
y, z = x[::-1] * 0.5, x * 2 - 1
p = np.abs(x) / np.abs(x).sum(-1, keepdims=True)
losses = {
    "perceptronLoss": optax.losses.perceptron_loss(jnp.array(x), jnp.sign(y)),
    "polyLossCrossEntropy": optax.losses.poly_loss_cross_entropy(jnp.array(x), jnp.array(p), epsilon=-1.0),
    "klDivergenceWithLogTargets": optax.losses.kl_divergence_with_log_targets(jnp.array(x), jnp.log(p)),
    "tripletMarginLoss": optax.losses.triplet_margin_loss(jnp.array(x), jnp.array(y), jnp.array(z), margin=0.5),
}
print(json.dumps(tree({
    "batchNorm": batch_norm(), "rmsNorm": rms_norm(), "pre": transformer(True), "post": transformer(False),
    "losses": losses, "x": x, "y": y, "z": z, "p": p,
})))
