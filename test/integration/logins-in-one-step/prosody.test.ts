import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import type { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import {
  bind2,
  enableSm,
  openSasl2,
  outcome,
  plain,
  requestToken,
  resumeSm,
  smNs,
  withToken,
} from "../../support/sasl2.js";
import { Scene, verseIq, verseNs } from "../../support/scene.js";
import type { Received } from "../../support/stream-reader.js";
import type { XmppStream } from "../../support/xmpp-stream.js";

const sasl2Module = "/usr/lib/prosody/modules/mod_sasl2/mod_sasl2.lua";

describe.skipIf(cannotRun("prosody", sasl2Module))("logging in to Prosody with SASL2 (XEP-0388)", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody(
      {},
      {
        modules: ["sasl2", "sasl2_bind2", "sasl2_sm", "sasl2_fast", "sasl2_on_prosody_0_12"],
      },
    );
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  async function opened(user = "juliet"): Promise<{ stream: XmppStream; features: Received }> {
    const { stream, features } = await openSasl2({ port: scene.caesura.ports.clear, user });
    return { stream: scene.owning(stream), features };
  }

  /** Logs in with what is asked for inline, and returns the server's `<success/>` as the client sees it. */
  async function login(authenticate: string, user = "juliet"): Promise<{ stream: XmppStream; success: Received }> {
    const { stream } = await opened(user);
    stream.send(authenticate);
    const success = await outcome(stream);
    expect(success.element.getName(), success.raw).toBe("success");
    return { stream, success };
  }

  /** The client's request goes to the managing entity from the JID that the server has bound, and is answered once. */
  async function delegates(stream: XmppStream, id: string, connected?: ManagingEntity): Promise<void> {
    const entity = connected ?? (await scene.entity());
    stream.send(verseIq(id));
    const request = await entity.request();
    expect(request.inner.attrs["from"]).toBe(stream.jid);
    entity.answer(request, { payload: `<line xmlns='${verseNs}'>but soft</line>` });
    expect((await stream.answer(id)).raw).toContain("but soft");
    if (connected === undefined) await entity.stream.close();
  }

  const features = async (stream: XmppStream): Promise<Received> =>
    stream.take((element) => element.getName() === "features", "the features behind <success/>");

  test("is offered as Prosody offers it, FAST included (A1)", async () => {
    const { features: offered } = await opened();
    expect(offered.raw).toContain("urn:xmpp:sasl:2");
    expect(offered.raw).toContain("urn:xmpp:bind:0");
    expect(offered.raw).toContain("HT-SHA-256-NONE");
    expect(offered.raw).not.toMatch(/HT-SHA-256-(UNIQ|EXPR|ENDP)/);
  });

  test("and Bind 2: the JID comes with <success/>, nothing restarts, and requests are delegated (A10, A11)", async () => {
    const { stream } = await login(plain("juliet", bind2()));
    await features(stream);
    expect(stream.jid).toMatch(/^juliet@capulet\.lit\/verona~/);
    await delegates(stream, "v1");
    await stream.settle();
  });

  test("without Bind 2, a classic bind follows on the same stream (A10)", async () => {
    const { stream } = await login(plain("juliet"));
    await features(stream);
    const bound = await stream.ask(
      "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>orchard</resource></bind></iq>",
    );
    stream.jid = bound.element.getChild("bind")?.getChildText("jid") ?? "";
    expect(stream.jid).toBe("juliet@capulet.lit/orchard");
    await delegates(stream, "v1");
  });

  test("a wrong password is refused by the server, and what was asked for with it is not granted", async () => {
    const { stream } = await opened();
    stream.send(plain("juliet", bind2(enableSm), "wrong"));
    expect((await outcome(stream)).raw).toContain("not-authorized");
    await stream.close();
    const { stream: again, success } = await login(plain("juliet", bind2()));
    expect(success.raw).not.toContain("<enabled");
    await delegates(again, "v1");
  });

  test("a request sent right behind <authenticate/> is the session's, and is delegated", async () => {
    const entity = await scene.entity();
    const { stream } = await opened();
    stream.send(plain("juliet", bind2(enableSm)) + verseIq("early"));
    await outcome(stream);
    const request = await entity.request();
    expect(request.inner.attrs["from"]).toBe(stream.jid);
    entity.answer(request);
    await stream.answer("early");
    // What was taken counts for the client, and the server is not confused by it.
    stream.send(`<presence/><r xmlns='${smNs}'/>`);
    const { element } = await stream.take((one) => one.getName() === "a", "an acknowledgement");
    expect(element.attrs["h"]).toBe("2");
  });

  test("<enable/> inside Bind 2: the id is ours, counters are translated (XEP-0198 §9, S20)", async () => {
    const { stream, success } = await login(plain("juliet", bind2(enableSm)));
    await features(stream);
    const enabled = success.element.getChild("bound")?.getChild("enabled");
    expect(enabled?.attrs["id"]).toMatch(/^[\w-]+\.\S+/);
    await delegates(stream, "v1");
    stream.send(`<presence/><r xmlns='${smNs}'/>`);
    const { element } = await stream.take((one) => one.getName() === "a", "an acknowledgement");
    expect(element.attrs["h"]).toBe("2");
    await stream.settle();
  });

  test("<resume/> inside: the answer that came meanwhile follows <success/>, and the stream goes on (S34)", async () => {
    const entity = await scene.entity();
    const { stream, success } = await login(plain("juliet", bind2(enableSm)));
    const cid = String(success.element.getChild("bound")?.getChild("enabled")?.attrs["id"]);
    stream.send(verseIq("away"));
    const request = await entity.request();
    stream.drop();
    const { stream: again } = await opened();
    entity.answer(request, { payload: `<line xmlns='${verseNs}'>what light</line>` });
    again.send(plain("juliet", resumeSm(cid, 0) + bind2(enableSm)));
    const resumed = await outcome(again);
    expect(resumed.element.getChild("resumed")?.attrs).toMatchObject({ previd: cid, h: "1" });
    expect(resumed.element.getChild("bound")).toBeUndefined();
    expect((await again.answer("away")).raw).toContain("what light");
    again.jid = stream.jid;
    await delegates(again, "v2", entity);
    again.send(`<presence/><r xmlns='${smNs}'/>`);
    const { element } = await again.take((one) => one.getName() === "a", "an acknowledgement");
    expect(element.attrs["h"]).toBe("3");
    await again.settle();
  });

  test("<resume/> with an unknown id: <failed/> in <success/>, and a new resource is bound (S33, S34)", async () => {
    const { stream, success } = await login(plain("juliet", resumeSm("who-knows", 3) + bind2(enableSm)));
    const failed = success.element.getChild("failed");
    expect(failed?.attrs["h"]).toBeUndefined();
    expect(String(failed)).toContain("item-not-found");
    expect(success.element.getChild("bound")?.getChild("enabled")).toBeDefined();
    await delegates(stream, "v1");
  });

  test("<resume/> of somebody else's stream: refused alike, and hers can still be resumed (S32)", async () => {
    const { stream, success } = await login(plain("juliet", bind2(enableSm)));
    const cid = String(success.element.getChild("bound")?.getChild("enabled")?.attrs["id"]);
    stream.drop();
    const thief = await login(plain("romeo", resumeSm(cid, 0) + bind2()), "romeo");
    expect(String(thief.success.element.getChild("failed"))).toContain("item-not-found");
    expect(thief.stream.jid).toMatch(/^romeo@/);
    await delegates(thief.stream, "v1");
    const { success: resumed } = await login(plain("juliet", resumeSm(cid, 0)));
    expect(resumed.element.getChild("resumed")).toBeDefined();
  });

  test("<resume/> with an h that is too high: refused before the server sees it (S32)", async () => {
    const { stream, success } = await login(plain("juliet", bind2(enableSm)));
    const cid = String(success.element.getChild("bound")?.getChild("enabled")?.attrs["id"]);
    stream.drop();
    const again = await login(plain("juliet", resumeSm(cid, 99) + bind2()));
    expect(String(again.success.element.getChild("failed"))).toContain("item-not-found");
    await delegates(again.stream, "v1");
  });

  test("FAST: a token that is bound to nothing logs in, with a delegated request behind it (A8, XEP-0484)", async () => {
    const first = await login(plain("juliet", bind2() + requestToken));
    const token = String(first.success.element.getChild("token")?.attrs["token"]);
    expect(token).toMatch(/^secret-token:/);
    const { stream } = await login(withToken("juliet", token, bind2(enableSm)));
    expect(stream.jid).toMatch(/^juliet@capulet\.lit\/verona~/);
    await delegates(stream, "v1");
  });

  test("FAST and inline resumption together: one round trip from a cut to the pending answer", async () => {
    const entity = await scene.entity();
    const { stream, success } = await login(plain("juliet", bind2(enableSm) + requestToken));
    const token = String(success.element.getChild("token")?.attrs["token"]);
    const cid = String(success.element.getChild("bound")?.getChild("enabled")?.attrs["id"]);
    stream.send(verseIq("away"));
    const request = await entity.request();
    stream.drop();
    entity.answer(request);
    const again = await login(withToken("juliet", token, resumeSm(cid, 0)));
    expect(again.success.element.getChild("resumed")?.attrs).toMatchObject({ previd: cid, h: "1" });
    await again.stream.answer("away");
  });

  test("FAST: a token used with a mechanism that cannot work is refused here, and PLAIN is taken after it (A8)", async () => {
    const { stream } = await opened();
    for (const mechanism of ["HT-SHA-256-EXPR", "HT-SHA-256-UNIQ", "HT-SHA-256-ENDP"]) {
      stream.send(withToken("juliet", "secret-token:none", "", mechanism));
      expect((await outcome(stream)).raw).toContain("invalid-mechanism");
    }
    stream.send(plain("juliet", bind2()));
    expect((await outcome(stream)).element.getName()).toBe("success");
    const refused = { leg: "client", code: "mechanism-not-offered" };
    expect(await scene.caesura.metric("caesura_stream_faults_total", refused)).toBe(3);
  });

  test("text before SASL2 ends is bad-format, is counted, and leaves nothing behind (X7)", async () => {
    const { stream } = await opened();
    const before = await scene.caesura.metric("caesura_connections");
    const resumable = await scene.caesura.metric("caesura_resumable_sessions");
    stream.send(`${plain("juliet", bind2(enableSm))}but soft`);
    expect(await stream.streamError()).toBe("bad-format");
    await stream.closed();
    const fault = { leg: "client", code: "text-between-elements" };
    expect(await scene.caesura.metric("caesura_stream_faults_total", fault)).toBe(1);
    await scene.caesura.untilMetric("caesura_connections", {}, (open) => open < before);
    await scene.caesura.untilMetric("caesura_resumable_sessions", {}, (sessions) => sessions <= resumable);
  });
});
