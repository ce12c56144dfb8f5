import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { Scene, entityJid, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf } from "../../support/xmpp-stream.js";

const bin = fileURLToPath(new URL("../../../dist/cli/caesura.js", import.meta.url));

describe.skipIf(cannotRun("prosody", "openssl"))("SIGHUP", () => {
  let scene: Scene;
  const delegations = { [verseNs]: { jid: entityJid } };
  beforeAll(async () => {
    scene = await Scene.withProsody({ delegations });
  });
  afterEach(async () => {
    await scene.clear();
    await scene.caesura.reload({ delegations });
  });
  afterAll(() => scene.stop());

  test("brings new rules to streams that are open, and drops none of them", async () => {
    const entity = await scene.entity();
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
    const juliet = await scene.login("juliet", { transport: "starttls" });
    expect((await juliet.ask(verseIq("r1"))).raw).toContain("yes");

    await scene.caesura.reload({ delegations: {} });
    expect(conditionOf((await juliet.ask(verseIq("r2"))).element)).toBe("service-unavailable");
    expect(entity.waiting).toEqual([]);

    await scene.caesura.reload({ delegations });
    expect((await juliet.ask(verseIq("r3"))).raw).toContain("yes");
    await entity.stream.settle();
    await juliet.settle();
  });

  test("lets a request that is pending under the old rules be answered", async () => {
    const entity = await scene.entity();
    const juliet = await scene.login("juliet");
    juliet.send(verseIq("p1"));
    const wrapped = await entity.request();
    await scene.caesura.reload({ delegations: { ...delegations, "urn:example:more": { jid: entityJid } } });
    entity.answer(wrapped, { payload: `<line xmlns='${verseNs}'>yes</line>` });
    expect((await juliet.answer("p1")).raw).toContain("yes");
  });

  const bad: readonly (readonly [what: string, spoil: (text: string) => string])[] = [
    ["is no YAML", (text) => `${text}\n}{`],
    ["is empty", () => ""],
    ["has an unknown key", (text) => text.replace('"version": 1', '"version": 1, "colour": "red"')],
    ["delegates the delegation itself (XEP-0355 §8)", (text) => text.replace(verseNs, "urn:xmpp:delegation:2")],
    ["names a missing certificate", (text) => text.replace("capulet.lit.crt", "missing.crt")],
  ];

  test.each(bad)("changes nothing when the file %s", async (_what, spoil) => {
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet");
    const good = readFileSync(scene.caesura.file, "utf8");
    writeFileSync(scene.caesura.file, spoil(good));
    await scene.caesura.hangUp("failure");
    expect((await juliet.ask(verseIq("b1"))).element.attrs["type"]).toBe("result");
    const romeo = await scene.login("romeo");
    expect((await romeo.ask(verseIq("b2"))).element.attrs["type"]).toBe("result");
    expect((await scene.caesura.admin("/readyz")).status).toBe(200);
  });

  test.each(bad)("a proxy whose file %s never starts: exit code 2, a place and no stack trace", (_what, spoil) => {
    const folder = temporaryFolder("bad");
    mkdirSync(folder, { recursive: true });
    const file = join(folder, "proxy.yaml");
    writeFileSync(file, spoil(readFileSync(scene.caesura.file, "utf8")));
    const { status, stderr, stdout } = spawnSync(process.execPath, [bin, "run", "-c", file], {
      encoding: "utf8",
      timeout: 20_000,
    });
    expect(status).toBe(2);
    expect(`${stderr}${stdout}`).toMatch(/proxy\.yaml(:\d+:\d+)?/);
    expect(`${stderr}${stdout}`).not.toMatch(/^\s+at /m);
  });
});
