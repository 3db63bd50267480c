/**
 * A Postgres of its own for a test: Debian's package, in a temporary folder, on loopback, as a user who is not root.
 * Tests that need it are skipped where it is not installed, and a notice says so.
 */
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { chmodSync, chownSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The folder of `initdb` and `postgres`: Debian keeps one for each version. */
function binaries(): string | undefined {
  const base = "/usr/lib/postgresql";
  const versions = existsSync(base) ? readdirSync(base).sort((a, b) => Number(b) - Number(a)) : [];
  return [...versions.map((version) => join(base, version, "bin")), "/usr/local/bin"]
    .find((folder) => existsSync(join(folder, "initdb")) && existsSync(join(folder, "postgres")));
}

/** True if there is a Postgres to start. */
export const havePostgres = binaries() !== undefined;
if (!havePostgres) {
  console.warn("NOTICE: Postgres is not installed: tests of sweeps over it are skipped.");
}

/** Postgres refuses to run as root: then it runs as its own user, or as nobody. */
function plainUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const users = readFileSync("/etc/passwd", "utf8").split("\n").map((line) => line.split(":"));
  const user = users.find(([name]) => name === "postgres") ??
    users.find(([name]) => name === "nobody");
  return user && { uid: Number(user[2]), gid: Number(user[3]) };
}

/** A port that nothing listens on. */
export const freePort = () =>
  new Promise<number>((resolve, reject) => {
    const server = createServer().once("error", reject).listen(0, "127.0.0.1", () => {
      const address = server.address();
      const port = typeof address === "object" && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });

/** A Postgres that runs. */
export interface TestPostgres {
  readonly url: string;
  readonly port: number;
  /** Ends all connections and starts it again, with its data. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts a Postgres; `durable` waits for the disk at every commit, as one in use does. */
export async function startPostgres({ durable = false } = {}): Promise<TestPostgres> {
  const bin = binaries();
  if (bin === undefined) throw new Error("Postgres is not installed: apt-get install postgresql");
  const user = plainUser();
  const folder = await mkdtemp(join(tmpdir(), "trilevel-postgres-"));
  const password = join(folder, "password");
  await writeFile(password, "secret\n");
  chmodSync(folder, 0o755);
  if (user !== undefined) {
    chownSync(folder, user.uid, user.gid);
    chownSync(password, user.uid, user.gid);
  }
  const data = join(folder, "data");
  const initial = ["-D", data, "-U", "trilevel", "-A", "scram-sha-256", "--pwfile", password];
  await run(join(bin, "initdb"), [...initial, "-E", "UTF8", "--locale=C", "-N"], { ...user });
  const port = await freePort();
  let server: ChildProcess;
  const start = async () => {
    const settings = ["listen_addresses=127.0.0.1", `fsync=${durable ? "on" : "off"}`];
    server = spawn(
      join(bin, "postgres"),
      ["-D", data, "-p", String(port), "-k", folder, ...settings.flatMap((s) => ["-c", s])],
      { ...user, stdio: ["ignore", "ignore", "pipe"] },
    );
    await new Promise<void>((resolve, reject) => {
      let said = "";
      server.stderr!.on("data", (bytes) => {
        said += String(bytes);
        if (said.includes("ready to accept connections")) resolve();
      });
      server.once("exit", () => reject(new Error(`Postgres did not start:\n${said}`)));
    });
  };
  const stop = () =>
    new Promise<void>((resolve) => {
      server.once("exit", () => resolve());
      server.kill("SIGINT"); // does not wait for clients
    });
  await start();
  return {
    url: `postgres://trilevel:secret@127.0.0.1:${port}/postgres`,
    port,
    restart: async () => {
      await stop();
      await start();
    },
    stop: async () => {
      await stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
