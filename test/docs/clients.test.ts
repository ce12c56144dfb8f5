import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Claim, Client } from "../integration/clients-that-people-use/matrix.js";
import { clients, features } from "../integration/clients-that-people-use/matrix.js";

const text = readFileSync(join(import.meta.dirname, "..", "..", "docs", "clients.md"), "utf8");

/** Cells of the rows of the one table of the page. */
const rows = text
  .split("\n")
  .filter((line) => line.startsWith("|"))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );

function cellOf(claim: Claim): string {
  if (claim.kind === "cannot") return `no: ${claim.reason}`;
  const word = claim.kind === "resumes" ? "resumes" : "yes";
  return claim.note === undefined ? word : `${word}: ${claim.note}`;
}

test("docs/clients.md shows what the integration tests test", () => {
  const [head, , ...body] = rows;
  expect(head).toEqual(["Client", "Version", ...features]);
  const claimed = Object.entries<Client>(clients).map(([name, { version, claims }]) => [
    name,
    version,
    ...features.map((feature) => cellOf(claims[feature])),
  ]);
  expect(body).toEqual(claimed);
});
