"""Polygons and run lengths as COCO's own tools see them: masks.json.

Written with pycocotools 2.0.11, numpy 2.4.6: python masks.py
"""

import json

import numpy as np
from pycocotools import mask

random = np.random.default_rng(0)
polygons = []
for case in range(40):
    height, width = (int(x) for x in random.integers(4, 40, 2))
    corners = int(random.integers(3, 9))
    # Some corners lie outside the image, some on whole and half pixels.
    points = random.uniform(-4, 44, (corners, 2))
    if case % 3 == 0:
        points = np.round(points * 2) / 2
    polygon = [round(float(v), 2) for v in points.ravel()]
    pixels = mask.decode(mask.frPyObjects([polygon], height, width))[..., 0]
    polygons.append(
        {"polygon": polygon, "size": [height, width], "mask": "".join(map(str, pixels.ravel()))}
    )

codes = []
for density in [0, 0.02, 0.3, 0.9, 1]:
    height, width = (int(x) for x in random.integers(3, 60, 2))
    pixels = (random.random((height, width)) < density).astype(np.uint8)
    code = mask.encode(np.asfortranarray(pixels))["counts"].decode()
    codes.append(
        {"size": [height, width], "counts": code, "mask": "".join(map(str, pixels.ravel()))}
    )

with open("../../fixtures/data/masks.json", "w") as file:
    json.dump({"polygons": polygons, "codes": codes}, file)
