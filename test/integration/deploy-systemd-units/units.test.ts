import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { loadConfig } from "../../../src/config/index.js";
import { makeCertificate } from "../../support/certificate.js";
import { cannotRun, temporaryFolder } from "../../support/peer.js";

const source = join(import.meta.dirname, "..", "..", "..", "deploy", "systemd");
const units = readdirSync(source).filter((name) => /\.(service|socket)$/.test(name));

/** Key → values of a unit, in order. */
function settings(name: string): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const line of readFileSync(join(source, name), "utf8").split("\n")) {
    const [, key, value] = /^([A-Za-z]+)=(.*)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) found.set(key, [...(found.get(key) ?? []), value]);
  }
  return found;
}

const one = (name: string, key: string): string => settings(name).get(key)?.at(-1) ?? "";

describe.skipIf(cannotRun("systemd-analyze", "openssl"))("the units of systemd", () => {
  let folder = "";
  beforeAll(() => {
    folder = temporaryFolder("units");
    for (const name of units) {
      const text = readFileSync(join(source, name), "utf8");
      // The program has to be there; which Node it is, install.sh knows.
      writeFileSync(join(folder, name), text.replaceAll("/usr/bin/node ", `${process.execPath} `));
    }
  });

  const analyze = (...args: readonly string[]): { readonly status: number | null; readonly output: string } => {
    const { status, stdout, stderr } = spawnSync("systemd-analyze", [...args, "--no-pager"], { encoding: "utf8" });
    return { status, output: `${stdout}${stderr}` };
  };

  test("pass systemd-analyze verify without a remark", () => {
    expect(units).toContain("caesura.socket");
    const { status, output } = analyze("verify", "--man=no", ...units.map((name) => join(folder, name)));
    expect(output).toBe("");
    expect(status).toBe(0);
  });

  test("would be found wrong if they were", () => {
    const wrong = join(folder, "wrong");
    mkdirSync(wrong);
    writeFileSync(join(wrong, "caesura.socket"), "[Socket]\nListenStrem=5222\n");
    expect(analyze("verify", "--man=no", join(wrong, "caesura.socket")).output).toContain("ListenStrem");
  });

  test("leave the service an exposure of 2.0 or lower (systemd-analyze security)", () => {
    const { status, output } = analyze("security", "--offline=true", "--threshold=20", join(folder, "caesura.service"));
    expect(output).toMatch(/Overall exposure level for caesura\.service: [01]\.[0-9]/);
    expect(status).toBe(0);
  });

  test("let Node write code, as it has to, or it aborts", () => {
    expect(settings("caesura.service").has("MemoryDenyWriteExecute")).toBe(false);
  });

  test("wait for as long as Caesura drains, or are told to", () => {
    expect(one("caesura.service", "Type")).toBe("notify");
    // The messages come from systemd-notify, a process of its own.
    expect(one("caesura.service", "NotifyAccess")).toBe("all");
  });

  test("name the sockets as the listeners of the configuration beside them do, each once", () => {
    const config = load();
    const sockets = units.filter((name) => name.endsWith(".socket"));
    const names = sockets.map((name) => one(name, "FileDescriptorName"));
    expect(config.listen.map(({ socket = "" }) => socket).toSorted()).toEqual(names.toSorted());
    expect(sockets.map((name) => one(name, "Service"))).toEqual(sockets.map(() => "caesura.service"));
    const ports = config.listen.map(({ kind, tls }) => `${kind} ${tls}`);
    expect(ports).toEqual(["c2s starttls", "c2s direct", "component none", "websocket direct"]);
  });

  // A start that fails takes long enough on a slow machine to stay below the limits that are the default, for ever.
  test("give up, each for itself, when clients start in vain what cannot start (systemd.socket(5))", () => {
    for (const name of units.filter((unit) => unit.endsWith(".socket")))
      expect([one(name, "TriggerLimitIntervalSec"), one(name, "TriggerLimitBurst")], name).toEqual(["60s", "5"]);
  });

  test("open no port that nothing serves: that of WebSocket waits for its listener", () => {
    const always = units.filter((name) => name.endsWith(".socket") && name !== "caesura-websocket.socket");
    // Sockets= and Wants= would start it.
    for (const key of ["Sockets", "Wants", "Also"])
      expect(one("caesura.service", key).split(" ").toSorted(), key).toEqual(always.toSorted());
    // Once enabled it comes back with the service, as the others do.
    expect(one("caesura-websocket.socket", "WantedBy").split(" ")).toContain("caesura.service");
    expect(readFileSync(join(source, "proxy.yaml"), "utf8")).toMatch(/^  # - \{ kind: websocket, socket: websocket,/m);
  });

  test("hand over the files that the configuration names", () => {
    const text = readFileSync(join(source, "proxy.yaml"), "utf8");
    const credentials = [...text.matchAll(/\/run\/credentials\/caesura\.service\/([a-z]+)_/g)].map(([, id]) => id);
    const loaded = (settings("caesura.service").get("LoadCredential") ?? []).map((value) => value.split(":")[0]);
    expect(new Set(credentials)).toEqual(new Set(loaded));
  });

  /** The configuration of the service with its credentials in a folder of the test; it must have no problem at all. */
  function load() {
    const credentials = join(folder, "credentials");
    mkdirSync(credentials, { recursive: true });
    makeCertificate(credentials, "tls_capulet.lit", ["capulet.lit"]);
    const file = join(folder, "proxy.yaml");
    const text = readFileSync(join(source, "proxy.yaml"), "utf8").replace(
      "# - { kind: websocket",
      "- { kind: websocket",
    );
    writeFileSync(file, text.replaceAll("/run/credentials/caesura.service", credentials));
    const sockets = new Set(["c2s-starttls", "c2s-direct", "component", "websocket"]);
    const loaded = loadConfig(file, { env: {}, sockets });
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems, undefined, 2));
    expect(loaded.warnings).toEqual([]);
    return loaded.config;
  }
});
