import type { Element } from "ltx";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { connectComponent, login } from "../../support/login.js";
import { ManagingEntity, type ReplyChanges, replyTo, unwrap } from "../../support/managing-entity.js";
import { cannotRun } from "../../support/peer.js";
import { prosodyModules, startProsody } from "../../support/prosody.js";
import { Scene, entityJid, secret, verseNs } from "../../support/scene.js";
import type { XmppStream } from "../../support/xmpp-stream.js";

// The same conversation twice: with Prosody and mod_delegation of prosody-modules, and with Caesura in front of Prosody
// without it. What the client and the managing entity see is the same, or the difference is a fault of the reference that
// is named here.

const components = { [entityJid]: secret, "echo.capulet.lit": secret };
const delegations = {
  [verseNs]: { jid: entityJid },
  "urn:example:filtered": { jid: entityJid, filtering: ["node"] },
};

interface Side {
  readonly login: (user: string) => Promise<XmppStream>;
  readonly component: (jid: string) => Promise<XmppStream>;
  readonly stop: () => Promise<void>;
}

async function reference(): Promise<Side> {
  const prosody = await startProsody({ components, delegations });
  return {
    login: (user) => login({ port: prosody.c2sPort, user }),
    component: (jid) => connectComponent({ port: prosody.componentPort, jid, secret }),
    stop: () => prosody.stop(),
  };
}

async function ours(): Promise<Side> {
  const scene = await Scene.withProsody({ delegations }, { components });
  return {
    login: (user) => login({ port: scene.caesura.ports.clear, user }),
    component: (jid) => connectComponent({ port: scene.caesura.ports.component, jid, secret }),
    stop: () => scene.stop(),
  };
}

/**
 * An element without what may rightly differ: the order of attributes, ids that a server makes, its wording of errors, and
 * whether the own account is named or meant by leaving the address out. Prosody takes such a `to` off before its modules
 * see the stanza and answers without `from`; we keep what the client wrote, and name the account (RFC 6120 §10.3.3).
 */
function normal(element: Element, isTop = true): unknown {
  const own = Object.entries(element.attrs)
    .filter(
      ([name, value]) => !name.startsWith("xmlns") && !(/^(from|to)$/.test(name) && value === "juliet@capulet.lit"),
    )
    .map(
      ([name, value]) => [name, isTop && isServerMade(element) && name === "id" ? "(an id)" : String(value)] as const,
    )
    .sort(([a], [b]) => (a < b ? -1 : 1));
  const children = element.children
    .filter(
      (child) =>
        typeof child === "string" ||
        child.getNS() !== "urn:ietf:params:xml:ns:xmpp-stanzas" ||
        child.getName() !== "text",
    )
    .map((child) => (typeof child === "string" ? child : normal(child, false)));
  const name = `{${element.getNS() ?? ""}}${element.getName()}`;
  // The order of the namespaces is not said.
  return [name, Object.fromEntries(own), element.getName() === "delegation" ? children.sort(byText) : children];
}

/** Prosody gives its advertisement no id; XEP-0355 §4.2 shows none either. */
function withoutId(element: Element): Element {
  delete element.attrs["id"];
  return element;
}

function byText(a: unknown, b: unknown): number {
  return JSON.stringify(a) < JSON.stringify(b) ? -1 : 1;
}

function isServerMade(element: Element): boolean {
  return element.getChild("delegation", "urn:xmpp:delegation:2") !== undefined;
}

/** What both see of one request: the wrapper, or that there is none, and the answers. */
async function ask(side: Side, iq: string, reply: ReplyChanges = {}): Promise<unknown> {
  const entity = new ManagingEntity(await side.component(entityJid));
  const juliet = await side.login("juliet");
  try {
    const advertisement = await entity.advertisement();
    let wrapper: Element | undefined;
    entity.stream.intercept = (received) => {
      const wrapped = unwrap(received);
      if (wrapped === undefined) return false;
      wrapper = wrapped.outer;
      entity.answer(wrapped, reply);
      return true;
    };
    juliet.send(iq);
    await entity.stream.settle();
    await juliet.settle();
    await entity.stream.settle();
    await juliet.settle();
    return {
      advertisement: normal(withoutId(advertisement.element)),
      wrapper: wrapper === undefined ? "none" : normal(wrapper),
      answers: juliet.unread.map(({ element }) => normal(element)),
    };
  } finally {
    await juliet.close();
    await entity.stream.close();
  }
}

const line = `<line xmlns='${verseNs}'>yes</line>`;
const alike: readonly (readonly [what: string, iq: string, reply: ReplyChanges])[] = [
  ["a get to the own account", `<iq type='get' id='q'><line xmlns='${verseNs}'/></iq>`, { payload: line }],
  ["a set to the own account", `<iq type='set' id='q'><line xmlns='${verseNs}'>x</line></iq>`, { payload: line }],
  [
    "a request to the own bare JID",
    `<iq type='get' id='q' to='juliet@capulet.lit'><line xmlns='${verseNs}'/></iq>`,
    {},
  ],
  [
    "a request to another's bare JID",
    `<iq type='get' id='q' to='romeo@capulet.lit'><line xmlns='${verseNs}'/></iq>`,
    {},
  ],
  ["a request to the domain", `<iq type='get' id='q' to='capulet.lit'><line xmlns='${verseNs}'/></iq>`, {}],
  [
    "a payload with children and attributes",
    `<iq type='set' id='q'><line xmlns='${verseNs}' n='1' m='&lt;&amp;'><a/>é &gt;<b xmlns='urn:b'/></line></iq>`,
    { payload: `<line xmlns='${verseNs}' n='&apos;'><a>x</a><b xmlns='urn:b'/></line>` },
  ],
  ["the filtering attribute there", "<iq type='get' id='q'><f xmlns='urn:example:filtered' node='n'/></iq>", {}],
  ["the filtering attribute missing", "<iq type='get' id='q'><f xmlns='urn:example:filtered'/></iq>", {}],
  ["another namespace", "<iq type='get' id='q'><f xmlns='urn:example:other'/></iq>", {}],
  ["a full JID", `<iq type='get' id='q' to='juliet@capulet.lit/nowhere'><line xmlns='${verseNs}'/></iq>`, {}],
  ["a result", `<iq type='result' id='q' to='juliet@capulet.lit'><line xmlns='${verseNs}'/></iq>`, {}],
  [
    "an inner error",
    `<iq type='get' id='q' to='juliet@capulet.lit'><line xmlns='${verseNs}'/></iq>`,
    {
      innerType: "error",
      payload: "<error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
    },
  ],
  [
    "an error instead of the wrapper's reply",
    `<iq type='get' id='q' to='juliet@capulet.lit'><line xmlns='${verseNs}'/></iq>`,
    {
      outerType: "error",
      content: "<error type='cancel'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
    },
  ],
];

