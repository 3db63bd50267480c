/** The oracle: float64, naive. */
import type { Backend } from "../../src/runtime/backend.ts";
import { openBackend } from "../../src/runtime/choice.ts";
import "../../src/backends/index.ts";

export const reference: Backend = await openBackend("reference");
