import type { FrameSink, FramerLimits, XmlFault } from "../xml/index.js";
import { Element, Framer, FrameKind, readHead, serialize } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import { readStreamHeader } from "./header.js";

/** Who sends what a `MessageWriter` makes of a stream, in order. */
export interface MessageSink {
  /** One text message. Nobody writes into `bytes` afterwards. */
  message(bytes: Buffer): void;
  /** White space between two elements, which over WebSocket is a ping frame (RFC 7395 §3.8). */
  keepalive(): void;
  /** What was to be written is no stream; nothing is sent of it, and nothing can be after it. The last call. */
  unwritable(fault: XmlFault): void;
}

/**
 * Turns the bytes of a stream towards a client into messages: one element each, and a document by itself.
 *
 * Shape   bytes are cut anywhere, the messages are the same. A stream header becomes `<open/>`, its end `<close/>`, which
 *         names another address only where `writeSeeOtherUri` stands before it: nothing of the server's does (RFC 7395
 *         §3.6.1; protocol.md R12). An element that leans on the header for its
 *         default namespace or for a prefix gets the declaration (§3.3.3), put behind its name; no tree is built, and one
 *         that leans on nothing leaves as the bytes that came.
 * Errors  what is no stream is a fault of ours, since the session lets through only what its own framers passed; the sink is
 *         told, so that it harms this one client and not the process.
 */
export class MessageWriter implements FrameSink {
  readonly #framer: Framer;
  readonly #sink: MessageSink;
  #declarations: readonly Declaration[] = [];
  #isAuthenticated = false;
  #isBroken = false;
  /** `<close/>` was written. */
  #isClosed = false;

  /** `trusted`: what the server and components may send. */
  constructor(sink: MessageSink, trusted: FramerLimits) {
    this.#sink = sink;
    this.#framer = new Framer({ contentNamespace: NS.client, limits: wider(trusted) });
  }

  /** The server has told the client that it is authenticated (RFC 6120 §6.4.6, XEP-0388 §2.6). */
  get isAuthenticated(): boolean {
    return this.#isAuthenticated;
  }

