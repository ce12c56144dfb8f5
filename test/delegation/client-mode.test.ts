import { describe, expect, test } from "vitest";
import { type ClientMode, isGrantRequest } from "../../src/delegation/index.js";
import { NS } from "../../src/xmpp/index.js";
import { clientStanza, componentStanza, PUBSUB } from "./entity.js";
import { answerWith, asked, BLOG, clientMode, granted, JULIETS, jid, MAM, requestFor, requestWith } from "./grants.js";

const JULIET = jid(`${JULIETS}/balcony`);
const ROMEO = jid("romeo@capulet.lit/orchard");

/** Outcome in a word or two. */
function word(outcome: { readonly kind: string; readonly code?: string }): string {
  return outcome.code === undefined ? outcome.kind : `${outcome.kind} ${outcome.code}`;
}

function request(mode: ClientMode, ...args: Parameters<typeof requestFor>): string {
  return word(mode.request(requestFor(...args), BLOG, "c9", 0));
}

function answer(
  mode: ClientMode,
  message: ReturnType<typeof answerWith>,
  account = JULIET,
  now = 0,
  room = 100,
): string {
  return word(mode.answer(message, account, { now, wallMs: 1_000 }, room));
}

describe("a request for namespaces of a user (XEP-0355 §5.1)", () => {
  test("makes a question to that user, with the challenge that was given", () => {
    const outcome = clientMode().request(requestFor([PUBSUB, MAM]), BLOG, "c1", 5);
    expect(outcome).toEqual({
      kind: "ask",
      question: {
        challenge: "c1",
        user: JULIETS,
        entity: BLOG,
        namespaces: [PUBSUB, MAM],
        expiresAt: 60_005,
        state: "open",
      },
    });
  });

  test("names the user in any spelling (protocol.md D4), and a namespace twice", () => {
    const outcome = clientMode().request(requestFor([PUBSUB, PUBSUB], "JULIET@Capulet.LIT"), BLOG, "c1", 0);
    expect(outcome).toMatchObject({ kind: "ask", question: { user: JULIETS, namespaces: [PUBSUB] } });
  });

  test.each([
    ["names nobody", requestWith(`<delegate namespace='${PUBSUB}'/>`, "")],
    ["names what is no address", requestWith(`<delegate namespace='${PUBSUB}'/>`, "to='@capulet.lit'")],
    ["names the domain", requestWith(`<delegate namespace='${PUBSUB}'/>`, "to='capulet.lit'")],
    ["names a resource", requestWith(`<delegate namespace='${PUBSUB}'/>`, `to='${JULIETS}/balcony'`)],
    ["names no namespace", requestWith("")],
    ["has a delegate without a namespace", requestWith("<delegate/>")],
    ["has a delegate with an empty namespace", requestWith("<delegate namespace=''/>")],
    ["has something else beside", requestWith(`<delegate namespace='${PUBSUB}'/><hurry/>`)],
    ["has a delegate in another namespace", requestWith(`<delegate xmlns='urn:x' namespace='${PUBSUB}'/>`)],
    [
      "has two queries",
      componentStanza(
        `<iq type='get' id='1'>${`<query xmlns='${NS.delegation}' to='${JULIETS}'><delegate namespace='${PUBSUB}'/></query>`.repeat(2)}</iq>`,
      ),
    ],
  ])("is malformed when it %s (RFC 6120 §8.2.3)", (_name, iq) => {
    expect(word(clientMode().request(iq, BLOG, "c1", 0))).toBe("refuse grant-request-malformed");
  });

  test("is refused with sixteen namespaces and one", () => {
    const many = Array.from({ length: 17 }, (_, index) => `urn:x:${index}`);
    const mode = clientMode({ namespaces: new Set(many) });
    expect(request(mode, many)).toBe("refuse grant-request-too-long");
    expect(request(mode, many.slice(1))).toBe("ask");
  });

  test("is refused for the namespace of delegation, even if it was allowed (XEP-0355 §8)", () => {
    expect(request(clientMode({ namespaces: new Set([NS.delegation]) }), [NS.delegation])).toBe(
      "refuse grant-delegation-itself",
    );
  });

  test("is refused for a namespace that is not on the list, also beside one that is (XEP-0355 §10)", () => {
    expect(request(clientMode(), ["jabber:iq:roster"])).toBe("refuse grant-namespace-not-allowed");
    expect(request(clientMode(), [PUBSUB, "jabber:iq:roster"])).toBe("refuse grant-namespace-not-allowed");
    expect(request(clientMode(), [`${PUBSUB}#event`])).toBe("refuse grant-namespace-not-allowed");
  });

  test("is refused for what the administrator delegates, also when the list has it", () => {
    expect(request(clientMode({ administered: new Set([MAM]) }), [MAM])).toBe("refuse grant-namespace-administered");
  });

  test("is refused for a user of another domain, and for the own account", () => {
    expect(request(clientMode(), [PUBSUB], "juliet@montague.lit")).toBe("refuse grant-user-elsewhere");
    expect(word(clientMode().request(requestFor([PUBSUB]), JULIETS, "c1", 0))).toBe("refuse grant-user-is-entity");
  });

  test("of an entity that is not on the list finds no client mode, whatever it holds", () => {
    const mode = clientMode({ entities: new Set(["pubsub.capulet.lit"]) });
    expect(request(mode, [PUBSUB])).toBe("hidden");
    expect(word(mode.request(requestWith(""), BLOG, "c1", 0))).toBe("hidden");
    expect(word(mode.request(requestFor([PUBSUB]), "pubsub.capulet.lit", "c1", 0))).toBe("ask");
  });

  test("asks for what is not granted yet, and for nothing when everything is", () => {
    const mode = clientMode();
    granted(mode, [PUBSUB]);
    expect(asked(mode, [PUBSUB, MAM]).namespaces).toEqual([MAM]);
    expect(mode.request(requestFor([PUBSUB]), BLOG, "c2", 0)).toEqual({ kind: "granted", user: JULIETS });
  });

  test("asks for what another entity manages, since users may change their minds", () => {
    const mode = clientMode();
    granted(mode, [PUBSUB], "pubsub.capulet.lit");
    expect(asked(mode).namespaces).toEqual([PUBSUB]);
  });

  test("is answered alike whether or not the user was asked, refused, or exists (XEP-0355 §10)", () => {
    const mode = clientMode();
    asked(mode);
    expect(request(mode, [PUBSUB])).toBe("repeated");
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "0" }))).toBe("denied");
    expect(request(mode, [PUBSUB])).toBe("repeated");
    expect(request(mode, [PUBSUB], "nobody@capulet.lit")).toBe("ask");
  });

  test("for something else waits until the time of the first question is over, answered or not", () => {
    const mode = clientMode();
    asked(mode);
    expect(request(mode, [MAM])).toBe("refuse grant-questions-open");
    answer(mode, answerWith("c1", { [PUBSUB]: "0" }));
    expect(request(mode, [MAM])).toBe("refuse grant-questions-open");
    expect(word(mode.request(requestFor([MAM]), BLOG, "c2", 59_999))).toBe("refuse grant-questions-open");
    expect(word(mode.request(requestFor([MAM]), BLOG, "c2", 60_000))).toBe("ask");
  });

  test("is told from the server's own business by type and payload", () => {
    expect(isGrantRequest(requestFor([PUBSUB]))).toBe(true);
    expect(isGrantRequest(clientStanza(`<iq type='set' id='1'><query xmlns='${NS.delegation}'/></iq>`))).toBe(false);
    expect(isGrantRequest(clientStanza(`<iq type='get' id='1'><ping xmlns='${NS.delegation}'/></iq>`))).toBe(false);
  });
});

