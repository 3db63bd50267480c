/**
 * SLATE (Singh et al., 2022, "Illiterate DALL-E Learns to Compose"), and the implicit SLATE of "Object Representations as
 * Fixed Points" (Chang et al., 2022): a discrete VAE makes tokens of an image, slot attention makes slots of the tokens,
 * and a transformer writes the tokens again, one after another, looking at the slots alone. Vanilla and implicit
 * differ by `adjoint`, and the ways of finding the slots by `solver`.
 */
import { ArgumentError, type Tensor } from "../public.ts";
import { scan } from "../control/index.ts";
import { oneStep } from "../implicit/index.ts";
import { infer, type InferOptions } from "../nested/index.ts";
import * as nn from "../nn/index.ts";
import * as np from "../numpy/index.ts";
import * as random from "../random/index.ts";
import { forward } from "../solvers/index.ts";
import { jit } from "../transforms/index.ts";
import { keras } from "./conventions.ts";
import { cachedDecoder } from "./parts/cachedDecoder.ts";
import { dictionary } from "./parts/dictionary.ts";
import { discreteVae, squaredError } from "./parts/discreteVae.ts";
import { gumbelSoftmax } from "./parts/gumbelSoftmax.ts";
import { perceptron } from "./parts/perceptron.ts";
import { transformerDecoder } from "./parts/transformerDecoder.ts";
import {
  checkCall,
  checkGenerate,
  checkLogits,
  checkOptions,
  type Slate,
  type SlateLevel,
  type SlateMemory,
  type SlateOptions,
  type SlateParams,
} from "./slateInterface.ts";
import { slateChecks } from "./slateChecks.ts";
import { slotCure, whole } from "./parts/whole.ts";
import { type SlotAttention, slotAttention } from "./slotAttention.ts";

/**
 * SLATE with the initializers, normalizations and losses of its authors' code. Images are in [0, 1].
 *
 * Implicit slot attention takes `iterations` steps without a derivative and one with it, as Fig. 2 of Chang et al.;
 * vanilla takes `iterations` in all. `attention` is that of the last step, which it began with.
 *
 * ```ts
 * import { slate } from "trilevel/models";
 * import { implicit, random, unrolled, valueAndGrad, broyden } from "trilevel";
 * const options = {
 *   vocabulary: 16, imageSize: 8, slots: 3, size: 16, blocks: 1, heads: 2, channels: 8,
 * };
 * const model = slate(options);                                        // implicit, one step
 * const vanilla = slate({ ...options, adjoint: unrolled() });
 * const equilibrium = slate({ ...options, solver: broyden(), adjoint: implicit({ linear: broyden() }) });
 * const params = model.init(random.key(0));
 * const image = random.uniform(random.key(1), [2, 8, 8, 3]);
 * for (const one of [model, vanilla, equilibrium]) {
 *   const [[loss, { slots }]] = valueAndGrad(one.loss, { hasAux: true })(params, image, random.key(2));
 *   console.assert(loss.shape.length === 0 && slots.shape.join() === "2,3,16");
 * }
 * const tokens = model.generate(params, model.infer(params, model.tokenize(params, image), random.key(3)).slots);
 * console.assert(tokens.shape.join() === "2,4" && model.render(params, tokens).shape.join() === "2,8,8,3");
 * ```
 *
 * @throws ArgumentError for an image size that is no multiple of 4, and heads that do not divide the size; ShapeError for
 * images, tokens or slots of other shapes; ArgumentError for parameters of a model of other sizes, and TreeError for those
 * that `init` did not make.
 */
