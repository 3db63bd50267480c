/** The worker of `interruption.ts`: says what happens after a signal, and ends the process at the second one. */

let first: number | undefined;
let telling: ReturnType<typeof setTimeout> | undefined;

function answer(): void {
  // One Ctrl-C may come twice: from the terminal, and from the parent process that passes its own on.
  const again = first !== undefined && performance.now() - first > 1000;
  // A worker cannot end its process in another way; the files of a run are made to stand that.
  if (again) Deno.kill(Deno.pid, "SIGKILL");
  if (first !== undefined) return;
  first = performance.now();
  telling = setTimeout(tell, 200);
}

function tell(): void {
  const clear = Deno.stderr.isTerminal() ? "\r\x1b[2K" : "";
  const text = "stopping after the current step, which may take a while; then the run is saved. " +
    "Ctrl-C again stops at once and loses the steps since the last checkpoint.";
  Deno.stderr.writeSync(new TextEncoder().encode(`${clear}${text}\n`));
}

Deno.addSignalListener("SIGINT", answer);
if (Deno.build.os !== "windows") Deno.addSignalListener("SIGTERM", answer);
// The main thread heard the signal as well, so that nothing needs to be sent.
self.addEventListener("message", () => clearTimeout(telling));
// Modules are checked as those of a page, whose `self` is a window.
(self as unknown as { postMessage(message: string): void }).postMessage("listening");
