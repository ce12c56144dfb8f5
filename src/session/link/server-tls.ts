import { readStreamHeader, writeStreamHeader } from "../../stream/index.js";
import { FrameKind, parseElement, findChild, readHead } from "../../xml/index.js";
import { NS } from "../../xmpp/index.js";
import type { LinkFaultCode } from "./faults.js";
import type { Performer } from "./performer.js";
import type { Pump } from "./pump.js";

/**
 * STARTTLS with the server, before the client's stream is opened there. There is no way back to clear text: a server
 * that does not offer TLS is a server that cannot be reached.
 *
 * Source  RFC 6120 §5.4.
 */
export class ServerTls {
  /** `<proceed/>` was read; the upgrade may begin when the chunk around it is done. */
  #isAgreed = false;
  #isHeaderRead = false;
  readonly #domain: string;
  readonly #down: Pump;
  readonly #performer: Performer;

  constructor(domain: string, down: Pump, performer: Performer) {
    this.#domain = domain;
    this.#down = down;
    this.#performer = performer;
  }

  start(): void {
    this.#performer.send("server", writeStreamHeader({ contentNamespace: NS.client, to: this.#domain, version: true }));
  }

  /** When no framer is at work: begins the upgrade, if it is agreed. Returns what the server did wrong. */
  afterBytes(): LinkFaultCode | undefined {
    if (!this.#isAgreed) return undefined;
    if (this.#down.hasUnreadContent) return "bytes-behind-proceed";
    this.#isAgreed = false;
    this.#performer.startTls("server", this.#domain);
    return undefined;
  }

  /** Returns what the server did wrong; the link cannot be opened then. */
  frame(kind: FrameKind, bytes: Buffer, start: number, end: number): LinkFaultCode | undefined {
    if (kind === FrameKind.whitespace) return undefined;
    if (kind === FrameKind.streamHeader && !this.#isHeaderRead) {
      this.#isHeaderRead = true;
      return readStreamHeader(bytes, start, end).version === undefined ? "server-offers-no-tls" : undefined;
    }
    if (kind !== FrameKind.nonza) return "server-tls-refused";
    const { scope } = this.#down.framer;
    const { namespace, name } = readHead(bytes, start, end, scope);
    if (namespace === NS.streams && name === "features") {
      const features = parseElement(bytes, start, end, scope);
      if (findChild(features, "starttls", NS.tls) === undefined) return "server-offers-no-tls";
      this.#performer.send("server", Buffer.from(`<starttls xmlns='${NS.tls}'/>`));
      return undefined;
    }
    if (namespace === NS.tls && name === "proceed") {
      this.#isAgreed = true;
      this.#down.hold();
      return undefined;
    }
    return "server-tls-refused";
  }
}