describe("a user's answer (XEP-0355 §5.1, example 14)", () => {
  test("grants what it says yes to, and only that", () => {
    const mode = clientMode();
    const question = asked(mode, [PUBSUB, MAM]);
    const outcome = mode.answer(answerWith("c1", { [PUBSUB]: "0", [MAM]: "1" }), JULIET, { now: 0, wallMs: 7 }, 1);
    expect(outcome).toEqual({
      kind: "grant",
      question,
      changes: [{ kind: "put", grant: { account: JULIETS, namespace: MAM, entity: BLOG, grantedAtMs: 7 } }],
    });
  });

  test.each([
    ["an empty FORM_TYPE", "<field var='FORM_TYPE'><value></value></field>"],
    ["no FORM_TYPE", ""],
    ["the FORM_TYPE of the question", `<field var='FORM_TYPE'><value>${NS.delegation}</value></field>`],
  ])("counts with %s", (_name, formType) => {
    const mode = clientMode();
    asked(mode);
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }, formType))).toBe("grant");
  });

  test("is not ours without a form, with a form that is not filled in, with another FORM_TYPE, without a challenge", () => {
    const mode = clientMode();
    asked(mode);
    const x = (content: string) => clientStanza(`<message to='capulet.lit'>${content}</message>`);
    const other = "<field var='FORM_TYPE'><value>http://jabber.org/protocol/admin</value></field>";
    expect(answer(mode, x("<body>1</body>"))).toBe("not-ours");
    expect(answer(mode, x("<x xmlns='jabber:x:data' type='submit'/>"))).toBe("not-ours");
    expect(answer(mode, x("<x xmlns='jabber:x:oob'/>"))).toBe("not-ours");
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }, "", "form"))).toBe("not-ours");
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }, "", "result"))).toBe("not-ours");
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }, other))).toBe("not-ours");
    // Nothing says that this challenge was one of ours.
    expect(answer(mode, answerWith("c2", { [PUBSUB]: "1" }, ""))).toBe("not-ours");
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }, ""))).toBe("grant");
  });

  const formType = `<field var='FORM_TYPE'><value>${NS.delegation}</value></field>`;

  test("with an unknown challenge is stale", () => {
    expect(answer(clientMode(), answerWith("c2", { [PUBSUB]: "1" }, formType))).toBe("refuse grant-answer-stale");
  });

  test("is stale from the very millisecond at which the time is over", () => {
    const mode = clientMode();
    asked(mode);
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }), JULIET, 60_000)).toBe("refuse grant-answer-stale");
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }), JULIET, 59_999)).toBe("grant");
  });

  test.each(["", formType])(
    "with another user's challenge grants nothing and uses nothing up (FORM_TYPE %j)",
    (type) => {
      const mode = clientMode();
      asked(mode);
      expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }, type), ROMEO)).toBe("refuse grant-answer-foreign");
      expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }, type))).toBe("grant");
    },
  );

  test.each(["0", "1"])("counts once, whether it was %s", (value) => {
    const mode = clientMode();
    asked(mode);
    answer(mode, answerWith("c1", { [PUBSUB]: value }));
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }))).toBe("refuse grant-answer-reused");
  });

  test("counts again when what it granted could not be stored", () => {
    const mode = clientMode();
    const question = asked(mode);
    answer(mode, answerWith("c1", { [PUBSUB]: "1" }));
    mode.reopen(question);
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }))).toBe("grant");
  });

  test.each([
    ["a field that was not asked for", { [PUBSUB]: "1", [MAM]: "1" }],
    ["the value true", { [PUBSUB]: "true" }],
    ["an empty value", { [PUBSUB]: "" }],
    ["a value with white space", { [PUBSUB]: " 1" }],
  ])("with %s grants nothing, and the question stays open", (_name, values) => {
    const mode = clientMode();
    asked(mode);
    expect(answer(mode, answerWith("c1", values))).toBe("refuse grant-answer-malformed");
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }))).toBe("grant");
  });

  test.each([
    ["a field twice", `<field var='${PUBSUB}'><value>1</value></field>`.repeat(2)],
    ["two values", `<field var='${PUBSUB}'><value>1</value><value>0</value></field>`],
    ["no value", `<field var='${PUBSUB}'/>`],
    ["a field without a name", "<field><value>1</value></field>"],
  ])("with %s grants nothing (XEP-0004 §3.2)", (_name, field) => {
    const mode = clientMode();
    asked(mode);
    const message = `<message><x xmlns='jabber:x:data' type='submit'><field var='challenge'><value>c1</value></field>${field}</x></message>`;
    expect(answer(mode, clientStanza(message))).toBe("refuse grant-answer-malformed");
  });

  test("that leaves everything out, or cancels the form, denies", () => {
    const mode = clientMode();
    asked(mode);
    expect(answer(mode, answerWith("c1", {}))).toBe("denied");
    const other = clientMode();
    asked(other);
    expect(answer(other, answerWith("c1", { [PUBSUB]: "1" }, "", "cancel"))).toBe("denied");
    expect(answer(other, answerWith("c1", { [PUBSUB]: "1" }))).toBe("refuse grant-answer-reused");
  });

  test("grants nothing when the list has changed since the question", () => {
    for (const changed of [
      { namespaces: new Set([MAM]) },
      { administered: new Set([PUBSUB]) },
      { entities: new Set(["pubsub.capulet.lit"]) },
    ]) {
      const mode = clientMode();
      asked(mode);
      mode.configure({ ...mode.settings, ...changed });
      expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }))).toBe("refuse grant-withdrawn");
    }
  });

  test("grants no more than a user may, nor than is kept at all; a change of entity takes no room", () => {
    const mode = clientMode({ maxGrantsPerUser: 1 });
    granted(mode, [PUBSUB], "pubsub.capulet.lit");
    asked(mode, [PUBSUB, MAM]);
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1", [MAM]: "1" }))).toBe("refuse grant-too-many");
    expect(answer(mode, answerWith("c1", { [PUBSUB]: "1" }), JULIET, 0, 0)).toBe("grant");
    const full = clientMode();
    asked(full);
    expect(answer(full, answerWith("c1", { [PUBSUB]: "1" }), JULIET, 0, 0)).toBe("refuse grant-too-many");
    expect(answer(full, answerWith("c1", { [PUBSUB]: "1" }), JULIET, 0, 1)).toBe("grant");
  });

  test("is looked for in a user's messages only while that user's question is remembered", () => {
    const mode = clientMode();
    expect(mode.isExpecting(JULIETS)).toBe(false);
    asked(mode);
    expect(mode.isExpecting(JULIETS)).toBe(true);
    expect(mode.isExpecting("romeo@capulet.lit")).toBe(false);
    mode.clear();
    expect(mode.isExpecting(JULIETS)).toBe(false);
  });

  test("is asked for again in a session that begins, while there is time and no answer", () => {
    const mode = clientMode();
    asked(mode);
    expect(mode.questionsFor(JULIETS, 59_999)).toHaveLength(1);
    expect(mode.questionsFor(JULIETS, 60_000)).toEqual([]);
    answer(mode, answerWith("c1", { [PUBSUB]: "0" }));
    expect(mode.questionsFor(JULIETS, 1)).toEqual([]);
  });
});
