"""Golden numbers for test/nn: python test/oracle/nn.py > test/fixtures/nn.json

PyTorch's layers in float64: outputs, and gradients of a weighted sum of them, for all parameters and
inputs. Images are transposed to channels last; parameters keep PyTorch's layouts.
"""

import json

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)
rng = np.random.default_rng(0)
cases = {}


def numbers(*shape):
    return torch.tensor(rng.normal(size=shape).round(2))


def last(x):
    return x.movedim(1, -1)


def first(x):
    return x.movedim(-1, 1)


def case(name, f, inputs, params=None):
    """f(*inputs, **params) → a tensor or several."""
    params = params or {}
    leaves = [*inputs, *params.values()]
    leaves = [x.clone().requires_grad_(x.is_floating_point()) for x in leaves]
    own = leaves[:len(inputs)]
    named = dict(zip(params, leaves[len(inputs):]))
    outputs = f(*own, **named)
    outputs = outputs if isinstance(outputs, tuple) else (outputs,)
    weights = [numbers(*y.shape) for y in outputs]
    sum((y * w).sum() for y, w in zip(outputs, weights)).backward()
    lists = lambda xs: [x.detach().tolist() for x in xs]
    cases[name] = {
        "inputs": lists(own),
        "params": {k: v.detach().tolist() for k, v in named.items()},
        "outputs": lists(outputs),
        "weights": lists(weights),
        "gradients": {
            "inputs": [None if x.grad is None else x.grad.tolist() for x in own],
            "params": {k: v.grad.tolist() for k, v in named.items()},
        },
    }


case("linear", lambda x, weight, bias: F.linear(x, weight, bias), [numbers(2, 2, 3)],
     {"weight": numbers(4, 3), "bias": numbers(4)})

conv = lambda **o: lambda x, weight, bias: last(F.conv2d(first(x), weight, bias, **o))
case("conv", conv(), [numbers(1, 4, 5, 2)], {"weight": numbers(3, 2, 3, 2), "bias": numbers(3)})
case("convStride", conv(stride=(2, 1), padding=(1, 2)), [numbers(2, 5, 4, 2)],
     {"weight": numbers(2, 2, 3, 3), "bias": numbers(2)})
case("convSame", conv(padding="same", dilation=2), [numbers(1, 4, 5, 2)],
     {"weight": numbers(2, 2, 3, 2), "bias": numbers(2)})
case("convGroups", conv(groups=2, padding=1), [numbers(1, 3, 3, 4)],
     {"weight": numbers(4, 2, 3, 3), "bias": numbers(4)})
case("conv1d", lambda x, weight, bias: last(F.conv1d(first(x), weight, bias, stride=2, padding=1)),
     [numbers(2, 6, 2)], {"weight": numbers(3, 2, 3), "bias": numbers(3)})

transposed = lambda **o: lambda x, weight, bias: last(F.conv_transpose2d(first(x), weight, bias, **o))
case("convTranspose", transposed(), [numbers(1, 3, 2, 2)],
     {"weight": numbers(2, 3, 3, 2), "bias": numbers(3)})
case("convTransposeStride", transposed(stride=2, padding=2, output_padding=1), [numbers(1, 3, 2, 2)],
     {"weight": numbers(2, 1, 5, 5), "bias": numbers(1)})
case("convTransposeDilation", transposed(stride=(1, 3), padding=(1, 0), dilation=2),
     [numbers(1, 3, 2, 2)], {"weight": numbers(2, 2, 3, 2), "bias": numbers(2)})
case("convTranspose1d",
     lambda x, weight, bias: last(F.conv_transpose1d(first(x), weight, bias, stride=2)),
     [numbers(1, 4, 2)], {"weight": numbers(2, 3, 3), "bias": numbers(3)})

case("layerNorm", lambda x, weight, bias: F.layer_norm(x, (4,), weight, bias), [numbers(3, 4)],
     {"weight": numbers(4), "bias": numbers(4)})
case("layerNormTwoAxes", lambda x, weight, bias: F.layer_norm(x, (2, 3), weight, bias, 1e-3),
     [numbers(2, 2, 3)], {"weight": numbers(2, 3), "bias": numbers(2, 3)})
case("groupNorm", lambda x, weight, bias: last(F.group_norm(first(x), 2, weight, bias)),
     [numbers(2, 2, 3, 4)], {"weight": numbers(4), "bias": numbers(4)})


