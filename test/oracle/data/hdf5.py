"""Tiny HDF5 files in the layouts of 3D Shapes and R-NEM, gzipped and chunked: shapes3d.h5, nem.h5.

The values follow formulas that the tests know. Written with h5py 3.16.0, numpy 2.4.6: python hdf5.py
"""

import h5py
import numpy as np

n, y, x, c = np.ogrid[:4, :64, :64, :3]
with h5py.File("../../fixtures/data/shapes3d.h5", "w", libver="earliest") as file:
    images = ((7 * n + 3 * y + 5 * x + 11 * c) % 256).astype(np.uint8)
    file.create_dataset("images", data=images, chunks=(2, 64, 64, 3), compression="gzip")
    file.create_dataset("labels", data=np.arange(24, dtype=np.float64).reshape(4, 6) / 10)

t, n, y, x, _ = np.ogrid[:5, :3, :4, :6, :1]
with h5py.File("../../fixtures/data/nem.h5", "w", libver="latest") as file:
    for split, offset in [("training", 0), ("validation", 1), ("test", 2)]:
        features = ((t + n + y + x + offset) % 2).astype(np.float32)
        groups = ((t * n + y + x + offset) % 4).astype(np.int64)
        group = file.create_group(split)
        group.create_dataset("features", data=features, compression="gzip", shuffle=True)
        group.create_dataset("groups", data=groups, compression="gzip", fletcher32=True)
        group.create_dataset("collisions", data=np.arange(15, dtype=np.float32).reshape(5, 3, 1))
