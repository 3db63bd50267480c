"""A 3dshapes-like HDF5 file whose images are LZF-compressed, as h5py makes them: lzf.h5.

h5wasm has no LZF filter and returns garbage instead of failing, so the readers must refuse the file.
Written with h5py 3.16.0, numpy 2.4.6:  python lzf.py
"""

import h5py
import numpy as np

with h5py.File("../../fixtures/data/lzf.h5", "w", libver="earliest") as file:
    images = (np.arange(4 * 64 * 64 * 3) // 997 % 7).astype(np.uint8).reshape(4, 64, 64, 3)
    file.create_dataset("images", data=images, chunks=(4, 64, 64, 3), compression="lzf")
    file.create_dataset("labels", data=np.zeros((4, 6)))
