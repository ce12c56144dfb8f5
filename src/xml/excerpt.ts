import { NS } from "../xmpp/index.js";

/**
 * The first tags of a frame for an operator who looks for the cause of a fault: as much as can be said with words of the
 * standards. Whatever else a peer wrote, text, addresses, ids, unknown names and values, is an ellipsis.
 *
 * Shape   `pieces` are the bytes of the frame in order. The result is e.g. `<iq type='set' id='…'><query xmlns='jabber:iq:roster'>…` with an ellipsis for an unknown namespace.
 * Cost    looks at no more than 512 bytes, whatever the frame is.
 */
export function maskedHead(pieces: readonly (Buffer | undefined)[]): string {
  let text = "";
  let length = 0;
  for (const piece of pieces) {
    if (piece === undefined) continue;
    length += piece.length;
    text += piece.toString("latin1", 0, MOST_BYTES - text.length);
  }
  let shown = "";
  let at = 0;
  for (let tags = 0; tags < MOST_TAGS; tags++) {
    TAG.lastIndex = at;
    const match = TAG.exec(text);
    if (match === null) break;
    if (match[1] !== "") shown += MASK;
    shown += maskedTag(match[2] ?? "", match[3] ?? "", match[4] ?? "", match[5] ?? "");
    at = TAG.lastIndex;
    if (match[5] !== ">") break;
  }
  return at < length ? `${shown}${MASK}` : shown;
}

const MOST_BYTES = 512;
const MOST_TAGS = 3;
const MASK = "…";

/** White space or text, a tag's name behind its bracket, its whole attributes, and its end, if that is there. */
const TAG = /([^<]*)<(\/?[A-Za-z][A-Za-z0-9:.-]*)((?:\s+[A-Za-z][A-Za-z0-9:.-]*=(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)(>?)/y;
const ATTRIBUTE = /\s+([A-Za-z][A-Za-z0-9:.-]*)=(?:"([^"<]*)"|'([^'<]*)')/g;

function maskedTag(name: string, attributes: string, slash: string, bracket: string): string {
  const local = name.replace("/", "");
  const shown = NAMES.has(local) ? name : `${name.startsWith("/") ? "/" : ""}${MASK}`;
  let list = "";
  for (const [, attribute = "", double, single] of attributes.matchAll(ATTRIBUTE)) {
    const value = double ?? single ?? "";
    if (!ATTRIBUTES.has(attribute)) list += ` ${MASK}`;
    else list += ` ${attribute}='${VALUES.has(value) && TELLING.has(attribute) ? value : MASK}'`;
  }
  return `<${shown}${list}${slash}${bracket}`;
}

/** Attributes whose values are words of the standards, if they are among `VALUES`. */
const TELLING: ReadonlySet<string> = new Set(["type", "xmlns", "xmlns:stream", "version", "mechanism"]);
const ATTRIBUTES: ReadonlySet<string> = new Set([
  ...TELLING,
  "id",
  "to",
  "from",
  "xml:lang",
  "node",
  "h",
  "code",
  "by",
]);

// RFC 6120 §8.2.3, RFC 6121 §4.7.1 and §5.2.2, XEP-0004 §3.2.
const TYPES = ["get", "set", "result", "error", "chat", "normal", "headline", "groupchat", "unavailable", "subscribe"];
const MORE_TYPES = ["subscribed", "unsubscribe", "unsubscribed", "probe", "submit", "form", "cancel", "1.0"];
const MECHANISMS = ["PLAIN", "EXTERNAL", "ANONYMOUS", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256"];
const VALUES: ReadonlySet<string> = new Set([...TYPES, ...MORE_TYPES, ...MECHANISMS, ...Object.values<string>(NS)]);

const NAMES: ReadonlySet<string> = new Set(
  (
    "stream:stream stream:features stream:error stream iq message presence query body subject thread error auth response " +
    "challenge success failure abort starttls proceed bind session ping pubsub publish items item retract subscribe create " +
    "configure delete purge delegation forwarded delegate handshake enable enabled resume resumed r a open close x c show " +
    "status priority authenticate command vCard block unblock enable disable fin affiliations subscriptions"
  ).split(" "),
);
