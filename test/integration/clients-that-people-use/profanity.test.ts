import { afterAll, beforeAll, describe, expect } from "vitest";
import { passwords } from "../../support/login.js";
import { cannotRun } from "../../support/peer.js";
import type { Relay } from "../../support/relay.js";
import { Terminal } from "../../support/terminal.js";
import { cells, transports } from "./matrix.js";
import { room, Stage } from "./stage.js";

const lastNs = "jabber:iq:last";

describe.skipIf(cannotRun("prosody", "openssl", "profanity", "tmux"))("profanity", () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.withProsody([lastNs]);
  });
  afterAll(() => stage.close());

  describe.each(transports)("%s", (transport) => {
    let relay: Relay;
    let terminal: Terminal;
    beforeAll(async () => {
      relay = await stage.relay(transport);
      terminal = await Terminal.run("profanity");
    });
    afterAll(() => terminal.stop());

    cells("profanity", transport, {
      async login() {
        await terminal.shows("Type '/help'");
        await terminal.type("/reconnect 1");
        const tls = transport === "direct TLS" ? "legacy" : "trust";
        await terminal.type(
          `/connect juliet@capulet.lit/balcony server 127.0.0.1 port ${String(relay.port)} tls ${tls}`,
        );
        await terminal.shows(/password/i);
        await terminal.type(passwords["juliet"] ?? "");
        if (tls === "legacy") {
          // The certificate is signed by nobody that it knows.
          await terminal.shows("/tls");
          await terminal.type("/tls always");
        }
        await terminal.shows("logged in successfully");
      },
      async message() {
        await terminal.type("/msg romeo@capulet.lit Romeo, doff thy name");
        const heard = await stage.romeoHears("Romeo, doff thy name");
        expect(heard.attrs["from"]).toBe("juliet@capulet.lit/balcony");
        stage.romeoSays("juliet@capulet.lit/balcony", "Call me but love");
        await terminal.shows("Call me but love");
      },
      async presence() {
        await terminal.type("/status set away");
        await stage.romeoSees("away");
        stage.romeo.send("<presence><show>dnd</show></presence>");
        await terminal.shows("[dnd]");
      },
      async MUC() {
        await stage.romeoEnters();
        await terminal.type(`/join ${room} nick juliet`);
        await terminal.shows("You have joined the room");
        await terminal.type("Good even to my ghostly confessor");
        expect((await stage.romeoHears("Good even to my ghostly confessor")).attrs["from"]).toBe(`${room}/juliet`);
        stage.romeoSays(room, "Ah, Juliet", "groupchat");
        await terminal.shows("Ah, Juliet");
        await terminal.type("/close");
        await stage.romeoLeaves();
      },
      async "delegated IQ"() {
        await terminal.type("/lastactivity get capulet.lit");
        const request = await stage.entity.request();
        expect(request.inner.attrs).toMatchObject({ from: "juliet@capulet.lit/balcony", to: "capulet.lit" });
        // Prosody alone would not know this namespace.
        stage.entity.answer(request, { payload: `<query xmlns='${lastNs}' seconds='15960'/>` });
        await terminal.type("/win 1");
        await terminal.shows(/capulet\.lit up since .*4 hrs, 26 mins/);
      },
      // What it asked before a cut it forgets; the answer comes and finds nobody.
      async reconnect() {
        const { caesura } = stage.scene;
        const before = await caesura.metric("caesura_resumptions_total", { outcome: "resumed" });
        await terminal.type("/win 1");
        relay.cut();
        stage.romeoSays("juliet@capulet.lit/balcony", "Hist! Juliet, hist!");
        await terminal.shows("Lost connection");
        await terminal.shows(/Lost connection[^]*logged in successfully/);
        expect(await caesura.metric("caesura_resumptions_total", { outcome: "resumed" })).toBe(before + 1);
        await terminal.type("/msg romeo@capulet.lit I come anon");
        await stage.romeoHears("I come anon");
        await terminal.shows("Hist! Juliet, hist!");
      },
    });
  });
});
