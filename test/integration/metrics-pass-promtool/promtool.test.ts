import { spawnSync } from "node:child_process";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { Scene, verseIq, verseNs } from "../../support/scene.js";

describe.skipIf(cannotRun("prosody", "promtool", "openssl"))("a live scrape", () => {
  let scene: Scene;
  let text = "";

  beforeAll(async () => {
    scene = await Scene.withProsody();
    const entity = await scene.entity();
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
    const juliet = await scene.login("juliet", { transport: "starttls" });
    await juliet.ask(verseIq("m1"));
    await juliet.ask("<iq type='get' id='m2' to='capulet.lit'><query xmlns='jabber:iq:version'/></iq>");
    ({ text } = await scene.caesura.admin("/metrics"));
  });
  afterAll(() => scene.stop());

  test("passes promtool without a remark", () => {
    const { status, stdout, stderr } = spawnSync("promtool", ["check", "metrics"], { input: text, encoding: "utf8" });
    expect(`${stdout}${stderr}`).toBe("");
    expect(status).toBe(0);
  });

  test("shows what happened on the wire", () => {
    const port = scene.caesura.ports.starttls;
    for (const line of [
      `caesura_connections{listener="c2s:127.0.0.1:${String(port)}"} 1`,
      `caesura_connections_total{listener="c2s:127.0.0.1:${String(port)}"} 1`,
      'caesura_tls_handshakes_total{leg="client",outcome="done"} 1',
      'caesura_upstream_up{domain="capulet.lit",link="c2s"} 1',
      'caesura_upstream_up{domain="capulet.lit",link="component"} 1',
      "caesura_sessions 1",
      `caesura_rule_matches_total{domain="capulet.lit",rule="${verseNs}"} 1`,
      `caesura_delegations_total{domain="capulet.lit",rule="${verseNs}",entity="verse.capulet.lit",outcome="result"} 1`,
      'caesura_entity_up{entity="verse.capulet.lit"} 1',
      'caesura_advertisements_total{domain="capulet.lit",entity="verse.capulet.lit"} 1',
    ])
      expect(text).toContain(`${line}\n`);
    const stanzas = new RegExp(
      `caesura_stanzas_total\\{listener="c2s:127.0.0.1:${String(port)}",direction="up",kind="iq"\\} (\\d+)`,
    );
    // Resource binding and the two requests, at least.
    expect(Number(stanzas.exec(text)?.[1])).toBeGreaterThanOrEqual(3);
  });

  test("names no user", () => {
    expect(text).not.toMatch(/juliet/);
  });
});