export function slate(options: SlateOptions): Slate {
  checkOptions(options);
  const { vocabulary, imageSize, size = 192, blocks = 4, heads = 4, slotHeads = 1 } = options;
  const { imageChannels = 3, channels = 64, slots: count, dropout = 0.1 } = options;
  for (const [name, n] of Object.entries({ heads, slotHeads })) {
    if (size % n === 0) continue;
    throw new ArgumentError(
      `slate: vectors of size ${size} cannot be split into ${n} ${name}`,
      `give a size that is a multiple of \`${name}\``,
    );
  }
  const side = imageSize / 4;
  const length = side * side;
  const check = slateChecks({ vocabulary, imageSize, imageChannels, size, blocks });
  const dvae = discreteVae({ vocabulary, channels, imageChannels });
  const words = dictionary({ vocabulary, length, size, dropout });
  const normInputs = nn.layerNorm({ size });
  const mlpInputs = perceptron([size, size, size]);
  const attention = slateSlots({ slots: count, size, heads: slotHeads });
  const toMemory = nn.linear({ in: size, out: size, bias: false, weightInit: xavierUniform() });
  const decoder = transformerDecoder({ size, blocks, heads, dropout });
  const head = nn.linear({ in: size, out: vocabulary, bias: false, weightInit: xavierUniform() });

  const own: SlateLevel = {
    ...attention.level,
    step: (p, z, x) => [attention.step(p, z, x), attention.attend(p, z, x)],
  };
  const level = options.level?.(own) ?? own;
  const solve = infer(level, inferOptions(options));

  const projectRows = (p: SlateParams["slotAttention"], rows: Tensor) =>
    attention.project(p.slots, mlpInputs.apply(p.mlp, normInputs.apply(p.norm, rows)));
  const slotsOf = (p: SlateParams["slotAttention"], rows: Tensor, key: Tensor) => {
    const { value: slots, ys, stats } = solve(p.slots, projectRows(p, rows), key);
    return { slots, attention: ys, stats };
  };
  const predict = (
    p: SlateParams["decoder"],
    rows: Tensor,
    slots: Tensor,
    key: Tensor | null,
    present?: Tensor,
  ) =>
    head.apply(
      p.head,
      decoder.apply(p.transformer, rows, toMemory.apply(p.memory, slots), key, present),
    );
  const rowsOf = (p: SlateParams, tokens: Tensor) => {
    check.params(p);
    return words.apply(p.embedding, check.tokens(tokens), null);
  };
  const inputsOf = (rows: Tensor) => np.slice(rows, [], [1, 1 + length]);
  const presentOf = (slots: Tensor, given: SlateMemory) => {
    check.slots(slots);
    const { present = np.ones(slots.shape.slice(0, 2), { dtype: "bool" }) } = given;
    check.present(present, slots);
    return present;
  };
  // One program each, all of whose results reject if a token is not in the vocabulary.
  const compiled = {
    render: jit((p: SlateParams, given: Tensor) => {
      check.params(p);
      const tokens = check.tokens(given);
      const grid = tokens.reshape([tokens.shape[0]!, side, side]);
      return np.clip(dvae.decode(p.discreteVae, np.oneHot(grid, vocabulary)), 0, 1);
    }),
    project: jit((p: SlateParams, tokens: Tensor) =>
      projectRows(p.slotAttention, inputsOf(rowsOf(p, tokens)))
    ),
    infer: jit((p: SlateParams, tokens: Tensor, key: Tensor) =>
      slotsOf(p.slotAttention, inputsOf(rowsOf(p, tokens)), key)
    ),
    logits: jit((p: SlateParams, tokens: Tensor, slots: Tensor, present: Tensor) => {
      const rows = np.slice(rowsOf(p, tokens), [], [0, length]);
      return predict(p.decoder, rows, slots, null, present);
    }),
    generate: jit((p: SlateParams, slots: Tensor, present: Tensor) => {
      const memory = toMemory.apply(p.decoder.memory, slots);
      const grid = { rows: side, columns: side };
      const cached = cachedDecoder(p.decoder.transformer, heads, memory, grid, present);
      const begin = np.full([slots.shape[0]!], -1, { dtype: "int32" });
      const numbers = np.arange(side, { dtype: "int32" });
      const [, tokens] = scan(
        ([last, before], row: Tensor) => {
          const [[token, own], written] = scan(
            ([token, own], column: Tensor) => {
              const vector = words.at(p.embedding, token, row.mul(side).add(column));
              const [grown, y] = cached.step(before, own, vector, { row, column });
              const next = np.argmax(head.apply(p.decoder.head, y), { axis: -1 });
              return [[next, grown] as const, next];
            },
            [last, cached.row] as const,
            numbers,
          );
          return [[token, cached.append(before, own)] as const, written];
        },
        [begin, cached.rows] as const,
        numbers,
      );
      return np.moveaxis(tokens, 2, 0).reshape([slots.shape[0]!, length]);
    }),
  };

  const model: Slate = {
    discreteVae: dvae,
    slotAttention: attention,
    level,
    init(key) {
      const [a, b, c, d, e, f, g] = random.split(key, 7);
      return {
        discreteVae: dvae.init(a),
        embedding: words.init(b),
        slotAttention: {
          norm: normInputs.init(c),
          mlp: mlpInputs.init(c),
          slots: attention.init(d),
        },
        decoder: { memory: toMemory.init(e), transformer: decoder.init(f), head: head.init(g) },
      };
    },
    apply(p, image, key, given = {}) {
      checkCall(given);
      check.params(p);
      check.image(image);
      const { training = true, sample = true, hard = false, temperature = 1 } = given;
      const [forCodes, forTokens, forRows, forSlots, forDecoder] = random.split(key, 5);
      const codes = dvae.encode(p.discreteVae, image);
      const drawn = sample
        ? gumbelSoftmax(forCodes, codes, { temperature, hard })
        : np.oneHot(np.argmax(codes, { axis: -1 }), vocabulary, { dtype: codes.dtype });
      const reconstruction = dvae.decode(p.discreteVae, drawn);
      // The sample with Gumbel noise of its own: its probabilities are those of the codes at every temperature.
      const grid = sample ? random.categorical(forTokens, codes) : np.argmax(codes, { axis: -1 });
      const tokens = grid.reshape([image.shape[0]!, length]);
      // One tensor with one dropout mask, which slots and decoder both read.
      const rows = words.apply(p.embedding, tokens, training ? forRows : null);
      const found = slotsOf(p.slotAttention, np.slice(rows, [], [1, 1 + length]), forSlots);
      const before = np.slice(rows, [], [0, length]);
      const logits = predict(p.decoder, before, found.slots, training ? forDecoder : null);
      const crossEntropy = nn.crossEntropy(logits, tokens, { reduction: "sum" })
        .div(image.shape[0]!);
      const output = { ...found, reconstruction, tokens, logits, crossEntropy };
      return { ...output, squaredError: squaredError(reconstruction, image) };
    },
    loss(p, image, key, given = {}) {
      const output = model.apply(p, image, key, given);
      return [output.squaredError.add(output.crossEntropy), output];
    },
    tokenize(p, image) {
      check.params(p);
      check.image(image);
      const codes = dvae.encode(p.discreteVae, image);
      return np.argmax(codes, { axis: -1 }).reshape([image.shape[0]!, length]);
    },
    render: compiled.render,
    project: compiled.project,
    infer: compiled.infer,
    logits(p, tokens, slots, given = {}) {
      checkLogits(given);
      return compiled.logits(p, tokens, slots, presentOf(slots, given));
    },
    generate(p, slots, given = {}) {
      checkGenerate(given);
      check.params(p);
      return compiled.generate(p, slots, presentOf(slots, given));
    },
    reconstruct(p, image, key) {
      const found = model.infer(p, model.tokenize(p, image), key);
      const tokens = model.generate(p, found.slots);
      return { ...found, tokens, image: model.render(p, tokens) };
    },
  };
  return whole("slate", slotCure, model);
}

