"""Golden numbers for test/models/inception.test.ts: python test/oracle/inception.py > test/fixtures/inception.json

Inception v3 as FID has it (Heusel et al., 2017; pytorch-fid's variant of the pools), written again in PyTorch from its
description, with a sixteenth of the width and weights of a formula that the test computes again: no weights are downloaded.
"""

import json
import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

torch.set_default_dtype(torch.float64)
SHRINK = 16


class Conv(nn.Module):
    def __init__(self, i, o, kernel, stride=1, padding=0):
        super().__init__()
        self.conv = nn.Conv2d(i, o, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(o, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


def w(channels):
    return channels // SHRINK


def average(x):
    return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class A(nn.Module):
    def __init__(self, i, pool):
        super().__init__()
        self.branch1x1 = Conv(i, w(64), 1)
        self.branch5x5_1 = Conv(i, w(48), 1)
        self.branch5x5_2 = Conv(w(48), w(64), 5, padding=2)
        self.branch3x3dbl_1 = Conv(i, w(64), 1)
        self.branch3x3dbl_2 = Conv(w(64), w(96), 3, padding=1)
        self.branch3x3dbl_3 = Conv(w(96), w(96), 3, padding=1)
        self.branch_pool = Conv(i, w(pool), 1)

    def forward(self, x):
        five = self.branch5x5_2(self.branch5x5_1(x))
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch1x1(x), five, double, self.branch_pool(average(x))], 1)


class B(nn.Module):
    def __init__(self, i):
        super().__init__()
        self.branch3x3 = Conv(i, w(384), 3, stride=2)
        self.branch3x3dbl_1 = Conv(i, w(64), 1)
        self.branch3x3dbl_2 = Conv(w(64), w(96), 3, padding=1)
        self.branch3x3dbl_3 = Conv(w(96), w(96), 3, stride=2)

    def forward(self, x):
        double = self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x)))
        return torch.cat([self.branch3x3(x), double, F.max_pool2d(x, 3, stride=2)], 1)


class C(nn.Module):
    def __init__(self, i, c7):
        super().__init__()
        c, out = w(c7), w(192)
        self.branch1x1 = Conv(i, out, 1)
        self.branch7x7_1 = Conv(i, c, 1)
        self.branch7x7_2 = Conv(c, c, (1, 7), padding=(0, 3))
        self.branch7x7_3 = Conv(c, out, (7, 1), padding=(3, 0))
        self.branch7x7dbl_1 = Conv(i, c, 1)
        self.branch7x7dbl_2 = Conv(c, c, (7, 1), padding=(3, 0))
        self.branch7x7dbl_3 = Conv(c, c, (1, 7), padding=(0, 3))
        self.branch7x7dbl_4 = Conv(c, c, (7, 1), padding=(3, 0))
        self.branch7x7dbl_5 = Conv(c, out, (1, 7), padding=(0, 3))
        self.branch_pool = Conv(i, out, 1)

    def forward(self, x):
        seven = self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x)))
        double = self.branch7x7dbl_1(x)
        for part in [self.branch7x7dbl_2, self.branch7x7dbl_3, self.branch7x7dbl_4, self.branch7x7dbl_5]:
            double = part(double)
        return torch.cat([self.branch1x1(x), seven, double, self.branch_pool(average(x))], 1)


class D(nn.Module):
    def __init__(self, i):
        super().__init__()
        self.branch3x3_1 = Conv(i, w(192), 1)
        self.branch3x3_2 = Conv(w(192), w(320), 3, stride=2)
        self.branch7x7x3_1 = Conv(i, w(192), 1)
        self.branch7x7x3_2 = Conv(w(192), w(192), (1, 7), padding=(0, 3))
        self.branch7x7x3_3 = Conv(w(192), w(192), (7, 1), padding=(3, 0))
        self.branch7x7x3_4 = Conv(w(192), w(192), 3, stride=2)

    def forward(self, x):
        three = self.branch3x3_2(self.branch3x3_1(x))
        seven = self.branch7x7x3_4(self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x))))
        return torch.cat([three, seven, F.max_pool2d(x, 3, stride=2)], 1)


