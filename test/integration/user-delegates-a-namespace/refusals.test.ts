import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { Caesura } from "../../support/caesura.js";
import { connectComponent, login } from "../../support/login.js";
import { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { type Prosody, startProsody } from "../../support/prosody.js";
import { entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf, type XmppStream } from "../../support/xmpp-stream.js";

// What client mode refuses, and what goes on meanwhile.

const delegationNs = "urn:xmpp:delegation:2";
const proseNs = "urn:example:prose";

describe.skipIf(cannotRun("prosody", "openssl", "prlimit"))("what a user delegates is refused (XEP-0355 §5.1)", () => {
  let prosody: Prosody;
  let caesura: Caesura;
  let streams: XmppStream[] = [];

  beforeAll(async () => {
    prosody = await startProsody({ components: { [entityJid]: secret, "echo.capulet.lit": secret } });
  });
  afterEach(async () => {
    for (const stream of streams.splice(0)) stream.drop();
    await caesura.stop();
  });
  afterAll(() => prosody.stop());

  async function start(): Promise<void> {
    caesura = await Caesura.start({
      behind: { c2sPort: prosody.c2sPort, componentPort: prosody.componentPort },
      domain: {
        clientMode: { namespaces: [verseNs] },
        delegations: { [proseNs]: { jid: "echo.capulet.lit" } },
      },
      more: { store: { path: join(temporaryFolder("store"), "grants") } },
    });
  }

  async function client(user: string): Promise<XmppStream> {
    const stream = await login({ port: caesura.ports.clear, user });
    streams.push(stream);
    stream.send("<presence/>");
    return stream;
  }

  async function entity(jid = entityJid): Promise<ManagingEntity> {
    const stream = await connectComponent({ port: caesura.ports.component, jid, secret });
    streams.push(stream);
    const managing = new ManagingEntity(stream);
    managing.answerAll(({ inner }) => ({ payload: `<line by='${jid}' to='${String(inner.attrs["id"])}'/>` }));
    return managing;
  }

  async function challengeOf(asking: ManagingEntity, stream: XmppStream, user: string): Promise<string> {
    asking.send(
      `<iq type='get' id='r-${user}' from='${entityJid}' to='capulet.lit'><query xmlns='${delegationNs}' to='${user}@capulet.lit'><delegate namespace='${verseNs}'/></query></iq>`,
    );
    expect((await asking.stream.answer(`r-${user}`)).element.attrs["type"]).toBe("result");
    const { raw } = await stream.take((element) => element.getChild("x", "jabber:x:data") !== undefined, "a question");
    return /challenge["'][^>]*><value>([^<]+)</.exec(raw)?.[1] ?? "";
  }

  function submit(stream: XmppStream, id: string, challenge: string): void {
    stream.send(
      `<message id='${id}' to='capulet.lit'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${delegationNs}</value></field>` +
        `<field var='challenge'><value>${challenge}</value></field><field var='${verseNs}'><value>1</value></field></x></message>`,
    );
  }

  async function sayThatThereAreCommands(stream: XmppStream): Promise<void> {
    const { element } = await stream.take(
      ({ name, attrs }) => name === "iq" && attrs["type"] === "get" && attrs["from"] === "capulet.lit",
      "a question about the client",
    );
    stream.send(
      `<iq type='result' id='${String(element.attrs["id"])}' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'>` +
        `<feature var='http://jabber.org/protocol/commands'/></query></iq>`,
    );
  }

  async function refusalOf(stream: XmppStream, id: string): Promise<string | undefined> {
    const { element } = await stream.take(({ name, attrs }) => name === "message" && attrs["id"] === id, "a refusal");
    expect(element.attrs["type"]).toBe("error");
    return conditionOf(element);
  }

  test("an answer with a foreign, a reused or an unknown challenge grants nothing", async () => {
    await start();
    const asking = await entity();
    const [juliet, romeo] = [await client("juliet"), await client("romeo")];
    const challenge = await challengeOf(asking, juliet, "juliet");
    await challengeOf(asking, romeo, "romeo");
    // As one of an earlier life of the process, or whose time is over.
    submit(juliet, "stale", "made-in-another-age");
    expect(await refusalOf(juliet, "stale")).toBe("item-not-found");
    submit(romeo, "foreign", challenge);
    expect(await refusalOf(romeo, "foreign")).toBe("item-not-found");
    submit(juliet, "true", challenge);
    await sayThatThereAreCommands(juliet);
    expect((await asking.advertisement()).raw).toContain(verseNs);
    submit(juliet, "reused", challenge);
    expect(await refusalOf(juliet, "reused")).toBe("unexpected-request");
    expect(await caesura.metric("caesura_grants", { domain: "capulet.lit" })).toBe(1);
    for (const code of ["grant-answer-stale", "grant-answer-foreign", "grant-answer-reused"])
      expect(await caesura.metric("caesura_grant_refusals_total", { code })).toBe(1);
  });

  test("a store that cannot be written grants nothing, says so, and holds up no delegation", async () => {
    await start();
    const asking = await entity();
    await entity("echo.capulet.lit");
    const juliet = await client("juliet");
    const challenge = await challengeOf(asking, juliet, "juliet");
    limitFiles("1");
    submit(juliet, "full", challenge);
    await sayThatThereAreCommands(juliet);
    expect(await refusalOf(juliet, "full")).toBe("internal-server-error");
    expect(await caesura.metric("caesura_store_writable")).toBe(0);
    expect(caesura.peer.log).toContain('"event":"store-failed"');
    juliet.send(verseIq("v1") + verseIq("p1").replace(verseNs, proseNs));
    expect((await juliet.answer("v1")).element.attrs["type"]).toBe("error");
    expect((await juliet.answer("p1")).raw).toContain("echo.capulet.lit");

    // Room again: the same answer counts, since it was not used up.
    limitFiles("unlimited");
    submit(juliet, "again", challenge);
    await sayThatThereAreCommands(juliet);
    expect((await asking.advertisement()).raw).toContain(verseNs);
    expect(await caesura.metric("caesura_store_writable")).toBe(1);
    juliet.send(verseIq("v2"));
    expect((await juliet.answer("v2")).raw).toContain(entityJid);
  });

  /** How many bytes a file that Caesura writes may have from now on: what a full disk is to it. */
  function limitFiles(bytes: string): void {
    execFileSync("prlimit", ["--pid", String(caesura.peer.pid), `--fsize=${bytes}:unlimited`]);
  }
});
