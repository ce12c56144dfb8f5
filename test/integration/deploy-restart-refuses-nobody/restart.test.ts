import { connect } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { connectComponent, login } from "../../support/login.js";
import { ManagingEntity } from "../../support/managing-entity.js";
import { Caesura } from "../../support/caesura.js";
import { withDeadline } from "../../support/deadline.js";
import { cannotRun, freePort, temporaryFolder } from "../../support/peer.js";
import { type Prosody, startProsody } from "../../support/prosody.js";
import { entityJid, secret, verseIq, verseNs } from "../../support/scene.js";
import { listen, ManagedCaesura, underServiceManager } from "../../support/service-manager.js";

const programs = ["prosody", "openssl", "systemd-notify", "systemd-socket-activate", "/usr/bin/python3"];

describe.skipIf(cannotRun(...programs))("sockets that outlive the process (sd_listen_fds(3))", () => {
  let prosody: Prosody;
  let managed: ManagedCaesura;

  beforeEach(async () => {
    prosody = await startProsody({ components: { [entityJid]: secret } });
    managed = await ManagedCaesura.start({
      behind: { c2sPort: prosody.c2sPort, componentPort: prosody.componentPort },
      delegations: { [verseNs]: { jid: entityJid } },
    });
  });
  afterEach(async () => {
    await managed.stop();
    await prosody.stop();
  });

  async function connectEntity(): Promise<ManagingEntity> {
    const { component } = managed.ports;
    const entity = new ManagingEntity(await connectComponent({ port: component, jid: entityJid, secret }));
    await entity.advertisement();
    entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>yes</line>` }));
    return entity;
  }

  test("are served by name, several of one name too, and counted by it", async () => {
    const { clear, starttls } = managed.ports;
    const juliet = await login({ port: clear, user: "juliet" });
    const romeo = await login({
      port: starttls,
      user: "romeo",
      transport: "starttls",
      ca: managed.caesura.ca(),
    });
    expect(await managed.caesura.metric("caesura_connections", { listener: "c2s:clear" })).toBe(1);
    expect(await managed.caesura.metric("caesura_connections", { listener: "c2s:c2s-starttls" })).toBe(1);
    expect(await connects(starttls, "::1")).toBe("connected");
    juliet.drop();
    romeo.drop();
  });

  test("a restart under load refuses no client, and ends each session in an orderly way", async () => {
    const { clear, starttls, component } = managed.ports;
    const entity = await connectEntity();
    const juliet = await login({ port: clear, user: "juliet" });
    const romeo = await login({ port: starttls, user: "romeo", transport: "starttls", ca: managed.caesura.ca() });
    // One request is under way when the end comes.
    entity.stream.intercept = undefined;
    juliet.send(verseIq("under-way"));
    const pending = await entity.request();

    const crowd = new Crowd(clear);
    await crowd.untilVisits(10);
    await managed.restart();
    entity.answer(pending, { payload: `<line xmlns='${verseNs}'>yes</line>` });
    expect((await juliet.answer("under-way")).raw).toContain("yes");
    for (const stream of [juliet, romeo, entity.stream]) {
      expect(await stream.streamError()).toBe("system-shutdown");
      await stream.streamEnd();
      expect(await stream.closed()).toBe("end");
    }
    await managed.untilRestarted();
    await crowd.untilVisits(crowd.visits + 10);
    await crowd.leave();
    expect(crowd.failures).toEqual([]);

    // And the new process delegates as the old one did.
    expect(await connects(component)).toBe("connected");
    const again = await connectEntity();
    const returned = await login({ port: clear, user: "juliet" });
    expect((await returned.ask(verseIq("anew"))).raw).toContain("yes");
    returned.drop();
    again.stream.drop();
    expect(managed.caesura.peer.log).toMatch(/ended [0-9]+ with 0/);
  });

  test("the manager is told of readiness, reloads and the end", async () => {
    const { caesura } = managed;
    await caesura.peer.untilLog((log) => log.includes("notified STATUS=serving capulet.lit: c2s 127.0.0.1:"));
    await caesura.hangUp("success");
    await caesura.peer.untilLog((log) => /notified RELOADING=1[^]*notified READY=1/.test(log));
    caesura.peer.signal("SIGTERM");
    await caesura.peer.untilLog((log) => log.includes("notified STOPPING=1"));
    expect(await caesura.peer.ended()).toBe(0);
  });

  test("a reload that gives up a socket cannot take it back, says so with its place, and serves on", async () => {
    const { caesura, ports } = managed;
    await caesura.reload({ more: { listen: listen.filter(({ socket }) => socket !== "c2s-starttls") } });
    expect(caesura.peer.log).toContain('"event":"reloaded"');
    await caesura.reload({ more: { listen } }, "failure");
    expect(caesura.peer.log).toContain("it was given up by an earlier reload; restart Caesura");
    await caesura.reload({ more: { listen: listen.filter(({ socket }) => socket !== "c2s-starttls") } });
    const unknown = [...listen, { kind: "c2s", socket: "c2s-startls", tls: "direct" }];
    await caesura.reload({ more: { listen: unknown } }, "failure");
    expect(caesura.peer.log).toMatch(/"code":"socket-missing".*There are: \\"clear\\"/);
    (await login({ port: ports.clear, user: "juliet" })).drop();
  });

  test.each([
    ["that other machines reach is not served in clear", ["0.0.0.0", 0], "other machines reach it"],
    ["that is not TCP is not served", ["unix", 0], "it is not a TCP socket"],
  ] as const)("one %s", async (_, [address, port], reason) => {
    const place = address === "unix" ? `${temporaryFolder("socket")}/socket` : address;
    const starting = Caesura.start({
      behind: { c2sPort: prosody.c2sPort },
      startedBy: underServiceManager({ clear: [[place, port]] }),
      more: { listen: [{ kind: "c2s", socket: "clear", tls: "none" }] },
    });
    await expect(starting).rejects.toThrow(`cannot listen on the socket \\"clear\\": ${reason}`);
  });

  test("systemd itself starts it at the first connection, which is served (systemd.socket(5))", async () => {
    const port = await freePort();
    const starting = Caesura.start({
      behind: { c2sPort: prosody.c2sPort },
      startedBy: `exec systemd-socket-activate --listen=127.0.0.1:${String(port)} --fdname=clear "$@"`,
      more: { listen: [{ kind: "c2s", socket: "clear", tls: "none" }] },
    });
    const first = login({ port: await acceptedAt(port), user: "juliet" });
    const caesura = await starting;
    const juliet = await first;
    expect(juliet.jid).toBe("juliet@capulet.lit/balcony");
    juliet.drop();
    await caesura.stop();
  });
});

/** The port, once somebody holds it. */
async function acceptedAt(port: number): Promise<number> {
  const held = (async () => {
    while ((await connects(port)) !== "connected") await new Promise((resolve) => setTimeout(resolve, 20));
  })();
  await withDeadline(held, 10_000, () => `nobody holds port ${String(port)}`);
  return port;
}

/** Clients that come, log in, ask and go, one after the other in each of a few queues. */
class Crowd {
  /** Those that were served from the greeting to the goodbye. */
  visits = 0;
  /** What happened to those that were neither served nor told of the shutdown. */
  readonly failures: string[] = [];
  readonly #port: number;
  readonly #queues: readonly Promise<void>[];
  readonly #waiting = new Set<() => void>();
  #isOver = false;

  constructor(port: number) {
    this.#port = port;
    this.#queues = Array.from({ length: 4 }, async (_, index) => this.#comeAndGo(index));
  }

  async untilVisits(wanted: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (): void => {
        if (this.visits < wanted) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  async leave(): Promise<void> {
    this.#isOver = true;
    await Promise.all(this.#queues);
  }

  async #comeAndGo(queue: number): Promise<void> {
    for (let nth = 0; !this.#isOver; nth++) {
      // Who connects is heard, sooner or later; what follows may be cut off by the shutdown, and then the stream says so.
      const stream = await login({
        port: this.#port,
        user: "romeo",
        resource: `r${String(queue)}-${String(nth)}`,
      }).catch((error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        if (!text.includes("system-shutdown")) this.failures.push(`login: ${text}`);
        return undefined;
      });
      if (stream === undefined) continue;
      try {
        await stream.ask(`<iq type='get' id='v' to='capulet.lit'><query xmlns='jabber:iq:version'/></iq>`);
        this.visits++;
        await stream.close();
      } catch (error) {
        const text = error instanceof Error ? error.message : String(error);
        if (!stream.received.includes("system-shutdown")) this.failures.push(`session: ${text}`);
        stream.drop();
      }
      for (const look of this.#waiting) look();
    }
  }
}

async function connects(port: number, host = "127.0.0.1"): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once("error", (error) => {
      resolve(error.message);
    });
    socket.once("connect", () => {
      socket.destroy();
      resolve("connected");
    });
  });
}
