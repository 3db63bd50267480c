"""PNG files of every colour type, depth and interlace, with the pixels they were made of: pngs.json.

The encoder here follows the standard row by row, with all five filters. Pillow must read back the same pixels
wherever it keeps them (it has no 16-bit colours). Written with Pillow 12.3.0, numpy 2.4.6: python pngs.py
"""

import base64
import io
import json
import struct
import zlib

import numpy as np
from PIL import Image

rng = np.random.default_rng(0)
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: [1, 2, 4, 8, 16], 2: [8, 16], 3: [1, 2, 4, 8], 4: [8, 16], 6: [8, 16]}


def chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def packed(row, depth):
    """Samples of a row to bytes, most significant first."""
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = (row.reshape(-1, 1) >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8).ravel()).tobytes()


def filtered(rows, bpp):
    """Rows with the filters 0, 1, 2, 3, 4, 0, … in turn."""
    out = b""
    before = bytes(len(rows[0])) if rows else b""
    for y, row in enumerate(rows):
        kind = (y + len(rows)) % 5
        line = bytearray()
        for i, value in enumerate(row):
            left = row[i - bpp] if i >= bpp else 0
            up = before[i]
            corner = before[i - bpp] if i >= bpp else 0
            p = left + up - corner
            paeth = min((left, up, corner), key=lambda c: abs(p - c))
            line.append((value - [0, left, up, (left + up) // 2, paeth][kind]) % 256)
        out += bytes([kind]) + bytes(line)
        before = row
    return out


def png(samples, colour, depth, interlaced, extra=(), pieces=1):
    """A file; `extra` are chunks before the pixels."""
    height, width = samples.shape[:2]
    bpp = max(1, depth * CHANNELS[colour] // 8)
    raw = b""
    for y0, x0, dy, dx in ADAM7 if interlaced else [(0, 0, 1, 1)]:
        part = samples[y0::dy, x0::dx]
        if part.size > 0:
            raw += filtered([packed(row.ravel(), depth) for row in part], bpp)
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, int(interlaced))
    data = zlib.compress(raw, 9)
    step = -(-len(data) // pieces)
    idat = [chunk(b"IDAT", data[i : i + step]) for i in range(0, len(data), step)]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", header), *(chunk(*e) for e in extra), *idat, chunk(b"IEND", b"")]
    )


def pixels_of(samples, colour, depth, palette, key=None):
    if colour == 3:
        return palette[samples[..., 0]]
    out = np.round(samples.astype(np.float64) * 255 / (2**depth - 1)).astype(np.uint8)
    if key is None:
        return out
    alpha = np.where((samples == np.array(key)).all(-1, keepdims=True), 0, 255)
    return np.concatenate([out, alpha.astype(np.uint8)], -1)


text = lambda data: base64.b64encode(data).decode()
out = {}


def add(name, data, pixels, pillow=True):
    if pillow:
        image = Image.open(io.BytesIO(data))
        if image.mode == "P":
            image = image.convert("RGBA" if "transparency" in image.info else "RGB")
        back = np.array(image)
        if back.dtype == bool:
            back = back.astype(np.uint8) * 255
        if image.mode.startswith("I"):
            back = np.round(back.astype(np.float64) / 257).astype(np.uint8)
        assert (back.reshape(*pixels.shape) == pixels).all(), name
    out[name] = {"file": text(data), "shape": pixels.shape, "pixels": text(pixels.tobytes())}


def samples_of(height, width, colour, depth):
    return rng.integers(0, 2**depth, (height, width, CHANNELS[colour]))


def palette_of(depth, channels=3):
    return rng.integers(0, 256, (2**depth, channels)).astype(np.uint8)


for colour, depths in DEPTHS.items():
    for depth in depths:
        for interlaced in (False, True):
            for height, width in ((5, 9), (1, 3)):
                samples = samples_of(height, width, colour, depth)
                palette = palette_of(depth)
                extra = [(b"PLTE", palette.tobytes())] if colour == 3 else []
                name = f"type {colour} depth {depth}{' interlaced' if interlaced else ''} {height}x{width}"
                pixels = pixels_of(samples, colour, depth, palette)
                add(name, png(samples, colour, depth, interlaced, extra), pixels, depth < 16 or colour == 0)

suggested = palette_of(4).tobytes()
split = b"sRGB hint\0\x08" + bytes(range(24))
icc = b"name\0\0" + b"this is no zlib stream"
odd = [
    (b"iCCP", icc),
    (b"gAMA", struct.pack(">I", 45455)),
    (b"tEXt", b"no zero byte"),
    (b"zTXt", b"key\0\0not compressed"),
    (b"iTXt", b"\xff\xfe\x00\x07"),
    (b"pHYs", b"short"),
    (b"sPLT", split),
]
for colour in (2, 6):
    samples = samples_of(6, 5, colour, 8)
    add(f"type {colour} suggested palette", png(samples, colour, 8, False, [(b"PLTE", suggested)]),
        pixels_of(samples, colour, 8, None))
    for kind, body in odd:
        add(f"type {colour} {kind.decode()}", png(samples, colour, 8, False, [(kind, body)]),
            pixels_of(samples, colour, 8, None), False)
for colour, depth in ((0, 2), (0, 8), (0, 16), (2, 8), (2, 16)):
    samples = samples_of(4, 5, colour, depth)
    key = samples[2, 3]
    add(f"type {colour} depth {depth} tRNS",
        png(samples, colour, depth, False, [(b"tRNS", key.astype(">u2").tobytes())]),
        pixels_of(samples, colour, depth, None, key), False)
palette = palette_of(2, 4)
palette[3, 3] = 255
samples = samples_of(4, 5, 3, 2)
add("type 3 tRNS", png(samples, 3, 2, False,
    [(b"PLTE", palette[:, :3].tobytes()), (b"tRNS", palette[:3, 3].tobytes())]), palette[samples[..., 0]])
samples = samples_of(8, 9, 2, 8)
add("many pieces", png(samples, 2, 8, False, pieces=40), pixels_of(samples, 2, 8, None))
with open("../../fixtures/data/pngs.json", "w") as file:
    json.dump(out, file, indent=0)
