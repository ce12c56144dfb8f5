import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withDeadline } from "../../support/deadline.js";
import { LibraryPerson, type Order } from "../../support/library-person.js";
import { passwords } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import type { SightOf } from "../../support/person.js";
import { startProsody } from "../../support/prosody.js";
import { Relay, type Relayed } from "../../support/relay.js";
import { Scene } from "../../support/scene.js";

// Two programs of different libraries talk for some hundred stanzas through Caesura without a delegation. What each of them
// sent and received inside of TLS is held against what the server received and sent, byte for byte, from the first byte of
// the stream to its last, login and resumption included.

const room = "verona@stage.capulet.lit";
const odd = `'"&<>\n\té😀]]&gt;`;

describe.skipIf(cannotRun("prosody", "openssl", "/usr/lib/python3/dist-packages/slixmpp/__init__.py"))(
  "a long session with an empty `delegations`",
  () => {
    let wire: Relay;
    let tls: Relay;
    let scene: Scene;
    let juliet: LibraryPerson;
    let romeo: LibraryPerson;

    beforeAll(async () => {
      const prosody = await startProsody({ conference: "stage.capulet.lit", upload: "upload.capulet.lit" });
      wire = await Relay.to(prosody.c2sPort);
      scene = await Scene.before(prosody, {
        behind: { c2sPort: wire.port, componentPort: prosody.componentPort },
        delegations: {},
      });
      const { certFile = "", keyFile = "" } = scene.caesura.certificates.get("capulet.lit") ?? {};
      const [cert, key] = [readFileSync(certFile, "utf8"), readFileSync(keyFile, "utf8")];
      tls = await Relay.inside(scene.caesura.ports.direct, { cert, key, servername: "capulet.lit" });
      const start = async (library: "slixmpp" | "@xmpp/client", user: string): Promise<LibraryPerson> => {
        const jid = `${user}@capulet.lit`;
        const password = passwords[user] ?? "";
        const person = await LibraryPerson.start(library, {
          port: tls.port,
          direct: true,
          jid,
          password,
          caFile: certFile,
        });
        await person.sees("online");
        person.tell({ do: "presence" });
        await person.sees("presence", ({ from }) => from === `${jid}/library`);
        return person;
      };
      juliet = await start("slixmpp", "juliet");
      romeo = await start("@xmpp/client", "romeo");
    });
    afterAll(async () => {
      await juliet.stop();
      await romeo.stop();
      await tls.stop();
      await wire.stop();
      await scene.stop();
    });

    test("is the same bytes on both legs, in both directions", async () => {
      for (const person of [juliet, romeo]) {
        expect((await ask(person, "set", "<enable xmlns='urn:xmpp:carbons:2'/>")).type).toBe("result");
      }
      await chat(0, 60);
      await theatre();
      await services();

      // The second half of the session: Juliet's connection is lost when nothing is under way, and resumed.
      await untilSame(tls.connections[0], wire.connections[0]);
      tls.connections[0]?.cut();
      say(romeo, "juliet@capulet.lit/library", "Hist! Juliet, hist!");
      await juliet.sees("resumed");
      await juliet.sees("message", ({ body }) => body === "Hist! Juliet, hist!");
      await chat(60, 100);
      await juliet.leave();
      await romeo.leave();
      await scene.caesura.untilMetric("caesura_connections", {}, (value) => value === 0);

      expect(tls.connections).toHaveLength(3);
      expect(tls.connections[2]?.received.toString()).toContain("<resumed ");
      expect(wire.connections).toHaveLength(3);
      for (const [place, { sent, received }] of tls.connections.entries()) {
        const server = wire.connections[place];
        expect(server?.sent.toString(), `connection ${String(place)}, to the server`).toBe(sent.toString());
        expect(server?.received.toString(), `connection ${String(place)}, from the server`).toBe(received.toString());
      }
      expect(await scene.caesura.metric("caesura_stanzas_total")).toBeGreaterThan(500);
      expect(await scene.caesura.metric("caesura_delegations_total")).toBe(0);
    });

    test("over STARTTLS only what stands before TLS is Caesura's own (RFC 6120 §5)", async () => {
      const place = wire.connections.length;
      const stream = await scene.login("juliet", { transport: "starttls" });
      await stream.settle();
      stream.send("</stream:stream>");
      await stream.closed();
      expect(stream.received).toContain("<success ");
      expect(wire.connections[place]?.received.toString()).toBe(stream.received);
      expect(wire.connections[place]?.sent.toString()).not.toContain("starttls");
    });

    function say(person: LibraryPerson, to: string, body: string, type: "chat" | "groupchat" = "chat"): void {
      person.tell({ do: "message", to, type, body });
    }

    async function ask(
      person: LibraryPerson,
      type: "get" | "set",
      payload: string,
      to?: string,
    ): Promise<SightOf<"answer">> {
      const order: Order = { do: "ask", type, payload, ...(to === undefined ? {} : { to }) };
      person.tell(order);
      return person.sees("answer");
    }

    async function chat(from: number, to: number): Promise<void> {
      for (let line = from; line < to; line++) {
        const body = `${String(line)} ${line % 10 === 0 ? odd : ""}${"x".repeat(line * 20)}`;
        say(juliet, "romeo@capulet.lit/library", body);
        await romeo.sees("message", (one) => one.body.startsWith(`${String(line)} `) && one.from.startsWith("juliet"));
        say(romeo, "juliet@capulet.lit/library", body);
        await juliet.sees("message", (one) => one.body.startsWith(`${String(line)} `) && one.from.startsWith("romeo"));
        if (line % 20 === 0) romeo.tell({ do: "presence", show: line % 40 === 0 ? "away" : "dnd" });
      }
    }

    /** Multi-user chat (XEP-0045). */
    async function theatre(): Promise<void> {
      juliet.tell({ do: "join", room, nick: "juliet" });
      await juliet.sees("presence", ({ from }) => from === `${room}/juliet`);
      const form = "<x xmlns='jabber:x:data' type='submit'/>";
      await ask(juliet, "set", `<query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query>`, room);
      romeo.tell({ do: "join", room, nick: "romeo" });
      await romeo.sees("presence", ({ from, type }) => from === `${room}/romeo` && type === "");
      for (let line = 0; line < 20; line++) {
        const [speaker, hearer] = line % 2 === 0 ? [juliet, romeo] : [romeo, juliet];
        say(speaker, room, `line ${String(line)}`, "groupchat");
        await hearer.sees("message", ({ body }) => body === `line ${String(line)}`);
      }
    }

    /** PEP (XEP-0163), the archive (XEP-0313), a place for a file (XEP-0363), and what no server knows. */
    async function services(): Promise<void> {
      const pubsub = "http://jabber.org/protocol/pubsub";
      const tune =
        "<item id='current'><tune xmlns='http://jabber.org/protocol/tune'><title>Heart's Ease</title></tune></item>";
      const answers = [
        await ask(
          juliet,
          "set",
          `<pubsub xmlns='${pubsub}'><publish node='http://jabber.org/protocol/tune'>${tune}</publish></pubsub>`,
        ),
        await ask(juliet, "get", `<pubsub xmlns='${pubsub}'><items node='http://jabber.org/protocol/tune'/></pubsub>`),
        await ask(romeo, "set", "<query xmlns='urn:xmpp:mam:2' queryid='q'/>"),
        await ask(
          juliet,
          "get",
          "<request xmlns='urn:xmpp:http:upload:0' filename='rose.jpg' size='1024'/>",
          "upload.capulet.lit",
        ),
        await ask(romeo, "get", "<query xmlns='http://jabber.org/protocol/disco#info'/>", "capulet.lit"),
      ];
      for (const { type, payload } of answers) expect(type, payload).toBe("result");
      expect(answers[1]?.payload).toContain("Heart's Ease");
      expect(answers[3]?.payload).toContain("rose.jpg");
      const unknown = await ask(juliet, "get", "<line xmlns='urn:example:verse'/>");
      expect(unknown).toMatchObject({ type: "error", payload: "service-unavailable" });
    }
  },
);

/** Waits until nothing is under way in between. */
async function untilSame(client: Relayed | undefined, server: Relayed | undefined): Promise<void> {
  if (client === undefined || server === undefined) throw new Error("no connection");
  const same = (async (): Promise<void> => {
    while (!client.sent.equals(server.sent) || !client.received.equals(server.received)) {
      await new Promise((resolve) => setImmediate(resolve));
    }
  })();
  await withDeadline(same, 10_000, () => "the two legs do not become the same");
}
