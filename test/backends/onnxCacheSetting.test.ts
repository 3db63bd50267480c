/** What compiled programs depend on beside themselves. */
import { cpSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import { setting } from "../../src/backends/onnx/cache/setting.ts";
import { fresh, removeAll } from "./onnxCacheRuns.ts";

afterEach(removeAll);

test("whatever else is told is part of it", () => {
  expect(setting("1.0", 2)).toBe(setting("1.0", 2));
  expect(setting("1.0", 2)).not.toBe(setting("1.0", 3));
  expect(setting("1.0", 2)).not.toBe(setting("1.1", 2));
});

describe("versions of Trilevel are told apart", () => {
  const source = fileURLToPath(new URL("../../src/", import.meta.url));
  /** The setting as a copy of the sources tells it. */
  const settingOf = async (change = (_copy: string) => {}, at = "backends/onnx/cache") => {
    const copy = fresh();
    for (const folder of ["core", "primitives", "compiler", "backends/onnx"]) {
      cpSync(join(source, folder), join(copy, folder), { recursive: true });
      for (const name of readdirSync(join(copy, folder), { recursive: true, encoding: "utf8" })) {
        utimesSync(join(copy, folder, name), 1000, 1000);
      }
    }
    change(copy);
    const { href } = pathToFileURL(join(copy, at, "setting.ts"));
    const there = await import(/* @vite-ignore */ href) as { setting: typeof setting };
    return there.setting();
  };
  const edit = (copy: string) => {
    const pass = join(copy, "compiler/passes/simplify.ts");
    writeFileSync(pass, readFileSync(pass, "utf8") + " ");
    return pass;
  };

  test("when a file was edited", async () => {
    expect(await settingOf()).toBe(await settingOf());
    expect(await settingOf((copy) => utimesSync(edit(copy), 1000, 1000))).not.toBe(
      await settingOf(),
    );
  });

  test("but not when a file is edited while it runs", async () => {
    await expect(settingOf(edit)).rejects.toThrow("simplify.ts has changed");
  });

  test("nor in a bundle", async () => {
    const bundle = (copy: string) =>
      cpSync(join(copy, "backends/onnx/cache"), join(copy, "dist"), { recursive: true });
    await expect(settingOf(bundle, "dist")).rejects.toThrow("bundled");
  });
});
