import { loadRules } from "../config/index.js";
import type { LimitsConfig, RulesConfig, RulesDomain } from "../config/index.js";
import { passReasons } from "../rules/index.js";
import type { RuleStep } from "../rules/index.js";
import type { FramerLimits } from "../xml/index.js";
import { normaliseDomain, parseJid } from "../xmpp/index.js";
import type { Jid } from "../xmpp/index.js";
import { formatProblems, sourceText, summarise } from "./report.js";
import { readStanzas } from "./stanza-input.js";
import type { StanzaInput } from "./stanza-input.js";
import { exitCode } from "./terminal.js";
import type { Terminal } from "./terminal.js";
import { contentNamespaceOf, Judge, sourceOf } from "./verdict.js";
import type { Verdict } from "./verdict.js";

export interface ExplainOptions {
  readonly config: string;
  readonly from: string;
  readonly domain?: string;
  /** `xml:lang` of the stream header. */
  readonly lang?: string;
  /** A managing entity to which users have delegated what they may. */
  readonly granted?: string;
  readonly json?: boolean;
}

/**
 * `caesura explain`: what would become of stanzas from standard input. Everything that decides is what the proxy
 * itself decides with: framer, rules, wrapper.
 *
 * Exit  0 if it could be explained, also for a stanza that the proxy refuses; 1 if configuration or input is not
 *       usable; 2 for a wrong command line.
 */
export async function explain(options: ExplainOptions, terminal: Terminal): Promise<number> {
  const { stderr, stdout } = terminal;
  const loaded = loadRules(options.config);
  if (!loaded.ok) {
    stderr.write(`${formatProblems(loaded.problems, sourceText(options.config))}\n`);
    stderr.write(`${options.config}: ${summarise(loaded.problems)}; nothing can be explained with it.\n`);
    return exitCode.failure;
  }
  const sender = parseJid(options.from);
  if (sender === undefined) {
    stderr.write(`error: --from ${JSON.stringify(options.from)} is no JID (RFC 7622)\n`);
    return exitCode.usage;
  }
  const domain = chooseDomain(loaded.config, sender, options.domain);
  if (typeof domain === "string") {
    stderr.write(`error: ${domain}\n`);
    return exitCode.usage;
  }
  const grantedTo = entityOf(options.granted, domain);
  if (grantedTo !== undefined && !("entity" in grantedTo)) {
    stderr.write(`error: ${grantedTo.problem}\n`);
    return exitCode.usage;
  }
  if (sender.local !== undefined && sender.resource === undefined) {
    stderr.write(`note: a client has a full JID once it is bound, for example ${sender.bare()}/balcony\n`);
  }
  const limits = framerLimits(loaded.config.limits, sender.local === undefined);
  if (terminal.isTyped === true) stderr.write("Write a stanza, and end it with Ctrl-D.\n");
  const bytes = await readInput(terminal.stdin, limits.maxFrameBytes + 65_536);
  const input = readStanzas(bytes, contentNamespaceOf(sender), domain.name, limits);
  const judge = new Judge({ domain, jid: sender, lang: options.lang, grantedTo: grantedTo?.entity });
  const verdicts = input.frames.map((frame) => judge.judge(frame, input.scope));
  stdout.write(
    options.json === true
      ? `${JSON.stringify(asJson(domain, sender, verdicts, input), null, 2)}\n`
      : [...verdicts.map((verdict) => tell(verdict, domain)), tellFault(input)].join(""),
  );
  if (input.fault !== undefined) return exitCode.clean;
  if (!input.isUnfinished && input.frames.length > 0) return exitCode.clean;
  stderr.write(`error: standard input ${input.isUnfinished ? "ends inside a stanza" : "holds no stanza"}\n`);
  return exitCode.failure;
}

const others = { message: "a message", presence: "presence", "no-stanza": "no stanza" } as const;

const targets = {
  domain: "to the served domain",
  "own-account": "to the sender's own account",
  "foreign-account": "to another user's account",
} as const;

function tell(verdict: Verdict, domain: RulesDomain): string {
  const sentences = verdict.steps.map(describeStep);
  if (domain.delegations.length === 0) sentences.push(`${domain.name} delegates nothing.`);
  switch (verdict.outcome) {
    case "passed": {
      const { reason } = verdict;
      const isOther = reason === "message" || reason === "presence" || reason === "no-stanza";
      if (isOther) sentences.push(`This is ${others[reason]}; rules select IQs only (XEP-0355 §4.1).`);
      else sentences.push(`No rule takes it: ${passReasons[reason]}.`);
      if (verdict.grantable !== undefined) {
        const { account, namespace } = verdict.grantable;
        sentences.push(
          `Users may delegate ${namespace} (clientMode): if ${account} has, the entity of that choice gets it instead; --granted ENTITY shows what.`,
        );
      }
      const routed = domain.endsComponentLinks && reason !== "no-stanza";
      const note = routed ? " (or to the component it is addressed to, whose link ends here)" : "";
      sentences.push(`To the server${note}, unchanged:`);
      break;
    }
    case "refused":
      sentences.push(`Refused: ${verdict.reason} (${sourceOf(verdict.reason)}). The sender gets:`);
      break;
    case "delegated": {
      const { rule, target, waitsFor, isGranted } = verdict;
      if (waitsFor !== "nothing") sentences.push(firsts[waitsFor]);
      const by = isGranted ? `No rule takes it, but the user's grant (XEP-0355 §5.2): delegated` : "Delegated";
      sentences.push(`${by} by ${rule.namespace} to ${rule.entity} (${targets[target]}). The managing entity gets:`);
      break;
    }
    default:
      return verdict satisfies never;
  }
  return `${sentences.join("\n")}\n\n${verdict.leaves.toString("utf8")}\n\n`;
}

