import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "ltx";
import { afterEach, describe, expect, test } from "vitest";
import { stringify, parse as parseYaml } from "yaml";
import { Caesura } from "../../support/caesura.js";
import { runEjabberd } from "../../support/ejabberd.js";
import { startHaproxy } from "../../support/haproxy.js";
import { jabberd2Folder, startJabberd2 } from "../../support/jabberd2.js";
import { connectComponent, login } from "../../support/login.js";
import { ManagingEntity } from "../../support/managing-entity.js";
import {
  cannotRun,
  findProgram,
  freePort,
  isRecord,
  Peer,
  temporaryFolder,
  untilListening,
} from "../../support/peer.js";
import { startProsody } from "../../support/prosody.js";
import { verseIq, verseNs } from "../../support/scene.js";

const folderOfSnippets = join(import.meta.dirname, "..", "..", "..", "deploy", "servers");
const snippet = (name: string): string => readFileSync(join(folderOfSnippets, name), "utf8");

/** As the snippets have it. */
const entityJid = "pubsub.capulet.lit";
const secret = "change me";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (let one = running.pop(); one !== undefined; one = running.pop()) await one.stop();
});

/** The snippet with ports of this test in place of its own, each of which it must name. */
function withPorts(name: string, ports: Readonly<Record<string, number>>): string {
  let text = snippet(name);
  for (const [written, port] of Object.entries(ports)) {
    expect(text).toContain(written);
    text = text.replaceAll(written, String(port));
  }
  return text;
}

/**
 * A client logs in through HAProxy and Caesura, as the snippet puts the one in front of the other, at a server with these ports. A
 * managing entity behind Caesura answers it, and Caesura knows the client's address.
 */
async function delegates(c2sPort: number, componentPort: number, password = "r0m30"): Promise<void> {
  const caesura = await Caesura.start({
    behind: { c2sPort, componentPort },
    proxyProtocol: { from: ["127.0.0.1"] },
    delegations: { [verseNs]: { jid: entityJid } },
  });
  running.push(caesura);
  const ports = await balance([caesura]);
  // Components are no concern of the snippet, but this listener expects a header too.
  const front = await startHaproxy({ targetPort: caesura.ports.component, sends: "send-proxy-v2" });
  running.push(front);
  const entity = new ManagingEntity(await connectComponent({ port: front.port, jid: entityJid, secret }));
  await entity.advertisement();
  entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
  for (const transport of ["starttls", "direct"] as const) {
    const options = { port: ports[transport], transport, ca: caesura.ca(), localAddress: "127.0.0.7" };
    const juliet = await login({ ...options, user: "juliet", password });
    expect((await juliet.ask(verseIq("s1"))).raw).toContain("yes");
    juliet.drop();
  }
  expect(caesura.peer.log).toContain('"remote":"127.0.0.7"');
  entity.stream.drop();
}

/** HAProxy with the snippet, which names two instances: in front of these, the last one twice if need be. */
async function balance(instances: readonly Caesura[]): Promise<{ readonly starttls: number; readonly direct: number }> {
  const ports = { starttls: await freePort(), direct: await freePort() };
  let config = snippet("haproxy.cfg");
  const place = (written: string, text: string): void => {
    expect(config).toContain(written);
    config = config.replace(written, text);
  };
  place("bind :5222", `bind 127.0.0.1:${String(ports.starttls)}`);
  place("bind :5223", `bind 127.0.0.1:${String(ports.direct)}`);
  for (const [nth, address] of ["10.0.0.11", "10.0.0.12"].entries()) {
    const caesura = instances[nth] ?? instances.at(-1);
    const admin = `check port ${String(caesura?.ports.admin)}`;
    place(`${address}:5222`, `127.0.0.1:${String(caesura?.ports.starttls)} ${admin}`);
    place(`${address}:5223`, `127.0.0.1:${String(caesura?.ports.direct)} ${admin}`);
  }
  const file = join(temporaryFolder("haproxy"), "haproxy.cfg");
  writeFileSync(file, `global\n    log stdout format raw local0\n${config}`);
  const haproxy = await Peer.start({
    name: "HAProxy",
    command: findProgram("haproxy") ?? "haproxy",
    args: ["-db", "-V", "-f", file],
    isReady: () => true,
  });
  running.push(haproxy);
  await untilListening(ports.starttls, haproxy);
  return ports;
}

