import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEjabberd } from "../../support/ejabberd.js";
import { clientHeader, passwords } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

// The same conversation with the server itself and through Caesura without a delegation: every element that the client
// receives is the same, but for what the server makes anew each time.

const sasl = "urn:ietf:params:xml:ns:xmpp-sasl";
const plain = (password: string): string => Buffer.from(`\0juliet\0${password}`).toString("base64");

const requests: readonly string[] = [
  "<iq type='get' id='1' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>",
  "<iq type='get' id='2'><query xmlns='jabber:iq:roster'/></iq>",
  "<iq type='get' id='3' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
  "<iq type='get' id='4' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>",
  "<iq type='get' id='5'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
  "<iq type='get' id='6' to='romeo@capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
  "<iq type='get' id='7' to='romeo@capulet.lit/nowhere'><ping xmlns='urn:xmpp:ping'/></iq>",
  "<iq type='get' id='8' to='capulet.lit'><x xmlns='urn:example:unknown'/></iq>",
  "<iq type='set' id='9'><x xmlns='urn:example:unknown'>\n  <y/></x></iq>",
  "<iq type='get' id='10' to='capulet.lit'><query xmlns='jabber:iq:version'/></iq>",
  "<iq type='set' id='11'><query xmlns='jabber:iq:private'><n xmlns='urn:n' a='&#9;&lt;'>é</n></query></iq>",
  "<iq type='get' id='12'><query xmlns='jabber:iq:private'><n xmlns='urn:n'/></query></iq>",
  "<iq type='get' id='13'><query xmlns='urn:example:unknown'/><query xmlns='urn:example:unknown'/></iq>",
  "<iq type='get' id='14'/>",
  "<iq type='what' id='15'><x xmlns='urn:x'/></iq>",
  "<iq type='get' id='16' to='juliet@capulet.lit'><vCard xmlns='vcard-temp'/></iq>",
  "<iq type='set' id='17'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>",
];

async function conversation(port: number): Promise<readonly unknown[]> {
  const header = clientHeader("capulet.lit");
  const stream = await XmppStream.connect(port);
  stream.jid = "juliet@capulet.lit/balcony";
  const seen: unknown[] = [];
  const take = async (name: string): Promise<void> => {
    seen.push(normal((await stream.take((element) => element.getName() === name, name)).element));
  };
  try {
    seen.push(normal(await stream.open(header)));
    await take("features");
    stream.send(`<auth xmlns='${sasl}' mechanism='PLAIN'>${plain("wrong")}</auth>`);
    await take("failure");
    stream.send(`<auth xmlns='${sasl}' mechanism='NONE'/>`);
    await take("failure");
    stream.send(`<auth xmlns='${sasl}' mechanism='PLAIN'>${plain(passwords["juliet"] ?? "")}</auth>`);
    await take("success");
    seen.push(normal(await stream.open(header)));
    await take("features");
    const bind = "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>balcony</resource></bind>";
    seen.push(normal((await stream.ask(`<iq type='set' id='b'>${bind}</iq>`)).element));
    for (const request of requests) seen.push(normal((await stream.ask(request)).element));
    stream.send(`<message to='${stream.jid}' type='chat' id='m'><body>a &amp; b</body></message>`);
    await take("message");
    stream.send("<presence><show>away</show></presence>");
    await stream.settle();
    const others = stream.unread.map(({ element }) => JSON.stringify(normal(element)));
    seen.push(others.sort());
    stream.send("</stream:stream>");
    await stream.streamEnd();
    seen.push(stream.received.slice(-"</stream:stream>".length));
    return seen;
  } finally {
    stream.drop();
  }
}

/** An element without the order of its attributes and of lists, and without ids and times that a server makes. */
function normal(element: Element): unknown {
  const attributes = Object.entries(element.attrs)
    .map(([name, value]) => [name, isMadeAnew(element, name) ? "(made anew)" : String(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const children = element.children.map((child) => (typeof child === "string" ? child : normal(child)));
  const isList = /^(query|mechanisms|features)$/.test(element.getName());
  return [
    element.getName(),
    element.getNS(),
    Object.fromEntries(attributes),
    isList ? children.map((child) => JSON.stringify(child)).sort() : children,
  ];
}

function isMadeAnew(element: Element, name: string): boolean {
  if (name === "stamp" || name === "ver") return true;
  return (
    name === "id" && (element.getName() === "stream" || /^(stanza-id|origin-id|presence)$/.test(element.getName()))
  );
}

describe.skipIf(cannotRun("prosody", "openssl"))("Prosody behind Caesura without a delegation", () => {
  let scene: Scene;
  let direct: number;
  beforeAll(async () => {
    const prosody = await startProsody();
    direct = prosody.c2sPort;
    scene = await Scene.before(prosody, { behind: { c2sPort: prosody.c2sPort, componentPort: prosody.componentPort } });
  });
  afterAll(() => scene.stop());

  test("is the same to a client as Prosody itself", async () => {
    expect(await conversation(scene.caesura.ports.clear)).toEqual(await conversation(direct));
  });
});

describe.skipIf(cannotRun("ejabberdctl", "erl", "openssl"))("ejabberd behind Caesura without a delegation", () => {
  let scene: Scene;
  let direct: number;
  beforeAll(async () => {
    const ejabberd = await startEjabberd({ components: { "echo.capulet.lit": "but soft" } });
    direct = ejabberd.c2sPort;
    scene = await Scene.before(ejabberd, {
      behind: { c2sPort: ejabberd.c2sPort, componentPort: ejabberd.componentPort },
    });
  });
  afterAll(() => scene.stop());

  test("is the same to a client as ejabberd itself", async () => {
    expect(await conversation(scene.caesura.ports.clear)).toEqual(await conversation(direct));
  });
});
