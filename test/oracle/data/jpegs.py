"""JPEG files of every kind that is read, and digests of the pixels that Pillow (libjpeg-turbo) gives: jpegs.json.

Kinds that Pillow does not write are made by changing single bytes of others: what comes out is no picture, but a
valid file, of which both decoders must make the same pixels. Written with Pillow 12.3.0, libjpeg-turbo 3.1.4.1:
python jpegs.py
"""

import base64
import hashlib
import io
import json

import numpy as np
from PIL import Image

rng = np.random.default_rng(0)


def picture(height, width, channels):
    """Steep gradients, edges and noise, so that every step of decoding shows."""
    y, x = np.mgrid[:height, :width]
    waves = np.stack(
        [127 + 127 * np.sin(x / (1 + c) + y / (3 - c % 3)) for c in range(channels)], -1
    )
    waves[height // 3 :, : width // 2, 0] = 255
    waves[: height // 2, width // 3 :, -1] = 0
    noise = rng.normal(0, 12, waves.shape)
    data = np.clip(waves + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(data[..., 0] if channels == 1 else data, "CMYK" if channels == 4 else None)


def save(image, **options):
    file = io.BytesIO()
    image.save(file, "JPEG", **options)
    return bytearray(file.getvalue())


def segment(data, marker):
    """Where the body of the first segment with a marker begins."""
    at = 2
    while data[at + 1] != marker:
        at += 2 + (data[at + 2] << 8) + data[at + 3]
    return at + 4


def with_sampling(data, first, marker=0xC0):
    """Another sampling of the first component; the number of blocks must stay the same."""
    data[segment(data, marker) + 7] = first
    return data


def with_adobe(data, transform):
    """An Adobe segment behind the start of the image."""
    body = b"Adobe" + bytes([0, 100, 0, 0, 0, 0, transform])
    return data[:2] + b"\xff\xee" + bytes([0, 2 + len(body)]) + body + data[2:]


def without(data, marker):
    at = segment(data, marker) - 4
    length = (data[at + 2] << 8) + data[at + 3]
    return data[:at] + data[at + 2 + length :]


files = {}
for subsampling in (0, 1, 2):
    for progressive in (False, True):
        for height, width in ((1, 1), (3, 2), (7, 5), (16, 16), (19, 37)):
            name = f"444 422 420".split()[subsampling] + (" progressive" if progressive else "")
            files[f"{name} {height}x{width}"] = save(
                picture(height, width, 3), quality=85, subsampling=subsampling, progressive=progressive
            )
for height, width in ((5, 9), (24, 8)):
    files[f"grey {height}x{width}"] = save(picture(height, width, 1), quality=60)
    files[f"grey progressive {height}x{width}"] = save(picture(height, width, 1), progressive=True)
files["quality 5"] = save(picture(40, 40, 3), quality=5, subsampling=2)
files["quality 100"] = save(picture(33, 17, 3), quality=100, subsampling=2)
files["optimized"] = save(picture(33, 17, 3), quality=75, optimize=True)
files["restarts"] = save(picture(50, 70, 3), quality=75, restart_marker_blocks=2)
files["restarts progressive"] = save(
    picture(50, 70, 3), quality=75, restart_marker_rows=1, progressive=True
)
files["rgb"] = save(picture(20, 21, 3), quality=90, keep_rgb=True)
files["cmyk"] = save(picture(20, 21, 4), quality=90)
files["cmyk without adobe"] = without(save(picture(20, 21, 4), quality=90), 0xEE)
ycck = save(picture(20, 21, 4), quality=90)
ycck[segment(ycck, 0xEE) + 11] = 2
files["ycck"] = ycck
files["jfif and adobe rgb"] = with_adobe(save(picture(20, 21, 3), quality=90), 0)
files["no marker"] = without(save(picture(20, 21, 3), quality=90), 0xE0)
files["440"] = with_sampling(save(picture(32, 32, 3), quality=90, subsampling=1), 0x12)
files["440 progressive"] = with_sampling(
    save(picture(32, 32, 3), quality=90, subsampling=1, progressive=True), 0x12, 0xC2
)
files["411"] = with_sampling(save(picture(32, 32, 3), quality=90, subsampling=2), 0x41)
files["410 of 4 rows"] = with_sampling(save(picture(32, 32, 3), quality=90, subsampling=2), 0x14)
files["extended sequential"] = save(picture(20, 21, 3), quality=90)
files["extended sequential"][segment(files["extended sequential"], 0xC0) - 3] = 0xC1
out = {}
for name, data in files.items():
    image = Image.open(io.BytesIO(bytes(data)))
    pixels = np.array(image.convert("RGB") if image.mode == "CMYK" else image)
    out[name] = {
        "file": base64.b64encode(bytes(data)).decode(),
        "shape": [*pixels.shape, 1][:3],
        "sha256": hashlib.sha256(pixels.tobytes()).hexdigest(),
    }
with open("../../fixtures/data/jpegs.json", "w") as file:
    json.dump(out, file, indent=0)
