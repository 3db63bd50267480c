/** Element types of HDF5 arrays that h5py wrote, and files that come and go. */

import { readFile, rm } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import { openShapes3d } from "trilevel/data";
import { openHdf5 } from "../../src/data/formats/hdf5.ts";
import { failure, fixture, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();

describe.each(["earliest", "latest"])("in a file of the %s version", (version) => {
  const open = () => openHdf5(fixture(`types_${version}.h5`));

  it.each([
    ["u1", "uint8"],
    ["i1", "int8"],
    ["<u2", "uint16"],
    [">u2", "uint16"],
    ["<i4", "int32"],
    [">i4", "int32"],
    ["<i8", "int32"],
    ["<f4", "float32"],
    [">f4", "float32"],
    ["<f8", "float64"],
  ])("%s is read as %s", async (name, dtype) => {
    const file = await open();
    const array = await file.array(name);
    expect([array.dtype, array.shape]).toEqual([dtype, [2, 3]]);
    expect([...array.take(1).data]).toEqual([3, 4, 5]);
    expect([...array.take(2, 1).data]).toEqual([2, 5]);
    file.close();
  });

  it("booleans are read as 0 and 1", async () => {
    const file = await open();
    expect([...(await file.array("bool")).take(0).data]).toEqual([1, 0, 1]);
    file.close();
  });

  it.each([
    ["12 bits", "integers of 12 bits, from bit 0, in 2 bytes"],
    ["12 bits from bit 4", "integers of 12 bits, from bit 4, in 2 bytes"],
    ["<f2", "floats of 16 bits"],
    ["scalar", "a single value"],
    ["text", "holds texts"],
    ["variable text", "holds lists"],
    ["records", "holds records"],
    ["complex", "holds records"],
    ["void", "holds opaque bytes"],
    ["named", "a named element type"],
  ])("%s is not supported, which is said with the hint", async (name, what) => {
    const file = await open();
    const error = await failure(file.array(name));
    expect(error._tag).toBe("UnsupportedError");
    expect(error.message).toContain(what);
    expect(error.hint).toContain("Rewrite it as an array of");
    file.close();
  });

  it("chunks and parts beyond the limits are refused before they are read", async () => {
    const path = fixture("shapes3d.h5");
    const error = await failure(openShapes3d(path, { limits: { chunkBytes: 1000 } }));
    expect([error._tag, /chunkBytes: 24576/.test(error.message)]).toEqual(["LimitError", true]);
    await using dataset = await openShapes3d(path, { limits: { partBytes: 1000 } });
    expect((await failure(dataset.get(0)))._tag).toBe("LimitError");
  });
});

describe("a damaged file", () => {
  it("does not spoil others that get its inode", async () => {
    const whole = new Uint8Array(await readFile(fixture("shapes3d.h5")));
    const path = temporary("inode.h5");
    let damaged = 0;
    for (let i = 0; i < 60; i++) {
      const wrong = Uint8Array.from(whole);
      wrong.fill(0xff, 96 + 40 * i, 136 + 40 * i); // headers and data, a part at a time
      await put(path, wrong);
      const read = async () => {
        await using dataset = await openShapes3d(path);
        for (let n = 0; n < dataset.size; n++) await dataset.get(n);
      };
      await read().catch((error) => {
        expect(error.message).not.toContain("still holds");
        damaged++;
      });
      await rm(path);
      await put(path, whole);
      await using good = await openShapes3d(path);
      expect((await good.get(2)).image.data[4]).toBe(30);
      await good.close();
      await rm(path);
    }
    expect(damaged).toBeGreaterThan(20);
  });
});
