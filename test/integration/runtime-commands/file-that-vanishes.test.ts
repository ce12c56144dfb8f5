import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { cannotRun } from "../../support/peer.js";
import { entityJid, Scene, verseIq, verseNs } from "../../support/scene.js";

const bin = fileURLToPath(new URL("../../../dist/cli/caesura.js", import.meta.url));

// What may happen to the file, and to those that it names, while an editor or a deployment is at work.
describe.skipIf(cannotRun("prosody", "openssl"))("a reload while the configuration", () => {
  let scene: Scene;
  let good = "";
  let socket = "";
  let certificate = "";
  beforeAll(async () => {
    scene = await Scene.withProsody({
      delegations: { [verseNs]: { jid: entityJid } },
      admin: { socket: { path: "admin.sock" } },
    });
    const { file, folder, certificates } = scene.caesura;
    good = readFileSync(file, "utf8");
    socket = join(folder, "admin.sock");
    certificate = certificates.get("capulet.lit")?.certFile ?? "";
  });
  afterEach(() => scene.clear());
  afterAll(() => scene.stop());

  const reload = () => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, "reload", "--socket", socket], {
      encoding: "utf8",
      timeout: 30_000,
    });
    return { code: status, stdout, stderr };
  };

  const spoilt: readonly (readonly [what: string, spoil: (file: string) => void, says: RegExp])[] = [
    ["is gone", (file) => rmSync(file), /There is no file/],
    ["is a folder", (file) => (rmSync(file), mkdirSync(file)), /folder|directory/i],
    ["is a link to itself", (file) => (rmSync(file), symlinkSync(file, file)), /proxy\.yaml/],
    ["was cut off", (file) => writeFileSync(file, good.slice(0, good.length / 2)), /proxy\.yaml:\d+:\d+/],
    ["is empty", (file) => writeFileSync(file, ""), /proxy\.yaml/],
    ["is no text", (file) => writeFileSync(file, Buffer.from([0xff, 0xfe, 0, 1, 2])), /UTF-8/],
    ["names a certificate that is gone", () => renameSync(certificate, `${certificate}.old`), /There is no file/],
    [
      "names a certificate that was cut off",
      () => {
        const pem = readFileSync(certificate, "utf8");
        renameSync(certificate, `${certificate}.old`);
        writeFileSync(certificate, pem.slice(0, 200));
      },
      /certificate/,
    ],
  ];

  test.each(spoilt)("%s says so, changes nothing, and the next one is taken", async (_what, spoil, says) => {
    const { caesura } = scene;
    const entity = await scene.entity();
    entity.answerAll();
    const juliet = await scene.login("juliet", { transport: "starttls" });
    spoil(caesura.file);
    try {
      const { code, stdout, stderr } = reload();
      expect({ code, stderr }).toEqual({ code: 1, stderr: "caesura: The configuration stays as it was.\n" });
      expect(stdout).toMatch(says);
      expect(stdout).not.toMatch(/^\s+at /m);
      expect((await juliet.ask(verseIq("v1"))).element.attrs["type"]).toBe("result");
      // The old certificate is still shown to those who come.
      const romeo = await scene.login("romeo", { transport: "starttls" });
      expect((await romeo.ask(verseIq("v2"))).element.attrs["type"]).toBe("result");
    } finally {
      // As a careful editor does it: whole, beside it, then in its place.
      rmSync(caesura.file, { recursive: true, force: true });
      writeFileSync(`${caesura.file}.new`, good);
      renameSync(`${caesura.file}.new`, caesura.file);
      try {
        renameSync(`${certificate}.old`, certificate);
      } catch {
        // It was not touched.
      }
    }
    expect(reload()).toMatchObject({ code: 0, stdout: expect.stringContaining("the new configuration is in use") });
    expect((await juliet.ask(verseIq("v3"))).element.attrs["type"]).toBe("result");
  });
});
