import { createServer } from "node:net";
import type { Server, Socket } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { askDiscovery } from "../../../src/cli/ask-discovery.js";
import type { AskOptions } from "../../../src/cli/ask-discovery.js";
import { askOutside } from "../../../src/cli/ask-outside.js";
import type { PortTrial } from "../../../src/cli/port-trial.js";
import type { Config } from "../../../src/config/index.js";
import { parseJid } from "../../../src/xmpp/index.js";
import { caesura } from "../../cli/recorder.js";
import { workspace, yaml } from "../../config/workspace.js";
import { startEjabberd } from "../../support/ejabberd.js";
import type { Ejabberd } from "../../support/ejabberd.js";
import { cannotRun, freePort } from "../../support/peer.js";
import { prosodyModules, startProsody } from "../../support/prosody.js";
import type { Prosody } from "../../support/prosody.js";

interface Ports {
  readonly c2sPort: number;
  readonly componentPort: number;
}

const pubsub = "http://jabber.org/protocol/pubsub";

function textFor({ c2sPort, componentPort }: Ports, delegations: string): string {
  return yaml({
    c2s: `{ host: 127.0.0.1, port: ${String(c2sPort)} }`,
    component: `component: { host: 127.0.0.1, port: ${String(componentPort)} }`,
    components: "{ pubsub.capulet.lit: { secretFile: secret } }",
    delegations,
    rest: "timeouts: { connect: 3s }",
  });
}

function configFor(ports: Ports, delegations = `{ "${pubsub}": { jid: pubsub.capulet.lit } }`): Config {
  return workspace().config(textFor(ports, delegations));
}

async function ask(config: Config, options: AskOptions = {}): Promise<readonly string[]> {
  const findings = await askDiscovery(config, options);
  return findings.map(({ severity, message }) => `${severity} ${message.replace(/^.*?discovery: /, "")}`);
}

const juliet = { jid: parseJid("juliet@capulet.lit"), password: "r0m30" };
function accountOf({ jid, password }: typeof juliet): AskOptions {
  if (jid === undefined) throw new Error("the account is no JID");
  return { account: { jid, password } };
}

describe.skipIf(cannotRun("prosody"))("Prosody", () => {
  let plain: Prosody;
  beforeAll(async () => {
    plain = await startProsody({ components: { "pubsub.capulet.lit": "balcony" } });
  });
  afterAll(() => plain.stop());

  test("answers pubsub by itself as long as its own PEP is on, which an account sees", async () => {
    const [finding, ...more] = await ask(configFor(plain), accountOf(juliet));
    expect(finding).toMatch(
      /^warning it answers http:\/\/jabber\.org\/protocol\/pubsub itself too .*it announces \d+ features of it/,
    );
    expect(more).toEqual([]);
  });

  test("is asked as a component whose secret is known, and has nothing to say about a namespace of nobody", async () => {
    const config = configFor(plain, "{ urn:example:blog: { jid: pubsub.capulet.lit } }");
    expect(await ask(config)).toEqual(["note its domain announces nothing that is delegated."]);
    expect(await ask(config, accountOf(juliet))).toEqual([
      "note its domain and the account announces nothing that is delegated.",
    ]);
  });

  test("keeps what a filter leaves to it without a warning (XEP-0355 §4.3)", async () => {
    const config = configFor(plain, "{ urn:xmpp:mam:2: { jid: pubsub.capulet.lit, filtering: [node] } }");
    expect(await ask(config, accountOf(juliet))).toEqual([expect.stringContaining("nothing that is delegated")]);
  });

  test("refuses a wrong secret and a wrong password, each with what to do", async () => {
    const space = workspace();
    space.write("secret", "orchard\n");
    const config = space.config(textFor(plain, "{}"));
    const [finding] = await askDiscovery(config, {});
    expect(finding).toMatchObject({
      severity: "error",
      port: "component",
      hint: expect.stringContaining("component_secret"),
    });
    expect(finding?.message).toContain("refuses the secret of pubsub.capulet.lit (not-authorized)");
    const [refused] = await ask(config, accountOf({ ...juliet, password: "wrong" }));
    expect(refused).toMatch(/^warning it was not asked, because juliet@capulet\.lit may not log in \(not-authorized\)/);
  });

  test("is not asked as a component that may be connected through a running Caesura", async () => {
    const ports = {
      tryPort: async () => ({ kind: "in-use", owner: undefined }) as const,
      firstUnprivilegedPort: () => 0,
    };
    expect(await ask(configFor(plain), { ports })).toEqual([
      expect.stringMatching(/^note it was not asked .*: Caesura is running/),
    ]);
  });

  test("is asked by the command with --as, and the password is in no output", async () => {
    const space = workspace();
    space.write("proxy.yaml", textFor(plain, `{ "${pubsub}": { jid: pubsub.capulet.lit } }`));
    const arguments_ = ["check", "--online", "--as", "juliet@capulet.lit", "-c", space.file];
    const { stdout, stderr } = await caesura(arguments_, { env: { CAESURA_PASSWORD: "r0m30" } });
    expect(stdout).toMatch(/warning: capulet\.lit, service discovery: it answers http:.*\n {2}hint: .*mod_pep/);
    expect(stdout + stderr).not.toContain("r0m30");
  });
});

