/**
 * Three levels of optimization, each in closed form: a Gaussian mixture for each of many images, with what all images
 * share learned across them. `deno run -A examples/nested.ts` prints how the ELBO rises; docs/nested.md
 * explains it.
 *
 * Level       | variable                  | maximizes the ELBO
 * ------------|---------------------------|-----------------------------------------
 * weights     | m, σ² (all images)        | m = mean of slots, σ² = mean square error
 * slots       | μ (each image)            | posterior mean of its pixels
 * assignments | a (each pixel)            | a = softmax over slots
 */
import {
  anderson,
  fixedPointIteration,
  forward,
  implicit,
  jit,
  np,
  random,
  type Tensor,
} from "trilevel";

/** What all images share: where slots are to be expected, [D], and the variance of pixels around them. */
export type Weights = { readonly center: Tensor; readonly variance: Tensor };

/** The variance of slots around their center. */
const slotVariance = 4;

/** Squared distances of pixels [images, N, D] from slots [images, K, D]: [images, N, K]. */
function distances(slots: Tensor, pixels: Tensor): Tensor {
  const difference = np.expandDims(pixels, 2).sub(np.expandDims(slots, 1));
  return np.sum(np.square(difference), { axis: -1 });
}

/** Assignments: to which slot each pixel belongs, a = softmaxₖ(-‖x - μₖ‖² / 2σ²). */
export function assign({ variance }: Weights, slots: Tensor, pixels: Tensor): Tensor {
  return np.softmax(distances(slots, pixels).div(variance.mul(-2)));
}

/** Slots: μₖ = (Σₙ aₙₖ xₙ / σ² + m / s²) / (Σₙ aₙₖ / σ² + 1 / s²). */
export function place(w: Weights, assignments: Tensor, pixels: Tensor): Tensor {
  const mass = np.expandDims(np.sum(assignments, { axis: 1 }), -1).div(w.variance);
  const sums = np.einsum("ink,ind->ikd", assignments, pixels).div(w.variance);
  return sums.add(w.center.div(slotVariance)).div(mass.add(1 / slotVariance));
}

/** Weights: m = mean μ, σ² = mean of a‖x - μ‖² for each coordinate. */
export function share(assignments: Tensor, slots: Tensor, pixels: Tensor): Weights {
  const total = np.sum(assignments.mul(distances(slots, pixels)));
  return { center: np.mean(slots, { axis: [0, 1] }), variance: total.div(pixels.size) };
}

/**
 * The evidence lower bound that all three levels raise: Σ a (log p(x | μ) - log K - log a) + log p(μ | m), over
 * all images.
 */
export function elbo(w: Weights, slots: Tensor, assignments: Tensor, pixels: Tensor): Tensor {
  const [size, count] = [pixels.shape[2]!, slots.shape[1]!];
  const logNormal = (square: Tensor, variance: Tensor | number) =>
    square.div(variance).add(np.log(np.multiply(variance, 2 * Math.PI)).mul(size)).mul(-0.5);
  const pixelTerm = logNormal(distances(slots, pixels), w.variance).sub(Math.log(count));
  const entropy = np.log(assignments.add(1e-30)).neg();
  const slotTerm = logNormal(np.sum(np.square(slots.sub(w.center)), { axis: -1 }), slotVariance);
  return np.sum(assignments.mul(pixelTerm.add(entropy))).add(np.sum(slotTerm));
}

/** Level two, seen from level one: the slots of each image, whose assignments are optimal for them. */
export const inferSlots = fixedPointIteration(
  (slots: Tensor, w: Weights, pixels: Tensor) => place(w, assign(w, slots, pixels), pixels),
  { solver: anderson(), adjoint: implicit(), batchAxis: 0, maxSteps: 200 },
);

/** Level one: the weights of all images, whose slots are optimal for them. A fixed point of fixed points. */
export const learnWeights = fixedPointIteration(
  (w: Weights, start: Tensor, pixels: Tensor) => {
    const slots = inferSlots(start, w, pixels).value;
    return share(assign(w, slots, pixels), slots, pixels);
  },
  { solver: forward(), adjoint: implicit(), maxSteps: 100 },
);

/** Images of pixels around a few places each, [images, N, 2]; and slots to start from, [images, K, 2]. */
export function scene(
  key: Tensor,
  { images = 4, places = 3, perPlace = 20, noise = 0.3 } = {},
  dtype: "float32" | "float64" = "float32",
): { pixels: Tensor; start: Tensor; places: Tensor } {
  const [a, b, c] = random.split(key, 3);
  // Places on a circle, at random angles, so that they lie apart.
  const angles = np.arange(places).mul(2 * Math.PI / places)
    .add(random.uniform(a, [images, 1], { dtype }).mul(2 * Math.PI));
  const circle = np.stack([np.cos(angles), np.sin(angles)], { axis: -1 }).mul(2);
  const scattered = random.normal(b, [images, places, perPlace, 2], { dtype }).mul(noise);
  const pixels = np.expandDims(circle, 2).add(scattered).reshape([images, places * perPlace, 2]);
  const start = random.normal(c, [images, places, 2], { dtype });
  return { pixels, start, places: circle };
}

/** Where learning starts. */
export const firstWeights = (): Weights => ({ center: np.zeros([2]), variance: np.array(1) });

if (import.meta.main) {
  const { pixels, start } = scene(random.key(0));
  // One round of coordinate ascent: assignments, slots, weights, each the maximum given the others.
  const round = jit((w: Weights, slots: Tensor) => {
    const a = assign(w, slots, pixels);
    const moved = place(w, a, pixels);
    const next = share(a, moved, pixels);
    return { w: next, slots: moved, bound: elbo(next, moved, a, pixels) };
  });
  let [w, slots] = [firstWeights(), start];
  for (let i = 0; i < 8; i++) {
    const result = round(w, slots);
    [w, slots] = [result.w, result.slots];
    console.log(`round ${i}: ELBO ${(await result.bound.item()).toFixed(3)}`);
  }
  // The same weights are a fixed point of fixed points, and so are differentiable in the pixels.
  const learned = learnWeights(w, slots, pixels).value;
  console.log(
    `variance ${await w.variance.item()}, as a fixed point ${await learned.variance.item()}`,
  );
}
