import { Element, FrameKind, parseElement } from "../../xml/index.js";
import type { Head } from "../../xml/index.js";
import type { Jid } from "../../xmpp/index.js";
import { NS } from "../../xmpp/index.js";
import type { Domain } from "../domain/domain.js";
import type { Pump } from "../link/pump.js";

/** Addresses of components that one session's presence is taken back from; further ones find out by themselves. */
const MAX_DIRECTED = 1000;

/** The client whose stanzas are routed. */
export interface RoutedClient {
  readonly jid: Jid;
  readonly domain: Domain;
  /** Counts a stanza of the client's that goes to no server. */
  swallow(stanza: Element): void;
  deliver(stanza: Element): void;
}

/** Who hands stanzas to components. */
export interface ComponentRouter {
  /** `answer` gets the stanza error, if the component cannot have it. */
  sendToComponent(component: string, stanza: Element, answer: (error: Element) => void): void;
}

/** One client's stanzas to components whose links end here: they are routed by us, the server does not know them. */
export class ToComponents {
  readonly #router: ComponentRouter;
  readonly #client: RoutedClient;
  /** The addresses that were sent available presence, with their component. */
  readonly #directed = new Map<string, string>();

  constructor(router: ComponentRouter, client: RoutedClient) {
    this.#router = router;
    this.#client = client;
  }

  /** True: the stanza, whose head has been read, was for such a component. */
  takes(
    kind: FrameKind,
    { attributes }: Head,
    up: Pump,
    frame: { bytes: Buffer; start: number; end: number },
  ): boolean {
    const to = attributes.get("to");
    const component = to === undefined ? undefined : this.#client.domain.componentOf(to);
    if (to === undefined || component === undefined) return false;
    const stanza = parseElement(frame.bytes, frame.start, frame.end, up.framer.scope);
    this.#client.swallow(stanza);
    stanza.attrs["from"] = this.#client.jid.full();
    if (kind === FrameKind.presence) this.#noteDirected(to, component, attributes.get("type"));
    this.#router.sendToComponent(component, stanza, (error) => {
      this.#client.deliver(error);
    });
    return true;
  }

  /** Who was told that the client is available must hear that it is not any more (RFC 6121 §4.6.3). */
  takeBackPresence(): void {
    const directed = [...this.#directed];
    this.#directed.clear();
    for (const [to, component] of directed) {
      const from = this.#client.jid.full();
      const unavailable = new Element("presence", { xmlns: NS.client, type: "unavailable", from, to });
      this.#router.sendToComponent(component, unavailable, () => undefined);
    }
  }

  #noteDirected(to: string, component: string, type: string | undefined): void {
    if (type === "unavailable") this.#directed.delete(to);
    else if (type === undefined && this.#directed.size < MAX_DIRECTED) this.#directed.set(to, component);
  }
}
