import { describe, expect, test } from "vitest";
import { AUTH, bind, clientHeader, domain, login, NAMESPACE, rule, SERVER_HEADER, SUCCESS, World } from "./world.js";

const STARTTLS = "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
const plainWorld = () => new World([domain([])]);

describe("before TLS", () => {
  test("Caesura answers the stream itself and offers STARTTLS only (RFC 6120 §5.3.1, A5)", () => {
    const link = plainWorld().client("starttls");
    link.client(clientHeader());
    const sent = link.take("client");
    expect(sent).toMatch(/^<\?xml version='1.0'\?><stream:stream [^>]*from='capulet.lit'[^>]*version='1.0'/);
    expect(sent).toMatch(
      /<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required\/><\/starttls><\/stream:features>$/,
    );
    expect(link.actions).toEqual([]);
  });

  test("<starttls/> is answered with <proceed/>, then TLS begins, then the stream starts anew (RFC 6120 §5.4.3)", () => {
    const link = plainWorld().client("starttls");
    link.client(clientHeader() + STARTTLS);
    expect(link.take("client")).toMatch(/<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'\/>$/);
    expect(link.actions).toEqual(["startTls client capulet.lit"]);
    link.machine.secured("client", "capulet.lit");
    link.client(clientHeader("fr"));
    expect(link.actions.at(-1)).toBe("connect capulet.lit");
    link.connected();
    expect(link.take("server")).toBe(clientHeader("fr"));
  });

  test.each(["<iq type='get' id='1'/>", AUTH, "<", " x"])(
    "bytes behind <starttls/> (%j) end the stream and never survive the upgrade (A6, P1)",
    (behind) => {
      const link = plainWorld().client("starttls");
      link.client(clientHeader() + STARTTLS + behind);
      expect(link.take("client")).toMatch(/<policy-violation [^>]*\/><\/stream:error><\/stream:stream>$/);
      expect(link.actions).toEqual(["close client"]);
      expect(link.faults).toEqual(["bytes-behind-starttls"]);
    },
  );

  test("white space behind <starttls/> is dropped, for some clients write a line end behind each element", () => {
    const link = plainWorld().client("starttls");
    link.client(`${clientHeader()}${STARTTLS}\r\n`);
    expect(link.actions).toEqual(["startTls client capulet.lit"]);
    link.machine.secured("client");
    link.client(clientHeader()).connected();
    expect(link.take("server")).toBe(clientHeader());
  });

  test("SASL is refused with encryption-required (RFC 6120 §6.5.4, A5)", () => {
    const link = plainWorld().client("starttls");
    link.client(clientHeader() + AUTH);
    expect(link.take("client")).toMatch(/<failure [^>]*><encryption-required\/><\/failure>$/);
    link.client(STARTTLS);
    expect(link.actions).toEqual(["startTls client capulet.lit"]);
  });

  test("so is SASL2, in the words of Prosody's own (XEP-0388 §2.6.2, A5)", () => {
    const link = plainWorld().client("starttls");
    link.client(`${clientHeader()}<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>`);
    expect(link.take("client")).toMatch(
      /<failure xmlns='urn:xmpp:sasl:2'><encryption-required xmlns='urn:ietf:params:xml:ns:xmpp-sasl'\/><\/failure>$/,
    );
    link.client(STARTTLS);
    expect(link.actions).toEqual(["startTls client capulet.lit"]);
  });

  test("a stanza ends the stream with not-authorized (RFC 6120 §4.9.3.12)", () => {
    const link = plainWorld().client("starttls");
    link.client(`${clientHeader()}<message/>`);
    expect(link.take("client")).toContain("<not-authorized ");
    expect(link.endReason).toBe("protocol_fault");
  });

  test("an unknown domain gets a header and host-unknown (RFC 6120 §4.9.1.2, §4.9.3.6)", () => {
    const link = plainWorld().client("starttls");
    link.client(clientHeader(undefined, "montague.lit"));
    expect(link.take("client")).toMatch(/^<\?xml.*<stream:stream .*<stream:error.*<host-unknown .*<\/stream:stream>$/);
  });

  test("the end of the stream is answered with its end (RFC 6120 §4.4)", () => {
    const link = plainWorld().client("starttls");
    link.client(`${clientHeader()}</stream:stream>`);
    expect(link.take("client")).toMatch(/<\/stream:stream>$/);
    expect(link.endReason).toBe("clean");
  });
});

describe("the client's header", () => {
  test("goes to the server as it came, when the server leg stands", () => {
    const link = plainWorld().client();
    const header =
      "<stream:stream to='capulet.lit'\n xmlns:stream=\"http://etherx.jabber.org/streams\" xmlns='jabber:client'>";
    link.client(`${header}${AUTH}`);
    expect(link.take("server")).toBe("");
    expect(link.paused.has("client")).toBe(true);
    link.connected();
    expect(link.take("server")).toBe(header + AUTH);
  });

  test("chooses among several domains, and must agree with the server name of TLS (A13)", () => {
    const world = new World([domain([]), domain([], { name: "montague.lit" })]);
    const link = world.client("direct");
    link.machine.secured("client", "capulet.lit");
    link.client(clientHeader(undefined, "montague.lit"));
    expect(link.take("client")).toContain("<host-unknown ");
    const agreeing = world.client("direct");
    agreeing.machine.secured("client", "Montague.lit");
    agreeing.client(clientHeader(undefined, "MONTAGUE.lit"));
    expect(agreeing.actions).toEqual(["connect montague.lit"]);
    const silent = world.client("direct");
    silent.machine.secured("client");
    silent.client(clientHeader(undefined, "montague.lit"));
    expect(silent.actions).toEqual(["connect montague.lit"]);
  });

  test("may name no domain where there is one only (RFC 6120 §4.7.2)", () => {
    const header = clientHeader().replace(" to='capulet.lit'", "");
    const link = plainWorld().client();
    link.client(header);
    expect(link.actions).toEqual(["connect capulet.lit"]);
    const two = new World([domain([]), domain([], { name: "montague.lit" })]).client();
    two.client(header);
    expect(two.take("client")).toContain("<host-unknown ");
  });

  test("of another content namespace gets invalid-namespace (RFC 6120 §4.9.3.10)", () => {
    const link = plainWorld().client();
    link.client(clientHeader().replace("jabber:client", "jabber:server"));
    expect(link.take("client")).toContain("<invalid-namespace ");
  });

  test("of the stream after SASL must not name another domain (A13)", () => {
    const link = plainWorld().client();
    link.client(clientHeader()).connected();
    link.server(SERVER_HEADER).client(AUTH).server(SUCCESS);
    link.forget();
    link.client(clientHeader(undefined, "montague.lit"));
    expect(link.take("server")).not.toContain("montague.lit");
    expect(link.faults).toEqual(["stream-host-changed"]);
  });
});

describe("negotiation", () => {
  const opened = (rules = domain([])) => {
    const link = new World([rules]).client();
    link.client(clientHeader()).connected();
    link.server(SERVER_HEADER);
    link.forget();
    return link;
  };

  test("takes STARTTLS, compression and jabber:iq:auth out of the server's features and leaves SASL alone (A1, A10, T2)", () => {
    const link = opened();
    link.server(
      "<stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>PLAIN</mechanism></mechanisms>" +
        "<compression xmlns='http://jabber.org/features/compress'><method>zlib</method></compression><auth xmlns='http://jabber.org/features/iq-auth'/><sm xmlns='urn:xmpp:sm:3'/></stream:features>",
    );
    expect(link.take("client")).toBe(
      `<stream:features xmlns:stream='http://etherx.jabber.org/streams'><mechanisms xmlns="urn:ietf:params:xml:ns:xmpp-sasl"><mechanism>SCRAM-SHA-1-PLUS</mechanism><mechanism>PLAIN</mechanism></mechanisms><sm xmlns="urn:xmpp:sm:3"/></stream:features>`,
    );
  });

  test("lowers the limits that the server advertises to ours, and adds none (R8, XEP-0478 §3)", () => {
    const limits = (bytes: number) =>
      `<stream:features><limits xmlns='urn:xmpp:stream-limits:0'><max-bytes>${bytes}</max-bytes><idle-seconds>9</idle-seconds></limits></stream:features>`;
    const link = opened();
    link.server(limits(10_000));
    expect(link.take("client")).toBe(limits(10_000));
    link.server(limits(524_288));
    expect(link.take("client")).toContain("<max-bytes>10000</max-bytes><idle-seconds>9</idle-seconds>");
    login(link);
    link.take("client");
    link.server(limits(524_288));
    expect(link.take("client")).toContain("<max-bytes>262144</max-bytes>");
  });

  test("passes features byte for byte when there is nothing to take out", () => {
    const link = opened();
    const features = "<stream:features><mechanisms  xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/></stream:features>";
    link.server(features);
    expect(link.take("client")).toBe(features);
  });

  test("answers <compress/> with setup-failed (XEP-0138 §3)", () => {
    const link = opened();
    link.client("<compress xmlns='http://jabber.org/protocol/compress'><method>zlib</method></compress>");
    expect(link.take("client")).toContain("<setup-failed/>");
    expect(link.take("server")).toBe("");
  });

  test("starts both streams anew at the byte behind success, however the client pipelines (A11, XEP-0305)", () => {
    const link = opened();
    link.client(AUTH + clientHeader() + "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
    expect(link.take("server")).toBe(AUTH);
    expect(link.paused.has("client")).toBe(true);
    link.server(SUCCESS + SERVER_HEADER);
    expect(link.take("client")).toBe(SUCCESS + SERVER_HEADER);
    expect(link.take("server")).toBe(
      clientHeader() + "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>",
    );
    expect(link.paused.has("client")).toBe(false);
  });

  test("drops white space behind the last element of SASL, before or after its success", () => {
    for (const [before, after] of [
      ["\n", ""],
      ["", " \n"],
      ["\n", "\n"],
    ]) {
      const link = opened();
      link.client(AUTH + before);
      link.server(SUCCESS);
      link.client(`${after ?? ""}${clientHeader()} <presence/>`);
      expect(link.take("server")).toBe(`${AUTH}${clientHeader()} <presence/>`);
      expect(link.faults).toEqual([]);
    }
  });

  test("goes on after a challenge and after a failure without a restart", () => {
    const link = opened();
    link.client(AUTH);
    link.server("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>cg==</challenge>");
    link.client("<response xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>cg==</response>");
    link.server("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");
    login(link);
    bind(link, "juliet@capulet.lit/balcony");
    expect(link.events.at(-1)).toEqual({ kind: "bound", domain: "capulet.lit", jid: "juliet@capulet.lit/balcony" });
    expect(link.faults).toEqual([]);
  });

  test("is not believed from a server that was not asked", () => {
    const link = opened();
    link.server(SUCCESS);
    expect(link.take("client")).not.toContain("success");
    expect(link.faults).toEqual(["unexpected-sasl"]);
  });

  test("learns the JID from the answer to the client's own bind request alone, and once (A10)", () => {
    const link = opened();
    login(link);
    link.client(
      "<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>tomb</resource></bind></iq>",
    );
    link.server(
      "<iq type='result' id='zz'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>nurse@capulet.lit/x</jid></bind></iq>",
    );
    expect(link.events.some(({ kind }) => kind === "bound")).toBe(false);
    link.server(
      "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>juliet@capulet.lit/x</jid></bind></iq>",
    );
    link.server(
      "<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>nurse@capulet.lit/x</jid></bind></iq>",
    );
    expect(link.events.filter(({ kind }) => kind === "bound")).toEqual([
      { kind: "bound", domain: "capulet.lit", jid: "juliet@capulet.lit/x" },
    ]);
  });

  test("learns the JID of a resource that was bound with SASL2, without a restart (A10, A11)", () => {
    const link = opened();
    link.client(
      "<authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'><initial-response>AA==</initial-response><bind xmlns='urn:xmpp:bind:0'/></authenticate>",
    );
    link.server(
      "<success xmlns='urn:xmpp:sasl:2'><authorization-identifier>juliet@capulet.lit/b</authorization-identifier><bound xmlns='urn:xmpp:bind:0'/></success>",
    );
    link.client("<presence/>");
    expect(link.take("server")).toMatch(/<presence\/>$/);
    expect(link.events.at(-1)).toEqual({ kind: "bound", domain: "capulet.lit", jid: "juliet@capulet.lit/b" });
  });

  test("of jabber:iq:auth authenticates but binds nothing (A10)", () => {
    const link = opened(domain([rule(NAMESPACE)]));
    link.client("<iq type='set' id='l'><query xmlns='jabber:iq:auth'><username>juliet</username></query></iq>");
    link.server("<iq type='result' id='l'/>");
    expect(link.events.map(({ kind }) => kind)).toContain("authenticated");
    expect([...link.timers]).toEqual(["idle"]);
    const request = `<iq type='get' id='p'><pubsub xmlns='${NAMESPACE}'/></iq>`;
    link.forget();
    link.client(request);
    expect(link.take("server")).toBe(request);
  });

  test("of a resumed stream ends without binding where stream management passes (XEP-0198 §5)", () => {
    const link = opened();
    login(link);
    link.client("<resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/>");
    link.server("<resumed xmlns='urn:xmpp:sm:3' previd='x' h='0'/>");
    expect(link.take("server")).toContain("<resume xmlns='urn:xmpp:sm:3' previd='x' h='1'/>");
    expect([...link.timers]).toEqual(["idle"]);
    expect(link.faults).toEqual([]);
  });

  test("keeps the small limit until the client is authenticated (R8)", () => {
    const link = opened();
    link.client(`<message><body>${"x".repeat(10_000)}</body></message>`);
    expect(link.take("client")).toContain("<policy-violation ");
    const later = opened();
    login(later);
    later.forget();
    later.client(`<message><body>${"x".repeat(10_000)}</body></message>`);
    expect(later.take("server")).toHaveLength(10_032);
  });
});

describe("STARTTLS with the server", () => {
  const world = () => new World([domain([], { serverTls: "starttls" })]);
  const FEATURES = `<stream:features>${STARTTLS}</stream:features>`;

  test("is negotiated before the client's header goes out (RFC 6120 §5.4)", () => {
    const link = world().client();
    link.client(clientHeader() + AUTH).connected();
    expect(link.take("server")).toMatch(/<stream:stream .*to='capulet.lit'/);
    link.server(SERVER_HEADER + FEATURES);
    expect(link.take("server")).toBe(STARTTLS);
    link.server("<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>");
    expect(link.actions.at(-1)).toBe("startTls server capulet.lit");
    expect(link.take("client")).toBe("");
    link.machine.secured("server");
    expect(link.take("server")).toBe(clientHeader() + AUTH);
    link.server(SERVER_HEADER);
    expect(link.take("client")).toBe(SERVER_HEADER);
  });

  test("stays what it was when a reload says otherwise while the connection is made", () => {
    const w = world();
    const link = w.client();
    link.client(clientHeader() + AUTH);
    w.hub.configure([domain([])]);
    link.connected();
    expect(link.take("server")).not.toContain("auth");
  });

  test.each([
    ["does not offer it", `${SERVER_HEADER}<stream:features/>`, "server-offers-no-tls"],
    [
      "refuses it",
      `${SERVER_HEADER}${FEATURES}<failure xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>`,
      "server-tls-refused",
    ],
    [
      "sends more in clear",
      `${SERVER_HEADER}${FEATURES}<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/><a/>`,
      "bytes-behind-proceed",
    ],
  ])("never falls back to clear text when the server %s", (_, bytes, code) => {
    const link = world().client();
    link.client(clientHeader()).connected();
    link.server(bytes);
    expect(link.faults).toEqual([code]);
    expect(link.take("client")).toContain("<remote-connection-failed ");
    expect(link.endReason).toBe("server_unreachable");
  });
});

describe("the end of a link", () => {
  test("a server that cannot be reached is told to the client with a stream error (R9)", () => {
    const link = plainWorld().client();
    link.client(clientHeader());
    link.machine.closed("server", "refused");
    expect(link.take("client")).toMatch(/^<\?xml.*<remote-connection-failed .*<\/stream:stream>$/);
    expect(link.endReason).toBe("server_unreachable");
  });

  test("hostile XML gets the precise error, the server only the end of the stream (X4)", () => {
    const link = plainWorld().boundClient();
    link.client("<presence/><message><!-- x --></message>");
    expect(link.take("server")).toBe("<presence/></stream:stream>");
    expect(link.take("client")).toMatch(/^<stream:error .*<restricted-xml .*<\/stream:stream>$/);
    expect(link.actions).toEqual(["close client", "close server"]);
    expect(link.endReason).toBe("xml_fault");
  });

  test("a stream of the server that cannot be read gets its error there, and the client internal-server-error", () => {
    const link = plainWorld().boundClient();
    link.server("<message><?php x?></message>");
    expect(link.take("server")).toContain("<restricted-xml ");
    expect(link.take("client")).toContain("<internal-server-error ");
    expect(link.take("client")).not.toContain("php");
  });

  test("a lost client is no </stream:stream> to the server (R13)", () => {
    for (const lose of ["reset", "end"] as const) {
      const link = plainWorld().boundClient();
      link.machine.closed("client", lose);
      expect(link.take("server")).toBe("");
      expect(link.actions).toEqual(["close server"]);
      expect(link.endReason).toBe("client_lost");
    }
  });

  test("a client's FIN is carried through, and the server is still heard (R13)", () => {
    const link = plainWorld().boundClient();
    link.machine.finished("client");
    expect(link.actions).toEqual(["finish server"]);
    link.server("<message/>");
    expect(link.take("client")).toBe("<message/>");
    link.machine.finished("server");
    expect(link.actions).toEqual(["finish server", "close client", "close server"]);
    expect(link.endReason).toBe("client_lost");
  });

  test("a lost server is no </stream:stream> to the client (S22)", () => {
    const link = plainWorld().boundClient();
    link.machine.closed("server", "reset");
    expect(link.take("client")).toBe("");
    expect(link.endReason).toBe("server_lost");
  });

  test("an unfinished element is never released (X8)", () => {
    const link = plainWorld().boundClient();
    link.client("<presence/><message><body>ha");
    expect(link.take("server")).toBe("<presence/>");
    link.machine.finished("client");
    expect(link.take("server")).toBe("");
  });

  test("the server's own address for the client is taken out of its stream error (R12)", () => {
    const link = plainWorld().boundClient();
    link.server(
      "<stream:error><see-other-host xmlns='urn:ietf:params:xml:ns:xmpp-streams'>10.0.0.1</see-other-host></stream:error></stream:stream>",
    );
    const sent = link.take("client");
    expect(sent).not.toContain("10.0.0.1");
    expect(sent).toMatch(/<stream:error [^>]*><reset .*<\/stream:stream>$/);
  });

  test("an unknown element at the top level ends the stream with unsupported-stanza-type (X5)", () => {
    const link = plainWorld().boundClient();
    link.client("<iq xmlns='jabber:server' type='get' id='1'/>");
    expect(link.take("client")).toContain("<unsupported-stanza-type ");
    expect(link.take("server")).toBe("</stream:stream>");
  });

  test("each deadline ends the link with connection-timeout", () => {
    const silent = plainWorld().client();
    expect([...silent.timers]).toEqual(["header"]);
    silent.machine.timerExpired("header");
    expect(silent.take("client")).toContain("<connection-timeout ");
    expect(silent.endReason).toBe("timeout");
    const handshaking = plainWorld().client("direct");
    expect([...handshaking.timers]).toEqual(["tls"]);
    handshaking.machine.timerExpired("tls");
    expect(handshaking.endReason).toBe("timeout");
    const unauthenticated = plainWorld().client();
    unauthenticated.client(clientHeader()).connected();
    expect([...unauthenticated.timers]).toEqual(["authentication"]);
    unauthenticated.machine.timerExpired("authentication");
    expect(unauthenticated.take("server")).toMatch(/<\/stream:stream>$/);
    expect(unauthenticated.endReason).toBe("timeout");
  });

  test("a drain takes leave of the client and lets the server keep the session", () => {
    const link = plainWorld().boundClient();
    link.machine.shutdown({ condition: "system-shutdown" });
    expect(link.take("client")).toMatch(/<system-shutdown .*<\/stream:stream>$/);
    expect(link.take("server")).toBe("");
    expect(link.endReason).toBe("shutdown");
  });

  test("nothing is done any more after it", () => {
    const link = plainWorld().boundClient();
    link.machine.closed("client", "reset");
    link.forget();
    link.server("<message/>").client("<message/>");
    link.machine.closed("server", "end");
    link.machine.finished("server");
    link.machine.timerExpired("drain");
    link.machine.shutdown({ condition: "system-shutdown" });
    expect(link.take("client") + link.take("server")).toBe("");
    expect(link.actions).toEqual([]);
    expect(link.events.filter(({ kind }) => kind === "ended")).toHaveLength(1);
  });
});
