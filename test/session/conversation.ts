import * as fc from "fast-check";
import { expect } from "vitest";
import { NS } from "../../src/xmpp/index.js";
import { handOver, takeOver, type HandedSession } from "../../src/session/index.js";
import type { Link } from "./world.js";
import { clientHeader, domain, ENTITY, login, NAMESPACE, rule, SERVER_HEADER, World } from "./world.js";

// A client and a server that count exactly as XEP-0198 wants, a managing entity, and Caesura between them; connections are
// cut at any point, with unread bytes on either side, and resumed. Some requests are the entity's at once (q), some when
// the server has been asked about the account (p), some when the server does not know the node (n). In the end every
// message has arrived once and in order, every request was executed once and answered once, and no counter ever went too
// far.

const SM = "urn:xmpp:sm:3";
const JID = "juliet@capulet.lit/balcony";
const CONTACT = "romeo@capulet.lit";
const timeoutMs = 100_000_000;
const RULES = [
  rule(NAMESPACE, { timeoutMs, foreignTargets: "probe" }),
  rule(NS.delegationBareDiscoInfo, { timeoutMs }),
];

export type Step =
  | { readonly kind: "message" | "request" | "probed-request" | "node-request" }
  | { readonly kind: "client-reads" | "client-asks" | "server-reads" | "server-asks" }
  | { readonly kind: "server-message" | "cut" | "server-cut" | "resume" | "abandon" | "restart" }
  | { readonly kind: "reply"; readonly which: number };

const plain = fc.constantFrom(
  ...(["message", "request", "probed-request", "node-request", "client-reads", "client-reads", "client-asks"] as const),
  ...(["server-reads", "server-reads", "server-asks", "server-message"] as const),
);
export const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: plain }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("reply" as const), which: fc.nat({ max: 9 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constantFrom(...(["cut", "server-cut", "resume", "resume", "abandon"] as const)) }),
  },
);

/** The top-level elements of what was sent, in order. */
function elements(text: string): readonly string[] {
  return text.match(/<(iq|resumed|failed)\b[^>]*[^/]>.*?<\/\1>|<[^>]+\/>/g) ?? [];
}

const attribute = (element: string, name: string) => new RegExp(` ${name}=["']([^"']*)["']`).exec(element)?.[1];
const isStanza = (element: string) => /^<(message|iq|presence)\b/.test(element);

export class Conversation {
  world = new World([domain(RULES)]);
  entity = this.world.entity();
  link: Link;
  isConnected = true;
  cid = "";
  // The client.
  clientReceived = 0;
  clientAcknowledged = 0;
  unacknowledged: string[] = [];
  readonly seenByClient: string[] = [];
  messages = 0;
  requests = 0;
  probedRequests = 0;
  nodeRequests = 0;
  // The server.
  serverReceived = 0;
  serverMessages = 0;
  serverSent: string[] = [];
  serverAcknowledged = 0;
  readonly seenByServer: string[] = [];
  // The entity.
  readonly wrappers: { readonly outer: string; readonly inner: string; readonly from: string }[] = [];
  readonly executed: string[] = [];

  constructor() {
    this.entity.forget();
    this.link = this.world.boundClient(JID);
    this.link.client(`<enable xmlns='${SM}' resume='true'/>`);
    this.link.server(`<enabled xmlns='${SM}' id='s-id' resume='true' max='86400'/>`);
    this.cid = attribute(this.link.take("client"), "id") ?? "";
    this.link.forget();
  }

