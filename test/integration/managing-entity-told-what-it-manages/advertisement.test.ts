import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ManagingEntity } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { Scene, entityJid, verseNs } from "../../support/scene.js";
import type { Received } from "../../support/stream-reader.js";

const delegations = {
  [verseNs]: { jid: entityJid },
  "urn:example:filtered": { jid: entityJid, filtering: ["node", "max"] },
  "urn:example:other": { jid: "echo.capulet.lit" },
};

function told({ element }: Received): unknown {
  const delegation = element.getChild("delegation", "urn:xmpp:delegation:2");
  return {
    from: element.attrs["from"] as unknown,
    to: element.attrs["to"] as unknown,
    namespaces: Object.fromEntries(
      (delegation?.getChildren("delegated") ?? []).map((delegated) => [
        String(delegated.attrs["namespace"]),
        delegated.getChildren("attribute").map((attribute) => String(attribute.attrs["name"])),
      ]),
    ),
  };
}

describe.skipIf(cannotRun("prosody", "openssl"))("the advertisement of XEP-0355 §4.2", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody({ delegations });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  const expected = {
    from: "capulet.lit",
    to: entityJid,
    namespaces: { [verseNs]: [], "urn:example:filtered": ["node", "max"] },
  };

  test("follows the handshake, from the served domain, with the namespaces of that entity alone", async () => {
    const entity = new ManagingEntity(await scene.component());
    expect(told(await entity.advertisement())).toEqual(expected);
    expect(entity.stream.received.indexOf("<handshake/>")).toBeLessThan(entity.stream.received.indexOf("<delegated"));
    const other = new ManagingEntity(await scene.component("echo.capulet.lit"));
    expect(told(await other.advertisement())).toMatchObject({ namespaces: { "urn:example:other": [] } });
  });

  test("comes once a connection, and again after each reconnection", async () => {
    for (let connection = 0; connection < 3; connection++) {
      const entity = new ManagingEntity(await scene.component());
      expect(told(await entity.advertisement())).toEqual(expected);
      await entity.stream.settle();
      expect(entity.stream.unread.filter(({ raw }) => raw.includes("<delegated"))).toEqual([]);
      await entity.stream.close();
    }
  });

  test("comes anew when a reload changes what is delegated, and not when it does not", async () => {
    const entity = await scene.entity();
    await scene.caesura.reload({ delegations });
    await entity.stream.settle();
    expect(entity.stream.unread.filter(({ raw }) => raw.includes("<delegated"))).toEqual([]);
    await scene.caesura.reload({ delegations: { ...delegations, "urn:example:new": { jid: entityJid } } });
    expect(told(await entity.advertisement())).toMatchObject({
      namespaces: { [verseNs]: [], "urn:example:filtered": ["node", "max"], "urn:example:new": [] },
    });
    await scene.caesura.reload({ delegations });
    expect(told(await entity.advertisement())).toEqual(expected);
  });

  test("is not made to a component whose secret the server refuses", async () => {
    await expect(scene.component(entityJid, { secret: "wherefore" })).rejects.toThrow("not-authorized");
    expect(await scene.caesura.metric("caesura_entity_up", { entity: entityJid })).toBe(0);
  });
});
