"""Images of every kind that the decoder promises, and what Pillow makes of them: images.json.

Also Pillow's antialiased bilinear resize in float32. Written with Pillow 12.3.0, numpy 2.4.6:
python images.py
"""

import base64
import io
import json

import numpy as np
from PIL import Image

text = lambda data: base64.b64encode(data).decode()
y, x = np.mgrid[:11, :13]
smooth = np.stack([20 * y, 15 * x, 128 + 60 * np.sin(x / 4 + y / 5)], -1).astype(np.uint8)
alpha = np.concatenate([smooth, (9 * x + 2 * y).astype(np.uint8)[..., None]], -1)
deep = (5000 * y + 37 * x).astype(np.uint16)
kinds = {
    "rgb.png": (Image.fromarray(smooth), {}),
    "rgba.png": (Image.fromarray(alpha), {}),
    "grey.png": (Image.fromarray(smooth[..., 1]), {}),
    "grey-alpha.png": (Image.fromarray(alpha).convert("LA"), {}),
    "palette.png": (Image.fromarray(smooth).quantize(16), {}),
    "bits.png": (Image.fromarray(smooth[..., 2]).convert("1"), {}),
    "deep.png": (Image.fromarray(deep), {}),
    "baseline.jpg": (Image.fromarray(smooth), {"quality": 95, "subsampling": 0}),
    "progressive.jpg": (Image.fromarray(smooth), {"quality": 95, "subsampling": 0, "progressive": True}),
    "subsampled.jpg": (Image.fromarray(smooth), {"quality": 90, "subsampling": 2}),
    "grey.jpg": (Image.fromarray(smooth[..., 1]), {"quality": 95}),
}
decoded = {}
for name, (image, options) in kinds.items():
    file = io.BytesIO()
    image.save(file, {"png": "PNG", "jpg": "JPEG"}[name.split(".")[1]], **options)
    back = Image.open(io.BytesIO(file.getvalue()))
    if back.mode == "P":
        back = back.convert("RGB")
    pixels = np.array(back)
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    if back.mode.startswith("I"):
        pixels = np.round(pixels.astype(np.float64) / 257).astype(np.uint8)
    pixels = pixels.reshape(11, 13, -1)
    decoded[name] = {
        "file": text(file.getvalue()),
        "shape": pixels.shape,
        "pixels": text(pixels.astype(np.uint8).tobytes()),
    }

source = np.random.default_rng(0).random((11, 13)).astype(np.float32)
resized = [
    {
        "size": [height, width],
        "data": np.array(
            Image.fromarray(source).resize((width, height), Image.BILINEAR)
        ).ravel().round(6).tolist(),
    }
    for height, width in [(5, 6), (3, 13), (22, 26), (7, 30), (1, 1)]
]
with open("../../fixtures/data/images.json", "w") as file:
    json.dump(
        {"decoded": decoded, "source": source.ravel().round(8).tolist(), "resized": resized},
        file,
        default=float,
    )
