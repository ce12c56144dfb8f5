import { spawn, spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { entityJid, Scene, verseIq, verseNs } from "../../support/scene.js";

const bin = fileURLToPath(new URL("../../../dist/cli/caesura.js", import.meta.url));

describe.skipIf(cannotRun("prosody", "openssl"))("one connection", () => {
  let scene: Scene;
  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: { [verseNs]: { jid: entityJid } },
      admin: { socket: { path: "admin.sock" } },
    });
  });
  afterAll(() => scene.stop());

  type Row = Readonly<Record<string, unknown>>;
  const ask = (command: string, key: string): readonly Row[] => {
    const { stdout } = spawnSync(process.execPath, [bin, command, "--json", "-c", scene.caesura.file], {
      encoding: "utf8",
      timeout: 30_000,
    });
    return JSON.parse(stdout)[key];
  };

  test("has one id in log, tap, sessions, links, errors and on the page, and so has its entity's", async () => {
    const { caesura } = scene;
    const entity = await scene.entity();
    // Others before, so that the id is not the first one by chance.
    await scene.login("romeo");
    const juliet = await scene.login("juliet", { transport: "starttls" });
    const find = (rows: readonly Row[], key: string, value: string): Row | undefined =>
      rows.find((row) => row[key] === value);
    const jid = "juliet@capulet.lit/balcony";
    const connection = find(ask("sessions", "rows"), "jid", jid)?.["connection"];
    const entityConnection = find(ask("links", "rows"), "peer", entityJid)?.["connection"];
    expect(new Set([connection, entityConnection, undefined]).size).toBe(3);

    const tap = spawn(
      process.execPath,
      [bin, "tap", "--json", "-c", caesura.file, "--connection", String(connection)],
      { stdio: ["ignore", "pipe", "ignore"] },
    );
    let tapped = "";
    const answered = new Promise<void>((resolve) => {
      tap.stdout.setEncoding("utf8").on("data", (text: string) => {
        tapped += text;
        if (tapped.includes('"answer"')) resolve();
      });
    });
    await caesura.untilMetric("caesura_taps", {}, (value) => value === 1);
    juliet.send(verseIq("v1"));
    entity.answer(await entity.request(), { innerId: "another" });
    await juliet.answer("v1");
    await answered;
    tap.kill();
    const [request, answer] = tapped
      .trim()
      .split("\n")
      .map((line): Row => JSON.parse(line));
    expect(request).toMatchObject({ event: "request", connection, jid });
    expect(answer).toMatchObject({ event: "answer", connection, entityConnection, wrapper: request?.["wrapper"] });

    expect(find(ask("links", "rows"), "peer", jid)).toMatchObject({ connection });
    expect(find(ask("errors", "errors"), "code", "reply-inner-id")).toMatchObject({ connection });
    const { text: page } = await caesura.admin("/");
    const rows = [...page.matchAll(/<tr.*?<\/tr>/gs)]
      .map(([row]) => row)
      .filter((row) => new RegExp(`>${String(connection)}<`).test(row));
    for (const shown of [jid, "reply-inner-id"]) expect(rows.some((row) => row.includes(shown))).toBe(true);

    await juliet.close();
    await caesura.peer.untilLog((log) =>
      lines(log).some((line) => line["event"] === "ended" && line["connection"] === connection),
    );
    const own = lines(caesura.peer.log).filter((line) => line["connection"] === connection);
    // That an operator looked at it is among its lines, too.
    const life = own.map(({ event }) => event).filter((event) => event !== "tap");
    expect(life).toEqual(["secured", "opened", "authenticated", "bound", "delegation", "ended"]);
    expect(own.find(({ event }) => event === "bound")).toMatchObject({ jid });
    expect(own.find(({ event }) => event === "delegation")).toMatchObject({ entityConnection, code: "reply-inner-id" });
    expect(own.find(({ event }) => event === "ended")).toMatchObject({
      reason: expect.any(String),
      seconds: expect.any(Number),
      stanzasUp: 2,
      bytesUp: expect.any(Number),
    });
    const ofEntity = lines(caesura.peer.log).filter((line) => line["connection"] === entityConnection);
    expect(ofEntity.map(({ event }) => event)).toEqual(expect.arrayContaining(["opened", "entity-up", "advertised"]));
  });
});

function lines(log: string): readonly Readonly<Record<string, unknown>>[] {
  return log
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line): Record<string, unknown> => JSON.parse(line));
}
