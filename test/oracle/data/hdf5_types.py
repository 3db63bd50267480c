"""HDF5 arrays of many element types, in headers of both versions: types_earliest.h5, types_latest.h5.

Written with h5py 3.16.0, numpy 2.4.6: python hdf5_types.py
"""

import h5py
import numpy as np
from h5py import h5d, h5s, h5t

values = np.arange(6).reshape(2, 3)
for libver in ("earliest", "latest"):
    with h5py.File(f"../../fixtures/data/types_{libver}.h5", "w", libver=libver) as file:
        for name in ("u1", "i1", "<u2", ">u2", "<i4", ">i4", "<i8", "<f4", ">f4", "<f8", "<f2"):
            file[name] = values.astype(name)
        file["bool"] = values % 2 == 0
        file["scalar"] = 3.5
        file["text"] = np.array([b"ab", b"cd"])
        file["variable text"] = ["ab", "cde"]
        file["records"] = np.zeros(2, dtype=[("a", "f4"), ("b", "i4")])
        file["complex"] = values.astype("c8")
        file["void"] = np.zeros(2, dtype="V3")
        file["named type"] = np.dtype("f4")
        file.create_dataset("named", data=values, dtype=file["named type"])
        for name, precision, offset in (("12 bits", 12, 0), ("12 bits from bit 4", 12, 4)):
            kind = h5t.STD_U16LE.copy()
            kind.set_precision(precision)
            kind.set_offset(offset)
            space = h5s.create_simple(values.shape)
            data = h5d.create(file.id, name.encode(), kind, space)
            data.write(h5s.ALL, h5s.ALL, np.ascontiguousarray(values * 100, dtype="u2"))
        for i in range(40):  # long enough for headers that go on elsewhere
            file["u1"].attrs[f"attribute {i}"] = "x" * 40