const firsts = {
  server: "The request goes to the server first; only if that answers item-not-found (XEP-0355 §7.2.4):",
  probe:
    "The server is first asked about that account on the sender's behalf; only if it does not turn the sender away:",
} as const;

function tellFault({ fault }: StanzaInput): string {
  if (fault === undefined) return "";
  const { code, condition, source } = fault.fault;
  return (
    `Refused at line ${fault.line}, byte ${fault.column}: ${code} (${source}).\n` +
    `Nothing of this element is passed on; the stream ends with <${condition}/>.\n`
  );
}

/** How one rule saw a request, in a line. */
export function describeStep({ rule, held, failed }: RuleStep): string {
  const name = `${rule.namespace} → ${rule.entity}`;
  if (failed === undefined) return `  [x] ${name}: ${held.join(", ")} hold`;
  if (failed.condition === "namespace" && failed.reason === "namespace-not-delegated") {
    return `  [ ] ${name}: another namespace`;
  }
  const soFar = held.length === 0 ? "" : `${held.join(", ")} hold${held.length === 1 ? "s" : ""}, but `;
  const wanted = failed.condition === "filtering" ? `; it needs ${rule.filtering.join(" and ")}` : "";
  return `  [ ] ${name}: ${soFar}${failed.condition} does not: ${passReasons[failed.reason]}${wanted}`;
}

/** The documented shape of `--json` (docs/commands.md). */
function asJson(domain: RulesDomain, sender: Jid, verdicts: readonly Verdict[], input: StanzaInput): unknown {
  const { fault, isUnfinished } = input;
  return {
    domain: domain.name,
    from: sender.full(),
    stanzas: verdicts.map((verdict) => ({ ...summaryOf(verdict), steps: verdict.steps.map(stepAsJson) })),
    ...(fault === undefined ? {} : { fault: { ...wordsOf(fault.fault), line: fault.line, byte: fault.column } }),
    ...(isUnfinished ? { unfinished: true } : {}),
  };
}

function wordsOf({ code, condition, source }: NonNullable<StanzaInput["fault"]>["fault"]) {
  return { code, condition, source };
}

function summaryOf(verdict: Verdict) {
  const leaves = verdict.leaves.toString("utf8");
  switch (verdict.outcome) {
    case "delegated": {
      const { outcome, rule, target, waitsFor, isGranted } = verdict;
      const granted = isGranted ? { granted: true } : {};
      return { outcome, rule: rule.namespace, entity: rule.entity, target, waitsFor, ...granted, leaves };
    }
    case "passed": {
      const { outcome, reason, grantable } = verdict;
      return { outcome, reason, ...(grantable && { grantable }), leaves };
    }
    case "refused": {
      const { outcome, reason, condition, rule } = verdict;
      return { outcome, reason, condition, ...(rule === undefined ? {} : { rule: rule.namespace }), leaves };
    }
    default:
      return verdict satisfies never;
  }
}

function stepAsJson({ rule, held, failed }: RuleStep): unknown {
  return { rule: rule.namespace, entity: rule.entity, takes: failed === undefined, held, ...(failed && { failed }) };
}

/** The entity of `--granted`, as grants name it. */
function entityOf(
  granted: string | undefined,
  { name, clientMode }: RulesDomain,
): { readonly entity: string } | { readonly problem: string } | undefined {
  if (granted === undefined) return undefined;
  const entity = parseJid(granted)?.bareKey;
  if (entity === undefined) return { problem: `--granted ${JSON.stringify(granted)} is no JID (RFC 7622)` };
  if (clientMode === undefined) return { problem: `users of ${name} may delegate nothing: it has no clientMode` };
  if (clientMode.entities?.includes(entity) !== false) return { entity };
  return { problem: `${granted} may not ask users of ${name}; clientMode.entities: ${clientMode.entities.join(", ")}` };
}

/** The domain whose rules are asked; a sentence if there is none. */
export function chooseDomain(config: RulesConfig, sender: Jid, wanted: string | undefined): RulesDomain | string {
  const served = `served: ${config.domains.map(({ name }) => name).join(", ")}`;
  if (wanted !== undefined) {
    const name = normaliseDomain(wanted);
    return config.domains.find((domain) => domain.name === name) ?? `${wanted} is not served; ${served}`;
  }
  const own = config.domains.find(({ name }) => name === sender.domain);
  if (own !== undefined) return own;
  const [only] = config.domains;
  if (sender.local === undefined && config.domains.length === 1 && only !== undefined) return only;
  return `${sender.full()} is at no served domain; name one (${served})`;
}

/** The limits that the proxy would read a stream of a client, or of a component, with. */
export function framerLimits(limits: LimitsConfig, isTrusted: boolean): FramerLimits {
  const { maxDepth, maxAttributes, maxNameBytes, maxChildren, maxStanzaBytes, maxTrustedStanzaBytes } = limits;
  const maxFrameBytes = isTrusted ? maxTrustedStanzaBytes : maxStanzaBytes;
  return { maxFrameBytes, maxDepth, maxAttributes, maxNameBytes, maxChildren };
}

/** Reads standard input up to a limit; what is beyond could not be passed anyway. */
async function readInput(stdin: AsyncIterable<Uint8Array>, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of stdin) {
    chunks.push(chunk);
    length += chunk.length;
    if (length > maxBytes) break;
  }
  return Buffer.concat(chunks);
}
