import { describe, expect, test } from "vitest";
import { workspace, yaml } from "./workspace.js";

function listening(keys: string): string {
  return yaml({ delegations: "{}", listen: `[{ kind: websocket, host: 127.0.0.1, port: 5280, tls: none, ${keys} }]` });
}

describe("a listener of kind websocket", () => {
  test("has defaults for all but address and TLS, and is one for clients", () => {
    const space = workspace();
    expect(space.findings(listening(""))).toEqual([]);
    expect(space.config(listening("")).listen).toEqual([
      {
        kind: "websocket",
        host: "127.0.0.1",
        port: 5280,
        tls: "none",
        path: "/xmpp-websocket",
        hostMeta: true,
        publicUrl: undefined,
        origins: undefined,
        pingMs: 30_000,
        proxyProtocol: undefined,
      },
    ]);
  });

  test("compares origins as browsers write them, in lower case (RFC 6454 §4)", () => {
    const [listener] = workspace().config(listening("origins: ['HTTPS://Chat.Capulet.lit:8443']")).listen;
    expect(listener).toMatchObject({ origins: ["https://chat.capulet.lit:8443"] });
  });

  test("is served in clear on the loopback only", () => {
    const exposed = yaml({ delegations: "{}", listen: "[{ kind: websocket, host: 0.0.0.0, port: 5280, tls: none }]" });
    expect(workspace().findings(exposed)).toEqual(["error cleartext-listener 10:61 listen[0].tls"]);
  });

  test.each([
    ["a path that does not begin with a slash", "path: ws"],
    ["a path with a query", "path: /ws?x=1"],
    ["a public address that is no WebSocket's", "publicUrl: https://capulet.lit/ws"],
    ["a public address without path", "publicUrl: wss://capulet.lit"],
    ["an origin with a path", "origins: ['https://capulet.lit/']"],
    ["an empty list of origins", "origins: []"],
    ["a ping without unit", "ping: 30"],
    ["STARTTLS", "tls: starttls"],
  ])("refuses %s", (_, keys) => {
    const text = keys.startsWith("tls") ? listening("").replace("tls: none", keys) : listening(keys);
    expect(
      workspace()
        .problems(text)
        .map(({ severity }) => severity),
    ).toEqual(["error"]);
  });
});
