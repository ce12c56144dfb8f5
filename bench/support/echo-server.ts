// The XMPP server of the benches: as little as lets a client log in (SASL PLAIN, resource binding), then every byte back.
//
// Everybody's password is right, the full JID is the next number. After binding no XML is read any more: the same backend
// stands behind Caesura and behind HAProxy, and should cost both as little as possible. Commands come from the harness:
// `sink` counts what arrives instead of echoing it, `flood` sends mixed stanzas.

import { createServer, type Socket } from "node:net";

import { mixedStanzas } from "./corpus.js";
import { flood } from "./flood.js";
import { DOMAIN } from "./stanzas.js";

/** What the harness may ask. */
export type EchoCommand =
  /** Swallow what comes until `bytes` of it have arrived, then answer and echo again. */
  | { readonly kind: "sink"; readonly bytes: number }
  /** Send the mixed stanzas `rounds` times on each bound connection; answers when all are handed over. */
  | { readonly kind: "flood"; readonly corpusBytes: number; readonly rounds: number }
  | { readonly kind: "count" };

const MECHANISMS = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>";
const BINDING = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>";

const bound = new Set<Socket>();
let count = 0;
let sunk: { received: number; readonly expected: number } | undefined;

/** The conversation up to resource binding; afterwards every byte goes back. */
class Connection {
  readonly #socket: Socket;
  #text = "";
  #isAuthenticated = false;
  #isBound = false;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (chunk) => this.#read(chunk));
    socket.on("error", () => socket.destroy());
    socket.on("close", () => bound.delete(socket));
  }

  #read(chunk: Buffer): void {
    if (this.#isBound) {
      if (sunk === undefined) this.#socket.write(chunk);
      else swallow(chunk.length);
      return;
    }
    this.#text += chunk.toString("latin1");
    for (const [pattern, act] of this.#expected()) {
      if (pattern.test(this.#text)) {
        const text = this.#text;
        this.#text = "";
        act(text);
        return;
      }
    }
  }

  #expected(): readonly (readonly [RegExp, (text: string) => void])[] {
    return [
      [/<(\w+:)?stream[ >][^>]*>$/, () => this.#greet()],
      [/<\/auth>$/, () => this.#succeed()],
      [/<\/iq>$/, (text) => this.#bind(text)],
    ];
  }

  #greet(): void {
    const features = this.#isAuthenticated ? BINDING : MECHANISMS;
    this.#socket.write(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' ` +
        `id='s${count++}' from='${DOMAIN}' version='1.0'><stream:features>${features}</stream:features>`,
    );
  }

  #succeed(): void {
    this.#isAuthenticated = true;
    this.#socket.write("<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
  }

  #bind(text: string): void {
    const id = text.match(/ id=['"]([^'"]*)/)?.[1] ?? "";
    this.#isBound = true;
    bound.add(this.#socket);
    this.#socket.write(
      `<iq type='result' id='${id}'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'>` +
        `<jid>juliet@${DOMAIN}/r${count++}</jid></bind></iq>`,
    );
  }
}

function swallow(bytes: number): void {
  if (sunk === undefined) return;
  sunk.received += bytes;
  if (sunk.received < sunk.expected) return;
  sunk = undefined;
  process.send?.({});
}

async function obey(command: EchoCommand): Promise<void> {
  switch (command.kind) {
    case "sink":
      sunk = { received: 0, expected: command.bytes };
      return;
    case "flood":
      await flood([...bound], mixedStanzas(command.corpusBytes), command.rounds);
      process.send?.({});
      return;
    case "count":
      process.send?.({ bound: bound.size });
  }
}

process.on("message", (command: EchoCommand) => {
  obey(command).catch((error: unknown) => process.send?.({ failure: String(error) }));
});
process.on("disconnect", () => process.exit());

const server = createServer((socket) => new Connection(socket));
server.listen({ port: Number(process.argv[2]), host: "127.0.0.1", backlog: 4096 }, () => {
  process.stdout.write("ready\n");
});
