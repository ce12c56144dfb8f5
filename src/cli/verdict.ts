import { clientModeSettings } from "../config/index.js";
import type { RulesDomain } from "../config/index.js";
import { ClientMode, EntityLink } from "../delegation/index.js";
import { refusals, RuleTable } from "../rules/index.js";
import type {
  Decision,
  DelegationRule,
  PassReason,
  RefusalCode,
  Request,
  RuleStep,
  Target,
  Waiting,
} from "../rules/index.js";
import { decideByGrant, describeRequest, stanzaBytes, stanzaError } from "../session/index.js";
import { FrameKind, parseElement } from "../xml/index.js";
import type { NamespaceScope } from "../xml/index.js";
import { NS, parseJid } from "../xmpp/index.js";
import type { Jid } from "../xmpp/index.js";
import type { StanzaFrame } from "./stanza-input.js";

/** Stands where the proxy puts an unguessable id. */
export const placeholderId = "UNGUESSABLE-ID";

/** Why something that is no request passes: rules select IQs only (XEP-0355 §4.1). */
export type OtherReason = "message" | "presence" | "no-stanza";

/** What becomes of one stanza, and why. `leaves` are the exact bytes, whoever gets them. */
export type Verdict = {
  /** How each rule saw it, in the order of the file; empty for what is no IQ. */
  readonly steps: readonly RuleStep[];
  readonly leaves: Buffer;
} & (
  | {
      readonly outcome: "delegated";
      readonly rule: DelegationRule;
      readonly target: Target;
      readonly waitsFor: Waiting;
      /** True if no rule takes it, but what `grantedTo` says. */
      readonly isGranted: boolean;
    }
  | {
      readonly outcome: "passed";
      readonly reason: PassReason | OtherReason;
      /** Whose grant would take it, if there is one (XEP-0355 §5.2). */
      readonly grantable: Grantable | undefined;
    }
  | {
      readonly outcome: "refused";
      readonly reason: RefusalCode;
      readonly condition: string;
      readonly rule: DelegationRule | undefined;
    }
);

export interface Grantable {
  /** Bare JID of the user whose request, or whose account, it is. */
  readonly account: string;
  readonly namespace: string;
}

/** Who sends, into what. */
export interface Sender {
  readonly domain: RulesDomain;
  readonly jid: Jid;
  /** `xml:lang` of the stream header. */
  readonly lang: string | undefined;
  /** An entity to which every user has delegated what users may delegate; undefined: nobody has delegated anything. */
  readonly grantedTo?: string | undefined;
}

/** A component is a domain; the stream of one has a namespace of its own (XEP-0114 §3). */
export function contentNamespaceOf({ local }: Jid): "jabber:client" | "jabber:component:accept" {
  return local === undefined ? NS.component : NS.client;
}

/** Decides about stanzas of one sender with what the proxy itself decides with: rules, wrapper, errors. */
export class Judge {
  readonly #sender: Sender;
  readonly #rules: RuleTable;

  constructor(sender: Sender) {
    this.#sender = sender;
    this.#rules = RuleTable.compile(sender.domain.name, sender.domain.delegations);
  }

  judge({ kind, bytes, start, end }: StanzaFrame, scope: NamespaceScope): Verdict {
    const raw = bytes.subarray(start, end);
    if (kind !== FrameKind.iq) {
      const reason =
        kind === FrameKind.message ? "message" : kind === FrameKind.presence ? "presence" : ("no-stanza" as const);
      return { outcome: "passed", reason, grantable: undefined, steps: [], leaves: raw };
    }
    const { jid, domain, lang } = this.#sender;
    const iq = parseElement(bytes, start, end, scope);
    const request = describeRequest(iq, jid.full());
    const steps = this.#rules.explain(request);
    const ruled = this.#rules.decide(request);
    const granted = ruled.kind === "pass" ? this.#decideByGrant(request) : undefined;
    const decision = this.#sender.grantedTo === undefined ? ruled : (granted ?? ruled);
    switch (decision.kind) {
      case "pass": {
        const grantable = granted === undefined ? undefined : grantableIn(request, domain.name);
        return { outcome: "passed", reason: decision.reason, grantable, steps, leaves: raw };
      }
      case "refuse": {
        const { condition, errorType, code, rule } = decision;
        const { id, to } = request;
        const address = { name: "iq", id, to: jid.full(), from: to ?? jid.bare() } as const;
        const answer = stanzaError(address, { type: errorType, condition });
        const leaves = stanzaBytes(answer, contentNamespaceOf(jid));
        return { outcome: "refused", reason: code, condition, rule, steps, leaves };
      }
      case "delegate": {
        const { rule, target, waitsFor } = decision;
        iq.attrs["xmlns"] = NS.client;
        const link = new EntityLink<undefined, DelegationRule>(rule.entity, { tombstones: 1, tombstoneMs: 1 });
        const leaves = link.forward({
          outerId: placeholderId,
          innerIdIfTaken: placeholderId,
          iq,
          requester: jid.full(),
          domain: domain.name,
          lang,
          rule,
          token: undefined,
          now: 0,
        });
        return { outcome: "delegated", rule, target, waitsFor, isGranted: decision === granted, steps, leaves };
      }
      default:
        return decision satisfies never;
    }
  }

  /** What would become of it if the user whom it concerns had delegated its namespace. */
  #decideByGrant(request: Request): Decision | undefined {
    const { domain, grantedTo } = this.#sender;
    const settings = clientModeSettings(domain);
    if (settings === undefined) return undefined;
    const mode = new ClientMode(settings);
    const [target, sender] = [parseJid(request.to ?? ""), parseJid(request.from)];
    // To whom matters for nothing but the entity's own requests; a name that nobody has stands for any.
    const [entity = "entity.invalid"] = grantedTo === undefined ? (domain.clientMode?.entities ?? []) : [grantedTo];
    for (const account of [target?.bare(), sender?.bare()]) {
      if (account === undefined) continue;
      const grants = request.children.map(({ namespace }) => ({ account, namespace, entity, grantedAtMs: 0 }));
      mode.grants.apply(grants.map((grant) => ({ kind: "put", grant })));
    }
    return decideByGrant(mode, request);
  }
}

function grantableIn({ to, from, children }: Request, domain: string): Grantable | undefined {
  const [target, sender] = [parseJid(to ?? ""), parseJid(from)];
  const user = target?.local === undefined ? sender : target;
  const [child] = children;
  if (user?.local === undefined || user.domain !== domain || child === undefined) return undefined;
  return { account: user.bare(), namespace: child.namespace };
}

/** The document that a refusal goes by. */
export function sourceOf(reason: RefusalCode): string {
  return refusals[reason].source;
}