  perform(one: Step): void {
    switch (one.kind) {
      case "message":
        this.clientSends(`<message id='m${this.messages++}'/>`);
        break;
      case "request":
        this.clientSends(`<iq type='set' id='q${this.requests++}'><pubsub xmlns='${NAMESPACE}'/></iq>`);
        break;
      case "probed-request":
        this.clientSends(
          `<iq type='set' id='p${this.probedRequests++}' to='${CONTACT}'><pubsub xmlns='${NAMESPACE}'/></iq>`,
        );
        break;
      case "node-request":
        this.clientSends(
          `<iq type='get' id='n${this.nodeRequests++}' to='${CONTACT}'><query xmlns='${NS.discoInfo}' node='x'/></iq>`,
        );
        break;
      case "client-reads":
        this.clientReads();
        break;
      case "client-asks":
        if (this.isConnected) this.link.client(`<r xmlns='${SM}'/>`);
        break;
      case "server-reads":
        this.serverReads();
        break;
      case "server-asks":
        if (this.isConnected) this.link.server(`<r xmlns='${SM}'/>`);
        break;
      case "server-message":
        this.serverSends(`<message id='s${this.serverMessages++}'/>`);
        break;
      case "reply":
        this.reply(one.which);
        break;
      case "cut":
        if (this.isConnected) this.link.machine.closed("client", "reset");
        this.isConnected = false;
        break;
      case "server-cut":
        if (this.isConnected) this.link.machine.closed("server", "reset");
        this.isConnected = false;
        break;
      case "abandon":
        // The client gives its connection up, and Caesura does not know.
        this.isConnected = false;
        break;
      case "resume":
        this.resume();
        break;
      case "restart":
        this.restart();
        break;
      default:
        one satisfies never;
    }
    this.entityReads();
  }

  clientSends(stanza: string): void {
    this.unacknowledged.push(stanza);
    if (this.isConnected) this.link.client(stanza);
  }

  serverSends(stanza: string): void {
    this.serverSent.push(stanza);
    if (this.isConnected) this.link.server(stanza);
  }

  clientReads(): void {
    if (!this.isConnected) return;
    for (const element of elements(this.link.take("client"))) {
      if (isStanza(element)) {
        this.clientReceived++;
        this.seenByClient.push(attribute(element, "id") ?? "");
      } else if (element.startsWith("<r ")) {
        this.link.client(`<a xmlns='${SM}' h='${this.clientReceived}'/>`);
      } else if (element.startsWith("<a ")) this.clientLearns(Number(attribute(element, "h")));
    }
  }

  clientLearns(h: number): void {
    expect(h).toBeGreaterThanOrEqual(this.clientAcknowledged);
    expect(h - this.clientAcknowledged).toBeLessThanOrEqual(this.unacknowledged.length);
    this.unacknowledged.splice(0, h - this.clientAcknowledged);
    this.clientAcknowledged = h;
  }

  serverReads(): void {
    if (!this.isConnected) return;
    for (const element of elements(this.link.take("server"))) {
      if (isStanza(element)) {
        this.serverReceived++;
        this.seenByServer.push(attribute(element, "id") ?? "");
        if (element.startsWith("<iq ")) this.serverSends(answerOfServer(element));
      } else if (element.startsWith("<r ")) {
        this.link.server(`<a xmlns='${SM}' h='${this.serverReceived}'/>`);
      } else if (element.startsWith("<a ")) this.serverLearns(Number(attribute(element, "h")));
    }
  }

  serverLearns(h: number): void {
    expect(h).toBeGreaterThanOrEqual(this.serverAcknowledged);
    expect(h).toBeLessThanOrEqual(this.serverSent.length);
    this.serverAcknowledged = h;
  }

  entityReads(): void {
    for (const element of this.entity.take("component").match(/<iq type="set".*?<\/delegation><\/iq>/g) ?? []) {
      const inner = element.slice(element.indexOf('<iq xmlns="jabber:client"'));
      const id = attribute(inner, "id") ?? "";
      this.executed.push(id);
      this.wrappers.push({
        outer: attribute(element, "id") ?? "",
        inner: id,
        from: attribute(inner, "to") ?? "juliet@capulet.lit",
      });
    }
  }

