import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askServers } from "../../../src/cli/online.js";
import { loadConfig } from "../../../src/config/index.js";
import { caesura } from "../../cli/recorder.js";
import { makeCertificate } from "../../support/certificate.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";
import { prosodyModules, startProsody } from "../../support/prosody.js";
import type { Prosody } from "../../support/prosody.js";

// A Prosody that runs with mod_delegation, and the file that it really runs with.
describe.skipIf(cannotRun("prosody", "openssl", prosodyModules))("the configuration of a running Prosody", () => {
  const folder = temporaryFolder("import");
  let prosody: Prosody;
  beforeAll(async () => {
    prosody = await startProsody({
      domains: ["capulet.lit", "montague.lit"],
      components: { "pubsub.capulet.lit": "balcony" },
      delegations: {
        "urn:xmpp:mam:2": { jid: "pubsub.capulet.lit", filtering: ["node"] },
        "http://jabber.org/protocol/pubsub": { jid: "pubsub.capulet.lit" },
      },
    });
  });
  afterAll(async () => {
    await prosody.stop();
    rmSync(folder, { recursive: true });
  });

  test("becomes one that check accepts, and that finds this Prosody at its ports", async () => {
    // Prosody looks for certificates by name in its folder, and so does the import.
    for (const domain of ["capulet.lit", "montague.lit"]) makeCertificate(prosody.folder, domain, [domain]);
    const output = join(folder, "proxy.yaml");
    const made = await caesura(["import", join(prosody.folder, "prosody.cfg.lua"), "-o", output]);
    expect([made.code, made.stderr]).toEqual([0, ""]);
    const loaded = loadConfig(output, { env: {} });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
    expect(loaded.config.domains).toMatchObject(
      ["capulet.lit", "montague.lit"].map((name) => ({
        name,
        server: { c2s: { port: prosody.c2sPort, tls: "none" }, component: { port: prosody.componentPort } },
        delegations: [
          { namespace: "urn:xmpp:mam:2", entity: "pubsub.capulet.lit", filtering: ["node"] },
          { namespace: "http://jabber.org/protocol/pubsub", entity: "pubsub.capulet.lit", filtering: [] },
        ],
      })),
    );
    const findings = await askServers(loaded.config);
    expect(findings.filter(({ severity }) => severity === "error")).toEqual([]);
    expect(findings.map(({ message }) => message).join("\n")).toContain("it knows pubsub.capulet.lit");
  });
});
