import { fileURLToPath } from "node:url";

/** The built program that is measured. `CAESURA` names that of another checkout, to compare two versions. */
export const program = process.env["CAESURA"] ?? fileURLToPath(new URL("../../dist/cli/caesura.js", import.meta.url));
