import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findAdminSocket } from "../../src/config/admin.js";
import { workspace, yaml } from "./workspace.js";
import type { Workspace } from "./workspace.js";

const token = "a token of more than sixteen";

function findings(rest: string, space: Workspace = workspace()): readonly string[] {
  return space.findings(yaml({ rest }));
}

describe("the administration port", () => {
  test("is reached by other machines with a warning, without one if they must show a token", () => {
    const space = workspace();
    space.write("token", token);
    expect(findings("admin: { host: 0.0.0.0 }")).toEqual(["warning admin-exposed 11:16 admin.host"]);
    expect(findings("admin: { host: 0.0.0.0, tokenFile: token }", space)).toEqual([]);
    expect(findings("admin: { host: '::ffff:127.0.0.1' }")).toEqual([]);
  });

  test.each([
    ["fifteen letters", "error token-weak 11:21 admin.tokenFile"],
    ["", "error secret-empty 11:21 admin.tokenFile"],
    [`${token}\n${token}\n`, "error secret-lines 11:21 admin.tokenFile"],
  ])("takes no token of %j", (content, finding) => {
    const space = workspace();
    space.write("token", content);
    expect(findings("admin: { tokenFile: token }", space)).toContain(finding);
  });

  test("takes a token of sixteen characters, with or without a line end, and shows it nowhere", () => {
    for (const content of ["0123456789abcdef", "0123456789abcdef\n", "0123456789abcdef\r\n"]) {
      const space = workspace();
      space.write("token", content);
      const config = space.config(yaml({ rest: "admin: { tokenFile: token }" }));
      expect(config.admin?.token?.reveal()).toBe("0123456789abcdef");
      expect(JSON.stringify(config)).not.toContain("0123456789abcdef");
    }
  });

  test("warns of a token that every user may read or change, and refuses one that is not there", () => {
    const space = workspace();
    space.write("token", token, 0o644);
    expect(findings("admin: { tokenFile: token }", space)).toEqual(["warning world-readable 11:21 admin.tokenFile"]);
    expect(findings("admin: { tokenFile: gone }")).toEqual(["error file-missing 11:21 admin.tokenFile"]);
  });

  test("shares no address with a listener or with the metrics, and is told so once", () => {
    expect(findings("admin: { port: 5222 }")).toEqual(["error address-in-use 11:16 admin.port"]);
    expect(findings("admin: { port: 9199 }\nmetrics: { port: 9199 }")).toEqual([
      "error address-in-use 12:18 metrics.port",
    ]);
    expect(findings("metrics: { port: 5222 }")).toEqual(["error address-in-use 11:18 metrics.port"]);
    expect(findings("admin: { host: 0.0.0.0, port: 5222 }\nmetrics: { port: 5222 }")).toContain(
      "error address-in-use 12:18 metrics.port",
    );
  });

  test("may leave the port to the system, as often as there are ports", () => {
    expect(findings("admin: { port: 0 }\nmetrics: { port: 0 }")).toEqual([]);
  });

  test("warns where other machines reach the metrics", () => {
    expect(findings("metrics: { host: 10.0.0.5, port: 9198 }")).toEqual(["warning admin-exposed 11:18 metrics.host"]);
    expect(findings("metrics: { host: '10.0.0.5:9198', port: 9198 }")).toContain(
      "error invalid-host 11:18 metrics.host",
    );
  });
});

describe("the socket for runtime commands", () => {
  test("is relative to the file, and made with its permissions", () => {
    const space = workspace();
    const { admin } = space.config(yaml({ rest: 'admin: { port: 0, socket: { path: a.sock, mode: "0660" } }' }));
    expect(admin?.socket).toEqual({ path: join(space.folder, "a.sock"), mode: 0o660 });
    expect(findAdminSocket(space.file)).toEqual({ path: join(space.folder, "a.sock") });
  });

  test("has a path that the system takes: 107 bytes, not one more", () => {
    const space = workspace();
    const rest = (length: number): string =>
      `admin: { socket: { path: ${"a".repeat(length - space.folder.length - 1)} } }`;
    expect(findings(rest(107), space)).toEqual([]);
    expect(findings(rest(108), space)).toEqual(["error socket-path 11:26 admin.socket.path"]);
  });

  test("is not made over something else, nor in a folder that is not there", () => {
    const space = workspace();
    mkdirSync(join(space.folder, "folder"));
    expect(findings("admin: { socket: { path: secret } }", space)).toEqual([
      "error socket-path 11:26 admin.socket.path",
    ]);
    expect(findings("admin: { socket: { path: folder } }", space)).toEqual([
      "error socket-path 11:26 admin.socket.path",
    ]);
    expect(findings("admin: { socket: { path: gone/a.sock } }", space)).toEqual([
      "warning socket-path 11:26 admin.socket.path",
    ]);
    // Made when the service starts.
    expect(findings("admin: { socket: { path: /run/no-such-folder/a.sock } }", space)).toEqual([]);
  });

  test("admits nobody besides its owner and its group", () => {
    for (const mode of ["0666", "0602", "660", "rw"]) {
      expect(findings(`admin: { socket: { path: a, mode: "${mode}" } }`)).toEqual([
        "error invalid-value 11:35 admin.socket.mode",
      ]);
    }
    expect(findings("admin: { socket: { path: a, mode: 0660 } }")).toEqual([
      "error wrong-type 11:35 admin.socket.mode",
    ]);
  });

  test("is found in a file that is wrong otherwise, and not in one that cannot be read", () => {
    const space = workspace();
    space.write("proxy.yaml", "domians: {}\nadmin: { socket: { path: /run/a.sock }, prot: 1 }\n");
    expect(findAdminSocket(space.file)).toEqual({ path: "/run/a.sock" });
    space.write("proxy.yaml", "admin: { socket: { path: [1] } }\n");
    expect(findAdminSocket(space.file)).toEqual({});
    space.write("proxy.yaml", "admin: [\n");
    expect(findAdminSocket(space.file)).toEqual({});
    expect(findAdminSocket("/nonexistent/proxy.yaml").problem).toContain("There is no file");
  });
});

describe("two addresses that cannot be open at once", () => {
  const listen = (one: string, other: string): string =>
    `[{ kind: c2s, host: "${one}", port: 5222, tls: starttls }, { kind: c2s, host: "${other}", port: 5222, tls: starttls }, { kind: component, host: 127.0.0.1, port: 5347 }]`;

  test.each([
    ["0.0.0.0", "::"],
    ["::", "127.0.0.1"],
    ["0.0.0.0", "127.0.0.1"],
    ["::1", "0:0:0:0:0:0:0:1"],
    ["::ffff:127.0.0.1", "127.0.0.1"],
    ["localhost", "127.0.0.1"],
    ["0.0.0.0", "localhost"],
  ])("are %s and %s, in either order", (one, other) => {
    for (const text of [listen(one, other), listen(other, one)]) {
      expect(workspace().findings(yaml({ listen: text }))).toEqual([
        expect.stringMatching(/^error address-in-use 10:\d+ listen\[1\]\.port$/),
      ]);
    }
  });

  test.each([
    ["0.0.0.0", "::1"],
    ["127.0.0.1", "127.0.0.2"],
    ["::1", "127.0.0.1"],
  ])("are not %s and %s", (one, other) => {
    expect(workspace().findings(yaml({ listen: listen(one, other) }))).toEqual([]);
  });
});