describe.skipIf(cannotRun("prosody", prosodyModules))("Prosody with mod_delegation", () => {
  let delegating: Prosody;
  beforeAll(async () => {
    const delegations = { "urn:example:blog": { jid: "pubsub.capulet.lit" } };
    delegating = await startProsody({ components: { "pubsub.capulet.lit": "balcony" }, delegations });
  });
  afterAll(() => delegating.stop());

  test("is found to delegate itself by what it tells the component (XEP-0355 §4.2)", async () => {
    const [finding] = await askDiscovery(configFor(delegating, "{}"), {});
    expect(finding).toMatchObject({ severity: "warning", hint: expect.stringContaining("mod_delegation") });
    expect(finding?.message).toContain("it delegates namespaces itself (urn:example:blog).");
  });
});

describe.skipIf(cannotRun("ejabberdctl", "erl"))("ejabberd", () => {
  let ejabberd: Ejabberd;
  beforeAll(async () => {
    ejabberd = await startEjabberd({ components: { "pubsub.capulet.lit": "balcony" } });
  });
  afterAll(() => ejabberd.stop());

  test("is asked as a component", async () => {
    const config = configFor(ejabberd, "{ urn:example:blog: { jid: pubsub.capulet.lit } }");
    expect(await ask(config)).toEqual(["note its domain announces nothing that is delegated."]);
  });
});

