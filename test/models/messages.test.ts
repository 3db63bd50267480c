/** What is said to those who give a model images, slots or targets of another shape than it takes. */
import { beforeAll, describe, expect, test } from "vitest";
import { np, random, setBackend } from "trilevel";
import {
  broadcastDecoder,
  cnnEncoder,
  objectDiscovery,
  pixelDecoder,
  propertyPrediction,
  setLoss,
  slotAttention,
} from "trilevel/models";
import { caught } from "../support/caught.ts";
import { answered, loose } from "../support/mistakes.ts";

beforeAll(() => setBackend("reference"));

const here = /messages\.test\.ts:\d+:\d+/;
const key = () => random.key(0);
const ones = (...shape: number[]) => np.ones(shape);

const encoder = cnnEncoder({ channels: 8, strides: [2, 1] });
const discovery = objectDiscovery({
  resolution: [8, 8],
  slots: 3,
  slotSize: 8,
  mlpHidden: 16,
  encoder: { channels: 8, strides: [2] },
  decoder: { kind: "pixel", channels: 8 },
});
const prediction = propertyPrediction({
  slots: 4,
  slotSize: 8,
  mlpHidden: 16,
  encoder: { channels: 8, strides: [2, 2] },
});

describe("images", () => {
  const encode = (...shape: number[]) => () => encoder.apply(encoder.init(key()), ones(...shape));
  const discover = (...shape: number[]) => () =>
    discovery.apply(discovery.init(key()), ones(...shape), key());
  const predict = (...shape: number[]) => () =>
    prediction.apply(prediction.init(key()), ones(...shape), key());
  const given = (shape: string) =>
    new RegExp(`the input is float32\\[${shape}\\], not \\[batch, height, width, 3\\]`);
  const hint = /channels come last.*batch of one/;
  answered([
    ["one image for an encoder", encode(16, 16, 3), given("16,16,3"), hint],
    ["grey images", encode(1, 16, 16, 1), given("1,16,16,1"), hint],
    ["channels first", discover(2, 3, 8, 8), given("2,3,8,8"), hint],
    ["a video", discover(2, 5, 8, 8, 3), given("2,5,8,8,3"), hint],
    ["one image", predict(16, 16, 3), given("16,16,3"), hint],
    [
      "images of another resolution",
      () => discovery.loss(discovery.init(key()), ones(2, 16, 16, 3), key()),
      /objectDiscovery: the image is float32\[2,16,16,3\], not \[batch, 8, 8, 3\]/,
      /resolution/,
    ],
  ], here);
});

test.each(["broadcast", { kind: "mlp" }])("decoder %o is refused, not replaced", (decoder) => {
  const error = caught(() =>
    objectDiscovery({ resolution: [8, 8], slots: 2, decoder: loose(decoder) })
  );
  expect(error.message).toMatch(
    /`decoder` must be an object .* got "broadcast"|`kind` must be one of .* got "mlp"/,
  );
  expect(error.hint).toMatch(/\{ kind: "broadcast" \}/);
});

describe("slots", () => {
  const slots = slotAttention({ slots: 3, inputSize: 8, slotSize: 16, mlpHidden: 32 });
  const inputs = (...shape: number[]) => () =>
    slots.apply(slots.init(key()), ones(...shape), key());
  const wide = broadcastDecoder({ resolution: [4, 4], slotSize: 8, channels: 4, strides: [2] });
  const cheap = pixelDecoder({ resolution: [4, 4], slotSize: 8, channels: 4 });
  const given = (what: string, shape: string, form: string) =>
    new RegExp(`^${what} float32\\[${shape}\\], not \\[${form}\\]$`);
  const flat = /flatten height and width/;
  const batch = /batch of one/;
  answered([
    [
      "inputs without a batch",
      inputs(10, 8),
      given("slotAttention: the inputs are", "10,8", "batch, inputs, 8"),
      flat,
    ],
    [
      "inputs that are a map",
      inputs(2, 4, 4, 8),
      given("slotAttention: the inputs are", "2,4,4,8", "batch, inputs, 8"),
      flat,
    ],
    [
      "inputs of another size",
      inputs(2, 10, 7),
      /float32\[2,10,7\], not \[batch, inputs, 8\]/,
      flat,
    ],
    [
      "a forgotten key",
      () => loose(slots).apply(slots.init(key()), ones(2, 10, 8)),
      /slotAttention: slots that start at random need a key/,
      /"learned"/,
    ],
    [
      "slots without a batch",
      () => wide.apply(wide.init(key()), ones(3, 8)),
      given("broadcastDecoder: the slots are", "3,8", "batch, slots, 8"),
      batch,
    ],
    [
      "slots of another size",
      () => wide.apply(wide.init(key()), ones(1, 3, 7)),
      given("broadcastDecoder: the slots are", "1,3,7", "batch, slots, 8"),
      batch,
    ],
    [
      "slots without a batch, pixel by pixel",
      () => cheap.apply(cheap.init(key()), ones(3, 8)),
      given("pixelDecoder: the slots are", "3,8", "batch, slots, 8"),
      batch,
    ],
  ], here);
});

