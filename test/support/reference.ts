/** The oracle: float64, naive. */
import { type Backend, openBackend } from "../../src/runtime/backend.ts";
import "../../src/backends/reference/index.ts";

export const reference: Backend = await openBackend("reference");
