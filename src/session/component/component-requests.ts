import type { Element } from "../../xml/index.js";
import { NS, parseJid } from "../../xmpp/index.js";
import type { AskingParty } from "../hub/asking-first.js";
import { delegate } from "../hub/asking-first.js";
import type { Delegation } from "../hub/delegations.js";
import { takesClientModeIq, type GrantParty } from "../hub/client-mode-requests.js";
import type { Hub } from "../hub/hub.js";
import type { DelegatedRequest, Requester } from "../hub/requests.js";
import { describeRequest } from "../hub/requests.js";
import type { Questions } from "../hub/questions.js";
import { attributesOf, stanzaError } from "../link/stanzas.js";

/** The component whose requests they are. */
export interface AskingComponent extends GrantParty {
  readonly connection: string;
  readonly address: string;
  /** Whether an address is the component's own (protocol.md D81). */
  owns(address: string): boolean;
}

/**
 * The requests of one component that are delegated to another: a managing entity answers for the domain and its
 * accounts whoever asks (XEP-0355 §4.3), but never to itself (§4.3.1).
 */
export class ComponentRequests implements Requester, AskingParty {
  readonly #hub: Hub;
  readonly #component: AskingComponent;
  readonly #pending = new Set<DelegatedRequest>();

  readonly isShared = true;

  constructor(hub: Hub, component: AskingComponent) {
    this.#hub = hub;
    this.#component = component;
  }

  get connection(): string {
    return this.#component.connection;
  }

  /** True: the request was taken and is, or will be, answered. `iq` is changed if so. */
  take(iq: Element): boolean {
    const { from, to } = attributesOf(iq);
    // A component's stanza has both (XEP-0114 §3); the server closes the stream of one that speaks for others.
    if (from === undefined || to === undefined || !this.#component.owns(from)) return false;
    const target = parseJid(to)?.domain;
    const domain = target === undefined ? undefined : this.#hub.domain(target);
    if (domain === undefined) return false;
    // XEP-0355 §5.1: the component itself asks; whoever has an address at it is somebody else.
    if (from === this.#component.address && takesClientModeIq(this.#hub, domain, this.#component, iq)) return true;
    const request = describeRequest(iq, from);
    const decision = domain.decide(request);
    switch (decision.kind) {
      case "pass":
        return false;
      case "refuse": {
        const { condition, errorType: type, code, rule } = decision;
        this.#hub.delegations.refused(this, domain, rule, code);
        this.#component.deliver(stanzaError({ name: "iq", id: request.id, to: from, from: to }, { type, condition }));
        return true;
      }
      case "delegate": {
        const { rule } = decision;
        iq.attrs["xmlns"] = NS.client;
        if (this.#pending.size >= this.#hub.limits.pendingPerSession) {
          // A component's stream carries many parties, so it is not stopped for one (RFC 6120 §8.3.3.18).
          const error = { type: "wait", condition: "resource-constraint" } as const;
          this.#hub.delegations.refused(this, domain, rule, "too-many-pending");
          this.#component.deliver(stanzaError({ name: "iq", id: request.id, to: from, from: to }, error));
          return true;
        }
        return delegate(this.#hub, this, { iq, from, domain, rule, lang: undefined }, decision.waitsFor);
      }
      default:
        return decision satisfies never;
    }
  }

  get server(): Questions | undefined {
    return this.#component.server;
  }

  begin(delegation: Delegation): DelegatedRequest {
    const request = this.#hub.delegations.open(this, delegation);
    this.#pending.add(request);
    return request;
  }

  answer(request: DelegatedRequest, reply: Element): void {
    this.#pending.delete(request);
    this.#component.deliver(reply);
  }

  /** The component is gone; late replies are swallowed by the hub. */
  end(): void {
    for (const request of this.#pending) this.#hub.delegations.abandon(request);
    this.#pending.clear();
  }
}
