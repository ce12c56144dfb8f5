import type { FrameKind as Kind } from "../../xml/index.js";
import type { Element } from "../../xml/index.js";
import { FrameKind, parseElement, readHead } from "../../xml/index.js";
import type { Jid } from "../../xmpp/index.js";
import { NS, parseJid, UsageError } from "../../xmpp/index.js";
import type { Carrier } from "../hub/carrier.js";
import type { GrantParty } from "../hub/client-mode-requests.js";
import { ComponentRequests } from "./component-requests.js";
import type { Domain } from "../domain/domain.js";
import type { LinkFaultCode } from "../link/faults.js";
import { isAboutDiscovery, nested } from "../hub/from-server.js";
import type { Hub } from "../hub/hub.js";
import { Liveness } from "./liveness.js";
import type { Performer } from "../link/performer.js";
import type { Pump } from "../link/pump.js";
import { Questions } from "../hub/questions.js";
import { routeFromComponent } from "./routing.js";
import type { Teardown } from "../link/teardown.js";
import { attributesOf, stanzaBytes } from "../link/stanzas.js";

/** The link that a component has authenticated on. */
export interface ComponentStream {
  readonly component: string;
  readonly domain: Domain;
  /** The server's component port is behind it; otherwise it ends here. */
  readonly isRelayed: boolean;
  readonly up: Pump;
  readonly down: Pump;
  readonly performer: Performer;
  readonly teardown: Teardown;
  breach(code: LinkFaultCode): void;
  /** The component owes nothing any more. */
  settled(): void;
}

/**
 * A component that has proved its secret: which of its stanzas are taken, and what is put into its stream. Everything
 * else on a relayed link passes as it came (protocol.md D82).
 */
export class ComponentSession implements Carrier, GrantParty {
  readonly kind = "component";
  readonly lang = undefined;
  readonly #hub: Hub;
  readonly #stream: ComponentStream;
  readonly #liveness: Liveness;
  /** Undefined once the component is asked nothing more. Its late replies are swallowed still. */
  #requests: ComponentRequests | undefined;

  readonly jid: Jid;
  relayedMessages = 0;
  #server: Questions | undefined;
  readonly questions: Questions;

  constructor(hub: Hub, stream: ComponentStream) {
    this.#hub = hub;
    this.#stream = stream;
    this.jid = addressOf(stream.component);
    this.#requests = new ComponentRequests(hub, this);
    this.questions = new Questions(hub, { unnamed: stream.component, send: this.deliver.bind(this) });
    this.#liveness = new Liveness(hub, this, stream.domain.name, stream.teardown);
  }

  get address(): string {
    return this.#stream.component;
  }

  get entities(): readonly string[] {
    return [this.#stream.component];
  }

  get connection(): string {
    return this.#stream.performer.id;
  }

  get queuedBytes(): number {
    return this.#stream.performer.queuedBytes("component");
  }

  get isOwed(): boolean {
    return this.#hub.delegations.isOwedBy(this);
  }

  sendToEntity(bytes: Uint8Array): void {
    this.#stream.down.inject(bytes);
  }

  deliver(stanza: Element): void {
    const { teardown, down } = this.#stream;
    if (teardown.hasEnded) return;
    // It asks and asks and does not read the answers; what others may send to it stops at the limit.
    if (this.queuedBytes > 2 * this.#hub.limits.entityQueueBytes) teardown.end("slow_peer");
    else down.inject(stanzaBytes(stanza, NS.component));
  }

  relieved(): void {
    if (!this.isOwed) this.#stream.settled();
  }

  /** A component's link knows no stream management. */
  swallow(): void {
    return;
  }

  challenge(): void {
    this.#liveness.probe();
  }

  /** Bytes came from the component: it is there. */
  heard(): void {
    this.#liveness.settled();
  }

  /** Whether an address is the component's own (protocol.md D81). */
  owns(address: string | undefined): boolean {
    return address !== undefined && parseJid(address)?.domain === this.#stream.component;
  }

  /** A stanza of the component's. True: it goes on to the server as it came. */
  fromComponent(kind: Kind, bytes: Buffer, start: number, end: number): boolean {
    if (kind === FrameKind.iq && this.#takesIq(bytes, start, end)) return false;
    const { isRelayed, up } = this.#stream;
    if (isRelayed) {
      if (kind === FrameKind.message) this.relayedMessages++;
      return true;
    }
    const stanza = parseElement(bytes, start, end, up.framer.scope);
    const { from, to } = attributesOf(stanza);
    if (to === undefined) this.#stream.breach("missing-to");
    else if (!this.owns(from)) this.#stream.breach("component-from");
    else routeFromComponent(this.#hub, this, stanza);
    return false;
  }

  /** Asks the server in the component's name, and looks at its answers. */
  get server(): Questions | undefined {
    if (!this.#stream.isRelayed) return undefined;
    return (this.#server ??= new Questions(this.#hub, {
      unnamed: this.address,
      send: (question) => {
        question.attrs["from"] ??= this.address;
        this.#stream.up.inject(stanzaBytes(question, NS.component));
      },
    }));
  }

  /** A stanza of the server's. True: it goes on to the component as it came. */
  fromServer(kind: Kind, bytes: Buffer, start: number, end: number): boolean {
    const { framer } = this.#stream.down;
    const isIq = kind === FrameKind.iq;
    if (isIq && this.#server?.take(bytes, start, end, framer.scope) !== undefined) return false;
    if (!isIq || !isAboutDiscovery(framer)) return true;
    const domainOf = (address: string): Domain | undefined => this.#hub.domain(parseJid(address)?.domain ?? "");
    const changed = nested(framer, { kind, bytes, start, end }, domainOf, undefined, undefined);
    if (changed !== undefined) this.deliver(changed);
    return changed === undefined;
  }

  /** One of the two streams ends, or the link: the component is asked nothing more. */
  end(): void {
    this.#liveness.settled();
    this.#server?.end();
    const requests = this.#requests;
    if (requests === undefined) return;
    // Whoever is answered now may be the last that a link waits for which is asked to end: then this is called again.
    this.#requests = undefined;
    this.questions.end();
    this.#hub.entityDown(this);
    requests.end();
  }

  /** True: the iq was the reply to a wrapper, or a request that a rule delegates. */
  #takesIq(bytes: Buffer, start: number, end: number): boolean {
    const { framer } = this.#stream.up;
    const mayMatch = this.#hub.mayMatch(framer.childNamespaceHash, framer.childCount);
    const { attributes } = readHead(bytes, start, end, framer.scope);
    const type = attributes.get("type");
    if (type === "result" || type === "error") {
      if (this.questions.take(bytes, start, end, framer.scope) !== undefined) return true;
      const id = attributes.get("id");
      if (id === undefined || !this.#hub.delegations.isReply(this, id)) return false;
      const isTaken = this.#hub.delegations.reply(this, parseElement(bytes, start, end, framer.scope));
      this.relieved();
      return isTaken;
    }
    return mayMatch && this.#requests?.take(parseElement(bytes, start, end, framer.scope)) === true;
  }
}

function addressOf(component: string): Jid {
  const jid = parseJid(component);
  if (jid === undefined) throw new UsageError("a component's address was not normalised");
  return jid;
}
