import { afterEach, describe, expect, test } from "vitest";
import { clientHeader } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, verseIq, verseNs } from "../../support/scene.js";
import { XmppStream } from "../../support/xmpp-stream.js";

describe.skipIf(cannotRun("prosody", "openssl"))("a drain", () => {
  let scene: Scene | undefined;
  afterEach(async () => {
    await scene?.stop();
    scene = undefined;
  });

  test("tells clients one by one over the window, serves those who do not know yet, and tells components last", async () => {
    scene = await Scene.withProsody({ more: { drain: { spread: "6s" }, timeouts: { shutdown: "20s" } } });
    const { caesura } = scene;
    const entity = await scene.entity();
    const [juliet, romeo] = [await scene.login("juliet"), await scene.login("romeo")];
    caesura.peer.signal("SIGTERM");
    expect(await juliet.streamError()).toBe("system-shutdown");
    await juliet.close();
    await caesura.untilMetric("caesura_drain_links_left", { kind: "client_told" }, (left) => left === 0);
    expect(await caesura.metric("caesura_drain_links_left", { kind: "client_untold" })).toBe(1);
    expect(await caesura.metric("caesura_drain_links_left", { kind: "serving" })).toBe(1);
    expect(await caesura.metric("caesura_draining")).toBe(1);
    romeo.send(verseIq("late"));
    entity.answer(await entity.request(), { payload: `<line xmlns='${verseNs}'>yes</line>` });
    expect((await romeo.answer("late")).raw).toContain("yes");
    expect(await romeo.streamError()).toBe("system-shutdown");
    expect(await entity.stream.streamError()).toBe("system-shutdown");
    await Promise.all([romeo.close(), entity.stream.close()]);
    expect(await caesura.peer.ended()).toBe(0);
    const order = lines(caesura.peer.log).filter(({ event, ours }) => event === "stream-error" && ours === true);
    expect(order.map(({ leg }) => leg)).toEqual(["client", "client", "component"]);
    expect(lines(caesura.peer.log).find(({ event }) => event === "drain-progress")).toMatchObject({
      clients: expect.any(Number),
      untold: expect.any(Number),
      serving: 1,
      pending: 0,
    });
  });

  test("sends clients that are past TLS to another host, as the file says at that time (RFC 6120 §4.9.3.19)", async () => {
    scene = await Scene.withProsody();
    const { caesura } = scene;
    await caesura.reload({ more: { drain: { tell: "see-other-host", seeOtherHost: "[2001:db8::1]:5222" } } });
    const secured = await scene.login("juliet", { transport: "starttls" });
    const stranger = scene.owning(await XmppStream.connect(caesura.ports.starttls));
    await stranger.open(clientHeader("capulet.lit"));
    const entity = await scene.entity();
    caesura.peer.signal("SIGTERM");
    expect(await secured.streamError()).toBe("see-other-host");
    expect(await stranger.streamError()).toBe("system-shutdown");
    expect(await entity.stream.streamError()).toBe("system-shutdown");
  });

  test("ends by the deadline although nobody answers or hangs up, and everybody is told why", async () => {
    scene = await Scene.withProsody({ more: { timeouts: { shutdown: "2s", drain: "60s" } } });
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("never"));
    await entity.request();
    scene.caesura.peer.signal("SIGTERM");
    expect((await juliet.answer("never")).raw).toContain("service-unavailable");
    expect(await juliet.streamError()).toBe("system-shutdown");
    expect(await entity.stream.streamError()).toBe("system-shutdown");
    expect(await scene.caesura.peer.ended()).toBe(0);
  });

  test("cuts at the deadline clients that never read, and others are told meanwhile as always", async () => {
    scene = await Scene.withProsody({ more: { timeouts: { shutdown: "2s", drain: "60s" } } });
    const [juliet, romeo] = [await scene.login("juliet"), await scene.login("romeo")];
    juliet.freeze();
    const long = `<message to='${juliet.jid}' type='chat'><body>${"x".repeat(60_000)}</body></message>`;
    for (let nth = 0; nth < 10; nth++) romeo.send(long);
    await romeo.settle();
    scene.caesura.peer.signal("SIGTERM");
    expect(await romeo.streamError()).toBe("system-shutdown");
    await romeo.close();
    expect(await scene.caesura.peer.ended()).toBe(0);
    expect(lines(scene.caesura.peer.log).find(({ event }) => event === "forced")).toMatchObject({ connections: 1 });
  });
});

function lines(log: string): readonly Record<string, unknown>[] {
  return log
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): Record<string, unknown> => JSON.parse(line));
}
