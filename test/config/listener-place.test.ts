import { describe, expect, test } from "vitest";
import { workspace, yaml } from "./workspace.js";

const component = "{ kind: component, host: 127.0.0.1, port: 5347 }";

describe("a listener on a socket of the service manager", () => {
  test("has its name in place of an address", () => {
    const listen = "[{ kind: c2s, socket: c2s-starttls, tls: starttls }, { kind: component, socket: component }]";
    const config = workspace().config(yaml({ listen }));
    expect(config.listen).toMatchObject([
      { kind: "c2s", socket: "c2s-starttls", tls: "starttls" },
      { kind: "component", socket: "component", tls: "none" },
    ]);
    expect(config.listen[0]).not.toHaveProperty("port");
  });

  test.each([
    [
      `[{ kind: c2s, socket: a, host: "::1", tls: starttls }, ${component}]`,
      "error address-and-socket 10:34 listen[0].host",
    ],
    [
      `[{ kind: c2s, socket: a, port: 5222, tls: starttls }, ${component}]`,
      "error address-and-socket 10:34 listen[0].port",
    ],
    [`[{ kind: c2s, tls: direct }, ${component}]`, "error missing-key 10:10 listen[0].host"],
    [`[{ kind: c2s, host: 127.0.0.1, tls: direct }, ${component}]`, "error missing-key 10:10 listen[0].port"],
    [`[{ kind: c2s, socket: "a:b", tls: direct }, ${component}]`, "error invalid-value 10:31 listen[0].socket"],
    [`[{ kind: c2s, socket: "", tls: direct }, ${component}]`, "error invalid-value 10:31 listen[0].socket"],
    [
      "[{ kind: c2s, socket: a, tls: direct }, { kind: component, socket: a }]",
      "error address-in-use 10:76 listen[1].socket",
    ],
  ])("%s is refused", (listen, finding) => {
    expect(workspace().findings(yaml({ listen }))).toContain(finding);
  });

  test("names one that was handed over, where that can be known", () => {
    const listen = `[{ kind: c2s, socket: c2s-startls, tls: starttls }, ${component}]`;
    expect(workspace().findings(yaml({ listen }))).toEqual([]);
    const [problem] = workspace().problems(yaml({ listen }), { sockets: new Set(["c2s-starttls", "c2s-direct"]) });
    expect(problem).toMatchObject({ code: "socket-missing", line: 10, column: 31, path: "listen[0].socket" });
    expect(problem?.hint).toContain(`"c2s-starttls", "c2s-direct"`);
    const [without] = workspace().problems(yaml({ listen }), { sockets: new Set() });
    expect(without?.hint).toContain("Start Caesura through its socket units");
  });

  test("is not mistaken for the server or for the administration port", () => {
    const listen = `[{ kind: c2s, socket: a, tls: starttls }, ${component}]`;
    expect(workspace().findings(yaml({ listen, rest: "admin: { port: 9199 }" }))).toEqual([]);
  });
});
