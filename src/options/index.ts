/** Declarations of options: functions declare what they take, and refuse others; all folders above `core` may use it. */
export { describeTree, describeValue } from "../core/describeValue.ts";
export * from "./kinds.ts";
export { nearest } from "./nearest.ts";
export {
  type Check,
  type Declaration,
  declarationBehind,
  declareOperands,
  declareOptions,
  nested,
  type OptionsOf,
  requireArgument,
  type Required,
  required,
  shown,
  type Spec,
} from "./options.ts";
export * from "./tensors.ts";
export { requireShape, type ShapeSpec } from "./shapeSpec.ts";
export { requireFields, requireList } from "./treeChecks.ts";
