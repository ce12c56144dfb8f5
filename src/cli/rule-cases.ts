import { resolve } from "node:path";
import { z } from "zod";
import { complainAboutIssues, ConfigDocument, didYouMean, readTextFile, Source, Vocabulary } from "../config/index.js";
import type { JsonSchema, LoadedConfig } from "../config/index.js";
import { passReasons, refusals } from "../rules/index.js";
import { xmlFaults } from "../xml/index.js";
import { parseJid } from "../xmpp/index.js";
import type { Jid } from "../xmpp/index.js";

/** One stanza and what is to become of it; what is undefined is not looked at. */
export interface RuleCase {
  readonly name: string;
  /** Line of the file where the case begins, from 1. */
  readonly line: number;
  readonly from: Jid;
  readonly domain: string | undefined;
  readonly lang: string | undefined;
  /** XML of one stanza. */
  readonly stanza: string;
  readonly expected: Expectation;
}

export interface Expectation {
  readonly expect: "delegated" | "passed" | "refused";
  /** The managing entity. */
  readonly entity?: string | undefined;
  /** The namespace that names the rule. */
  readonly rule?: string | undefined;
  readonly target?: string | undefined;
  /** Who is asked before the managing entity is. */
  readonly waitsFor?: string | undefined;
  readonly reason?: string | undefined;
  /** The error condition that the sender gets, on its stanza or on its stream. */
  readonly condition?: string | undefined;
  /** The exact bytes that leave, as text. */
  readonly leaves?: string | undefined;
}

export interface RuleCases {
  /** As written, relative to the file with the cases; undefined: not named there. */
  readonly config: string | undefined;
  readonly cases: readonly RuleCase[];
}

const text = z.string().min(1).max(4_096);
const long = z.string().max(1_048_576);

const caseSchema = z.strictObject({
  name: text,
  domain: text.optional(),
  from: text,
  lang: text.optional(),
  stanza: long,
  expect: z.enum(["delegated", "passed", "refused"]),
  entity: text.optional(),
  rule: text.optional(),
  target: z.enum(["domain", "own-account", "foreign-account"]).optional(),
  waitsFor: z.enum(["nothing", "server", "probe"]).optional(),
  reason: text.optional(),
  condition: text.optional(),
  leaves: long.optional(),
});

const fileSchema = z.strictObject({
  version: z.literal(1),
  config: text.optional(),
  cases: z.array(caseSchema).min(1).max(10_000),
});

const maxFileBytes = 4 * 1024 * 1024;

const reasons: readonly string[] = [
  ...Object.keys(passReasons),
  ...Object.keys(refusals),
  ...Object.values(xmlFaults).map(({ code }) => code),
  "message",
  "presence",
  "no-stanza",
];

/**
 * Reads a file of regression cases for rules.
 *
 * Errors  never throws on what stands there: all problems at once, each with its position, as for `proxy.yaml`.
 */
export function loadRuleCases(file: string): LoadedConfig<RuleCases> {
  const read = readTextFile(resolve(file), maxFileBytes);
  if (!read.ok) {
    const { code, message, hint, place = { line: 1, column: 1 } } = read;
    // Where relative paths start is no help to who named this one.
    const advice = hint === undefined || code === "file-missing" ? {} : { hint };
    return { ok: false, problems: [{ severity: "error", path: "", file, ...place, code, message, ...advice }] };
  }
  const document = new ConfigDocument(new Source(file, read.file.text.replace(/^\u{feff}/u, "")));
  if (document.value === undefined) return { ok: false, problems: document.problems };
  const shape = fileSchema.safeParse(document.value);
  if (!shape.success) {
    complainAboutIssues(document, shape.error.issues, vocabulary());
    return { ok: false, problems: document.problems };
  }
  const names = new Set<string>();
  const cases: RuleCase[] = [];
  for (const [index, { name, domain, from, lang, stanza, ...expected }] of shape.data.cases.entries()) {
    const at = ["cases", index] as const;
    if (names.has(name)) {
      const message = `Another case is called ${JSON.stringify(name)} already.`;
      document.complain([...at, "name"], { code: "duplicate-key", message });
    }
    names.add(name);
    if (expected.reason !== undefined && !reasons.includes(expected.reason)) {
      document.complain([...at, "reason"], {
        code: "wrong-choice",
        message: `${JSON.stringify(expected.reason)} is no reason that Caesura gives.`,
        hint: didYouMean(expected.reason, reasons) ?? "caesura explain --json names the reason of a stanza.",
      });
    }
    const jid = parseJid(from);
    if (jid === undefined) {
      const message = `${JSON.stringify(from)} is no JID (RFC 7622).`;
      document.complain([...at, "from"], { code: "invalid-jid", message });
      continue;
    }
    cases.push({ name, line: document.positionOf(at).line, from: jid, domain, lang, stanza, expected });
  }
  const { problems } = document;
  if (document.hasErrors) return { ok: false, problems };
  return { ok: true, config: { config: shape.data.config, cases }, warnings: problems };
}

function vocabulary(): Vocabulary {
  const schema: JsonSchema = Object(z.toJSONSchema(fileSchema, { io: "input", target: "draft-7" }));
  return new Vocabulary(schema);
}
