/** Two processes, each with two devices, make the steps of a program together: what JAX does on several hosts. */
import process from "node:process";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Machine, type StepProgram } from "../../src/experiments/xla/machine.ts";
import { python } from "../support/xla.ts";

const sum = (result: string, operand: string, types: string) =>
  `    ${result} = "stablehlo.reduce"(${operand}, %zero) ({
    ^bb0(%a: tensor<f32>, %b: tensor<f32>):
      %s = "stablehlo.add"(%a, %b) : (tensor<f32>, tensor<f32>) -> tensor<f32>
      "stablehlo.return"(%s) : (tensor<f32>) -> ()
    }) {dimensions = array<i64: 0>} : ${types}`;

/** State + the sum of a batch over its rows; the measurement is the sum of the next state. */
const text = `module @adds {
  func.func public @main(%state: tensor<4xf32>, %batch: tensor<8x4xf32>) -> (tensor<4xf32>, tensor<f32>) {
    %zero = "stablehlo.constant"() {value = dense<0.0> : tensor<f32>} : () -> tensor<f32>
${sum("%rows", "%batch", "(tensor<8x4xf32>, tensor<f32>) -> tensor<4xf32>")}
    %next = "stablehlo.add"(%state, %rows) : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>
${sum("%all", "%next", "(tensor<4xf32>, tensor<f32>) -> tensor<f32>")}
    "func.return"(%next, %all) : (tensor<4xf32>, tensor<f32>) -> ()
  }
}`;

describe.skipIf(!python)("two hosts", () => {
  let machines: Machine[] = [];
  beforeAll(async () => {
    process.env["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2";
    process.env["JAX_PLATFORMS"] = "cpu";
    const coordinator = `127.0.0.1:${20000 + process.pid % 10000}`;
    machines = await Promise.all(
      [0, 1].map((own) => Machine.open({ coordinator, processes: 2, process: own }, python)),
    );
  }, 120_000);
  afterAll(() => machines.forEach((machine) => machine.close()));

  const programOf = (shard: number | null): StepProgram => ({
    text,
    devices: 4,
    state: 1,
    inputs: [
      { dtype: "float32", shape: [4], shard },
      { dtype: "float32", shape: [8, 4], shard: 0 },
    ],
    outputs: [{ dtype: "float32", shape: [4] }, { dtype: "float32", shape: [] }],
  });
  const both = <R>(f: (machine: Machine) => Promise<R>) => Promise.all(machines.map(f));
  const numbers = (bytes: Uint8Array<ArrayBuffer>) => [...new Float32Array(bytes.buffer)];

  it.each([null, 0])("make each step together, with the state shared along %s", async (shard) => {
    expect(machines.map(({ facts }) => [facts.process, facts.devices])).toEqual([[0, 4], [1, 4]]);
    const found = await both(async (machine) => {
      await machine.compile(programOf(shard));
      await machine.load([Float32Array.of(1, 2, 3, 4)]);
      for (let i = 0; i < 3; i++) {
        await machine.step([Float32Array.from({ length: 32 }, (_, k) => k + i)]);
      }
      return [numbers(await machine.measure()), numbers(await machine.fetch())];
    });
    // Row r of batch i is 4 r + j + i, so that column j gains 112 + 8 j + 8 i.
    const states = [[1, 2, 3, 4]];
    for (let i = 0; i < 3; i++) states.push(states[i]!.map((x, j) => x + 112 + 8 * j + 8 * i));
    const sums = states.slice(1).map((state) => state.reduce((a, b) => a + b, 0));
    expect(found).toEqual([[sums, states[3]], [sums, states[3]]]);
  });

  it("refuse to go on from different states", async () => {
    await both((machine) => machine.compile(programOf(null)));
    const errors = await Promise.all(
      machines.map((machine, i) =>
        machine.load([Float32Array.of(1, 2, 3, 4 + i)]).then(() => undefined, (error) => error)
      ),
    );
    expect(errors.map((error) => error?._tag)).toContain("EngineError");
    expect(errors.map((error) => String(error?.message)).join()).toMatch(/different states/);
  });
});
