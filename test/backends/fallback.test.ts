/** The backend that a script gets when it names none, and is not permitted to load native code. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** What a script prints under Deno with these permissions, standard error included. */
function run(script: string, permissions: readonly string[], env: Record<string, string> = {}) {
  const folder = mkdtempSync(join(tmpdir(), "trilevel-fallback-"));
  try {
    const path = join(folder, "script.ts");
    writeFileSync(path, script);
    const options = ["run", "--no-prompt", "--no-check", "--config", join(root, "deno.json")];
    // Deno's own command: Node's would permit everything to a Deno that it starts.
    const { stdout, stderr } = new Deno.Command(Deno.execPath(), {
      args: [...options, ...permissions, path],
      env: { NO_COLOR: "1", ...env },
    }).outputSync();
    return [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes)).join("\n");
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const script = `
import { backend, np } from "trilevel";
const x = np.ones([2]).add(1);
const sum = await np.sum(x).item();
console.log(backend(), sum);
`;

test.each([
  ["no permission", [], /Requires read access/],
  ["reading alone", ["--allow-read"], /Requires ffi access/],
])("with %s, reference goes on, and one warning tells why", (_, permissions, reason) => {
  const output = run(script, permissions);
  expect(output).toMatch(/^reference 4$/m);
  expect(output.match(/did not open/g)).toHaveLength(1);
  expect(output).toMatch(reason);
  expect(output).toMatch(/--allow-read --allow-ffi/);
});

test("with what native code needs, onnx opens without a word", () => {
  const output = run(script, ["--allow-read", "--allow-ffi"]);
  expect(output).toMatch(/^onnx 4$/m);
  expect(output).not.toMatch(/did not open/);
});

test("nothing replaces a backend that was asked for", () => {
  const asked = 'import { setBackend } from "trilevel";\nawait setBackend("onnx");';
  const output = run(asked, []);
  expect(output).toMatch(/BackendError: ONNX Runtime cannot be loaded/);
  const named = run(script, ["--allow-env"], { TRILEVEL_BACKEND: "onnx" });
  expect(named).toMatch(/BackendError: ONNX Runtime cannot be loaded/);
});
