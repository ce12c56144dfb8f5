import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LibraryPerson } from "../../support/library-person.js";
import { passwords } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { Relay } from "../../support/relay.js";
import { entityJid, Scene, secret, verseNs } from "../../support/scene.js";

const sasl2Module = "/usr/lib/prosody/modules/mod_sasl2/mod_sasl2.lua";
const payload = `<line xmlns='${verseNs}'/>`;

// @xmpp/client speaks SASL2, Bind 2, FAST and inline stream management by itself where they are offered. What it and the
// server say to each other is read on both sides of Caesura.
describe.skipIf(cannotRun("prosody", "openssl", sasl2Module))("@xmpp/client before Prosody with SASL2", () => {
  let wire: Relay;
  let tls: Relay;
  let scene: Scene;
  beforeAll(async () => {
    const prosody = await startProsody({
      components: { [entityJid]: secret },
      modules: ["sasl2", "sasl2_bind2", "sasl2_sm", "sasl2_fast", "sasl2_on_prosody_0_12"],
    });
    wire = await Relay.to(prosody.c2sPort);
    scene = await Scene.before(prosody, {
      behind: { c2sPort: wire.port, componentPort: prosody.componentPort },
      delegations: { [verseNs]: { jid: entityJid } },
    });
    const { certFile = "", keyFile = "" } = scene.caesura.certificates.get("capulet.lit") ?? {};
    const [cert, key] = [readFileSync(certFile, "utf8"), readFileSync(keyFile, "utf8")];
    tls = await Relay.inside(scene.caesura.ports.direct, { cert, key, servername: "capulet.lit" });
  });
  afterAll(async () => {
    await tls.stop();
    await wire.stop();
    await scene.stop();
  });

  test("logs in with Bind 2, resumes with a token in one round trip, and gets the answer of before (XEP-0388, 0386, 0484)", async () => {
    const entity = await scene.entity();
    const person = await LibraryPerson.start("@xmpp/client", {
      port: tls.port,
      direct: true,
      jid: "juliet@capulet.lit",
      password: passwords["juliet"] ?? "",
      caFile: scene.caesura.certificates.get("capulet.lit")?.certFile ?? "",
    });
    try {
      const { jid } = await person.sees("online");
      person.tell({ do: "ask", type: "get", payload });
      const request = await entity.request();
      expect(request.inner.attrs["from"]).toBe(jid);
      const first = tls.connections[0];
      expect(first?.sent.toString()).toMatch(/<authenticate [^]*<bind [^]*<enable /);
      const enabled = /<enabled [^>]*id=['"]([^'"]+)/;
      const cid = enabled.exec(first?.received.toString() ?? "")?.[1] ?? "";
      const smid = enabled.exec(wire.connections[0]?.received.toString() ?? "")?.[1] ?? "";
      expect(cid.endsWith(`.${smid}`)).toBe(true);

      tls.cut();
      await person.sees("resumed");
      entity.answer(request, { payload: `<line xmlns='${verseNs}'>at last</line>` });
      expect((await person.sees("answer")).payload).toContain("at last");

      const again = tls.connections[1]?.sent.toString() ?? "";
      // One stream header, and no other way of logging in.
      expect(again.match(/<stream:stream /g)).toHaveLength(1);
      expect(again).toMatch(/<authenticate [^>]*mechanism=['"]HT-SHA-256-NONE['"]/);
      expect(again).toContain(cid);
      expect(tls.connections[1]?.received.toString()).toMatch(/<success [^]*<resumed /);
      const told = wire.connections[1]?.sent.toString() ?? "";
      expect(told).toMatch(/<resume /);
      expect(told).toContain(smid);
      expect(told).not.toContain(cid);

      person.tell({ do: "ask", type: "get", payload });
      const next = await entity.request();
      expect(next.inner.attrs["from"]).toBe(jid);
      entity.answer(next);
      expect((await person.sees("answer")).type).toBe("result");
      await person.leave();
    } finally {
      await person.stop();
    }
    await scene.caesura.untilMetric("caesura_sessions", {}, (value) => value === 0);
  });
});
