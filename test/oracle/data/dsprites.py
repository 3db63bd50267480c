"""dSprites in small, with the pickled metadata of the original: dsprites.npz.

Written with numpy 2.4.6: python dsprites.py
"""

import numpy as np

n, y, x = np.ogrid[:5, :64, :64]
np.savez_compressed(
    "../../fixtures/data/dsprites.npz",
    metadata=np.array({"title": "dSprites dataset"}, dtype=object),
    imgs=((x // (n + 1) + y) % 3 == 0).astype(np.uint8),
    latents_classes=np.arange(30, dtype=np.int64).reshape(5, 6),
    latents_values=np.arange(30, dtype=np.float64).reshape(5, 6) / 4,
)
