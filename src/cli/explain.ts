import { loadConfig } from "../config/index.js";
import type { Config, DomainConfig } from "../config/index.js";
import { EntityLink } from "../delegation/index.js";
import { passReasons, refusals, RuleTable } from "../rules/index.js";
import type { DelegationRule, RuleStep } from "../rules/index.js";
import { describeRequest, stanzaBytes, stanzaError } from "../session/index.js";
import { FrameKind, parseElement } from "../xml/index.js";
import type { FramerLimits, NamespaceScope } from "../xml/index.js";
import { normaliseDomain, NS, parseJid } from "../xmpp/index.js";
import type { Jid } from "../xmpp/index.js";
import { formatProblems, sourceText, summarise } from "./report.js";
import { readStanzas } from "./stanza-input.js";
import type { StanzaFrame } from "./stanza-input.js";
import { exitCode } from "./terminal.js";
import type { Terminal } from "./terminal.js";

export interface ExplainOptions {
  readonly config: string;
  readonly from: string;
  readonly domain?: string;
  /** `xml:lang` of the stream header. */
  readonly lang?: string;
}

/** Stands where the proxy puts an unguessable id. */
const placeholderId = "UNGUESSABLE-ID";

/**
 * `caesura explain`: what would become of stanzas from standard input. Everything that decides is what the proxy
 * itself decides with: framer, rules, wrapper.
 *
 * Exit  0 if it could be explained, also for a stanza that the proxy refuses; 1 if configuration or input is not
 *       usable; 2 for a wrong command line.
 */
export async function explain(options: ExplainOptions, terminal: Terminal): Promise<number> {
  const { stderr } = terminal;
  const loaded = loadConfig(options.config, { env: terminal.env });
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
  if (sender.local !== undefined && sender.resource === undefined) {
    stderr.write(`note: a client has a full JID once it is bound, for example ${sender.bare()}/balcony\n`);
  }
  const { config } = loaded;
  const isComponent = sender.local === undefined;
  const limits = framerLimits(config, isComponent);
  const input = await readInput(terminal.stdin, limits.maxFrameBytes + 65_536);
  const contentNamespace = isComponent ? NS.component : NS.client;
  const { frames, scope, fault, isUnfinished } = readStanzas(input, contentNamespace, domain.name, limits);

  const story = new Story(domain, sender, options.lang, scope, terminal);
  for (const frame of frames) story.tell(frame);
  if (fault !== undefined) {
    const { code, condition, source } = fault.fault;
    terminal.stdout.write(
      `Refused at line ${fault.line}, byte ${fault.column}: ${code} (${source}).\n` +
        `Nothing of this element is passed on; the stream ends with <${condition}/>.\n`,
    );
  } else if (isUnfinished || frames.length === 0) {
    stderr.write(`error: standard input ${isUnfinished ? "ends inside a stanza" : "holds no stanza"}\n`);
    return exitCode.failure;
  }
  return exitCode.clean;
}

/** Tells what becomes of one stanza after another. */
class Story {
  readonly #domain: DomainConfig;
  readonly #sender: Jid;
  readonly #lang: string | undefined;
  readonly #rules: RuleTable;
  readonly #scope: NamespaceScope;
  readonly #terminal: Terminal;

  constructor(domain: DomainConfig, sender: Jid, lang: string | undefined, scope: NamespaceScope, terminal: Terminal) {
    this.#domain = domain;
    this.#sender = sender;
    this.#lang = lang;
    this.#rules = RuleTable.compile(domain.name, domain.delegations);
    this.#scope = scope;
    this.#terminal = terminal;
  }