  reply(which: number): void {
    const [wrapper] = this.wrappers.splice(which % Math.max(1, this.wrappers.length), 1);
    if (wrapper === undefined) return;
    this.entity.near(
      `<iq from='${ENTITY}' to='capulet.lit' type='result' id='${wrapper.outer}'><delegation xmlns='urn:xmpp:delegation:2'><forwarded xmlns='urn:xmpp:forward:0'><iq xmlns='jabber:client' type='result' id='${wrapper.inner}' from='${wrapper.from}' to='${JID}'/></forwarded></delegation></iq>`,
    );
  }

  /** A new connection; the server answers at once, and what either side had not read is lost. */
  resume(): void {
    if (this.isConnected) return;
    const link = this.world.client();
    link.client(clientHeader()).connected();
    link.server(`${SERVER_HEADER}<stream:features/>`);
    login(link);
    link.forget();
    link.client(`<resume xmlns='${SM}' previd='${this.cid}' h='${this.clientReceived}'/>`);
    const asked = link.take("server");
    expect(attribute(asked, "previd")).toBe("s-id");
    this.serverLearns(Number(attribute(asked, "h")));
    link.server(`<resumed xmlns='${SM}' previd='s-id' h='${this.serverReceived}'/>`);
    this.link = link;
    this.isConnected = true;
    // What stands behind <resumed/> is read in its turn; the server repeats what was not acknowledged.
    for (const stanza of this.serverSent.slice(this.serverAcknowledged)) link.server(stanza);
    const text = link.take("client");
    const [resumed = ""] = elements(text);
    expect(attribute(resumed, "previd")).toBe(this.cid);
    this.clientLearns(Number(attribute(resumed, "h")));
    this.#readAhead(text.slice(text.indexOf(resumed) + resumed.length));
    for (const stanza of this.unacknowledged) link.client(stanza);
  }

  /** The proxy is stopped, and another process takes its place. What the client has not read by then is lost. */
  restart(): void {
    this.isConnected = false;
    for (const { machine } of [this.link, this.entity]) {
      machine.shutdown({ condition: "system-shutdown" });
      machine.timerExpired("drain");
    }
    const sessions = handed(this.world);
    this.world = new World([domain(RULES)], {}, {}, undefined, this.world.lastId);
    for (const one of sessions) expect(takeOver(this.world.hub, one)).toBe(true);
    this.entity = this.world.entity();
    this.entity.forget();
    this.wrappers.length = 0;
  }

  #readAhead(text: string): void {
    for (const element of elements(text)) {
      if (isStanza(element)) {
        this.clientReceived++;
        this.seenByClient.push(attribute(element, "id") ?? "");
      } else if (element.startsWith("<r ")) this.link.client(`<a xmlns='${SM}' h='${this.clientReceived}'/>`);
    }
  }

  finish(): void {
    this.resume();
    for (let round = 0; round < 6; round++) {
      this.entityReads();
      while (this.wrappers.length > 0) this.reply(0);
      this.link.client(`<r xmlns='${SM}'/>`);
      this.link.server(`<r xmlns='${SM}'/>`);
      this.serverReads();
      this.clientReads();
      this.serverReads();
    }
  }
}

/** The server lets the client through to its contact, and knows no node of the contact's. */
function answerOfServer(question: string): string {
  const attributes = `id='${attribute(question, "id")}' from='${CONTACT}' to='${JID}'`;
  if (attribute(question, "node") === undefined)
    return `<iq type='result' ${attributes}><query xmlns='${NS.discoInfo}'/></iq>`;
  return `<iq type='error' ${attributes}><error type='cancel'><item-not-found xmlns='${NS.stanzaErrors}'/></error></iq>`;
}

export const numbered = (letter: string, count: number) => Array.from({ length: count }, (_, at) => `${letter}${at}`);

/** What a process leaves to the next one, as it is on the disk. */
export function handed(world: World): readonly HandedSession[] {
  const sessions: readonly HandedSession[] = JSON.parse(JSON.stringify([...handOver(world.hub)]));
  return sessions;
}