const { uniform, xavierUniform } = nn.initializers;

/** Options of `infer` for the slots. The last step gives the attention, too, so that it is not computed again. */
function inferOptions(options: SlateOptions): InferOptions<"last"> {
  const { iterations = 3, solver = forward(), adjoint = oneStep(), initGrad } = options;
  const atSolution = adjoint.kind === "atSolution";
  const writtenOut = adjoint.kind === "unrolled" && solver.name === forward().name;
  return {
    solver,
    adjoint,
    steps: writtenOut ? iterations - 1 : iterations,
    finalStep: writtenOut || atSolution,
    noise: "fixed",
    atol: options.atol ?? 0,
    rtol: options.rtol ?? 0,
    batchAxis: 0,
    ...initGrad !== undefined && { initGrad },
  };
}

/** Slot attention with the initializers of SLATE's code. */
function slateSlots(
  { slots, size, heads }: { readonly slots: number; readonly size: number; readonly heads: number },
): SlotAttention {
  const plain = slotAttention({
    slots,
    inputSize: size,
    slotSize: size,
    mlpHidden: size,
    heads,
    conventions: { ...keras, eps: 1e-5 },
  });
  const mlp = perceptron([size, size, size]);
  // Xavier's bound for the code's shape of three axes, [1, 1, size].
  const start = uniform(Math.sqrt(3 / size));
  const { project, start: firstSlots, attend, step, apply, level } = plain;
  return {
    project,
    start: firstSlots,
    attend,
    step,
    apply,
    level,
    init(key) {
      const [a, b, c, d] = random.split(key, 4);
      const params = plain.init(a);
      return {
        ...params,
        mlp: { norm: params.mlp!.norm, layers: mlp.init(b) },
        start: { mu: start(c, [size]), logSigma: start(d, [size]) },
      };
    },
  };
}
