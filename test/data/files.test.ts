/** Paths that lead nowhere or to something else, and JSON that is wrong, short or endless. */

import { execFileSync } from "node:child_process";
import fc from "fast-check";
import { mkdir, symlink } from "node:fs/promises";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";
import { openFile, openFolder, readImage } from "trilevel/data";
import { exists, isFolder, parseJson, readBytes, readJson } from "../../src/data/files.ts";
import { judgeJson } from "../../src/data/formats/json.ts";
import { failure, fixture, jpeg, png, put, temporaryFolder } from "./support.ts";
import { runs } from "../support/tier.ts";

const temporary = temporaryFolder();

describe("paths", () => {
  it("that cannot be read are errors with a hint, whatever the reader", async () => {
    const loop = temporary("loop.png");
    await symlink(loop, loop);
    const pipe = temporary("pipe.png");
    execFileSync("mkfifo", [pipe]);
    const socket = temporary("socket.png");
    const server = createServer().listen(socket);
    await new Promise((resolve) => server.once("listening", resolve));
    await mkdir(temporary("folder.png"));
    const cases = [
      [temporary("absent.png"), "MissingFileError", "no such file"],
      [`${fixture("images.json")}/below.png`, "MissingFileError", "no such file"],
      [loop, "MissingFileError", "leads back to itself"],
      [temporary("x".repeat(300)), "MissingFileError", "longer than the system allows"],
      [`${temporary("a")}\0.png`, "MissingFileError", "zero byte"],
      [pipe, "WrongKindError", "found a named pipe"],
      [socket, "WrongKindError", "found a socket"],
      [temporary("folder.png"), "WrongKindError", "found a folder"],
      ["/dev/zero", "WrongKindError", "found a device"],
    ] as const;
    for (const [path, tag, what] of cases) {
      for (const read of [openFile, readImage, readBytes, readJson]) {
        const error = await failure(read(path));
        expect([error._tag, error.path]).toEqual([tag, path]);
        expect(error.message).toContain(what);
      }
      await exists(path);
      await isFolder(path);
    }
    server.close();
  });

  it("whose names are no UTF-8 are told, and named", async () => {
    const folder = temporary("names");
    await put(`${folder}/good.png`, png(1, 1, 1, () => 0));
    execFileSync("bash", ["-c", `cp "$1/good.png" "$1/$(printf 'bad\\377.png')"`, "_", folder]);
    const error = await failure(openFolder(folder));
    expect(error._tag).toBe("UnsupportedError");
    expect(error.message).toContain("not UTF-8");
    expect(error.path).toContain("bad\ufffd.png");
  });

  it("whose names hold the replacement character itself are fine", async () => {
    const folder = temporary("replacement");
    await put(`${folder}/odd\ufffd.png`, png(1, 1, 1, () => 0));
    await using dataset = await openFolder(folder);
    expect((await dataset.get(0)).name).toBe("odd\ufffd.png");
  });

  it("of files that are too long are refused before they are read", async () => {
    const path = await put(temporary("long.jpg"), jpeg);
    const error = await failure(readImage(path, { limits: { imageBytes: 10 } }));
    expect(error._tag).toBe("LimitError");
    expect(error.message).toContain("limits: { imageBytes:");
  });
});

const encode = (text: string) => new TextEncoder().encode(text);

describe("JSON", () => {
  it("is judged as JSON.parse judges it", () => {
    const almost = fc.tuple(fc.json(), fc.nat(), fc.constantFrom(...'{}[],:"\\u0 tfn-.e1')).map(
      ([text, at, c]) => text.slice(0, at % (text.length + 1)) + c + text.slice(at % text.length),
    );
    fc.assert(
      fc.property(fc.oneof(fc.json(), almost, fc.string()), (text) => {
        let fine = true;
        try {
          JSON.parse(text);
        } catch {
          fine = false;
        }
        const verdict = judgeJson(encode(text), 1000);
        expect(verdict.kind === "fine").toBe(fine);
      }),
      { numRuns: runs(3000) },
    );
  });

  it("that is cut off is short, at every length; one wrong byte is found where it is", () => {
    const json = ' {"a": [1.5e3, true, null, "\\u00e4\\n"], "b": {"": -0}}';
    for (let length = 1; length < json.length; length++) {
      expect(judgeJson(encode(json.slice(0, length)), 9)).toEqual({ kind: "short" });
    }
    expect(judgeJson(encode(json), 9)).toEqual({ kind: "fine" });
    expect(judgeJson(encode("<html>"), 9)).toMatchObject({ kind: "wrong" });
    expect(judgeJson(encode('{"a": 1,}'), 9)).toEqual({ kind: "wrong", offset: 8 });
    expect(judgeJson(encode("[1, 02]"), 9)).toEqual({ kind: "wrong", offset: 5 });
    expect(judgeJson(encode("[1] x"), 9)).toEqual({ kind: "wrong", offset: 4 });
  });

  it("that is nested without end is refused at once", () => {
    const endless = encode("[".repeat(5e6));
    expect(() => parseJson(endless, "a.json")).toThrow(/lists inside lists.*jsonDepth: 257/s);
    const fine = encode("[".repeat(300) + "]".repeat(300));
    expect(() => parseJson(fine, "a.json")).toThrow("jsonDepth");
    expect(parseJson(fine, "a.json", { jsonDepth: 300 })).toHaveLength(1);
  });

  it("in another encoding is refused", () => {
    expect(() => parseJson(Uint8Array.of(0x22, 0xff, 0x22), "a.json")).toThrow("not UTF-8");
    expect(parseJson(encode('\ufeff{"a": 1}'), "a.json")).toEqual({ a: 1 });
  });
});