class E(nn.Module):
    def __init__(self, i, pool):
        super().__init__()
        self.pool = pool
        self.branch1x1 = Conv(i, w(320), 1)
        self.branch3x3_1 = Conv(i, w(384), 1)
        self.branch3x3_2a = Conv(w(384), w(384), (1, 3), padding=(0, 1))
        self.branch3x3_2b = Conv(w(384), w(384), (3, 1), padding=(1, 0))
        self.branch3x3dbl_1 = Conv(i, w(448), 1)
        self.branch3x3dbl_2 = Conv(w(448), w(384), 3, padding=1)
        self.branch3x3dbl_3a = Conv(w(384), w(384), (1, 3), padding=(0, 1))
        self.branch3x3dbl_3b = Conv(w(384), w(384), (3, 1), padding=(1, 0))
        self.branch_pool = Conv(i, w(192), 1)

    def forward(self, x):
        three = self.branch3x3_1(x)
        double = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        return torch.cat([
            self.branch1x1(x),
            self.branch3x3_2a(three),
            self.branch3x3_2b(three),
            self.branch3x3dbl_3a(double),
            self.branch3x3dbl_3b(double),
            self.branch_pool(self.pool(x)),
        ], 1)


class Inception(nn.Module):
    def __init__(self):
        super().__init__()
        self.Conv2d_1a_3x3 = Conv(3, w(32), 3, stride=2)
        self.Conv2d_2a_3x3 = Conv(w(32), w(32), 3)
        self.Conv2d_2b_3x3 = Conv(w(32), w(64), 3, padding=1)
        self.Conv2d_3b_1x1 = Conv(w(64), w(80), 1)
        self.Conv2d_4a_3x3 = Conv(w(80), w(192), 3)
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = A(w(192), 32), A(w(256), 64), A(w(288), 64)
        self.Mixed_6a = B(w(288))
        self.Mixed_6b, self.Mixed_6c = C(w(768), 128), C(w(768), 160)
        self.Mixed_6d, self.Mixed_6e = C(w(768), 160), C(w(768), 192)
        self.Mixed_7a = D(w(768))
        self.Mixed_7b = E(w(1280), average)
        self.Mixed_7c = E(w(2048), lambda x: F.max_pool2d(x, 3, stride=1, padding=1))

    def forward(self, images):
        x = 2 * F.interpolate(images, size=(299, 299), mode="bilinear", align_corners=False) - 1
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(F.max_pool2d(x, 3, stride=2)))
        x = F.max_pool2d(x, 3, stride=2)
        for name in ["5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"]:
            x = getattr(self, f"Mixed_{name}")(x)
        return x.mean((2, 3))


def noise(n, salt):
    """Numbers in [-1, 1]: sin of odd multiples, that any language computes."""
    return np.sin((np.arange(n) + 1) * 12.9898 + salt)


def value(name, shape, salt):
    x = noise(math.prod(shape), salt)
    if name.endswith("conv.weight"):
        return x * 2 / math.sqrt(math.prod(shape[1:]))
    return {"weight": 1 + 0.3 * x, "bias": 0.2 * x, "running_mean": 0.1 * x, "running_var": 1 + 0.5 * x}[name.split(".")[-1]]


network = Inception().eval()
shapes = {name: list(x.shape) for name, x in network.state_dict().items() if "num_batches" not in name}
state = {name: torch.tensor(value(name, shape, i)).reshape(shape) for i, (name, shape) in enumerate(shapes.items())}
network.load_state_dict(state, strict=False)


def images(n, height, width, salt):
    return (noise(n * height * width * 3, salt).reshape(n, height, width, 3) + 1) / 2


batches = []
with torch.no_grad():
    for height, width in [(32, 32), (300, 310)]:
        x = images(2 if height == 32 else 1, height, width, height)
        features = network(torch.tensor(x).permute(0, 3, 1, 2)).numpy()
        batches.append({"height": height, "width": width, "features": features.round(9).tolist()})

print(json.dumps({"versions": {"torch": torch.__version__}, "shapes": shapes, "batches": batches}))
