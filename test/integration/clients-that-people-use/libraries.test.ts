import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startEjabberd } from "../../support/ejabberd.js";
import { type Library, LibraryPerson } from "../../support/library-person.js";
import { cannotRun } from "../../support/peer.js";
import type { Relay } from "../../support/relay.js";
import { entityJid, Scene, secret, verseNs } from "../../support/scene.js";
import { cells, transports } from "./matrix.js";
import { room, Stage } from "./stage.js";

const libraries = ["slixmpp", "aioxmpp", "@xmpp/client"] as const;
const payload = `<line xmlns='${verseNs}'/>`;
const fromRomeo = "romeo@capulet.lit/orchard";

/** Juliet's client asks, loses its connection before the answer, and gets it together with what Romeo said meanwhile. */
async function losesItsConnection(stage: Stage, person: LibraryPerson, relay: Relay): Promise<void> {
  const { caesura } = stage.scene;
  const before = await caesura.metric("caesura_resumptions_total", { outcome: "resumed" });
  person.tell({ do: "ask", type: "get", payload });
  const request = await stage.entity.request();
  relay.cut();
  stage.romeoSays("juliet@capulet.lit/library", "Hist! Juliet, hist!");
  await person.sees("resumed");
  stage.entity.answer(request, { payload: `<line xmlns='${verseNs}'>at last</line>` });
  const answer = await person.sees("answer");
  expect(answer.type).toBe("result");
  expect(answer.payload).toContain("at last");
  await person.sees("message", ({ body }) => body === "Hist! Juliet, hist!");
  expect(await caesura.metric("caesura_resumptions_total", { outcome: "resumed" })).toBe(before + 1);
}

async function asks(stage: Stage, person: LibraryPerson): Promise<void> {
  person.tell({ do: "ask", type: "get", payload });
  const request = await stage.entity.request();
  expect(request.inner.attrs["from"]).toBe("juliet@capulet.lit/library");
  stage.entity.answer(request, { payload: `<line xmlns='${verseNs}'>But, soft!</line>` });
  const answer = await person.sees("answer");
  expect(answer.type).toBe("result");
  expect(answer.payload).toContain("But, soft!");
}

async function talks(stage: Stage, person: LibraryPerson): Promise<void> {
  person.tell({ do: "message", to: fromRomeo, type: "chat", body: "What man art thou?" });
  expect((await stage.romeoHears("What man art thou?")).attrs["from"]).toBe("juliet@capulet.lit/library");
  stage.romeoSays("juliet@capulet.lit/library", "Call me but love");
  expect((await person.sees("message")).body).toBe("Call me but love");
}

const needs = [
  "openssl",
  "/usr/lib/python3/dist-packages/slixmpp/__init__.py",
  "/usr/lib/python3/dist-packages/aioxmpp/__init__.py",
];

describe.skipIf(cannotRun("prosody", ...needs)).each(libraries)("%s through Caesura to Prosody", (library: Library) => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.withProsody();
  });
  afterAll(() => stage.close());

  describe.each(transports)("%s", (transport) => {
    let relay: Relay;
    let person: LibraryPerson;
    beforeAll(async () => {
      relay = await stage.relay(transport);
      person = await LibraryPerson.start(library, stage.juliet(relay, transport));
    });
    afterAll(() => person.stop());

    cells(library, transport, {
      async login() {
        expect((await person.sees("online")).jid).toBe("juliet@capulet.lit/library");
      },
      message: () => talks(stage, person),
      async presence() {
        person.tell({ do: "presence", show: "away" });
        await stage.romeoSees("away");
        stage.romeo.send("<presence><show>dnd</show></presence>");
        await person.sees("presence", ({ from, show }) => from === fromRomeo && show === "dnd");
      },
      async MUC() {
        await stage.romeoEnters();
        person.tell({ do: "join", room, nick: "juliet" });
        await person.sees("presence", ({ from, type }) => from === `${room}/juliet` && type === "");
        person.tell({ do: "message", to: room, type: "groupchat", body: "Good even to my ghostly confessor" });
        expect((await stage.romeoHears("Good even to my ghostly confessor")).attrs["from"]).toBe(`${room}/juliet`);
        stage.romeoSays(room, "Ah, Juliet", "groupchat");
        await person.sees("message", ({ type, body }) => type === "groupchat" && body === "Ah, Juliet");
        await stage.romeoLeaves();
      },
      "delegated IQ": () => asks(stage, person),
      async reconnect() {
        await losesItsConnection(stage, person, relay);
        await person.leave();
        await stage.scene.caesura.untilMetric("caesura_sessions", {}, (value) => value === 1);
      },
    });
  });
});

describe.skipIf(cannotRun("ejabberdctl", "erl", ...needs))("ejabberd behind", () => {
  let stage: Stage;
  beforeAll(async () => {
    const ejabberd = await startEjabberd({ components: { [entityJid]: secret } });
    stage = await Stage.in(
      await Scene.before(ejabberd, {
        behind: { c2sPort: ejabberd.c2sPort, componentPort: ejabberd.componentPort },
        delegations: { [verseNs]: { jid: entityJid } },
      }),
    );
  });
  afterAll(() => stage.close());

  test.each(libraries)("%s talks, asks the entity, and resumes", async (library) => {
    const relay = await stage.relay("STARTTLS");
    const person = await LibraryPerson.start(library, stage.juliet(relay, "STARTTLS"));
    try {
      await person.sees("online");
      await talks(stage, person);
      await asks(stage, person);
      await losesItsConnection(stage, person, relay);
      await person.leave();
    } finally {
      await person.stop();
    }
  });
});
