import { describe, expect, test } from "vitest";
import { grantCommandOf, grantTexts } from "../../src/delegation/index.js";
import { GrantCommands, type GrantCommandOutcome } from "../../src/delegation/grant-command.js";
import { NS } from "../../src/xmpp/index.js";
import { clientStanza, PUBSUB } from "./entity.js";
import { BLOG, JULIETS, MAM, text } from "./grants.js";

const grants = [PUBSUB, MAM].map((namespace) => ({ account: JULIETS, namespace, entity: BLOG, grantedAtMs: 0 }));
const JULIET = `${JULIETS}/balcony`;

interface Said {
  readonly attributes?: string;
  readonly content?: string;
  readonly requester?: string;
  readonly has?: typeof grants;
  readonly now?: number;
  readonly id?: string;
}

function execute(commands: GrantCommands, said: Said = {}): GrantCommandOutcome {
  const { attributes = "action='execute'", content = "", requester = JULIET, has = grants, now = 0, id = "s1" } = said;
  const iq = clientStanza(
    `<iq type='set' id='1'><command xmlns='${NS.commands}' node='${NS.delegationConfigure}' ${attributes}>${content}</command></iq>`,
  );
  const command = grantCommandOf(iq);
  if (command === undefined) throw new Error("not the command");
  return commands.execute({ command, requester, grants: has, texts: grantTexts("en"), sessionId: id, now });
}

function form(values: Readonly<Record<string, string>>, formType: string = NS.delegationConfigure): string {
  const fields = Object.entries(values).map(([name, value]) => `<field var='${name}'><value>${value}</value></field>`);
  return `<x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value>${formType}</value></field>${fields.join("")}</x>`;
}

function code(outcome: GrantCommandOutcome): string {
  return outcome.kind === "refuse" ? outcome.code : outcome.kind;
}