  write(bytes: Buffer): void {
    if (!this.#isBroken) this.#framer.scan(bytes, this);
  }

  frame(kind: FrameKind, bytes: Buffer, start: number, end: number): void {
    switch (kind) {
      case FrameKind.streamHeader:
        this.#sink.message(this.#open(bytes, start, end));
        return;
      case FrameKind.streamEnd:
        if (!this.#isClosed) this.#sink.message(CLOSE);
        return;
      case FrameKind.whitespace:
        this.#sink.keepalive();
        return;
      case FrameKind.nonza:
        if (isClose(bytes, start, end)) {
          this.#isClosed = true;
          // As it came: no declaration is missing.
          this.#sink.message(bytes.subarray(start, end));
          return;
        }
        this.#sink.message(selfContained(bytes.subarray(start, end), this.#declarations));
        if (!this.#isAuthenticated) this.#lookForSuccess(bytes, start, end);
        return;
      case FrameKind.message:
      case FrameKind.presence:
      case FrameKind.iq:
        this.#sink.message(selfContained(bytes.subarray(start, end), this.#declarations));
        return;
      default:
        kind satisfies never;
    }
  }

  fault(fault: XmlFault): void {
    this.#isBroken = true;
    this.#sink.unwritable(fault);
  }

  #open(bytes: Buffer, start: number, end: number): Buffer {
    this.#declarations = declarationsOf(this.#framer.scope);
    const { from, to, id, version, lang } = readStreamHeader(bytes, start, end);
    const attributes = Object.entries({ from, to, id, version, "xml:lang": lang }).filter(
      (attribute): attribute is [string, string] => attribute[1] !== undefined,
    );
    return Buffer.from(serialize(new Element("open", { xmlns: NS.framing, ...Object.fromEntries(attributes) })));
  }

  /** RFC 6120 §6.4.6: behind the success of SASL the next byte begins a new stream; XEP-0388 restarts nothing. */
  #lookForSuccess(bytes: Buffer, start: number, end: number): void {
    const { namespace, name } = readHead(bytes, start, end, this.#framer.scope);
    if (name !== "success" || (namespace !== NS.sasl && namespace !== NS.sasl2)) return;
    this.#isAuthenticated = true;
    if (namespace === NS.sasl) this.#framer.restart();
  }
}

/**
 * What is read here was held against the limits when it came; since then it may have been written anew, which adds to it: up to
 * twice as many characters (`writtenLength`), each of them as a reference of six bytes.
 */
function wider({ maxFrameBytes, maxDepth, maxAttributes, maxNameBytes, maxChildren }: FramerLimits): FramerLimits {
  return {
    maxFrameBytes: 16 * maxFrameBytes,
    maxDepth: maxDepth + 8,
    maxAttributes: 2 * maxAttributes,
    maxNameBytes,
    maxChildren: 4 * maxChildren,
  };
}

const CLOSE = Buffer.from(`<close xmlns='${NS.framing}'/>`);
const CLOSE_BEGINS = CLOSE.subarray(0, -"/>".length);

/**
 * What a client over WebSocket is told that is to go elsewhere, right before the end of its stream, in whose place it stands then.
 *
 * Source  RFC 7395 §3.6.1.
 */
export function writeSeeOtherUri(uri: string): Buffer {
  const close = serialize(new Element("close", { "see-other-uri": uri }));
  return Buffer.concat([CLOSE_BEGINS, Buffer.from(close.slice("<close".length))]);
}

/** No peer's element begins so: what the session lets through is in a list, and this namespace is not in it. */
function isClose(bytes: Buffer, start: number, end: number): boolean {
  return end - start >= CLOSE.length && isAt(bytes, start, CLOSE_BEGINS);
}

/** A declaration of a stream header that elements below it may lean on. */
interface Declaration {
  /** The attribute: `xmlns`, or `xmlns:` and a prefix. */
  readonly name: Buffer;
  /** How names with that prefix begin; undefined for the default namespace. */
  readonly use: Buffer | undefined;
  /** As it is put into a tag. */
  readonly text: Buffer;
}

function declarationsOf(scope: ReadonlyMap<string, string>): readonly Declaration[] {
  return [...scope].map(([prefix, namespace]) => {
    const name = prefix === "" ? "xmlns" : `xmlns:${prefix}`;
    // The serialiser escapes the value.
    const tag = serialize(new Element("x", prefix === "" ? { xmlns: namespace } : { [name]: namespace }));
    return {
      name: Buffer.from(name),
      use: prefix === "" ? undefined : Buffer.from(`${prefix}:`),
      text: Buffer.from(tag.slice("<x".length, -"/>".length)),
    };
  });
}

/**
 * The element as a document by itself. One declaration too many does no harm, so a prefix counts as used wherever its
 * letters stand before a colon, and the default namespace always.
 */
function selfContained(element: Buffer, declarations: readonly Declaration[]): Buffer {
  const nameEnd = endOfName(element);
  let missing: Buffer[] | undefined;
  for (const { name, use, text } of declarations) {
    if ((use !== undefined && !element.includes(use)) || hasAttribute(element, nameEnd, name)) continue;
    (missing ??= [element.subarray(0, nameEnd)]).push(text);
  }
  if (missing === undefined) return element;
  missing.push(element.subarray(nameEnd));
  return Buffer.concat(missing);
}

function endOfName(element: Buffer): number {
  let at = 1;
  for (; ; at++) {
    const byte = element[at];
    if (byte === GT || byte === SLASH || isSpace(byte)) return at;
  }
}

/** Looks for an attribute of the first tag by its name as written; the framer has passed that tag. */
function hasAttribute(element: Buffer, nameEnd: number, name: Buffer): boolean {
  let at = nameEnd;
  for (;;) {
    while (isSpace(element[at])) at++;
    if (element[at] === GT || element[at] === SLASH) return false;
    const start = at;
    while (element[at] !== EQUALS && !isSpace(element[at])) at++;
    if (at - start === name.length && isAt(element, start, name)) return true;
    while (element[at] !== QUOTE && element[at] !== APOSTROPHE) at++;
    const quote = element[at];
    at++;
    while (element[at] !== quote) at++;
    at++;
  }
}

function isAt(element: Buffer, start: number, name: Buffer): boolean {
  for (let at = 0; at < name.length; at++) if (element[start + at] !== name[at]) return false;
  return true;
}

const GT = 0x3e;
const SLASH = 0x2f;
const EQUALS = 0x3d;
const QUOTE = 0x22;
const APOSTROPHE = 0x27;

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
