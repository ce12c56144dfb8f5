import { createHash } from "node:crypto";
import type { DomainConfig, ServerComponentConfig } from "../config/index.js";
import { upstream } from "../relay/index.js";
import { stanzaBytes, stanzaError } from "../session/index.js";
import { childElements, findChild, namespaceOf } from "../xml/index.js";
import type { Element } from "../xml/index.js";
import { NS } from "../xmpp/index.js";
import type { Jid } from "../xmpp/index.js";
import { Probe, ProbeError, streamHeader } from "./probe.js";

/** The server does not let us in; with what that means for the operator. */
export class Refused extends Error {
  readonly severity: "error" | "warning" | "note";
  readonly hint: string;

  constructor(severity: Refused["severity"], message: string, hint: string) {
    super(message);
    this.severity = severity;
    this.hint = hint;
  }
}

/** A stream on which questions can be asked. */
export class Conversation {
  readonly #probe: Probe;
  /** `from` of what is asked, on a component's stream. */
  readonly #from: string | undefined;
  readonly #deadlineMs: number;
  readonly #advertised = new Set<string>();
  #asked = 0;

  constructor(probe: Probe, deadlineMs: number, from?: string) {
    this.#probe = probe;
    this.#deadlineMs = deadlineMs;
    this.#from = from;
  }

  /** Namespaces that the server said, while it was asked, that it delegates to us (XEP-0355 §4.2). */
  get advertised(): ReadonlySet<string> {
    return this.#advertised;
  }

  /** The answer to disco#info, result or error (XEP-0030 §3). Addresses are normalised and need no escaping but `'` and `&`. */
  discoInfo(to: string, node?: string): Promise<Element> {
    const at = node === undefined ? "" : ` node='${escaped(node)}'`;
    return this.request("get", `<query xmlns='${NS.discoInfo}'${at}/>`, to);
  }

