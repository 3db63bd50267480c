/** Errors say what, where and what to do, and survive the way from a thread. */

import { spawn } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import * as data from "trilevel/data";
import { fromPlainError, toPlainError } from "../../src/data/errors.ts";
import { fixture, put, temporaryFolder } from "./support.ts";

const temporary = temporaryFolder();
const classes = Object.values(data)
  .filter((value) => typeof value === "function" && value.prototype instanceof data.DataError)
  .map((value) => value as typeof data.CorruptError);

describe("errors", () => {
  it.each(classes.map((ErrorClass) => [ErrorClass.name, ErrorClass] as const))(
    "%s keeps everything but its cause on the way from a thread",
    (name, ErrorClass) => {
      const cause = new Error("underneath");
      const error = new ErrorClass("it broke", { path: "a/b", offset: 7, hint: "Mend it", cause });
      expect([error._tag, error.name, error.cause]).toEqual([name, name, cause]);
      expect(error.message).toBe(`it broke (a/b, byte 7)\n  at ${error.line}\n  Mend it`);
      const back = fromPlainError(structuredClone(toPlainError(error)));
      expect(back).toBeInstanceOf(ErrorClass);
      expect([back.what, back.path, back.offset, back.hint, back.found])
        .toEqual([error.what, "a/b", 7, "Mend it", "it broke"]);
    },
  );

  it("leave out what is not known", () => {
    expect(new data.OptionError("too few", { hint: "Give more" }).what).toBe("too few");
    expect(new data.MissingFileError("gone", { path: "x", hint: "Look" }).what).toBe("gone (x)");
  });

  it("that no one foresaw are said to be unexpected", () => {
    const error = fromPlainError(toPlainError(new TypeError("x is not a function")));
    expect(error._tag).toBe("WorkerError");
    expect(error.message).toContain("TypeError: x is not a function");
  });
});

it("a dataset that nobody closed does not keep the process alive", async () => {
  const images = JSON.parse(await readFile(fixture("images.json"), "utf8"));
  await put(temporary("folder/a.png"), Buffer.from(images.decoded["rgb.png"].file, "base64"));
  const script = await put(
    temporary("forgetful.ts"),
    `import { openFolder } from ${
      JSON.stringify(new URL("../../src/data/index.ts", import.meta.url))
    };
     const dataset = await openFolder(${JSON.stringify(temporary("folder"))}, { workers: 2 });
     console.log((await dataset.get(0)).image.shape.join("×"));`,
  );
  const child = spawn(process.execPath, ["run", "-A", "--config", "deno.json", script], {
    cwd: fileURLToPath(new URL("../..", import.meta.url)),
    stdio: ["ignore", "pipe", "inherit"],
  });
  let output = "";
  child.stdout.on("data", (piece) => output += piece);
  const patience = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const code = await new Promise((resolve) => child.once("exit", resolve));
  clearTimeout(patience);
  expect([code, output.trim()]).toEqual([0, "11×13×3"]);
}, 20_000);
