/** A kernel compiled, or about to be. */

/** Compiles at once or, where `aside`, on threads of the device's own, beside others. */
export class Pipeline {
  #gpu: GPUComputePipeline | undefined;
  /** When it is compiled; undefined when it is already. A kernel that is wrong fails where it is used. */
  ready: Promise<void> | undefined;

  constructor(
    private readonly device: GPUDevice,
    private readonly descriptor: GPUComputePipelineDescriptor,
    readonly id: number,
    readonly layout: GPUBindGroupLayout,
    aside: boolean,
  ) {
    if (aside) this.ready = this.#compileAside();
    else this.#gpu = device.createComputePipeline(descriptor);
  }

  /** The pipeline that a pass is given; it is compiled now if it is not yet. */
  get gpu(): GPUComputePipeline {
    return this.#gpu ??= this.device.createComputePipeline(this.descriptor);
  }

  async #compileAside(): Promise<void> {
    try {
      const made = await this.device.createComputePipelineAsync(this.descriptor);
      this.#gpu ??= made;
    } catch {
      // Compiled again where it is used, within the error scopes of a run, so that an error belongs to that run.
    }
    this.ready = undefined;
  }
}