describe.skipIf(cannotRun("prosody", "openssl", prosodyModules))("beside Prosody with mod_delegation", () => {
  let theirs: Side;
  let mine: Side;
  beforeAll(async () => {
    theirs = await reference();
    mine = await ours();
  });
  afterAll(async () => {
    await theirs.stop();
    await mine.stop();
  });

  test.each(alike)("%s: client and managing entity see the same", async (_what, iq, reply) => {
    expect(await ask(mine, iq, reply)).toEqual(await ask(theirs, iq, reply));
  });

  async function answers(side: Side, iq: string, reply?: ReplyChanges): Promise<string> {
    return JSON.stringify(await ask(side, iq, reply));
  }

  test("the reference takes any inner from; we do not", async () => {
    const iq = `<iq type='get' id='q' to='juliet@capulet.lit'><line xmlns='${verseNs}'/></iq>`;
    const reply = { innerFrom: "romeo@montague.lit", payload: line };
    expect(await answers(theirs, iq, reply)).toContain('"from":"romeo@montague.lit"');
    expect(await answers(mine, iq, reply)).toContain("service-unavailable");
  });

  test.each([
    ["an empty result", { content: "" }],
    ["nothing forwarded", { content: "<delegation xmlns='urn:xmpp:delegation:2'/>" }],
  ] as const)("the reference leaves the client without an answer after %s; we answer", async (_what, reply) => {
    const iq = `<iq type='get' id='q'><line xmlns='${verseNs}'/></iq>`;
    expect(await answers(theirs, iq, reply)).toContain('"answers":[]');
    expect(await answers(mine, iq, reply)).toContain("service-unavailable");
  });

  test("the reference delegates domain/resource; we leave it to the server (XEP-0355 §4.3)", async () => {
    const iq = `<iq type='get' id='q' to='capulet.lit/x'><line xmlns='${verseNs}'/></iq>`;
    expect(await answers(theirs, iq)).not.toContain('"wrapper":"none"');
    expect(await answers(mine, iq)).toContain('"wrapper":"none"');
  });

  test("the reference does not delegate an iq with white space around its child; we do", async () => {
    const iq = `<iq type='get' id='q'>\n  <line xmlns='${verseNs}'/>\n</iq>`;
    expect(await answers(theirs, iq)).toContain('"wrapper":"none"');
    expect(await answers(mine, iq)).not.toContain('"wrapper":"none"');
  });

  test("the reference loses line ends and tabs of attributes; we keep them (XML 1.0 §3.3.3)", async () => {
    const iq = `<iq type='set' id='q'><line xmlns='${verseNs}' n='a&#9;b&#10;c&#13;d'/></iq>`;
    const kept = String.raw`"n":"a\tb\nc\rd"`;
    expect(await answers(theirs, iq)).not.toContain(kept);
    expect(await answers(mine, iq)).toContain(kept);
  });

  async function forgedThenTrue(side: Side): Promise<string> {
    const entity = new ManagingEntity(await side.component(entityJid));
    const echo = await side.component("echo.capulet.lit");
    const juliet = await side.login("juliet");
    try {
      juliet.send(`<iq type='get' id='q' to='juliet@capulet.lit'><line xmlns='${verseNs}'/></iq>`);
      const wrapped = await entity.request();
      echo.send(replyTo(wrapped, { outerFrom: "echo.capulet.lit", payload: "<forged/>" }));
      await echo.settle();
      entity.answer(wrapped, { payload: line });
      await entity.stream.settle();
      await juliet.settle();
      return juliet.unread.map(({ raw }) => raw).join("");
    } finally {
      for (const stream of [juliet, echo, entity.stream]) await stream.close();
    }
  }

  test("the reference loses the true reply after a forged one; we deliver it", async () => {
    expect(await forgedThenTrue(theirs)).not.toContain("yes");
    const mineSays = await forgedThenTrue(mine);
    expect(mineSays).toContain("yes");
    expect(mineSays).not.toContain("forged");
  });

  async function lost(side: Side): Promise<string> {
    const entity = new ManagingEntity(await side.component(entityJid));
    const juliet = await side.login("juliet");
    try {
      juliet.send(`<iq type='get' id='q'><line xmlns='${verseNs}'/></iq>`);
      await entity.request();
      await entity.stream.close();
      await juliet.settle();
      return juliet.unread.map(({ raw }) => raw).join("");
    } finally {
      await juliet.close();
    }
  }

  test("the reference leaves the client without an answer when the component dies; we answer", async () => {
    expect(await lost(theirs)).toBe("");
    expect(await lost(mine)).toContain("service-unavailable");
  });
});
