/** Commands that are written down and not yet on their way. */
import type { BackendError } from "../../core/errors.ts";
import { guarded } from "./device.ts";

/** So many dispatches are worth a submission of their own: the device should not wait longer for them. */
const enough = 32;

interface Open {
  readonly encoder: GPUCommandEncoder;
  readonly pass: GPUComputePassEncoder;
  dispatches: number;
  /** Told what was wrong with the submission. */
  readonly submitted: PromiseWithResolvers<BackendError | undefined>;
}

/**
 * Runs that are written one after another, and submitted together: a submission can cost as much as fifty dispatches.
 * They are on their way when the current job of the host ends, if not before.
 */
export class Recording {
  #open: Open | undefined;

  constructor(private readonly device: GPUDevice) {}

  /** Writes a run of so many dispatches down, and gives its error, or that of the submission it is part of. */
  async write(
    dispatches: number,
    run: (pass: GPUComputePassEncoder) => void,
  ): Promise<BackendError | undefined> {
    const open = this.#open ??= this.#begin();
    open.dispatches += dispatches;
    const written = guarded(this.device, () => run(open.pass));
    if (open.dispatches >= enough) this.submit();
    return await written ?? await open.submitted.promise;
  }

  /** Sends all that was written: before anything else may use the memory that it uses. */
  submit(): void {
    const open = this.#open;
    if (!open) return;
    this.#open = undefined;
    open.submitted.resolve(guarded(this.device, () => {
      open.pass.end();
      this.device.queue.submit([open.encoder.finish()]);
    }));
  }

  #begin(): Open {
    queueMicrotask(() => this.submit());
    const encoder = this.device.createCommandEncoder();
    const submitted = Promise.withResolvers<BackendError | undefined>();
    return { encoder, pass: encoder.beginComputePass(), dispatches: 0, submitted };
  }
}
