import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import {
  breaches,
  grantAnswerRefusals,
  grantCommandRefusals,
  grantRequestRefusals,
  wrapperRefusals,
} from "../../src/delegation/index.js";
import { refusals } from "../../src/rules/index.js";
import { LINK_FAULTS, REQUEST_FAULTS } from "../../src/session/index.js";
import { xmlFaults } from "../../src/xml/index.js";

const page = readFileSync(new URL("../../docs/errors.md", import.meta.url), "utf8");

/** The cells of each table row of the page. */
const rows = page
  .split("\n")
  .filter((line) => line.startsWith("| `"))
  .map((line) =>
    line
      .slice(1, -1)
      .split(" | ")
      .map((cell) => cell.trim()),
  );

function documented(code: string): readonly string[] {
  const found = rows.filter(([first]) => first === `\`${code}\``);
  expect(found, `rows of ${code}`).toHaveLength(1);
  return found[0] ?? [];
}

const xml = Object.values(xmlFaults);

test.each(xml.map((fault) => [fault.code, fault] as const))(
  "docs/errors.md gives condition and source of the XML fault %s",
  (code, { condition, source }) => {
    expect(documented(code).slice(1)).toEqual([`\`${condition}\``, source]);
  },
);

test.each(Object.entries(LINK_FAULTS))("docs/errors.md explains the link fault %s", (code, fault) => {
  expect(documented(code).slice(1)).toEqual([`\`${fault.condition}\``, fault.source, fault.meaning]);
});

test.each(Object.entries(REQUEST_FAULTS))("docs/errors.md explains the request fault %s", (code, fault) => {
  expect(documented(code).slice(1)).toEqual([`\`${fault.outcome}\``, fault.meaning]);
});

test.each(Object.entries(refusals))("docs/errors.md gives condition and source of the refusal %s", (code, refusal) => {
  expect(documented(code).slice(1)).toEqual([`\`${refusal.condition}\``, refusal.source]);
});

test.each(Object.entries({ ...breaches, ...wrapperRefusals }))(
  "docs/errors.md explains the reply's fault %s",
  (code, breach) => {
    expect(documented(code).slice(1)).toEqual([breach.source, breach.meaning]);
  },
);

test.each(Object.entries({ ...grantRequestRefusals, ...grantAnswerRefusals }))(
  "docs/errors.md explains the refusal of client mode %s",
  (code, { condition, source, meaning }) => {
    expect(documented(code).slice(1)).toEqual([`\`${condition}\``, source, meaning]);
  },
);

test.each(Object.entries(grantCommandRefusals))(
  "docs/errors.md explains the refusal of a command %s",
  (code, { condition, application, source, meaning }) => {
    const beside = application === undefined ? "none" : `\`${application}\``;
    expect(documented(code).slice(1)).toEqual([`\`${condition}\``, beside, source, meaning]);
  },
);

test("docs/errors.md lists no code that the source does not have", () => {
  const known = new Set([
    ...xml.map(({ code }): string => code),
    ...Object.keys(LINK_FAULTS),
    ...Object.keys(REQUEST_FAULTS),
    ...Object.keys(refusals),
    ...Object.keys(breaches),
    ...Object.keys(wrapperRefusals),
    ...Object.keys({ ...grantRequestRefusals, ...grantAnswerRefusals, ...grantCommandRefusals }),
  ]);
  expect(rows.map(([code]) => code?.slice(1, -1)).filter((code) => !known.has(code ?? ""))).toEqual([]);
});
