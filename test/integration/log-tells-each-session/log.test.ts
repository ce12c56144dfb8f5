import { afterEach, describe, expect, test } from "vitest";
import { passwords } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, secret, verseIq, verseNs } from "../../support/scene.js";

describe.skipIf(cannotRun("prosody", "openssl"))("the log", () => {
  let scene: Scene | undefined;
  afterEach(async () => {
    await scene?.stop();
    scene = undefined;
  });

  test("tells the life of a session in lines with one connection id, without password or payload at any level", async () => {
    scene = await Scene.withProsody({ more: { log: { level: "trace" } } });
    const { peer } = scene.caesura;
    const entity = await scene.entity();
    const juliet = await scene.login("juliet", { transport: "starttls" });
    juliet.send("<message to='juliet@capulet.lit'><body>wherefore</body></message>");
    juliet.send(verseIq("v1"));
    entity.answer(await entity.request(), { payload: `<line xmlns='${verseNs}'>art thou</line>` });
    await juliet.answer("v1");
    await juliet.close();
    const bound = lines(peer.log).find(({ event }) => event === "bound");
    await peer.untilLog((log) =>
      lines(log).some(({ event, connection }) => event === "ended" && connection === bound?.["connection"]),
    );
    const life = lines(peer.log).filter(({ connection }) => connection === bound?.["connection"]);
    expect(life.map(({ event }) => event)).toEqual([
      "secured",
      "opened",
      "authenticated",
      "bound",
      "delegation",
      "ended",
    ]);
    const password = passwords["juliet"] ?? "";
    const plain = Buffer.from(`\0juliet\0${password}`).toString("base64");
    for (const word of [password, plain, secret, "wherefore", "art thou"]) expect(peer.log).not.toContain(word);
  });

  test("changes form and level by a reload, and drops nobody", async () => {
    scene = await Scene.withProsody();
    const { caesura } = scene;
    const juliet = await scene.login("juliet");
    await caesura.reload({ more: { log: { level: "info", format: "journald" } } });
    const before = caesura.peer.log.length;
    const romeo = await scene.login("romeo");
    await caesura.peer.untilLog((log) => log.slice(before).includes('<6>{"level":"info"'));
    expect(caesura.peer.log.slice(before)).not.toContain('"level":"debug"');
    await caesura.reload({ more: { log: { level: "debug", format: "pretty" } } });
    await romeo.close();
    await caesura.peer.untilLog((log) => /\n[0-9:.]{12} INFO {2}[0-9a-z]{4} the link is over event=ended /.test(log));
    await juliet.settle();
  });
});

function lines(log: string): readonly Record<string, unknown>[] {
  return log
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): Record<string, unknown> => JSON.parse(line));
}
