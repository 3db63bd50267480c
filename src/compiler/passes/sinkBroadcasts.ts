/**
 * Loops that stack less. What a step writes for another loop to read (the residuals of a derivative) is often a
 * small value repeated: the small one is stacked, and repeated where it is read.
 */
import { type Atom, Literal, type Shape, sizeOf, Var } from "../../core/aval.ts";
import type { Equation, Program } from "../../core/program.ts";
import { primitives } from "../../primitives/index.ts";
import type { BroadcastParams, ReshapeParams } from "../../primitives/broadcast.ts";
import {
  type Definitions,
  definitionsOf,
  type EquationOf,
  isEquation,
  rewrite,
} from "../rewrite.ts";

/** An equation that shows its operand's elements in another shape, or repeats them. */
type View = EquationOf<"broadcast"> | EquationOf<"reshape">;

/** The program with `scan`s that write and read small values where large ones only repeat them. */
export function sinkBroadcasts(program: Program): Program {
  const definitions = new Map<Atom, Equation>();
  return rewrite(program, sinkBroadcasts, (equation) => {
    const made = isEquation(equation, "scan")
      ? writeSmall(readSmall(equation, definitions))
      : [equation];
    for (const e of made) e.outputs.forEach((v) => definitions.set(v, e));
    return made;
  });
}

/** The views by which a value shows a smaller one, the last first, if there is a smaller one. */
function viewsOf(a: Atom, definitions: Definitions, through: (view: View) => boolean) {
  let [source, depth] = [a, 0];
  const views: View[] = [];
  for (let at = a;;) {
    const view = definitions.get(at);
    if (!isEquation(view, "broadcast") && !isEquation(view, "reshape")) break;
    if (!through(view)) break;
    views.push(view);
    at = view.inputs[0]!;
    if (sizeOf(at.aval.shape) < sizeOf(source.aval.shape)) [source, depth] = [at, views.length];
  }
  return { source, views: views.slice(0, depth) };
}

/** Views applied again, the last first, each with its shape and axes changed; the result is `out`. */
function again(
  views: readonly View[],
  source: Atom,
  out: Var,
  change: (shape: Shape) => Shape,
  shift: number,
): Equation[] {
  let from = source;
  return views.toReversed().map((view, i) => {
    const to = i === views.length - 1
      ? out
      : new Var({ ...view.outputs[0]!.aval, shape: change(view.outputs[0]!.aval.shape) });
    const made = { ...view, params: changed(view, change, shift), inputs: [from], outputs: [to] };
    from = to;
    return made;
  });
}

function changed(
  view: View,
  change: (shape: Shape) => Shape,
  shift: number,
): ReshapeParams | BroadcastParams {
  if (isEquation(view, "reshape")) return { shape: change(view.params.shape) };
  const { shape, axes } = view.params;
  const steps = shift > 0 ? [0] : [];
  const moved = shift > 0 ? axes.map((a) => a + 1) : axes.filter((a) => a > 0).map((a) => a - 1);
  return { shape: change(shape), axes: [...steps, ...moved] };
}

/** Stacks the small values, and repeats them outside. */
function writeSmall(scan: EquationOf<"scan">): Equation[] {
  const { params } = scan;
  const { body, consts, carry, length } = params;
  const definitions = definitionsOf(body.equations);
  const outer = new Map<Atom, Atom>(
    body.inputs.slice(0, consts).map((v, i) => [v, scan.inputs[i]!]),
  );
  const after: Equation[] = [];
  const ys: { inner: Atom; out: Var }[] = [];
  const stack = (shape: Shape) => [length, ...shape];
  scan.outputs.slice(carry).forEach((out, i) => {
    const y = body.outputs[carry + i]!;
    const { source, views } = viewsOf(y, definitions, () => true);
    if (views.length === 0) {
      ys.push({ inner: y, out });
      return;
    }
    const fixed = source instanceof Literal ? source : outer.get(source);
    const aval = { ...source.aval, shape: stack(source.aval.shape) };
    const small = new Var(aval);
    if (fixed) {
      const axes = source.aval.shape.map((_, a) => a + 1);
      const params: BroadcastParams = { shape: aval.shape, axes };
      const { site } = scan;
      after.push({
        primitive: primitives.broadcast,
        params,
        inputs: [fixed],
        outputs: [small],
        site,
      });
    } else {
      ys.push({ inner: source, out: small });
    }
    after.push(...again(views, small, out, stack, 1));
  });
  const outputs = [...body.outputs.slice(0, carry), ...ys.map((y) => y.inner)];
  return [
    {
      ...scan,
      params: { ...params, body: { ...body, outputs } },
      outputs: [...scan.outputs.slice(0, carry), ...ys.map((y) => y.out)],
    },
    ...after,
  ];
}

/** Reads the small values, and repeats them inside. */
function readSmall(scan: EquationOf<"scan">, definitions: Definitions): EquationOf<"scan"> {
  const { params } = scan;
  const { body, consts, carry, length } = params;
  // Views along the steps: those which leave axis 0 what it is.
  const keepsSteps = (view: View) => {
    const [from] = view.inputs;
    if (from!.aval.shape[0] !== length) return false;
    return isEquation(view, "reshape") || view.params.axes[0] === 0;
  };
  const first: Equation[] = [];
  const [xs, slices]: [Atom[], Var[]] = [[], []];
  scan.inputs.slice(consts + carry).forEach((x, i) => {
    const slice = body.inputs[consts + carry + i]!;
    const { source, views } = viewsOf(x, definitions, keepsSteps);
    xs.push(source);
    if (views.length === 0) {
      slices.push(slice);
      return;
    }
    const small = new Var({ ...source.aval, shape: source.aval.shape.slice(1) });
    slices.push(small);
    first.push(...again(views, small, slice, (shape) => shape.slice(1), 0));
  });
  if (first.length === 0) return scan;
  return {
    ...scan,
    params: {
      ...params,
      body: {
        ...body,
        inputs: [...body.inputs.slice(0, consts + carry), ...slices],
        equations: [...first, ...body.equations],
      },
    },
    inputs: [...scan.inputs.slice(0, consts + carry), ...xs],
  };
}
