import { readFileSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { askWith } from "../../support/library-client.js";
import { login, passwords } from "../../support/login.js";
import { cannotRun, freePort } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene, entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf, XmppStream } from "../../support/xmpp-stream.js";

describe.skipIf(cannotRun("prosody", "openssl"))("a reload", () => {
  let scene: Scene;
  const delegations = { [verseNs]: { jid: entityJid } };
  beforeEach(async () => {
    scene = await Scene.withProsody({ delegations });
  });
  afterEach(() => scene.stop());

  function changeFile(change: (settings: string) => string): void {
    writeFileSync(scene.caesura.file, change(readFileSync(scene.caesura.file, "utf8")));
  }

  test("opens a new listener and closes one that is gone, without touching its connections", async () => {
    const juliet = await scene.login("juliet");
    const { clear } = scene.caesura.ports;
    const port = await freePort();
    changeFile((text) => text.replace(`"port": ${String(clear)}`, `"port": ${String(port)}`));
    await scene.caesura.hangUp("success");
    await expect(XmppStream.connect(clear)).rejects.toThrow("ECONNREFUSED");
    const romeo = scene.owning(await login({ port, user: "romeo" }));
    await romeo.settle();
    await juliet.settle();
  });

  test("that wants a port which is taken changes nothing that works", async () => {
    const juliet = await scene.login("juliet");
    const taken = await startProsody();
    try {
      const { clear } = scene.caesura.ports;
      changeFile((text) => text.replace(`"port": ${String(clear)}`, `"port": ${String(taken.c2sPort)}`));
      await scene.caesura.hangUp("failure");
      await juliet.settle();
      const romeo = await scene.login("romeo", { transport: "starttls" });
      await romeo.settle();
    } finally {
      await taken.stop();
    }
  });

  test("that delegates to another entity sends new requests there, and old answers still arrive", async () => {
    const [first, second] = [await scene.entity(), await scene.component("echo.capulet.lit")];
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("v1"));
    const wrapped = await first.request();
    await scene.caesura.reload({ delegations: { [verseNs]: { jid: "echo.capulet.lit" } } });
    await second.take((one) => one.getChild("delegation") !== undefined && one.getName() === "message");
    juliet.send(verseIq("v2"));
    await second.take((one) => one.getName() === "iq");
    first.answer(wrapped, { payload: `<line xmlns='${verseNs}'>old</line>` });
    expect((await juliet.answer("v1")).raw).toContain("old");
    expect(first.waiting).toEqual([]);
  });

  test("that shortens the time limit counts for requests from then on", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    await scene.caesura.reload({ delegations: { [verseNs]: { jid: entityJid, timeout: "300ms" } } });
    juliet.send(verseIq("v1"));
    await entity.request();
    expect(conditionOf((await juliet.answer("v1")).element)).toBe("service-unavailable");
  });

  test("twice in a row, with requests under way, loses none of them", async () => {
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet");
    const asking = (async () => {
      for (let turn = 0; turn < 200; turn++) {
        expect((await juliet.ask(verseIq(`r${String(turn)}`))).element.attrs["type"]).toBe("result");
      }
    })();
    for (let round = 0; round < 5; round++) {
      const more = round % 2 === 0 ? { "urn:example:more": { jid: entityJid } } : {};
      await scene.caesura.reload({ delegations: { ...delegations, ...more } });
    }
    await asking;
  });
});

describe.skipIf(cannotRun("prosody", "openssl"))("foreignTargets: server", () => {
  let scene: Scene;
  beforeEach(async () => {
    scene = await Scene.withProsody({ delegations: { [verseNs]: { jid: entityJid, foreignTargets: "server" } } });
  });
  afterEach(() => scene.stop());

  test("leaves requests to other accounts to the server, and delegates those to the own (protocol.md R11)", async () => {
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet");
    expect((await juliet.ask(verseIq("v1", "romeo@capulet.lit"))).element.attrs["type"]).toBe("error");
    expect((await juliet.ask(verseIq("v2", "juliet@capulet.lit"))).element.attrs["type"]).toBe("result");
    expect((await juliet.ask(verseIq("v3", "capulet.lit"))).element.attrs["type"]).toBe("result");
  });
});

describe.skipIf(cannotRun("prosody", "openssl"))("two domains with one managing entity", () => {
  test("advertise to it each for itself, and wrap in the name of the right one (XEP-0355 §4.2)", async () => {
    const domains = ["capulet.lit", "montague.lit"];
    const prosody = await startProsody({ domains });
    const scene = await Scene.before(prosody, {
      behind: { c2sPort: prosody.c2sPort },
      domains,
      delegations: { [verseNs]: { jid: entityJid } },
      components: { [entityJid]: secret },
    });
    try {
      const entity = await scene.entity();
      const second = await entity.advertisement();
      expect(new Set([second.element.attrs["from"], "capulet.lit", "montague.lit"]).size).toBe(2);
      for (const domain of domains) {
        const user = await scene.login("juliet", { domain, transport: "starttls" });
        user.send(verseIq("v1"));
        const wrapped = await entity.request();
        expect(wrapped.outer.attrs["from"]).toBe(domain);
        expect(wrapped.inner.attrs["from"]).toBe(`juliet@${domain}/balcony`);
        entity.answer(wrapped);
        expect((await user.answer("v1")).element.attrs["from"]).toBe(`juliet@${domain}`);
      }
      const outcome = await askWith("@xmpp/client", {
        port: scene.caesura.ports.starttls,
        jid: "romeo@montague.lit",
        password: passwords["romeo"] ?? "",
        caFile: scene.caesura.certificates.get("montague.lit")?.certFile ?? "",
        iq: { type: "get", to: "montague.lit", payload: "<ping xmlns='urn:xmpp:ping'/>" },
      });
      expect(outcome).toMatchObject({ type: "result" });
    } finally {
      await scene.stop();
    }
  });
});
