import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { withDeadline } from "../../support/deadline.js";
import { cannotRun } from "../../support/peer.js";
import { entityJid, Scene, secret, verseIq, verseNs } from "../../support/scene.js";
import { conditionOf } from "../../support/xmpp-stream.js";

const bin = fileURLToPath(new URL("../../../dist/cli/caesura.js", import.meta.url));

describe.skipIf(cannotRun("prosody", "openssl"))("the runtime commands", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: { [verseNs]: { jid: entityJid } },
      admin: { socket: { path: "admin.sock" } },
    });
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  const ask = (command: string, ...args: readonly string[]): Outcome => caesura(scene.caesura.file, command, ...args);

  test("status says how proxy, domain, server and managing entity are, and which file is in use", async () => {
    expect(ask("status").stdout).toMatch(/verse\.capulet\.lit +DOWN/);
    await scene.entity();
    await scene.login("juliet");
    const { code, stdout } = ask("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^state +serving$/m);
    expect(stdout).toMatch(/^capulet\.lit +up +up +1 +\d+ days left$/m);
    expect(stdout).toMatch(/^verse\.capulet\.lit +up +1/m);
    const { configuration, sessions } = JSON.parse(ask("status", "--json").stdout);
    const sum = spawnSync("sha256sum", [scene.caesura.file], { encoding: "utf8" }).stdout;
    expect(configuration).toMatchObject({ file: scene.caesura.file, sha256: sum.slice(0, 64) });
    expect(sessions).toBe(1);
  });

  test("sessions, links, the log and tap name a connection by the same id, and close ends it in order", async () => {
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet", { transport: "starttls" });
    const tap = Tap.start(scene.caesura.file);
    await tap.isOpen(scene);
    await juliet.ask(verseIq("v1"));
    const seen = await tap.next();

    const session = rowsOf(ask("sessions", "--json", "--match", "juliet")).find((row) => row["jid"] === seen["jid"]);
    expect(session).toMatchObject({ connection: seen["connection"], state: "connected", secure: true });
    const links = rowsOf(ask("links", "--json"));
    expect(links).toContainEqual(
      expect.objectContaining({ connection: seen["connection"], kind: "c2s", peer: seen["jid"] }),
    );
    expect(links).toContainEqual(expect.objectContaining({ kind: "component", peer: entityJid, state: "open" }));
    expect(scene.caesura.peer.log).toContain(`"connection":"${String(seen["connection"])}"`);

    const other = await scene.login("romeo");
    expect(ask("close", String(seen["connection"]))).toMatchObject({ code: 0 });
    expect(await juliet.streamError()).toBe("system-shutdown");
    await other.settle();
    expect(ask("sessions", "--match", "juliet").stdout).toContain("0 sessions");
    await tap.stop();
  });

  test("close says so when there is no such link", () => {
    expect(ask("close", "zzzz")).toEqual({ code: 1, stdout: "", stderr: 'caesura: There is no link "zzzz".\n' });
    expect(JSON.parse(ask("close", "zzzz", "--json").stdout)).toEqual({ error: 'There is no link "zzzz".' });
  });

  test("rules have their hits and outcomes", async () => {
    const before = ruleOf(ask("rules", "--json"));
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet");
    await juliet.ask(verseIq("r1"));
    await juliet.ask(verseIq("r2"));
    const after = ruleOf(ask("rules", "--json"));
    expect(after.matches - before.matches).toBe(2);
    expect(after.outcomes.result - before.outcomes.result).toBe(2);
    expect(ask("rules").stdout).toMatch(/urn:example:verse +verse\.capulet\.lit +up/);
  });

  test("errors name code and section of what went wrong, and nothing that the peer wrote", async () => {
    const juliet = await scene.login("juliet");
    expect(conditionOf((await juliet.ask(verseIq("e1"))).element)).toBe("service-unavailable");
    juliet.send("<message to='romeo@capulet.lit'><body>parting is such sweet sorrow <!-- x --></body></message>");
    await juliet.streamError();
    const { stdout } = ask("errors");
    expect(stdout).toMatch(/ comment\b.*\n.*client leg.*byte \d+\n.*RFC 6120 §11\.1/);
    expect(stdout).toContain("<message to='…'><body>…");
    expect(stdout).toMatch(/entity-absent/);
    expect(stdout).toContain("the managing entity is not connected");
    expect(stdout).not.toContain("sorrow");
  });

  describe("tap", () => {
    test("shows requests and answers without what they carry", async () => {
      const entity = await scene.entity();
      entity.answerAll(() => ({ payload: `<line xmlns='${verseNs}'>a rose by any other name</line>` }));
      const juliet = await scene.login("juliet");
      const tap = Tap.start(scene.caesura.file);
      await tap.isOpen(scene);
      await juliet.ask(verseIq("t1"));
      const request = await tap.next();
      const answer = await tap.next();
      const payload = `{${verseNs}}line`;
      expect(request).toMatchObject({ event: "request", rule: verseNs, entity: entityJid, type: "get", payload });
      expect(answer).toMatchObject({ event: "answer", outcome: "result", type: "result", payload });
      expect(answer["wrapper"]).toBe(request["wrapper"]);
      expect(answer["ms"]).toBeGreaterThan(0);
      expect(JSON.stringify([request, answer])).not.toContain("rose");
      await tap.stop();
    });

    test("shows whole stanzas if that is asked for, and the log says so", async () => {
      const entity = await scene.entity();
      entity.answerAll(() => ({
        payload: `<line xmlns='${verseNs}'>a rose by any other name</line>`,
        innerId: "other",
      }));
      const juliet = await scene.login("juliet");
      const tap = Tap.start(scene.caesura.file, "--payload");
      await tap.isOpen(scene);
      await juliet.ask(verseIq("t2"));
      expect((await tap.next())["stanza"]).toContain("n='1'".replaceAll("'", '"'));
      const answer = await tap.next();
      expect(answer).toMatchObject({
        outcome: "invalid_reply",
        code: "reply-inner-id",
        payload: "error service-unavailable",
      });
      expect(answer["received"]).toContain("a rose by any other name");
      await tap.stop();
      const lines = scene.caesura.peer.log.split("\n").filter((line) => line.includes('"event":"tap"'));
      expect(lines.some((line) => line.includes('"level":"warn"') && line.includes('"payload":true'))).toBe(true);
      expect(scene.caesura.peer.log).not.toContain("rose");
    });

    test("shows those of one rule, entity or JID alone", async () => {
      const entity = await scene.entity();
      entity.answerAll();
      const juliet = await scene.login("juliet");
      const romeo = await scene.login("romeo");
      const taps = [
        Tap.start(scene.caesura.file, "--jid", "romeo@capulet.lit"),
        Tap.start(scene.caesura.file, "--rule", "urn:example:other"),
        Tap.start(scene.caesura.file, "--entity", entityJid, "--rule", verseNs),
      ] as const;
      await scene.caesura.untilMetric("caesura_taps", {}, (value) => value === 3);
      await juliet.ask(verseIq("f1"));
      await romeo.ask(verseIq("f2"));
      expect(String((await taps[0].next())["jid"])).toMatch(/^romeo@/);
      expect(String((await taps[2].next())["jid"])).toMatch(/^juliet@/);
      for (const tap of taps) await tap.stop();
      expect(taps[1].waiting).toBe(0);
    });

    test("a JID that is none, or a reader too many, is refused with words", async () => {
      expect(ask("tap", "--jid", "@")).toMatchObject({ code: 1, stderr: 'caesura: "@" is no JID.\n' });
    });
  });

  test("reload reports what is wrong with the file, with its place, and changes nothing", async () => {
    const good = readFileSync(scene.caesura.file, "utf8");
    writeFileSync(scene.caesura.file, good.replace('"version": 1', '"version": 1, "colour": "red"'));
    try {
      const { code, stdout, stderr } = ask("reload", "--socket", join(scene.caesura.folder, "admin.sock"));
      expect(code).toBe(1);
      expect(stdout).toMatch(/proxy\.yaml:\d+:\d+.*colour/);
      expect(stderr).toBe("caesura: The configuration stays as it was.\n");
      expect(JSON.parse(ask("status", "--json").stdout)).toMatchObject({
        configuration: { lastReloadSucceeded: false },
      });
    } finally {
      writeFileSync(scene.caesura.file, good);
    }
    expect(ask("reload")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("the new configuration is in use"),
    });
  });

  test("log-level holds until the next reload, and refuses a level that is none", () => {
    expect(ask("log-level", "loud")).toMatchObject({ code: 1, stderr: expect.stringContaining("trace, debug, info") });
    expect(ask("log-level", "warn").code).toBe(0);
    expect(JSON.parse(ask("status", "--json").stdout)).toMatchObject({ logLevel: "warn" });
    ask("reload");
    expect(JSON.parse(ask("status", "--json").stdout)).toMatchObject({ logLevel: "debug" });
  });

  test("--watch shows it again and again", async () => {
    const watching = spawn(process.execPath, [bin, "status", "--json", "--watch", "-c", scene.caesura.file]);
    const lines = createInterface({ input: watching.stdout })[Symbol.asyncIterator]();
    for (let seen = 0; seen < 2; seen++) {
      const { value } = await withDeadline(lines.next(), 20_000, () => "nothing is shown");
      expect(JSON.parse(String(value))).toMatchObject({ state: "serving" });
    }
    watching.kill();
  });

  test("another proxy with the same socket does not start, and says why", () => {
    const file = join(scene.caesura.folder, "second.yaml");
    const settings = JSON.parse(readFileSync(scene.caesura.file, "utf8"));
    const listen = [
      { kind: "c2s", host: "127.0.0.1", port: 0, tls: "starttls" },
      { kind: "component", host: "127.0.0.1", port: 0 },
    ];
    writeFileSync(file, JSON.stringify({ ...settings, listen, admin: { ...settings.admin, port: 0 } }));
    const { code, stderr } = caesura(file, "run");
    expect(code).toBe(1);
    expect(stderr).toContain("admin.sock: another process listens there");
    expect(ask("status").code).toBe(0);
  });

  test("a socket of nobody, and a file without one, are said with the way out", () => {
    const missing = ask("status", "--socket", join(scene.caesura.folder, "none.sock"));
    expect(missing).toMatchObject({ code: 1, stderr: expect.stringContaining("the proxy is not running") });
    const file = join(scene.caesura.folder, "without.yaml");
    writeFileSync(file, "version: 1\n");
    expect(caesura(file, "status")).toMatchObject({ code: 2, stderr: expect.stringContaining("no admin.socket") });
    expect(caesura(join(scene.caesura.folder, "missing.yaml"), "status")).toMatchObject({ code: 2 });
  });
});

