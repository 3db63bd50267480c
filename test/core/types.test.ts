/** What TypeScript knows of transformed functions. Nothing runs here: it has to compile. */
import { describe, expectTypeOf, test } from "vitest";
import {
  checkpoint,
  cond,
  customJvp,
  customVjp,
  evalShape,
  grad,
  hessian,
  hvp,
  jacfwd,
  jacrev,
  jit,
  jvp,
  linearize,
  scan,
  type ShapeDType,
  stopGradient,
  type Tensor,
  valueAndGrad,
  vjp,
  vmap,
} from "trilevel";

interface Params {
  readonly w: Tensor;
  readonly layers: readonly { readonly b: Tensor }[];
}
type Loss = (p: Params, x: Tensor) => Tensor;
declare const loss: Loss;
declare const withAux: (p: Params, x: Tensor) => [Tensor, { accuracy: Tensor }];
declare const p: Params;
declare const x: Tensor;

const compiles = (what: string, types: () => void) => test(what, () => void types);

describe("types carry through", () => {
  compiles("grad", () => {
    expectTypeOf(grad(loss)).toEqualTypeOf<(p: Params, x: Tensor) => Params>();
    expectTypeOf(grad(loss, { argnums: 1 })).toEqualTypeOf<(p: Params, x: Tensor) => Tensor>();
    expectTypeOf(grad(loss, { argnums: [1, 0] })(p, x)).toEqualTypeOf<readonly [Tensor, Params]>();
    expectTypeOf(grad(withAux, { hasAux: true })(p, x)).toEqualTypeOf<
      [Params, { accuracy: Tensor }]
    >();
  });

  compiles("valueAndGrad", () => {
    expectTypeOf(valueAndGrad(loss)(p, x)).toEqualTypeOf<[Tensor, Params]>();
    expectTypeOf(valueAndGrad(withAux, { hasAux: true })(p, x)).toEqualTypeOf<
      [[Tensor, { accuracy: Tensor }], Params]
    >();
  });

  compiles("functions that stay what they are", () => {
    expectTypeOf(jit(loss)).toEqualTypeOf<Loss>();
    expectTypeOf(vmap(loss, { inAxes: [null, 0] })).toEqualTypeOf<Loss>();
    expectTypeOf(checkpoint(loss)).toEqualTypeOf<Loss>();
    expectTypeOf(jit(grad(loss))).toEqualTypeOf<(p: Params, x: Tensor) => Params>();
    expectTypeOf(customJvp(loss, ([p, x], _) => [loss(p, x), x])).toEqualTypeOf<Loss>();
    expectTypeOf(customVjp(loss, (p, x) => [loss(p, x), { x }], ({ x }, ct) => [null, ct.mul(x)]))
      .toEqualTypeOf<Loss>();
    expectTypeOf(stopGradient(p)).toEqualTypeOf<Params>();
  });

  compiles("jvp, vjp and linearize", () => {
    expectTypeOf(jvp(loss, [p, x], [p, null])).toEqualTypeOf<[Tensor, Tensor]>();
    const [value, pullback] = vjp(withAux, p, x);
    expectTypeOf(value).toEqualTypeOf<[Tensor, { accuracy: Tensor }]>();
    expectTypeOf(pullback([x, { accuracy: null }])).toEqualTypeOf<[p: Params, x: Tensor]>();
    const [, lin] = linearize(loss, p, x);
    expectTypeOf(lin(p, null)).toEqualTypeOf<Tensor>();
  });

  compiles("jacobians", () => {
    const f = (p: Params) => ({ y: p.w });
    expectTypeOf(jacfwd(f)(p).y).toEqualTypeOf<Params>();
    expectTypeOf(jacrev(f)(p).y.layers[0]!.b).toEqualTypeOf<Tensor>();
    expectTypeOf(hessian((p: Params) => p.w)(p).w).toEqualTypeOf<Params>();
    expectTypeOf(hessian((p: Params) => p.w)(p).layers[0]!.b.w).toEqualTypeOf<Tensor>();
    expectTypeOf(hvp(loss, [p, x], [p, null])).toEqualTypeOf<Params>();
  });

  compiles("control flow", () => {
    const [c, ys] = scan((c: Params, x: Tensor) => [c, { y: x }], p, x);
    expectTypeOf(c).toEqualTypeOf<Params>();
    expectTypeOf(ys.y).toEqualTypeOf<Tensor>();
    expectTypeOf(cond(true, (p: Params) => p.w, (p: Params) => p.w, p)).toEqualTypeOf<Tensor>();
  });

  compiles("shapes", () => {
    expectTypeOf(evalShape(withAux, p, x)[1].accuracy).toEqualTypeOf<ShapeDType>();
  });

  compiles("wrong uses do not compile", () => {
    // @ts-expect-error: the gradient's argument is a Params
    grad(loss)(x, x);
    // @ts-expect-error: an argument is missing
    jit(loss)(p);
    // @ts-expect-error: no such argument
    grad(loss, { argnums: 2 })(p, x).w;
    // @ts-expect-error: a string is no tensor
    grad((s: string) => s);
  });
});
