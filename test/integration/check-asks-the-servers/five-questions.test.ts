import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askDiscovery } from "../../../src/cli/ask-discovery.js";
import { askOutside } from "../../../src/cli/ask-outside.js";
import type { Finding } from "../../../src/cli/finding.js";
import { askServers } from "../../../src/cli/online.js";
import type { Config } from "../../../src/config/index.js";
import { parseJid } from "../../../src/xmpp/index.js";
import { workspace, yaml } from "../../config/workspace.js";
import { makeCertificate } from "../../support/certificate.js";
import { runEjabberd, startEjabberd } from "../../support/ejabberd.js";
import { cannotRun, freePort, temporaryFolder } from "../../support/peer.js";
import { prosodyModules, startProsody } from "../../support/prosody.js";

// What an operator wants to know of a server before Caesura stands in front of it, each with a server of which it is true
// and one of which it is not: does it delegate by itself, is it reached past Caesura, does channel binding trap clients,
// does its component port refuse, does its own PEP answer what is delegated.

const pubsub = "http://jabber.org/protocol/pubsub";
const entity = "pubsub.capulet.lit";
const secret = "balcony";

const folder = temporaryFolder("five-questions");
const certificate = makeCertificate(folder, "capulet", ["capulet.lit"]);
afterAll(() => rmSync(folder, { recursive: true }));

interface Ports {
  readonly c2sPort: number;
  readonly componentPort: number;
}

interface Peers {
  /** One that is fit to stand behind Caesura, and one that is not. */
  readonly fit: Ports;
  readonly unfit: Ports;
  /** With TLS on its port for clients. */
  readonly secured: Ports;
  stop(): Promise<void>;
}

function configFor({ c2sPort, componentPort }: Ports, name: string = entity, more = ""): Config {
  return workspace().config(
    yaml({
      c2s: `{ host: 127.0.0.1, port: ${String(c2sPort)}${more} }`,
      component: `component: { host: 127.0.0.1, port: ${String(componentPort)} }`,
      components: `{ ${name}: { secretFile: secret } }`,
      delegations: `{ "${pubsub}": { jid: ${name} } }`,
      rest: "timeouts: { connect: 5s }",
    }),
  );
}

/** The findings that matter, each with what to do. */
function matters(findings: readonly Finding[]): readonly string[] {
  return findings
    .filter(({ severity }) => severity !== "note")
    .map(({ severity, message, hint }) => {
      expect(hint, message).toMatch(/\S{3}.*[.)?]$/s);
      expect(message).not.toMatch(/\n/);
      return `${severity} ${message}`;
    });
}

async function askAsJuliet(ports: Ports): Promise<readonly string[]> {
  const jid = parseJid("juliet@capulet.lit");
  if (jid === undefined) throw new Error("no JID");
  return matters(await askDiscovery(configFor(ports), { account: { jid, password: "r0m30" } }));
}