describe.skipIf(cannotRun("prosody", "openssl"))("caesura drain", () => {
  test("answers what is pending, ends every stream and the proxy, and shows the progress", async () => {
    const scene = await Scene.withProsody({ admin: { socket: { path: "admin.sock" } } });
    try {
      const entity = await scene.entity(entityJid, { secret });
      const juliet = await scene.login("juliet");
      juliet.send(verseIq("d1"));
      const wrapped = await entity.request();
      const socket = join(scene.caesura.folder, "admin.sock");
      expect(statSync(socket).mode & 0o777).toBe(0o600);
      const draining = spawn(process.execPath, [bin, "drain", "-c", scene.caesura.file]);
      let shown = "";
      draining.stdout.setEncoding("utf8").on("data", (text: string) => (shown += text));
      const ended = new Promise<number | null>((resolve) => draining.once("close", resolve));
      const shows = new Promise((resolve) => draining.stdout.once("data", resolve));
      await withDeadline(shows, 30_000, () => "drain shows nothing");
      expect(await scene.caesura.metric("caesura_draining")).toBe(1);
      entity.answer(wrapped);
      expect((await juliet.answer("d1")).element.attrs["type"]).toBe("result");
      expect(await juliet.streamError()).toBe("system-shutdown");
      expect(await withDeadline(ended, 30_000, () => `drain does not end: ${shown}`)).toBe(0);
      expect(shown).toMatch(/^draining: \d+ connections, 1 delegated requests pending\n/);
      expect(shown).toMatch(/drained; the proxy has ended\n$/);
      expect(existsSync(socket)).toBe(false);
    } finally {
      await scene.stop();
    }
  });
});

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function caesura(file: string, command: string, ...args: readonly string[]): Outcome {
  const {
    status: code,
    stdout,
    stderr,
  } = spawnSync(process.execPath, [bin, command, "-c", file, ...args], {
    encoding: "utf8",
    timeout: 30_000,
  });
  return { code, stdout, stderr };
}

