import type { FrameSink, FramerLimits, XmlFault } from "../xml/index.js";
import { attributeOf, Element, Framer, FrameKind, parseElement, readHead, serialize } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import { OWN_ROOT_NAME, writeStreamEnd } from "./header.js";

/** What can be wrong with a message apart from its XML (RFC 7395 §3.2 to §3.4). */
export type MessageFault =
  | "message-binary"
  | "message-empty"
  | "message-text"
  | "message-incomplete"
  | "message-crowded"
  | "message-too-large"
  | "websocket-frame"
  | "open-missing"
  | "open-content";

/**
 * Turns the messages of a client into the bytes of the stream that it would have sent over TCP.
 *
 * Each message is one complete element and a document by itself (RFC 7395 §3.3.3). That is proved here, with the framer
 * that reads all streams: a stream whose header declares no prefix that a message could lean on. What passes goes on as
 * the bytes that came; `<open/>` and `<close/>` become the tags that they stand for.
 */
export class MessageReader implements FrameSink {
  readonly #framer: Framer;
  #frames = 0;
  #kind: FrameKind = FrameKind.whitespace;
  #fault: XmlFault | MessageFault | undefined;
  #isOpen = false;
  #wasOpened = false;

  constructor(limits: FramerLimits) {
    this.#framer = new Framer({ contentNamespace: NS.client, limits });
    this.#framer.scan(BARE_HEADER, this);
  }

  /** Between an `<open/>` and a `<close/>`: white space may be put between two messages. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /**
   * Reads one whole text message.
   *
   * Returns bytes to append to the client's stream: `message` itself, a part of it, or a tag. After a fault, the same
   *         fault for every message.
   * Errors  never throws on what a peer wrote.
   * Source  RFC 7395 §3.3.1 (`<open/>`, `<close/>`), §3.3.3 (frames), §3.5 (restart).
   */
  read(message: Buffer): Buffer | XmlFault | MessageFault {
    if (this.#fault !== undefined) return this.#fault;
    const outcome = this.#readOne(message);
    if (!(outcome instanceof Uint8Array)) this.#fault = outcome;
    return outcome;
  }

  #readOne(message: Buffer): Buffer | XmlFault | MessageFault {
    const end = contentEnd(message);
    if (end === 0) return "message-empty";
    if (message[0] !== LT) return "message-text";
    const start = this.#declaration(message, end);
    const element = start === 0 && end === message.length ? message : message.subarray(start, end);
    this.#frames = 0;
    if (this.#fault === undefined) this.#framer.scan(element, this);
    if (this.#fault !== undefined) return this.#fault;
    if (this.#frames === 0 || this.#kind === FrameKind.streamEnd) return "message-incomplete";
    if (this.#frames > 1 || this.#framer.retainedBytes > 0) return "message-crowded";
    if (this.#kind === FrameKind.nonza) {
      const { namespace, name } = readHead(element, 0, element.length, this.#framer.scope);
      if (namespace === NS.framing && name === "open") return this.#open(element);
      if (namespace === NS.framing && name === "close" && this.#isOpen) {
        this.#isOpen = false;
        return STREAM_END;
      }
    }
    // Behind a `<close/>` the session finds out by itself, as it would over TCP.
    return this.#wasOpened ? element : "open-missing";
  }

  /** RFC 7395 §3.4, §3.5: every `<open/>` begins a stream anew. Whether it may, whoever reads the stream decides. */
  #open(element: Buffer): Buffer | MessageFault {
    const open = parseElement(element, 0, element.length, this.#framer.scope);
    if (open.children.length > 0) return "open-content";
    this.#isOpen = true;
    this.#wasOpened = true;
    const attributes: Record<string, string> = { xmlns: NS.client, "xmlns:stream": NS.streams };
    for (const name of HEADER_ATTRIBUTES) {
      const value = attributeOf(open, name);
      if (value !== undefined) attributes[name] = value;
    }
    const tag = serialize(new Element(OWN_ROOT_NAME, attributes));
    // Without an XML declaration: where no restart is due, a second header is to be refused as what it is.
    return Buffer.from(`${tag.slice(0, -"/>".length)}>`);
  }

  /**
   * RFC 7395 §3.3.3: an XML declaration is not recommended, so it may be there. Returns where the element begins. What the
   * declaration says is held against the rules by reading it where declarations belong.
   */
  #declaration(message: Buffer, end: number): number {
    if (message[1] !== QUESTION) return 0;
    const close = message.indexOf(DECLARATION_END);
    if (close < 0 || close >= end) return 0;
    let start = close + DECLARATION_END.length;
    while (start < end && isSpace(message[start])) start++;
    this.#framer.restart();
    this.#framer.scan(Buffer.concat([message.subarray(0, close + DECLARATION_END.length), BARE_HEADER]), this);
    return start;
  }

  frame(kind: FrameKind): void {
    this.#frames++;
    this.#kind = kind;
  }

  fault(fault: XmlFault): void {
    this.#fault = fault;
  }
}

/** Its one prefix is nobody's: a message that leaned on `stream:` or another would be no document by itself. */
const BARE_HEADER = Buffer.from(`<bare-stream:stream xmlns:bare-stream='${NS.streams}' xmlns='${NS.client}'>`);
const STREAM_END = writeStreamEnd(OWN_ROOT_NAME);

/** RFC 7395 §3.3.1: the attributes of `<open/>` are those of a stream header (RFC 6120 §4.7) that a client may send. */
const HEADER_ATTRIBUTES = ["from", "to", "version", "xml:lang"] as const;

const LT = 0x3c;
const QUESTION = 0x3f;
const DECLARATION_END = Buffer.from("?>");

/** Where the white space at the end of a message begins, which is no part of its element. */
function contentEnd(message: Buffer): number {
  let end = message.length;
  while (end > 0 && isSpace(message[end - 1])) end--;
  return end;
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}