function questions(start: () => Promise<Peers>): void {
  let peers: Peers;
  beforeAll(async () => {
    peers = await start();
  }, 60_000);
  afterAll(() => peers.stop());

  test("is asked whether it delegates by itself (XEP-0355 §4.2)", { timeout: 30_000 }, async () => {
    // ejabberd opens its ports before the module is there.
    await expect
      .poll(async () => matters(await askDiscovery(configFor(peers.unfit), {})).join("\n"), { timeout: 20_000 })
      .toMatch(/it delegates namespaces itself \(urn:/);
    expect(matters(await askDiscovery(configFor(peers.fit), {})).join("\n")).not.toContain("delegates namespaces");
  });

  test("is tried from outside at its ports", async () => {
    // Another address of this machine stands for what others can reach; the peers listen on 127.0.0.1.
    const wide = await askOutside(configFor(peers.fit), ["127.0.0.1"]);
    const ours = matters(wide).filter((message) => message.includes("the server's port"));
    expect(ours).toEqual([
      expect.stringContaining(`port ${String(peers.fit.componentPort)} (components) is open on 127.0.0.1`),
      expect.stringContaining(`port ${String(peers.fit.c2sPort)} (clients) is open on 127.0.0.1`),
    ]);
    const narrow = matters(await askOutside(configFor(peers.fit), ["127.0.0.2"]));
    expect(narrow.filter((message) => message.includes("the server's port"))).toEqual([]);
  });

  test("is asked for channel binding, which fails through Caesura (RFC 5802 §6)", async () => {
    const trap = await askServers(configFor(peers.secured, entity, `, tls: starttls, ca: ${certificate.certFile}`));
    expect(matters(trap).join("\n")).toMatch(/it offers .*-PLUS.* fail through Caesura/);
    expect(matters(await askServers(configFor(peers.fit))).join("\n")).not.toContain("PLUS");
  });

  test("is asked whether its component port takes the component (XEP-0114 §3)", async () => {
    const stranger = await askDiscovery(configFor(peers.fit, "stranger.capulet.lit"), {});
    const known = await askDiscovery(configFor(peers.fit), {});
    expect(matters(stranger).join("\n")).toContain("stranger.capulet.lit");
    expect(matters(known).join("\n")).not.toMatch(/refuse|not serve/);
    const nobody = configFor({ ...peers.fit, componentPort: await freePort() });
    expect(matters(await askServers(nobody)).join("\n")).toMatch(/error .*component port .*nobody listens there/);
  });

  test("is asked as an account whether its own PEP answers what is delegated", async () => {
    expect((await askAsJuliet(peers.unfit)).join("\n")).toContain(`it answers ${pubsub} itself too`);
    expect((await askAsJuliet(peers.fit)).join("\n")).not.toContain(`it answers ${pubsub}`);
  });
}

describe.skipIf(cannotRun("prosody", prosodyModules, "openssl"))("Prosody", () => {
  questions(async () => {
    const components = { [entity]: secret };
    const fit = await startProsody({ components, without: ["pep", "vcard4", "vcard_legacy"] });
    const unfit = await startProsody({ components, delegations: { "urn:example:blog": { jid: entity } } });
    // With TLS 1.3 Prosody 0.12 has nothing to bind to.
    const secured = await startProsody({ components, certificate, tlsProtocol: "tlsv1_2" });
    const stop = async (): Promise<void> => {
      await Promise.all([fit.stop(), unfit.stop(), secured.stop()]);
    };
    return { fit, unfit, secured, stop };
  });
});

describe.skipIf(cannotRun("ejabberdctl", "erl", "openssl"))("ejabberd", () => {
  questions(async () => {
    const components = { [entity]: secret };
    const fit = await startEjabberd({ components });
    const unfit = await startEjabberd({
      components,
      modules: {
        mod_caps: {},
        mod_pubsub: { plugins: ["flat", "pep"] },
        mod_delegation: { namespaces: { "urn:example:blog": { access: { allow: { server: entity } } } } },
      },
    });
    const place = temporaryFolder("ejabberd");
    const [c2sPort, componentPort] = [await freePort(), await freePort()];
    const both = join(place, "both.pem");
    writeFileSync(both, readFileSync(certificate.keyFile, "utf8") + readFileSync(certificate.certFile, "utf8"));
    const config = join(place, "ejabberd.yml");
    const c2s = { port: c2sPort, ip: "127.0.0.1", module: "ejabberd_c2s", starttls: true, access: "c2s" };
    const settings = {
      hosts: ["capulet.lit"],
      certfiles: [both],
      listen: [c2s],
      access_rules: { c2s: { allow: "all" } },
      auth_password_format: "scram",
    };
    writeFileSync(config, JSON.stringify(settings));
    const users = { juliet: "r0m30" };
    const peer = await runEjabberd({ folder: place, config, domain: "capulet.lit", users, c2sPort });
    const stop = async (): Promise<void> => {
      await Promise.all([fit.stop(), unfit.stop(), peer.stop()]);
    };
    return { fit, unfit, secured: { c2sPort, componentPort }, stop };
  });
});