describe("something else on the server's ports", () => {
  const servers: Server[] = [];
  const sockets: Socket[] = [];
  afterAll(() => {
    for (const socket of sockets) socket.destroy();
    for (const server of servers) server.close();
  });

  async function serve(answer: (text: string, socket: Socket) => void, host = "127.0.0.1"): Promise<number> {
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on("error", () => socket.destroy());
      socket.on("data", (chunk: Buffer) => answer(chunk.toString(), socket));
    });
    servers.push(server);
    const port = await freePort();
    await new Promise<void>((resolve) => {
      server.listen({ port, host }, resolve);
    });
    return port;
  }

  const header =
    "<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='1' from='x'>";
  const greet = (text: string, socket: Socket): boolean => {
    if (text.includes("<stream:stream")) socket.write(header);
    if (text.includes("<handshake")) socket.write("<handshake/>");
    return text.includes("<iq");
  };

  test.each([
    [
      "is silent after the handshake",
      (text: string, socket: Socket): void => {
        greet(text, socket);
      },
      /said nothing/,
    ],
    [
      "announces in its discovery that it delegates (XEP-0355 §7.1)",
      (text: string, socket: Socket): void => {
        const feature =
          "<query xmlns='http://jabber.org/protocol/disco#info'><feature var='urn:xmpp:delegation:2'/></query>";
        if (greet(text, socket)) socket.write(`<iq type='result' id='check-1'>${feature}</iq>`);
      },
      /^warning it delegates namespaces itself \(urn:xmpp:delegation:2\)/,
    ],
    [
      "answers with other stanzas for ever",
      (text: string, socket: Socket): void => {
        if (greet(text, socket)) socket.write("<iq type='get' id='other'><ping/></iq>".repeat(10_000));
      },
      /without end|does not answer/,
    ],
    [
      "ends the stream in place of an answer",
      (text: string, socket: Socket): void => {
        if (greet(text, socket)) {
          socket.write("<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>");
        }
      },
      /ends the stream: conflict/,
    ],
    [
      "answers with an error",
      (text: string, socket: Socket): void => {
        if (greet(text, socket)) socket.write("<iq type='error' id='check-1'><error/></iq>");
      },
      /announces nothing that is delegated/,
    ],
  ] as const)("is told in a sentence when it %s", async (_, answer, words) => {
    const componentPort = await serve(answer);
    const [finding] = await ask(configFor({ c2sPort: 1, componentPort }));
    expect(finding).toMatch(words);
  });

  test("is found by its door to the outside, and by no other", async () => {
    const [wide, narrow] = [await serve(() => {}, "0.0.0.0"), await serve(() => {})];
    // Another address of this machine stands for what others can reach.
    const open = await askOutside(configFor({ c2sPort: wide, componentPort: narrow }), ["127.0.0.2"]);
    const ofServer = open.filter(({ message }) => message.includes("the server's port"));
    expect(ofServer).toMatchObject([
      { severity: "warning", port: "c2s", hint: expect.stringContaining(`c2s_interfaces = { "127.0.0.1" }`) },
    ]);
    expect(ofServer[0]?.message).toContain(`port ${String(wide)} (clients) is open on 127.0.0.2`);
  });

  test("is not taken for a way past Caesura where Caesura, or systemd for it, has the port", async () => {
    const doorPort = await freePort();
    const listening = createServer();
    await new Promise<void>((resolve) => listening.listen({ host: "127.0.0.2", port: doorPort }, resolve));
    const config = configFor({ c2sPort: 1, componentPort: 2 });
    const held = (name: string, isCaesura: boolean) => (): Promise<PortTrial> =>
      Promise.resolve({ kind: "in-use", owner: { pid: 1, name, isCaesura } });
    const doors = new Map([[doorPort, "clients"]]);
    const warnings = async (trial: () => Promise<PortTrial>, from = config): Promise<number> =>
      (await askOutside(from, ["127.0.0.2"], trial, doors)).length;
    const behindSystemd: Config = {
      ...config,
      listen: [{ kind: "c2s", socket: "c2s", tls: "starttls", proxyProtocol: undefined }],
    };
    expect(await warnings(held("lua5.4", false))).toBe(1);
    expect(await warnings(held("Caesura", true))).toBe(0);
    expect(await warnings(held("systemd", false))).toBe(1);
    expect(await warnings(held("systemd", false), behindSystemd)).toBe(0);
    listening.close();
  });

  test("on another machine cannot be seen from outside, which is said", async () => {
    const config = workspace().config(yaml({ c2s: "{ host: 192.0.2.7, port: 5222, tls: direct }" }));
    expect(await askOutside(config, ["127.0.0.2"])).toMatchObject([
      { severity: "note", message: expect.stringContaining("the server is on 192.0.2.7") },
    ]);
  });
});

test.each([
  [["check", "--as", "juliet@capulet.lit"], "needs --online"],
  [["check", "--online", "--as", "capulet.lit"], "is no account"],
  [["check", "--online", "--as", "juliet@capulet.lit"], "CAESURA_PASSWORD, which is not set"],
])("%j is a wrong command line", async (arguments_, words) => {
  const { code, stderr } = await caesura(arguments_);
  expect(code).toBe(2);
  expect(stderr).toContain(words);
});
