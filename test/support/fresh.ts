/** Files that share a process begin on the same backend, and not on the one that the file before them chose last. */
import { setBackend } from "trilevel";

await setBackend("reference");
