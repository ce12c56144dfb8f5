import { execFileSync } from "node:child_process";
import { join } from "node:path";
import type { Element } from "ltx";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { capabilitiesVer } from "../../../src/discovery/index.js";
import { answerDisco, capsNs, disco, features, infoNs, infoOf } from "../../support/disco.js";
import { verifyCapabilities } from "../../support/library-entity.js";
import { authenticate, passwords } from "../../support/login.js";
import type { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Scene, entityJid, secret, verseNs } from "../../support/scene.js";
import { type AnyServer, serverKinds } from "../../support/servers.js";
import type { Received } from "../../support/stream-reader.js";
import type { XmppStream } from "../../support/xmpp-stream.js";

// The hash in the features that a client is given is that of the answer that it gets on its node (XEP-0115 §5.4, §6.2;
// protocol.md D55), with servers that compute theirs themselves. Neither of them offers hashes of XEP-0390.

const components = { [entityJid]: secret };
const delegations = { [verseNs]: { jid: entityJid } };

describe.each(serverKinds)("the capabilities of $name", ({ programs, start }) => {
  describe.skipIf(cannotRun(...programs))("behind Caesura", () => {
    let scene: Scene;
    let server: AnyServer;
    beforeAll(async () => {
      // slixmpp 1.8.3 takes a field without values for one that is empty, and so does not verify Prosody's hash of the form.
      server = await start({ components, pep: true, contactForm: false });
      scene = await Scene.before(server, { behind: server, delegations });
    });
    afterEach(() => scene.clear());
    afterAll(() => scene.stop());

    test("are those of the nested answer from the second client on, when no entity was ever there", async () => {
      const first = await given(scene);
      if (first.c !== undefined) await holds(first.stream, first.c);
      await first.stream.settle();
      const second = await given(scene);
      await holds(second.stream, second.c);
      await second.stream.settle();
    });

    test("are those of the nested answer, for a client that asks on their node", async () => {
      await connected(scene);
      const { stream, c } = await given(scene);
      const own = await direct(server);
      expect(own.attrs["ver"]).toBeTypeOf("string");
      expect(c?.attrs).toMatchObject({ node: own.attrs["node"], hash: own.attrs["hash"] });
      expect(c?.attrs["ver"]).not.toBe(own.attrs["ver"]);
      const answer = await holds(stream, c);
      expect(answer.raw).toContain(`${verseNs}#recital`);
      const plain = await stream.ask(disco(infoNs, "capulet.lit"));
      expect(verOf(plain)).toBe(c?.attrs["ver"]);
      await stream.settle();
    });

    test("are verified by a client library, over STARTTLS", async () => {
      await connected(scene);
      const found = await verifyCapabilities({
        port: scene.caesura.ports.starttls,
        jid: "romeo@capulet.lit",
        password: passwords["romeo"] ?? "",
        caFile: scene.caesura.certificates.get("capulet.lit")?.certFile ?? "",
      });
      expect(found.ver).toBe((await given(scene)).c?.attrs["ver"]);
      expect(found.features).toContain(`${verseNs}#recital`);
      expect(found.features).toContain("urn:xmpp:delegation:2");
    });

    test("follow what the entity says when it is back; the node of before is answered still", async () => {
      const entity = await connected(scene);
      const before = await given(scene);
      await entity.stream.close();
      await connected(scene, `${verseNs}#encore`);
      const { stream, c } = await given(scene);
      expect(c?.attrs["ver"]).not.toBe(before.c?.attrs["ver"]);
      expect((await holds(stream, c)).raw).toContain("#encore");
      expect((await holds(stream, before.c)).raw).toContain("#recital");
      expect((await holds(before.stream, c)).raw).toContain("#encore");
    });

    test("are the server's own, untouched, when nothing is delegated; the nodes of before are answered still", async () => {
      await connected(scene);
      const before = await given(scene);
      await scene.caesura.reload({ delegations: {} });
      const own = await direct(server);
      const { stream, c } = await given(scene);
      expect(c?.attrs).toEqual(own.attrs);
      await holds(stream, c);
      await holds(stream, before.c);
      await scene.caesura.reload({ delegations });
    });

    test("are counted", async () => {
      const count = async (kind: string): Promise<number> =>
        scene.caesura.metric("caesura_discovery_rewritten_total", { domain: "capulet.lit", kind });
      await connected(scene);
      const before = await count("recomputed");
      await given(scene);
      expect(await count("recomputed")).toBeGreaterThan(before);
    });
  });
});

describe.skipIf(cannotRun("prosody", "openssl"))("the capabilities of a Prosody that changes", () => {
  test("hold again for the client after next, when a module was loaded at run time", async () => {
    const server = await startProsody({ components, modules: ["admin_shell"] });
    const scene = await Scene.before(server, { behind: server, delegations });
    try {
      await connected(scene);
      const before = await given(scene);
      await holds(before.stream, before.c);
      const config = join(server.folder, "prosody.cfg.lua");
      execFileSync("prosodyctl", ["--config", config, "shell", "module:load('lastactivity', 'capulet.lit')"]);
      const own = await direct(server);
      // Nobody has asked the server since: a hash that would not hold is not given.
      const first = await given(scene);
      expect(first.c).toBeUndefined();
      await first.stream.settle();
      const second = await given(scene);
      expect(second.c?.attrs["ver"]).not.toBe(own.attrs["ver"]);
      expect(second.c?.attrs["ver"]).not.toBe(before.c?.attrs["ver"]);
      expect((await holds(second.stream, second.c)).raw).toContain("jabber:iq:last");
      expect((await holds(second.stream, before.c)).raw).not.toContain("jabber:iq:last");
    } finally {
      await scene.stop();
    }
  });

  test("hold where components' links end at Caesura, before one has connected and behind that", async () => {
    const server = await startProsody();
    const scene = await Scene.before(server, { behind: { c2sPort: server.c2sPort }, components, delegations });
    try {
      await (await given(scene)).stream.settle();
      const alone = await given(scene);
      await holds(alone.stream, alone.c);
      await alone.stream.settle();
      await connected(scene);
      const { stream, c } = await given(scene);
      expect((await holds(stream, c)).raw).toContain("#recital");
    } finally {
      await scene.stop();
    }
  });
});

/** Asks on the node of a hash, and expects that the hash is that of the answer (XEP-0115 §5.4). */
async function holds(stream: XmppStream, c: Element | undefined): Promise<Received> {
  const { node = "", ver = "" } = (c?.attrs ?? {}) as Record<string, string>;
  expect(ver).not.toBe("");
  const answer = await stream.ask(disco(infoNs, "capulet.lit", `${node}#${ver}`));
  expect(verOf(answer)).toBe(ver);
  return answer;
}

/** An entity that offers one feature more in everything that it is asked, when it has been asked. */
async function connected(scene: Scene, more = `${verseNs}#recital`): Promise<ManagingEntity> {
  const before = await scene.caesura.metric("caesura_discovery_questions_total");
  const entity = await scene.entity(entityJid, {
    intercept: ({ element }, stream) => answerDisco(element, stream, () => features(verseNs, more, verseNs)),
  });
  await scene.caesura.untilMetric("caesura_discovery_questions_total", {}, (count) => count >= before + 2);
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

async function direct(server: AnyServer): Promise<Element> {
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

function verOf(answer: Received): string | undefined {
  return capabilitiesVer(infoOf(answer), "sha-1");
}
