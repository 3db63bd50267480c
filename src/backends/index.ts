/**
 * The backends there are, and the choice among them when the user makes none: `TRILEVEL_BACKEND` if it is set;
 * else `webgpu` when a hardware adapter answers, `onnx` where its native library is, and `reference`.
 */
import "./reference/index.ts";