function rowsOf({ stdout }: Outcome): readonly Readonly<Record<string, unknown>>[] {
  return JSON.parse(stdout).rows;
}

function ruleOf({ stdout }: Outcome): { readonly matches: number; readonly outcomes: { readonly result: number } } {
  return JSON.parse(stdout).rules[0];
}

/** `caesura tap --json` in a process of its own. */
class Tap {
  readonly #child: ReturnType<typeof spawn>;
  readonly #events: Readonly<Record<string, unknown>>[] = [];
  #tell: (() => void) | undefined;

  private constructor(file: string, args: readonly string[]) {
    this.#child = spawn(process.execPath, [bin, "tap", "--json", "-c", file, ...args], {
      stdio: ["ignore", "pipe", "ignore"],
    });
    if (this.#child.stdout === null) throw new Error("no output");
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.#events.push(JSON.parse(line));
      this.#tell?.();
    });
  }

  static start(file: string, ...args: readonly string[]): Tap {
    return new Tap(file, args);
  }

  async isOpen(scene: Scene): Promise<void> {
    await scene.caesura.untilMetric("caesura_taps", {}, (value) => value === 1);
  }

  get waiting(): number {
    return this.#events.length;
  }

  async next(): Promise<Readonly<Record<string, unknown>>> {
    const come = (async () => {
      for (;;) {
        const event = this.#events.shift();
        if (event !== undefined) return event;
        await new Promise<void>((resolve) => (this.#tell = resolve));
      }
    })();
    return withDeadline(come, 10_000, () => "nothing passes");
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("close", resolve));
    this.#child.kill();
    await ended;
  }
}
