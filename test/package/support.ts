/** The package as a user gets it: built, packed, and installed into an empty folder without a network. */
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildPackage } from "../../package/build.ts";
import { full } from "../support/tier.ts";

/** Runs a command and gives what it prints. @throws with all of that if it fails. */
export function run(folder: string, command: string, ...args: readonly string[]): string {
  return answer("", folder, command, ...args);
}

/** Runs a command that reads a text, and gives what it prints. @throws with all of that if it fails. */
export function answer(
  input: string,
  folder: string,
  command: string,
  ...args: readonly string[]
): string {
  try {
    return execFileSync(command, args, { cwd: folder, encoding: "utf8", stdio: "pipe", input });
  } catch (error) {
    const { stdout, stderr } = error as { stdout: string; stderr: string }; // what execFileSync throws
    const told = `${stdout}\n${stderr}`.split("\n").map((line) => line.slice(0, 300)).slice(-40);
    throw new Error([`${command} ${args.join(" ")}`, ...told].join("\n"));
  }
}

/** A folder with the package and nothing else installed. */
export async function installed(): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), "trilevel-package-"));
  const [built, user] = [join(folder, "built"), join(folder, "user")];
  await buildPackage(built);
  run(folder, "npm", "pack", "--silent", built);
  const archive = readdirSync(folder).find((name) => name.endsWith(".tgz"))!;
  mkdirSync(user);
  write(user, "package.json", '{ "name": "user", "private": true, "type": "module" }');
  run(user, "npm", "install", "--offline", "--no-audit", "--no-fund", join(folder, archive));
  return user;
}

/** Writes a file of the user's. */
export function write(folder: string, name: string, text: string): void {
  writeFileSync(join(folder, name), text);
}

/**
 * A package from the registry in a folder of its own; undefined in the everyday tier, and where there is no registry,
 * which a line then says.
 */
export function fetched(name: string, version: string): string | undefined {
  if (!full) return undefined;
  const folder = mkdtempSync(join(tmpdir(), `trilevel-${name}-`));
  try {
    run(folder, "npm", "install", "--no-audit", "--no-fund", `${name}@${version}`);
    return join(folder, "node_modules", name);
  } catch (error) {
    const [reason] = String(error).split("\n").slice(-3);
    console.warn(`the package is not tried with ${name} ${version}: ${reason}`);
    return undefined;
  }
}