def cell(module, gates, state):
    def f(x, *s, weightIh, weightHh, biasIh, biasHh):
        ps = {"weight_ih": weightIh, "weight_hh": weightHh, "bias_ih": biasIh, "bias_hh": biasHh}
        return torch.func.functional_call(module, ps, (x, s[0] if state == 1 else s))
    params = {"weightIh": numbers(4 * gates, 3), "weightHh": numbers(4 * gates, 4),
              "biasIh": numbers(4 * gates), "biasHh": numbers(4 * gates)}
    return f, [numbers(2, 3), *(numbers(2, 4) for _ in range(state))], params


case("gruCell", *cell(nn.GRUCell(3, 4), 3, 1))
case("lstmCell", *cell(nn.LSTMCell(3, 4), 4, 2))


def gru_reset_before(x, h, weightIh, weightHh, biasIh, biasHh):
    """Keras's reset_after=False, with gates in the order r, z, n and both biases."""
    (wr, wz, wn), (ur, uz, un) = weightIh.chunk(3), weightHh.chunk(3)
    (br, bz, bn), (cr, cz, cn) = biasIh.chunk(3), biasHh.chunk(3)
    r = torch.sigmoid(F.linear(x, wr, br) + F.linear(h, ur, cr))
    z = torch.sigmoid(F.linear(x, wz, bz) + F.linear(h, uz, cz))
    n = torch.tanh(F.linear(x, wn, bn) + F.linear(r * h, un, cn))
    return (1 - z) * n + z * h


case("gruCellResetBefore", gru_reset_before, *cell(nn.GRUCell(3, 4), 3, 1)[1:])

mask = torch.tensor([[True, False, True], [True, True, False]])


def attention(q, k, v, masked=None, **p):
    module = nn.MultiheadAttention(4, 2, batch_first=True)
    names = {"in_proj_weight": torch.cat([p["queryWeight"], p["keyWeight"], p["valueWeight"]]),
             "in_proj_bias": torch.cat([p["queryBias"], p["keyBias"], p["valueBias"]]),
             "out_proj.weight": p["outWeight"], "out_proj.bias": p["outBias"]}
    options = {"attn_mask": None if masked is None else ~masked, "need_weights": False}
    return torch.func.functional_call(module, names, (q, k, v), options)[0]


heads = {f"{n}{k}": numbers(*shape) for n in ("query", "key", "value", "out")
         for k, shape in (("Weight", (4, 4)), ("Bias", (4,)))}
tokens = [numbers(1, 2, 4), numbers(1, 3, 4), numbers(1, 3, 4)]
case("attention", attention, tokens, heads)
case("attentionMask", attention, [*tokens, mask], heads)

points = torch.tensor([-40.0, -3.0, -1.0, -0.3, 0.0, 0.2, 1.0, 2.5, 40.0])
for name, f in {
    "relu": F.relu, "leakyRelu": F.leaky_relu, "elu": F.elu, "silu": F.silu,
    "softplus": lambda x: F.softplus(x, threshold=100), "gelu": F.gelu,
    "geluTanh": lambda x: F.gelu(x, approximate="tanh"), "sigmoid": torch.sigmoid,
    "tanh": torch.tanh, "softmax": lambda x: F.softmax(x, -1),
    "logSoftmax": lambda x: F.log_softmax(x, -1),
}.items():
    case(name, f, [points])

case("mse", F.mse_loss, [numbers(2, 3), numbers(2, 3)])
case("huber", lambda x, y: F.huber_loss(x, y, delta=0.5), [numbers(3, 4), numbers(3, 4)])
case("huberSum", lambda x, y: F.smooth_l1_loss(x, y, reduction="sum"),
     [numbers(3, 4) * 2, numbers(3, 4)])
case("crossEntropy", F.cross_entropy, [numbers(3, 4), torch.tensor([1, 3, 0])])
case("crossEntropySoft", F.cross_entropy, [numbers(2, 3), torch.tensor([[0.2, 0.3, 0.5],
                                                                       [1.0, 0.0, 0.0]])])
case("embedding", lambda i, weight: F.embedding(i, weight), [torch.tensor([[2, 0], [2, 1]])],
     {"weight": numbers(3, 4)})
case("pixelShuffle", lambda x: last(F.pixel_shuffle(first(x), 2)), [numbers(1, 2, 3, 8)])
resize = lambda size, mode: lambda x: last(F.interpolate(first(x), size, mode=mode))
case("resizeBilinear", resize((5, 3), "bilinear"), [numbers(1, 3, 4, 2)])
case("resizeNearest", resize((6, 5), "nearest"), [numbers(1, 3, 4, 2)])
case("resizeDown", resize((2, 3), "nearest"), [numbers(1, 5, 7, 1)])

print(json.dumps({"versions": {"torch": torch.__version__, "numpy": np.__version__},
                  "cases": cases}))
