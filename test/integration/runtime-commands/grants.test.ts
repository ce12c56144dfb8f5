import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { Scene, entityJid, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf, type XmppStream } from "../../support/xmpp-stream.js";

const bin = fileURLToPath(new URL("../../../dist/cli/caesura.js", import.meta.url));

describe.skipIf(cannotRun("prosody", "openssl"))("what users have delegated", () => {
  let scene: Scene;
  let entity: ManagingEntity;
  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: {},
      domain: { clientMode: { namespaces: [verseNs], entities: [entityJid] } },
      admin: { socket: { path: "admin.sock" } },
      more: { store: { path: join(temporaryFolder("store"), "grants") } },
    });
  });
  afterAll(() => scene.stop());

  const ask = (command: string, ...args: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, command, "-c", scene.caesura.file, ...args], {
      encoding: "utf8",
      timeout: 30_000,
    });
    return { code: status, stdout, stderr };
  };

  test("is listed for the operator, who can end it; the entity is told, and requests go to the server again", async () => {
    expect(ask("grants")).toMatchObject({ code: 0, stdout: expect.stringContaining("0 grants") });
    entity = new ManagingEntity(await scene.component());
    const juliet = await scene.login("juliet");
    juliet.send("<presence/>");
    await granted(juliet, entity);

    expect(ask("grants").stdout).toMatch(
      /^juliet@capulet\.lit +urn:example:verse +verse\.capulet\.lit +yes +yes +20.*Z$/m,
    );
    expect(JSON.parse(ask("grants", "--json", "--match", "VERSE").stdout)).toEqual({
      total: 1,
      rows: [
        {
          domain: "capulet.lit",
          account: "juliet@capulet.lit",
          namespace: verseNs,
          entity: entityJid,
          grantedAt: expect.stringMatching(/^20\d\d-.*Z$/),
          effective: true,
          lasting: true,
        },
      ],
    });
    expect(ask("grants", "--match", "romeo").stdout).toContain("0 grants");
    expect(ask("status").stdout).toMatch(/^DOMAIN .* GRANTS +CERTIFICATE$/m);

    entity.answerAll();
    expect((await juliet.ask(verseIq("v1"))).element.attrs["type"]).toBe("result");
    expect(ask("revoke", "juliet@capulet.lit", "urn:example:other")).toMatchObject({ code: 1, stdout: "" });
    expect(ask("revoke", "Juliet@Capulet.lit", "--entity", "VERSE.capulet.lit")).toEqual({
      code: 0,
      stdout: `revoked ${verseNs} of juliet@capulet.lit at ${entityJid}\n`,
      stderr: "",
    });
    const told = await entity.advertisement();
    expect(told.raw).toMatch(/to=["']juliet@capulet\.lit["']/);
    expect(told.raw).not.toContain(verseNs);
    expect(conditionOf((await juliet.ask(verseIq("v2"))).element)).toBe("service-unavailable");
    expect(ask("grants").stdout).toContain("0 grants");
    expect(ask("revoke", "juliet@capulet.lit")).toEqual({
      code: 1,
      stdout: "",
      stderr: 'caesura: There is no such grant of "juliet@capulet.lit".\n',
    });
    expect(scene.caesura.peer.log).toMatch(/"level":"warn".*"event":"revoke-asked","account":"Juliet@Capulet\.lit"/);
  });

  test("that has no effect any more is still listed, and can be ended", async () => {
    const romeo = await scene.login("romeo");
    romeo.send("<presence/>");
    await granted(romeo, entity, "romeo");
    await scene.caesura.reload({ domain: {} });
    expect(ask("grants").stdout).toMatch(/^romeo@capulet\.lit .* NO +yes /m);
    expect(ask("revoke", "romeo@capulet.lit", verseNs).code).toBe(0);
    expect(ask("grants").stdout).toContain("0 grants");
  });
});

/** The entity asks a user for the namespace, and the user's client, which has commands, says yes. */
async function granted(user: XmppStream, entity: ManagingEntity, name = "juliet"): Promise<void> {
  const account = `${name}@capulet.lit`;
  entity.send(
    `<iq type='get' id='r-${name}' from='${entityJid}' to='capulet.lit'><query xmlns='urn:xmpp:delegation:2' to='${account}'>` +
      `<delegate namespace='${verseNs}'/></query></iq>`,
  );
  await entity.stream.answer(`r-${name}`);
  const { raw } = await user.take(
    (element) => element.getName() === "message" && element.getChild("x", "jabber:x:data") !== undefined,
    "a question",
  );
  const challenge = /challenge["'][^>]*><value>([^<]+)</.exec(raw)?.[1] ?? "";
  user.send(
    `<message to='capulet.lit'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value/></field>` +
      `<field var='challenge'><value>${challenge}</value></field><field var='${verseNs}'><value>1</value></field></x></message>`,
  );
  const { element } = await user.take(
    ({ name: kind, attrs }) => kind === "iq" && attrs["type"] === "get" && attrs["from"] === "capulet.lit",
    "a question about the client",
  );
  user.send(
    `<iq type='result' id='${String(element.attrs["id"])}' to='capulet.lit'><query xmlns='http://jabber.org/protocol/disco#info'>` +
      `<feature var='http://jabber.org/protocol/commands'/></query></iq>`,
  );
  expect((await entity.advertisement()).raw).toContain(account);
}