  /** Rejects with ProbeError if there is no answer in time. */
  async request(type: "get" | "set", payload: string, to?: string): Promise<Element> {
    this.#asked += 1;
    const id = `check-${this.#asked}`;
    const from = this.#from === undefined ? "" : ` from='${escaped(this.#from)}'`;
    const address = to === undefined ? "" : ` to='${escaped(to)}'`;
    this.#probe.send(`<iq type='${type}' id='${id}'${from}${address}>${payload}</iq>`);
    // A server may say something else first; it does not do so for ever.
    for (const until = Date.now() + this.#deadlineMs; Date.now() < until;) {
      const element = await hearElement(this.#probe);
      if (element.name === "iq" && element.attrs["id"] === id) return element;
      if (element.name === "message") this.#note(element);
      if (element.name === "iq") this.#decline(element);
      if (element.name === "error" && namespaceOf(element) === NS.streams) throw new ProbeError(describe(element));
    }
    throw new ProbeError("The server says much, but does not answer.");
  }

  /** Each request is owed an answer (RFC 6120 §8.2.3); a server that delegates asks, and waits for it. */
  #decline({ attrs: { type, id, from, to } }: Element): void {
    if ((type !== "get" && type !== "set") || typeof from !== "string" || this.#from === undefined) return;
    const address = {
      name: "iq",
      id: typeof id === "string" ? id : undefined,
      to: from,
      from: String(to ?? this.#from),
    };
    const answer = stanzaError(address, { type: "cancel", condition: "service-unavailable" });
    this.#probe.send(stanzaBytes(answer, NS.component).toString("utf8"));
  }

  #note(message: Element): void {
    for (const delegation of childElements(message)) {
      if (!namespaceOf(delegation).startsWith("urn:xmpp:delegation:")) continue;
      for (const { attrs } of childElements(delegation)) {
        const namespace: unknown = attrs["namespace"];
        if (typeof namespace === "string") this.#advertised.add(namespace);
      }
    }
  }

  close(): void {
    this.#probe.send("</stream:stream>");
    this.#probe.close();
  }
}

/**
 * Logs in as a component (XEP-0114 §3). Rejects with Refused or ProbeError.
 */
export async function logInAsComponent(
  server: ServerComponentConfig,
  domain: string,
  name: string,
  secret: string,
  deadlineMs: number,
): Promise<Conversation> {
  const trust = { tls: "none", serverName: domain, verify: true, ca: undefined, pinnedCertificate: undefined } as const;
  const probe = new Probe(upstream({ ...server, ...trust }), NS.component, deadlineMs);
  try {
    await probe.open();
    probe.send(streamHeader(NS.component, name));
    const header = await probe.hear();
    if (header.kind !== "header") throw refusalOfComponent(header.element, name);
    const hash = createHash("sha1")
      .update(`${header.attributes.get("id") ?? ""}${secret}`)
      .digest("hex");
    probe.send(`<handshake>${hash}</handshake>`);
    const answer = await hearElement(probe);
    if (answer.name !== "handshake") throw refusalOfComponent(answer, name);
    return new Conversation(probe, deadlineMs, name);
  } catch (error) {
    probe.close();
    throw error;
  }
}

function refusalOfComponent(element: Element, name: string): Refused {
  const condition = childElements(element)[0]?.name ?? element.name;
  if (condition === "not-authorized") {
    const hint = "Write the component_secret of the server's configuration into the file of the secret.";
    return new Refused("error", `the server refuses the secret of ${name} (not-authorized).`, hint);
  }
  if (condition === "conflict") {
    const hint = "Ask again while it is not connected, or name an account with --as.";
    return new Refused("note", `it was not asked, because ${name} is connected.`, hint);
  }
  const hint = `Add the component ${name} with its secret to the server's configuration.`;
  return new Refused("error", `the server refuses ${name}: ${condition}.`, hint);
}

/**
 * Logs in as a user with SASL PLAIN, and binds a resource that the server chooses; no presence is sent, so that nobody
 * notices. Rejects with Refused or ProbeError.
 */
export async function logInAsAccount(
  { server: { c2s }, name }: DomainConfig,
  jid: Jid,
  password: string,
  deadlineMs: number,
): Promise<Conversation> {
  const probe = new Probe(upstream(c2s), NS.client, deadlineMs);
  try {
    await probe.open();
    let features = await hearFeatures(probe, name);
    if (c2s.tls === "starttls") {
      probe.send(`<starttls xmlns='${NS.tls}'/>`);
      const answer = await hearElement(probe);
      if (answer.name !== "proceed") throw new ProbeError("It refuses STARTTLS.");
      await probe.secure();
      features = await hearFeatures(probe, name);
    }
    const list = findChild(features, "mechanisms", NS.sasl);
    if (list === undefined || !childElements(list).some((one) => one.text() === "PLAIN")) {
      const hint = "In clear, Prosody offers PLAIN only with allow_unencrypted_plain_auth = true.";
      throw new Refused("warning", "it was not asked, because the server offers no SASL PLAIN to log in with.", hint);
    }
    const response = Buffer.from(`\0${jid.local ?? ""}\0${password}`).toString("base64");
    probe.send(`<auth xmlns='${NS.sasl}' mechanism='PLAIN'>${response}</auth>`);
    const answer = await hearElement(probe);
    if (answer.name !== "success" || namespaceOf(answer) !== NS.sasl) {
      const condition = childElements(answer)[0]?.name ?? answer.name;
      const hint = "The password of the account is read from CAESURA_PASSWORD.";
      throw new Refused("warning", `it was not asked, because ${jid.bare()} may not log in (${condition}).`, hint);
    }
    probe.restart();
    await hearFeatures(probe, name);
    const conversation = new Conversation(probe, deadlineMs);
    const bound = await conversation.request("set", `<bind xmlns='${NS.bind}'/>`);
    if (bound.attrs["type"] !== "result") throw new ProbeError("It lets nobody bind a resource.");
    return conversation;
  } catch (error) {
    probe.close();
    throw error;
  }
}

async function hearFeatures(probe: Probe, domain: string): Promise<Element> {
  probe.send(streamHeader(NS.client, domain));
  const element = await hearElement(probe);
  if (element.name === "features") return element;
  throw new ProbeError(describe(element));
}

async function hearElement(probe: Probe): Promise<Element> {
  for (;;) {
    const heard = await probe.hear();
    if (heard.kind === "element") return heard.element;
  }
}

function describe(element: Element): string {
  return `The server ends the stream: ${childElements(element)[0]?.name ?? element.name}.`;
}

function escaped(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("'", "&apos;");
}
