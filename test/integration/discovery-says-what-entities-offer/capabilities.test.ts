import type { Element } from "ltx";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { capabilitiesVer, readDiscoInfo } from "../../../src/discovery/index.js";
import { parseElement } from "../../../src/xml/index.js";
import { startEjabberd } from "../../support/ejabberd.js";
import { authenticate } from "../../support/login.js";
import type { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene, entityJid, secret, verseNs } from "../../support/scene.js";
import type { XmppStream } from "../../support/xmpp-stream.js";

// The hash in the features that a client is given is that of the answer that it gets on its node (XEP-0115 §5.4, §6.2;
// protocol.md D55), with servers that compute theirs themselves.

const infoNs = "http://jabber.org/protocol/disco#info";
const capsNs = "http://jabber.org/protocol/caps";

interface Server {
  readonly c2sPort: number;
  readonly componentPort: number;
  stop(): Promise<void>;
}

const components = { [entityJid]: secret };
const servers: readonly (readonly [string, readonly string[], () => Promise<Server>])[] = [
  ["Prosody", ["prosody"], () => startProsody({ components })],
  ["ejabberd", ["ejabberdctl", "erl"], () => startEjabberd({ components, modules: { mod_caps: {} } })],
];

describe.each(servers)("the capabilities of %s", (_, programs, start) => {
  describe.skipIf(cannotRun(...programs, "openssl"))("behind Caesura", () => {
    let scene: Scene;
    let server: Server;
    const delegations = { [verseNs]: { jid: entityJid } };
    beforeAll(async () => {
      server = await start();
      scene = await Scene.before(server, {
        behind: { c2sPort: server.c2sPort, componentPort: server.componentPort },
        delegations,
      });
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    test("are those of the nested answer, for a client that asks on their node", async () => {
      await connected(scene);
      const { stream, c } = await given(scene);
      const own = await direct(server);
      expect(own.attrs["ver"]).toBeTypeOf("string");
      expect(c?.attrs).toMatchObject({ node: own.attrs["node"], hash: own.attrs["hash"] });
      expect(c?.attrs["ver"]).not.toBe(own.attrs["ver"]);
      const answer = await stream.ask(question("c1", `${String(c?.attrs["node"])}#${String(c?.attrs["ver"])}`));
      expect(verOf(answer.raw)).toBe(c?.attrs["ver"]);
      expect(answer.raw).toContain(`${verseNs}#recital`);
      const plain = await stream.ask(question("c2"));
      expect(verOf(plain.raw)).toBe(c?.attrs["ver"]);
      await stream.settle();
    });

    test("are the server's own, untouched, when nothing is delegated", async () => {
      await scene.caesura.reload({ delegations: {} });
      const own = await direct(server);
      const { c } = await given(scene);
      expect(c?.attrs).toEqual(own.attrs);
      await scene.caesura.reload({ delegations });
    });
  });
});

/** An entity that offers one feature more in everything that it is asked. */
async function connected(scene: Scene): Promise<ManagingEntity> {
  const entity = await scene.entity(entityJid, {
    intercept: ({ element }, stream) => {
      const query = element.getChild("query", infoNs);
      if (query === undefined || element.attrs["type"] !== "get") return false;
      const { from = "", to = "", id = "" } = element.attrs as Record<string, string>;
      const features = [verseNs, `${verseNs}#recital`, verseNs].map((name) => `<feature var='${name}'/>`).join("");
      stream.send(
        `<iq type='result' from='${to}' to='${from}' id='${id}'><query xmlns='${infoNs}' node='${String(query.attrs["node"])}'>${features}</query></iq>`,
      );
      return true;
    },
  });
  await entity.stream.settle();
  return entity;
}

/** A bound client of Caesura's, and the `<c/>` that it was given on the way. */
async function given(scene: Scene): Promise<{ readonly stream: XmppStream; readonly c: Element | undefined }> {
  const seen: Element[] = [];
  const stream = await authenticate({
    port: scene.caesura.ports.clear,
    user: "juliet",
    onFeatures: (element) => seen.push(element),
  });
  scene.owning(stream);
  const bound = await stream.ask("<iq type='set' id='bind-1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  stream.jid = bound.element.getChild("bind")?.getChildText("jid") ?? "";
  return { stream, c: seen.at(-1)?.getChild("c", capsNs) };
}

async function direct(server: Server): Promise<Element> {
  const seen: Element[] = [];
  const stream = await authenticate({
    port: server.c2sPort,
    user: "juliet",
    onFeatures: (element) => seen.push(element),
  });
  stream.drop();
  const c = seen.at(-1)?.getChild("c", capsNs);
  if (c === undefined) throw new Error("the server gives no capabilities");
  return c;
}

function question(id: string, node?: string): string {
  return `<iq type='get' id='${id}' to='capulet.lit'><query xmlns='${infoNs}'${node === undefined ? "" : ` node='${node}'`}/></iq>`;
}

function verOf(raw: string): string | undefined {
  const bytes = Buffer.from(raw);
  const iq = parseElement(bytes, 0, bytes.length, new Map([["", "jabber:client"]]));
  const query = iq.getChild("query", infoNs);
  if (query === undefined) throw new Error(`no query in ${raw}`);
  return capabilitiesVer(readDiscoInfo(query), "sha-1");
}
