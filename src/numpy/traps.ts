/**
 * Two mistakes that JavaScript lets pass without a word, made into errors: indexing a tensor with brackets, and calling
 * a method by the name that it has in NumPy, PyTorch or TensorFlow.js.
 */
import { ArgumentError } from "../core/errors.ts";
import { Tensor } from "../core/tensor.ts";

/** Methods and properties of other libraries, and how to write them here. */
export const elsewhere: Readonly<Record<string, string>> = {
  absolute: "x.abs()",
  add_: "x = x.add(y): tensors never change",
  amax: "x.max()",
  amin: "x.min()",
  arraySync: "await x.array()",
  arcsin: "np.arcsin(x)",
  backward: "grad(f)(x): the gradient of a function",
  bmm: "x.matmul(y)",
  cast: 'x.astype("float32")',
  clamp: "x.clip(min, max)",
  clone: "x itself: tensors never change",
  concat: "np.concatenate([x, y])",
  copy: "x itself: tensors never change",
  cpu: 'await x.to("onnx")',
  cuda: 'await x.to("webgpu")',
  dataSync: "await x.data()",
  detach: "stopGradient(x)",
  dim: "x.ndim",
  divide: "x.div(y)",
  double: 'x.astype("float64")',
  eq: "x.equal(y)",
  expand: "x.broadcastTo(shape)",
  float: 'x.astype("float32")',
  gather: "x.take(indices)",
  ge: "x.greaterEqual(y)",
  gt: "x.greater(y)",
  int: 'x.astype("int32")',
  le: "x.lessEqual(y)",
  logicalAnd: "x.and(y)",
  logicalNot: "x.not()",
  logicalOr: "x.or(y)",
  long: 'x.astype("int32")',
  lt: "x.less(y)",
  mm: "x.matmul(y)",
  mul_: "x = x.mul(y): tensors never change",
  multiply: "x.mul(y)",
  ne: "x.notEqual(y)",
  negative: "x.neg()",
  norm: "np.linalg.norm(x)",
  numel: "x.size",
  numpy: "await x.array()",
  permute: "x.transpose(axes)",
  power: "x.pow(y)",
  rank: "x.ndim",
  remainder: "x.mod(y)",
  repeat: "np.repeat(x, times) or np.tile(x, times)",
  softmax: "np.softmax(x)",
  sub_: "x = x.sub(y): tensors never change",
  subtract: "x.sub(y)",
  t: "x.T",
  toFloat: 'x.astype("float32")',
  toInt: 'x.astype("int32")',
  tolist: "await x.array()",
  type: "x.dtype",
  unsqueeze: "x.expandDims(axis)",
  view: "x.reshape(shape)",
};

for (const [name, here] of Object.entries(elsewhere)) {
  Object.defineProperty(Tensor.prototype, name, {
    configurable: true,
    get(): never {
      throw new ArgumentError(`a tensor has no \`${name}\``, `write ${here}`);
    },
  });
}

const index = /^-?\d+$/;

/** Stands behind `Tensor.prototype`: lookups that find nothing there end here. */
const brackets: ProxyHandler<object> = {
  get(target, key, receiver) {
    if (typeof key === "string" && index.test(key)) {
      throw new ArgumentError(
        `a tensor was read with brackets: x[${key}]`,
        `write x.slice(${key}), which gives a tensor; await x.array() gives nested lists`,
      );
    }
    return Reflect.get(target, key, receiver);
  },
  set(target, key, value, receiver) {
    if (typeof key === "string" && index.test(key)) {
      throw new ArgumentError(
        `a tensor was assigned to with brackets: x[${key}] = …`,
        `tensors never change; write x = x.at(${key}).set(value), which gives a changed copy`,
      );
    }
    return Reflect.set(target, key, value, receiver);
  },
};

Object.setPrototypeOf(Tensor.prototype, new Proxy(Object.create(Object.prototype), brackets));
