import type { StreamManagement } from "../../stream/index.js";
import { fingerprintOf } from "../../stream/index.js";
import type { Element, Framer } from "../../xml/index.js";
import { FrameKind, namespaceHash, parseElement, readHead } from "../../xml/index.js";
import { NS } from "../../xmpp/index.js";
import type { Domain } from "../domain/domain.js";
import type { Questions } from "./questions.js";
import type { Pump } from "../link/pump.js";
import { stanzaBytes } from "../link/stanzas.js";

/** A bound session as far as the server's stanzas are concerned. */
export interface ServedSession {
  readonly domain: Domain;
  /** Bare JID of the account. */
  readonly account: string;
  readonly management: StreamManagement | undefined;
  /** Undefined while nothing was asked. */
  readonly questions: Questions | undefined;
  readonly lang: string | undefined;
  requestAcks(): void;
}

/** A frame of the server's, as the framer of its direction reports it. */
export interface ServerFrame {
  readonly kind: FrameKind;
  readonly bytes: Buffer;
  readonly start: number;
  readonly end: number;
}

/**
 * A stanza of the server's on its way to a client. True: it goes on as it came. Otherwise it was kept from the client,
 * as an answer to somebody else, or went on changed, as an answer in which managing entities have a say.
 */
export function passesToClient(session: ServedSession, down: Pump, frame: ServerFrame): boolean {
  const { management, questions, domain } = session;
  const { kind, bytes, start, end } = frame;
  const { scope } = down.framer;
  if (management?.expectsRepeatsFromServer === true) {
    // The server sends again what was kept from the client before its stream was resumed (protocol.md S30).
    const stanza = parseElement(bytes, start, end, scope);
    if (management.swallowedAgainFromServer(fingerprintOf(stanza, "down"))) return false;
  }
  if (kind === FrameKind.iq && questions !== undefined) {
    const wasAttached = management?.isAttached;
    const answer = questions.take(bytes, start, end, scope);
    if (answer !== undefined) {
      management?.swallowedFromServer(fingerprintOf(answer, "down"), wasAttached);
      session.requestAcks();
      return false;
    }
  }
  management?.serverStanza();
  if (!domain.discovery.isActive || !mayConcernDiscovery(domain, down.framer, frame)) return true;
  const changed = nested(down.framer, frame, () => domain, session.account, session.lang);
  if (changed === undefined) return true;
  down.inject(stanzaBytes(changed, NS.client));
  return false;
}

/** Whether `nested` could have something to say; asked for each stanza, so nothing is made of it. */
function mayConcernDiscovery({ discovery }: Domain, framer: Framer, { kind, bytes, start, end }: ServerFrame): boolean {
  if (kind === FrameKind.iq) return isAboutDiscovery(framer);
  return kind === FrameKind.presence && discovery.isNamedIn(bytes, start, end);
}

/** Whether the iq that the framer has passed holds a disco#info. */
export function isAboutDiscovery(framer: Framer): boolean {
  return framer.childNamespaceHash === DISCO_INFO;
}

const DISCO_INFO = namespaceHash(NS.discoInfo);

/**
 * A stanza of the server's with what managing entities have to say in discovery, or undefined if nothing in it is to be
 * changed.
 *
 * Shape   `domainOf` knows the served domains; `account` is who answers without an address.
 * Source  XEP-0355 §7.2; protocol.md D50 to D56.
 */
export function nested(
  framer: Framer,
  { kind, bytes, start, end }: ServerFrame,
  domainOf: (address: string) => Domain | undefined,
  account: string | undefined,
  lang: string | undefined,
): Element | undefined {
  const { attributes } = readHead(bytes, start, end, framer.scope);
  const from = attributes.get("from") ?? account;
  const domain = from === undefined ? undefined : domainOf(from);
  if (domain === undefined) return undefined;
  if (kind === FrameKind.presence) {
    // XEP-0115 §6.3: a server's hash may stand in a presence of its own; those of its users are theirs.
    if (attributes.get("from") !== domain.name) return undefined;
    const presence = parseElement(bytes, start, end, framer.scope);
    return domain.discovery.rewriteCapabilities(presence) ? presence : undefined;
  }
  if (attributes.get("type") !== "result") return undefined;
  const iq = parseElement(bytes, start, end, framer.scope);
  return domain.discovery.nest(iq, account, lang) ? iq : undefined;
}