  tell({ kind, bytes, start, end }: StanzaFrame): void {
    const raw = bytes.subarray(start, end);
    if (kind !== FrameKind.iq) {
      const what = kind === FrameKind.message ? "a message" : kind === FrameKind.presence ? "presence" : "no stanza";
      this.#say(`This is ${what}; rules select IQs only (XEP-0355 §4.1).`);
      this.#passOn(raw, kind === FrameKind.message || kind === FrameKind.presence);
      return;
    }
    const iq = parseElement(bytes, start, end, this.#scope);
    const request = describeRequest(iq, this.#sender.full());
    for (const step of this.#rules.explain(request)) this.#say(describeStep(step));
    if (this.#rules.rules.length === 0) this.#say(`${this.#domain.name} delegates nothing.`);

    const decision = this.#rules.decide(request);
    switch (decision.kind) {
      case "pass":
        this.#say(`No rule takes it: ${passReasons[decision.reason]}.`);
        this.#passOn(raw, true);
        return;
      case "refuse": {
        const { condition, errorType, code } = decision;
        const { id, to } = request;
        this.#say(`Refused: ${code} (${refusals[code].source}). The sender gets:`);
        const answer = stanzaError(
          { name: "iq", id, to: this.#sender.full(), from: to ?? this.#sender.bare() },
          { type: errorType, condition },
        );
        this.#show(stanzaBytes(answer, this.#contentNamespace));
        return;
      }
      case "delegate": {
        const { rule, target } = decision;
        iq.attrs["xmlns"] = NS.client;
        const link = new EntityLink<undefined, DelegationRule>(rule.entity, { tombstones: 1, tombstoneMs: 1 });
        const wrapper = link.forward({
          outerId: placeholderId,
          innerIdIfTaken: placeholderId,
          iq,
          requester: this.#sender.full(),
          domain: this.#domain.name,
          lang: this.#lang,
          rule,
          token: undefined,
          now: 0,
        });
        this.#say(`Delegated by ${rule.namespace} to ${rule.entity} (${targets[target]}). The managing entity gets:`);
        this.#show(wrapper);
        return;
      }
      default:
        return decision satisfies never;
    }
  }

  get #contentNamespace(): "jabber:client" | "jabber:component:accept" {
    return this.#sender.local === undefined ? NS.component : NS.client;
  }

  #passOn(raw: Buffer, isStanza: boolean): void {
    const endsHere = this.#domain.server.component === undefined;
    const note = endsHere && isStanza ? " (or to the component it is addressed to, whose link ends here)" : "";
    this.#say(`To the server${note}, unchanged:`);
    this.#show(raw);
  }

  #say(sentence: string): void {
    this.#terminal.stdout.write(`${sentence}\n`);
  }

  #show(bytes: Buffer): void {
    this.#terminal.stdout.write(`\n${bytes.toString("utf8")}\n\n`);
  }
}

const targets = {
  domain: "to the served domain",
  "own-account": "to the sender's own account",
  "foreign-account": "to another user's account",
} as const;

function describeStep({ rule, held, failed }: RuleStep): string {
  const name = `${rule.namespace} → ${rule.entity}`;
  if (failed === undefined) return `  [x] ${name}: ${held.join(", ")} hold`;
  if (failed.condition === "namespace") return `  [ ] ${name}: another namespace`;
  const soFar = held.length === 0 ? "" : `${held.join(", ")} hold${held.length === 1 ? "s" : ""}, but `;
  const wanted = failed.condition === "filtering" ? `; it needs ${rule.filtering.join(" and ")}` : "";
  return `  [ ] ${name}: ${soFar}${failed.condition} does not: ${passReasons[failed.reason]}${wanted}`;
}

/** The domain whose rules are asked; a sentence if there is none. */
function chooseDomain(config: Config, sender: Jid, wanted: string | undefined): DomainConfig | string {
  const served = config.domains.map(({ name }) => name).join(", ");
  if (wanted !== undefined) {
    const name = normaliseDomain(wanted);
    return (
      config.domains.find((domain) => domain.name === name) ?? `--domain ${wanted} is not served; served: ${served}`
    );
  }
  const own = config.domains.find(({ name }) => name === sender.domain);
  if (own !== undefined) return own;
  const [only] = config.domains;
  if (sender.local === undefined && config.domains.length === 1 && only !== undefined) return only;
  return `--from ${sender.full()} is at no served domain; name one with --domain (served: ${served})`;
}

function framerLimits({ limits }: Config, isTrusted: boolean): FramerLimits {
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
