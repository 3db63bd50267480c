"""A file by the official library, and its values as PyTorch reads them, for test/safetensors/safetensors.test.ts:
python test/oracle/safetensors_file.py > test/fixtures/safetensors.json
"""

import base64
import json

import torch
from safetensors.torch import save

x = torch.tensor([0.0, -0.0, 1.0, -2.5, 65504.0, 6e-8, 1e-5, 0.1, float("inf"), float("-inf"), float("nan")])
tensors = {
    "single": x,
    "double": x.double(),
    "half": x.half(),
    "brain": torch.cat([x, torch.tensor([1e38, 1e-40])]).bfloat16(),
    "byte": torch.tensor([[0, 127], [128, 255]], dtype=torch.uint8),
    "signed": torch.tensor([-128, 127], dtype=torch.int8),
    "short": torch.tensor([-32768, 32767], dtype=torch.int16),
    "int": torch.tensor([-(2**31), 2**31 - 1], dtype=torch.int32),
    "flags": torch.tensor([True, False]),
    "layer.num_batches_tracked": torch.tensor(7),
    "empty": torch.zeros([0, 3]),
}


def value(v):
    if v != v or v in (float("inf"), float("-inf")):
        return {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}[str(v)]
    return int(v) if isinstance(v, bool) else v


fixture = {
    "file": base64.b64encode(save(tensors, {"maker": "torch"})).decode(),
    "values": {
        name: {
            "shape": list(t.shape),
            "values": [value(v) for v in (t.double() if t.is_floating_point() else t).flatten().tolist()],
        }
        for name, t in tensors.items()
    },
}
print(json.dumps(fixture, indent=1))
