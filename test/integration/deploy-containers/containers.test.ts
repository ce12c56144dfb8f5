import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeAll, describe, expect, test } from "vitest";
import { makeCertificate } from "../../support/certificate.js";
import { buildStage, execForm, lastOf, readDockerfile } from "../../support/dockerfile.js";
import { login } from "../../support/login.js";
import { cannotRun, findProgram, freePort, Peer, temporaryFolder, untilListening } from "../../support/peer.js";

const root = join(import.meta.dirname, "..", "..", "..");
const compose = join(root, "deploy", "compose");
const stages = readDockerfile(join(root, "deploy", "docker", "Dockerfile"));
const final = stages.at(-1);

const running: Peer[] = [];
afterEach(async () => {
  for (let peer = running.pop(); peer !== undefined; peer = running.pop()) await peer.stop();
});

// What a Docker daemon would do in images is done in folders: the same steps, the same commands.
describe.skipIf(cannotRun("npm", "openssl", "prosody"))("the steps of the Dockerfile, in folders", () => {
  let images = "";
  beforeAll(() => {
    images = temporaryFolder("images");
    buildStage(stages, "caesura", root, images);
    buildStage(stages, "examples", root, images);
  }, 300_000);

  const program = (): string => join(images, "caesura", lastOf(final, "WORKDIR"));
  const command = (): readonly string[] => {
    const [node, script = "", ...rest] = [...execForm(lastOf(final, "ENTRYPOINT")), ...execForm(lastOf(final, "CMD"))];
    expect(node).toBe("node");
    return [join(program(), script), ...rest];
  };

  test("leave in the image what the program needs, and nothing of development", () => {
    const run = (...args: readonly string[]) =>
      spawnSync(process.execPath, [join(program(), "dist", "cli", "caesura.js"), ...args], { encoding: "utf8" });
    expect(run("--version").status).toBe(0);
    expect(run("schema").stdout).toBe(readFileSync(join(program(), "proxy.schema.json"), "utf8"));
    expect(spawnSync("test", ["-e", join(program(), "node_modules", "typescript")]).status).toBe(1);
    expect(spawnSync("test", ["-e", join(program(), "src")]).status).toBe(1);
  });

  test("make a composition in which the entity answers a client of Prosody, and which is healthy", async () => {
    const folder = temporaryFolder("composition");
    const ports = { starttls: await freePort(), direct: await freePort(), component: await freePort() };
    const behind = { c2s: await freePort(), component: await freePort() };
    const admin = await freePort();

    // Prosody as the composition has it, on this machine's loopback.
    const accounts = join(folder, "capulet%2elit", "accounts");
    mkdirSync(accounts, { recursive: true });
    // mod_authentication internal_hashed takes a plain password once, and hashes it.
    writeFileSync(join(accounts, "juliet.dat"), 'return { ["password"] = "r0m30"; };\n');
    const lua = [
      `run_as_root = true; pidfile = "${folder}/prosody.pid"; data_path = "${folder}"; certificates = "${folder}"`,
      replaced(readFileSync(join(compose, "prosody.cfg.lua"), "utf8"), [
        ['interfaces = { "*" }', 'interfaces = { "127.0.0.1" }'],
        ['component_interfaces = { "*" }', 'component_interfaces = { "127.0.0.1" }'],
        ["15222", String(behind.c2s)],
        ["15347", String(behind.component)],
      ]),
    ].join("\n");
    const prosodyFile = join(folder, "prosody.cfg.lua");
    writeFileSync(prosodyFile, lua);
    running.push(
      await Peer.start({
        name: "Prosody",
        command: findProgram("prosody") ?? "prosody",
        args: ["--config", prosodyFile],
        env: { COMPONENT_SECRET: "but soft" },
        isReady: (log) => log.includes("Activated service 'component' on ["),
      }),
    );

    // Caesura from the image, with the composition's configuration.
    mkdirSync(join(folder, "certs"));
    const { pem } = makeCertificate(join(folder, "certs"), "capulet.lit", ["capulet.lit"]);
    const proxyFile = join(folder, "proxy.yaml");
    writeFileSync(
      proxyFile,
      replaced(readFileSync(join(compose, "proxy.yaml"), "utf8"), [
        ["host: prosody", "host: 127.0.0.1"],
        ["host: 0.0.0.0", "host: 127.0.0.1"],
        ["15222", String(behind.c2s)],
        ["15347", String(behind.component)],
        ["5222", String(ports.starttls)],
        ["5223", String(ports.direct)],
        ["5347", String(ports.component)],
        ["9199", String(admin)],
      ]),
    );
    const args = command().map((word) => word.replace("/etc/caesura/proxy.yaml", proxyFile));
    const caesura = await Peer.start({
      name: "Caesura",
      command: process.execPath,
      args,
      isReady: (log) => log.includes('"event":"started"'),
    });
    running.push(caesura);

    // The health check of the image, word for word but for the port.
    const [node, ...words] = execForm(/CMD (\[.*\])$/.exec(lastOf(final, "HEALTHCHECK"))?.[1] ?? "[]");
    expect(node).toBe("node");
    const check = (port: number): number | null =>
      spawnSync(
        process.execPath,
        words.map((word) => word.replace("127.0.0.1:9199", `127.0.0.1:${String(port)}`)),
      ).status;
    expect(words.join(" ")).toContain("127.0.0.1:9199/livez");
    expect(check(admin)).toBe(0);
    expect(check(await freePort())).toBe(1);

    // The entity as the composition starts it.
    const examples = join(images, "examples", "src");
    const entity = await Peer.start({
      name: "the managing entity",
      command: process.execPath,
      args: [
        join(examples, "examples", "managing-entity.mjs"),
        `xmpp://127.0.0.1:${String(ports.component)}`,
        "verse.capulet.lit",
      ],
      env: { COMPONENT_SECRET: "but soft" },
      isReady: (log) => log.includes("delegates urn:example:verse"),
    });
    running.push(entity);

    await untilListening(ports.starttls, caesura);
    const juliet = await login({ port: ports.starttls, user: "juliet", transport: "starttls", ca: pem });
    const asked = await juliet.ask("<iq type='get' id='c1'><line xmlns='urn:example:verse' play='romeo'/></iq>");
    expect(asked.raw).toContain("But, soft!");
    juliet.drop();

    // `docker stop`.
    expect(lastOf(final, "STOPSIGNAL")).toBe("SIGTERM");
    caesura.signal("SIGTERM");
    expect(await caesura.ended()).toBe(0);
  });
});

/** Each piece of text must be there; it is replaced everywhere. */
function replaced(text: string, pairs: readonly (readonly [string, string])[]): string {
  let result = text;
  for (const [from, to] of pairs) {
    expect(text).toContain(from);
    // Not within a longer number.
    result = /^[0-9]+$/.test(from)
      ? result.replaceAll(new RegExp(`\\b${from}\\b`, "g"), to)
      : result.replaceAll(from, to);
  }
  return result;
}