describe("the command that lists and revokes (XEP-0355 §6, XEP-0050 §2.4)", () => {
  test("shows who manages what, with what is granted as the choice", () => {
    const outcome = execute(new GrantCommands());
    const xml = outcome.kind === "reply" ? text(outcome.command) : "";
    expect(xml).toMatch(/^<command xmlns="[^"]+commands" node="[^"]+#configure" sessionid="s1" status="executing">/);
    expect(xml).toContain(`<actions execute="complete"><complete/></actions>`);
    for (const { namespace } of grants) {
      expect(xml).toMatch(
        new RegExp(`label="[^"]*${namespace}\\)?: managed by ${BLOG}" var="${namespace}"><value>1</value>`),
      );
    }
  });

  test("says so when there is nothing to revoke, and remembers nothing", () => {
    const commands = new GrantCommands();
    const outcome = execute(commands, { has: [] });
    expect(outcome.kind === "reply" && text(outcome.command)).toMatch(
      /status="completed"><note type="info">Nobody but/,
    );
    expect(commands.size).toBe(0);
  });

  test.each(["action='complete' ", "action='execute'", ""])("revokes what is answered with no (%j)", (action) => {
    const commands = new GrantCommands();
    execute(commands);
    const outcome = execute(commands, {
      attributes: `sessionid='s1' ${action}`,
      content: form({ [PUBSUB]: "0", [MAM]: "1" }),
    });
    expect(outcome.kind === "revoke" && outcome.grants).toEqual([grants[0]]);
    const done = outcome.kind === "revoke" ? [outcome.done(true), outcome.done(false)].map(text) : [];
    expect(done[0]).toContain(`sessionid="s1" status="completed"><note type="info">One feature`);
    expect(done[1]).toContain(`<note type="warn">`);
    expect(commands.size).toBe(0);
  });

  test("revokes nothing that the form leaves out or leaves allowed", () => {
    const commands = new GrantCommands();
    execute(commands);
    const outcome = execute(commands, { attributes: "sessionid='s1'", content: form({ [MAM]: "1" }) });
    expect(outcome.kind === "reply" && text(outcome.command)).toContain("0 features");
  });

  test("revokes nothing that has gone to another entity since it was shown", () => {
    const commands = new GrantCommands();
    execute(commands);
    const moved = grants.map((grant) => ({ ...grant, entity: "pubsub.capulet.lit" }));
    const said = { attributes: "sessionid='s1'", content: form({ [PUBSUB]: "0" }), has: moved };
    expect(code(execute(commands, said))).toBe("reply");
  });

  test("is canceled by the action or by the form (XEP-0050 §3.3, XEP-0004 §3.1)", () => {
    for (const said of [
      { attributes: "sessionid='s1' action='cancel'" },
      { attributes: "sessionid='s1'", content: "<x xmlns='jabber:x:data' type='cancel'/>" },
    ]) {
      const commands = new GrantCommands();
      execute(commands);
      const outcome = execute(commands, said);
      expect(outcome.kind === "reply" && text(outcome.command)).toContain(`status="canceled"`);
      expect(code(execute(commands, said))).toBe("grant-command-bad-session");
    }
  });

  const refused: readonly (readonly [string, Said, string])[] = [
    ["an action that is none", { attributes: "action='dance'" }, "grant-command-malformed-action"],
    ["complete without a session", { attributes: "action='complete'" }, "grant-command-bad-action"],
    ["cancel without a session", { attributes: "action='cancel'" }, "grant-command-bad-action"],
    ["next", { attributes: "sessionid='s1' action='next'" }, "grant-command-bad-action"],
    ["prev", { attributes: "sessionid='s1' action='prev'" }, "grant-command-bad-action"],
    ["an unknown session", { attributes: "sessionid='s2'", content: form({}) }, "grant-command-bad-session"],
    [
      "a session of another resource",
      { attributes: "sessionid='s1'", content: form({}), requester: `${JULIETS}/chamber` },
      "grant-command-bad-session",
    ],
    [
      "a session whose time is over",
      { attributes: "sessionid='s1'", content: form({}), now: 600_000 },
      "grant-command-session-expired",
    ],
    ["no form", { attributes: "sessionid='s1'" }, "grant-command-bad-payload"],
    [
      "a form of something else",
      { attributes: "sessionid='s1'", content: form({ [PUBSUB]: "0" }, "urn:x") },
      "grant-command-bad-payload",
    ],
    [
      "a field that was not shown",
      { attributes: "sessionid='s1'", content: form({ "urn:x": "0" }) },
      "grant-command-bad-payload",
    ],
    [
      "a value that was not offered",
      { attributes: "sessionid='s1'", content: form({ [PUBSUB]: "no" }) },
      "grant-command-bad-payload",
    ],
  ];
  test.each(refused)("refuses %s (XEP-0050 §4.4)", (_name, said, expected) => {
    const commands = new GrantCommands();
    execute(commands);
    expect(code(execute(commands, { id: "s9", ...said }))).toBe(expected);
  });

  test("has so many sessions of one requester and of all, and room again when they are over", () => {
    const commands = new GrantCommands({ total: 3, perRequester: 2, lifeMs: 100 });
    const begin = (id: string, requester: string, now = 0) => code(execute(commands, { id, requester, now }));
    expect([begin("1", "a"), begin("2", "a"), begin("3", "a")]).toEqual(["reply", "reply", "grant-command-too-many"]);
    expect([begin("4", "b"), begin("5", "c")]).toEqual(["reply", "grant-command-too-many"]);
    expect(begin("6", "a", 100)).toBe("reply");
    expect(commands.size).toBe(1);
  });
});

test("another command, or one beside something else, is the server's", () => {
  const iq = (content: string) => clientStanza(`<iq type='set' id='1'>${content}</iq>`);
  const own = `<command xmlns='${NS.commands}' node='${NS.delegationConfigure}'/>`;
  expect(grantCommandOf(iq(own))?.name).toBe("command");
  expect(grantCommandOf(iq(`<command xmlns='${NS.commands}' node='uptime'/>`))).toBeUndefined();
  expect(grantCommandOf(iq(`<command xmlns='${NS.commands}'/>`))).toBeUndefined();
  expect(grantCommandOf(iq(own + own))).toBeUndefined();
});