describe("targets", () => {
  const targets = (...shape: number[]) => () =>
    prediction.loss(prediction.init(key()), ones(2, 16, 16, 3), ones(...shape), key());
  const hint = /pad them to one for each slot/;
  answered([
    [
      "another size",
      targets(2, 4, 18),
      /setLoss: the targets are float32\[2,4,18\], not \[2, 4, 19\]/,
      hint,
    ],
    ["no batch", targets(4, 19), /float32\[4,19\], not \[2, 4, 19\]/, hint],
    ["fewer than slots", targets(2, 3, 19), /float32\[2,3,19\], not \[2, 4, 19\]/, hint],
    ["more than slots", targets(2, 10, 19), /float32\[2,10,19\], not \[2, 4, 19\]/, hint],
    ["a stretched batch", () => setLoss(ones(2, 3, 4), ones(1, 3, 4)), /not \[2, 3, 4\]/, hint],
  ], here);
});

describe("parameters", () => {
  const hint = /what init made/;
  const image = () => ones(2, 8, 8, 3);
  const parts = () => discovery.init(key());
  const discover = (params: () => unknown) => () =>
    loose(discovery).apply(params(), image(), key());
  const pixel = "\\{ layers, position, slot \\}";
  answered([
    [
      "none",
      discover(() => undefined),
      /^objectDiscovery: the parameters are undefined, not/,
      hint,
    ],
    ["the image", () => loose(discovery).apply(image(), parts()), /are float32\[2,8,8,3\]/, hint],
    [
      "a part missing",
      discover(() => ({ ...parts(), encoder: undefined })),
      /are \{ decoder, slotAttention \}, not \{ decoder, encoder, slotAttention \}/,
      hint,
    ],
    [
      "fewer convolutions",
      discover(() => ({ ...parts(), encoder: { ...parts().encoder, convs: [] } })),
      /^cnnEncoder's convs: the parameters are a list of 0, not a list of 1/,
      hint,
    ],
    [
      "another decoder's",
      discover(() => ({ ...parts(), decoder: { position: {}, convs: [] } })),
      new RegExp(`^pixelDecoder: the parameters are \\{ convs, position \\}, not ${pixel}$`),
      hint,
    ],
    [
      "a part of a part missing",
      discover(() => ({ ...parts(), slotAttention: { ...parts().slotAttention, gru: undefined } })),
      /^slotAttention: the parameters are \{ key, mlp, /,
      hint,
    ],
    [
      "a weight missing",
      discover(() => ({ ...parts(), encoder: { ...parts().encoder, convs: [{}] } })),
      /^nn\.conv: the parameters are \{\}, not \{ bias, weight \}/,
      hint,
    ],
    [
      "those of another model",
      () => loose(prediction).apply(parts(), image(), key()),
      /^propertyPrediction: the parameters are .*, not \{ encoder, head, slotAttention \}/,
      hint,
    ],
  ], here);

  test("their own are taken", () => {
    expect(discovery.apply(parts(), image(), key()).masks.shape).toEqual([2, 3, 8, 8]);
  });
});