describe.skipIf(cannotRun("prosody", "prosodyctl", "haproxy", "openssl"))(
  "Prosody with deploy/servers/prosody.cfg.lua",
  () => {
    async function write(): Promise<{ readonly file: string; readonly c2s: number; readonly component: number }> {
      const folder = temporaryFolder("snippet");
      const [c2s, component] = [await freePort(), await freePort()];
      const accounts = join(folder, "capulet%2elit", "accounts");
      mkdirSync(accounts, { recursive: true });
      mkdirSync(join(folder, "certs"));
      writeFileSync(join(accounts, "juliet.dat"), 'return { ["password"] = "r0m30"; };\n');
      // What an operator has already, in front of what the snippet says.
      const before = [
        "run_as_root = true",
        `pidfile = "${folder}/prosody.pid"`,
        `data_path = "${folder}"`,
        `certificates = "${folder}/certs"`,
        'modules_enabled = { "roster", "saslauth", "disco", "ping", "pep", "posix", "bosh", "websocket" }',
        "s2s_ports = { }",
        "http_ports = { }",
        "https_ports = { }",
        'authentication = "internal_plain"',
        'log = { info = "*console" }',
      ];
      const file = join(folder, "prosody.cfg.lua");
      writeFileSync(file, `${before.join("\n")}\n${withPorts("prosody.cfg.lua", { 15222: c2s, 15347: component })}`);
      return { file, c2s, component };
    }

    test("is a configuration without a problem of its own (prosodyctl check config)", async () => {
      const { file } = await write();
      const { stdout } = spawnSync("prosodyctl", ["--root", "--config", file, "check", "config"], { encoding: "utf8" });
      // That bosh and websocket are named in both lists is the purpose.
      expect(stdout).not.toMatch(/deprecated|unknown|not recognised|must|error/i);
    });

    test("stands behind HAProxy and Caesura, which delegates", async () => {
      const { file, c2s, component } = await write();
      const peer = await Peer.start({
        name: "Prosody",
        command: findProgram("prosody") ?? "prosody",
        args: ["--config", file],
        isReady: (log) => log.includes("Activated service 'component' on [") && log.includes("service 'c2s' on ["),
      });
      running.push(peer);
      expect(peer.log).not.toMatch(/bosh|websocket/);
      await delegates(c2s, component);
    });
  },
);

describe.skipIf(cannotRun("erl", "ejabberdctl", "haproxy", "openssl"))(
  "ejabberd with deploy/servers/ejabberd.yml",
  () => {
    test("stands behind HAProxy and Caesura, which delegates", async () => {
      const folder = temporaryFolder("snippet");
      const [c2s, component] = [await freePort(), await freePort()];
      const settings: unknown = parseYaml(withPorts("ejabberd.yml", { 15222: c2s, 15347: component }));
      const config = join(folder, "ejabberd.yml");
      const before = { loglevel: "info", auth_method: "internal", modules: { mod_roster: {}, mod_disco: {} } };
      writeFileSync(config, stringify({ ...before, ...(isRecord(settings) ? settings : {}) }));
      running.push(
        await runEjabberd({ folder, config, domain: "capulet.lit", users: { juliet: "r0m30" }, c2sPort: c2s }),
      );
      await delegates(c2s, component);
    });
  },
);

const jabberd2 = [
  "jabberd2-router",
  "jabberd2-sm",
  "jabberd2-c2s",
  join(jabberd2Folder, "c2s.xml"),
  "haproxy",
  "openssl",
];

describe.skipIf(cannotRun(...jabberd2))("jabberd2 with deploy/servers/jabberd2.xml", () => {
  test("stands behind HAProxy and Caesura, which delegates", async () => {
    const [c2s, component] = [await freePort(), await freePort()];
    const changes = parse(withPorts("jabberd2.xml", { 15222: c2s, 15347: component }));
    running.push(await startJabberd2(changes, [component, c2s]));
    await delegates(c2s, component);
  });
});

describe.skipIf(cannotRun("haproxy", "prosody", "openssl"))("HAProxy with deploy/servers/haproxy.cfg", () => {
  test("is a valid configuration (haproxy -c)", () => {
    const { status, stderr } = spawnSync(findProgram("haproxy") ?? "haproxy", [
      "-c",
      "-f",
      join(folderOfSnippets, "haproxy.cfg"),
    ]);
    expect(stderr.toString()).not.toContain("ALERT");
    expect(status).toBe(0);
  });

  test("tells the client's address, and sends nobody to an instance that drains", async () => {
    const prosody = await startProsody({ components: { [entityJid]: secret } });
    running.push(prosody);
    const behind = { c2sPort: prosody.c2sPort, componentPort: prosody.componentPort };
    const options = { behind, proxyProtocol: { from: ["127.0.0.1"] }, delegations: { [verseNs]: { jid: entityJid } } };
    const [one, two] = [await Caesura.start(options), await Caesura.start(options)];
    running.push(one, two);

    const ports = await balance([one, two]);
    const ca = `${one.ca()}${two.ca()}`;
    const visit = async (transport: "starttls" | "direct"): Promise<void> => {
      const options = { port: ports[transport], transport, ca, localAddress: "127.0.0.7" };
      const juliet = await login({ ...options, user: "juliet" });
      await juliet.settle();
      juliet.drop();
    };
    await visit("starttls");
    await visit("direct");
    expect(`${one.peer.log}${two.peer.log}`).toContain('"remote":"127.0.0.7"');

    // The port of an instance that drains is closed at once; the next look at /readyz is seconds away.
    one.peer.signal("SIGTERM");
    await one.peer.untilLog((log) => log.includes('"event":"draining"'));
    const before = await two.metric("caesura_connections_total");
    for (let nth = 0; nth < 4; nth++) await visit("starttls");
    expect(await two.metric("caesura_connections_total")).toBe(before + 4);
  });
});
