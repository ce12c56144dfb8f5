import { describe, expect, test } from "vitest";
import type { DomainSettings, GrantKeeper } from "../../src/session/index.js";
import { NS } from "../../src/xmpp/index.js";
import { domain, ENTITY, type Link, NAMESPACE, rule, World } from "./world.js";

const BLOG = "blog.capulet.lit";
const JULIET = "juliet@capulet.lit/balcony";
const MAM = "urn:xmpp:mam:2";

type Mode = NonNullable<DomainSettings["clientMode"]>;

function settings(changed: Partial<Mode> = {}, rules: Parameters<typeof domain>[0] = []): DomainSettings {
  return domain(rules, {
    clientMode: {
      domain: "capulet.lit",
      namespaces: new Set([NAMESPACE, MAM]),
      administered: new Set(rules.map(({ namespace }) => namespace)),
      entities: undefined,
      challengeMs: 60_000,
      maxGrantsPerUser: 8,
      timeoutMs: 1_000,
      ...changed,
    },
  });
}

/** A store that answers when it is told to. */
class Keeper implements GrantKeeper {
  room = 100;
  readonly saved: Parameters<GrantKeeper["save"]>[] = [];

  save(...save: Parameters<GrantKeeper["save"]>): void {
    this.saved.push(save);
  }

  /** The disk has taken, or refused, what waits. */
  settle(isStored = true): void {
    for (const [, , , done] of this.saved.splice(0)) done(isStored);
  }
}

class Stage {
  readonly keeper = new Keeper();
  readonly world: World;
  readonly blog: Link;
  readonly juliet: Link;

  constructor(domains: readonly DomainSettings[] = [settings()], lang?: string) {
    this.world = new World(domains, {}, {}, this.keeper);
    this.blog = this.world.entity(BLOG);
    this.juliet = this.world.boundClient(JULIET, lang);
    this.juliet.client("<presence/>");
    this.juliet.forget();
    this.blog.forget();
  }

  request(namespaces: readonly string[] = [NAMESPACE], to = "juliet@capulet.lit"): string {
    const delegates = namespaces.map((namespace) => `<delegate namespace='${namespace}'/>`).join("");
    this.blog.near(
      `<iq type='get' id='r1' from='${BLOG}' to='capulet.lit'><query xmlns='${NS.delegation}' to='${to}'>${delegates}</query></iq>`,
    );
    return this.blog.take("component");
  }

  /** Sends the answer to a question that a client was sent. The client has commands, so that it could revoke. */
  answer(question: string, value: "0" | "1", link = this.juliet, namespace = NAMESPACE): void {
    this.submit(question, value, link, namespace);
    link.answerDiscovery(() => `<feature var='${NS.commands}'/>`);
  }

  submit(question: string, value: "0" | "1", link = this.juliet, namespace = NAMESPACE): void {
    const challenge = /var="challenge"><value>([^<]+)</.exec(question)?.[1] ?? "none";
    link.client(
      `<message id='m1' to='capulet.lit'><x xmlns='jabber:x:data' type='submit'><field var='FORM_TYPE'><value/></field>` +
        `<field var='challenge'><value>${challenge}</value></field><field var='${namespace}'><value>${value}</value></field></x></message>`,
    );
  }

  /** Juliet grants, and it is stored. */
  granted(): this {
    this.request();
    this.answer(this.juliet.take("client"), "1");
    this.keeper.settle();
    this.juliet.forget();
    this.blog.forget();
    return this;
  }

  get steps(): readonly string[] {
    return this.world.events.flatMap((event) => {
      if (event.kind === "grant") return [event.step];
      return event.kind === "grant-refused" ? [event.code] : [];
    });
  }
}

const notification = (namespaces: readonly string[]) =>
  `<delegation xmlns="${NS.delegation}" to="juliet@capulet.lit"${namespaces.length === 0 ? "/>" : `>${namespaces.map((one) => `<delegated namespace="${one}"/>`).join("")}</delegation>`}`;

const ask = (to = "") => `<iq type='get' id='h1'${to}><pubsub xmlns='${NAMESPACE}'><items node='mood'/></pubsub></iq>`;

describe("a request for a user's namespaces (XEP-0355 §5.1)", () => {
  test("is answered at once, never reaches the server, and puts the question to the user", () => {
    const stage = new Stage();
    expect(stage.request()).toBe(`<iq type="result" id="r1" to="${BLOG}" from="capulet.lit"/>`);
    expect(stage.blog.take("server")).toBe("");
    const question = stage.juliet.take("client");
    expect(question).toContain(`from="capulet.lit" to="${JULIET}"`);
    expect(question).toContain("<value>0</value>");
    expect(stage.juliet.take("server")).toBe("");
    expect(stage.steps).toEqual(["requested", "asked"]);
  });

  test("reaches every available session, in the language of each, and none with a negative priority", () => {
    const stage = new Stage([settings()], "de");
    const chamber = stage.world.boundClient("juliet@capulet.lit/chamber", "fr");
    chamber.client("<presence><priority>-1</priority></presence>");
    const hall = stage.world.boundClient("juliet@capulet.lit/hall", "es");
    hall.client("<presence/>");
    for (const link of [chamber, hall]) link.forget();
    stage.request();
    expect(stage.juliet.take("client")).toContain("Vorsicht");
    expect(hall.take("client")).toContain("Cuidado");
    expect(chamber.take("client")).toBe("");
    chamber.client("<presence/>");
    expect(chamber.take("client")).toContain("Attention");
    chamber.client("<presence><show>away</show></presence>");
    expect(chamber.take("client")).toBe("");
  });

  test("waits for the user's next session, and no longer than the question lives", () => {
    const stage = new Stage();
    stage.request([NAMESPACE], "romeo@capulet.lit");
    const orchard = stage.world.boundClient("romeo@capulet.lit/orchard");
    expect(orchard.take("client")).toBe("");
    orchard.client("<presence/>");
    expect(orchard.take("client")).toContain("challenge");
    stage.world.advance(60_000);
    const street = stage.world.boundClient("romeo@capulet.lit/street");
    street.client("<presence/>");
    expect(street.take("client")).toBe("");
    expect(stage.world.hub.domain("capulet.lit")?.clientMode?.isExpecting("romeo@capulet.lit")).toBe(false);
    expect(stage.world.timers).toBe(0);
  });

  test("is refused with the condition of its code", () => {
    const stage = new Stage();
    expect(stage.request(["jabber:iq:roster"])).toContain(`type="auth"><forbidden `);
    expect(stage.request([NAMESPACE], "juliet@montague.lit")).toContain("<item-not-found ");
    expect(stage.request([])).toContain(`type="modify"><bad-request `);
    expect(stage.steps).toEqual(["grant-namespace-not-allowed", "grant-user-elsewhere", "grant-request-malformed"]);
    expect(stage.juliet.take("client")).toBe("");
  });

  test("of an entity that may not ask goes to the server like any other", () => {
    const stage = new Stage([settings({ entities: new Set([ENTITY]) })]);
    expect(stage.request()).toBe("");
    expect(stage.blog.take("server")).toContain("<query");
    expect(stage.juliet.take("client")).toBe("");
  });

  test("of an address at the component is the server's, since the component did not ask", () => {
    const stage = new Stage();
    const iq = `<iq type='get' id='r1' from='guest@${BLOG}' to='capulet.lit'><query xmlns='${NS.delegation}' to='juliet@capulet.lit'><delegate namespace='${NAMESPACE}'/></query></iq>`;
    stage.blog.near(iq);
    expect(stage.blog.take("server")).toBe(iq);
  });

  test("is the server's where there is no client mode", () => {
    const stage = new Stage([domain([])]);
    expect(stage.request()).toBe("");
    expect(stage.blog.take("server")).toContain("<query");
  });
});

describe("an answer", () => {
  test("is announced when it is stored, and not before", () => {
    const stage = new Stage();
    stage.request();
    stage.answer(stage.juliet.take("client"), "1");
    expect(stage.juliet.take("server")).toBe("");
    expect(stage.blog.take("component")).toBe("");
    stage.juliet.client(ask());
    expect(stage.juliet.take("server")).toBe(ask());
    stage.keeper.settle();
    expect(stage.blog.take("component")).toContain(notification([NAMESPACE]));
    expect(stage.juliet.take("client")).toBe("");
    expect(stage.steps).toEqual(["requested", "asked", "granted"]);
  });

  test("that says no is the end of it", () => {
    const stage = new Stage();
    stage.request();
    stage.answer(stage.juliet.take("client"), "0");
    expect(stage.keeper.saved).toEqual([]);
    expect(stage.blog.take("component")).toBe("");
    expect(stage.request()).toContain(`type="result"`);
    expect(stage.juliet.take("client")).toBe("");
    expect(stage.steps).toEqual(["requested", "asked", "denied"]);
  });

  test("that cannot be stored grants nothing, says so, and may be given again (RFC 6120 §8.3.3.6)", () => {
    const stage = new Stage();
    stage.request();
    const question = stage.juliet.take("client");
    stage.answer(question, "1");
    stage.keeper.settle(false);
    expect(stage.juliet.take("client")).toBe(
      `<message type="error" id="m1" to="${JULIET}" from="capulet.lit"><error type="cancel"><internal-server-error xmlns="${NS.stanzaErrors}"/></error></message>`,
    );
    expect(stage.blog.take("component")).toBe("");
    stage.juliet.client(ask());
    expect(stage.juliet.take("server")).toBe(ask());
    stage.answer(question, "1");
    stage.keeper.settle();
    expect(stage.blog.take("component")).toContain(notification([NAMESPACE]));
  });

  test("from another session of the user counts, from another user it does not", () => {
    const stage = new Stage();
    const romeo = stage.world.boundClient("romeo@capulet.lit/orchard");
    stage.request();
    stage.request([NAMESPACE], "romeo@capulet.lit");
    const question = stage.juliet.take("client");
    stage.answer(question, "1", romeo);
    expect(romeo.take("client")).toContain("<item-not-found ");
    const chamber = stage.world.boundClient("juliet@capulet.lit/chamber");
    stage.answer(question, "1", chamber);
    expect(stage.keeper.saved).toHaveLength(1);
    stage.answer(question, "1");
    expect(stage.juliet.take("client")).toContain("<unexpected-request ");
  });

  test("leaves all other messages alone, byte for byte", () => {
    const stage = new Stage();
    stage.request();
    const messages =
      "<message to='romeo@capulet.lit'><body>Good night</body></message>" +
      "<message to='capulet.lit'><x xmlns='jabber:x:data' type='submit'/></message>" +
      "<message to='capulet.lit/x'><x xmlns='jabber:x:data' type='submit'><field var='challenge'><value>1</value></field></x></message>";
    stage.juliet.client(messages);
    expect(stage.juliet.take("server")).toBe(messages);
  });
});

describe("a client that could not take back what it grants (XEP-0355 §8, protocol.md D65)", () => {
  /** Juliet grants with a client that answers the question about commands with these features, or not at all. */
  function granted(stage: Stage, features?: string): void {
    stage.request();
    stage.submit(stage.juliet.take("client"), "1");
    if (features === undefined) stage.world.advance(10_000);
    else stage.juliet.answerDiscovery(() => features);
    expect(stage.juliet.take("server")).toBe("");
  }

  test.each([
    ["says so", "<feature var='urn:xmpp:ping'/>"],
    ["says nothing", undefined],
  ])("%s: the grant is not stored, and ends with the session", (_, features) => {
    const stage = new Stage();
    granted(stage, features);
    expect(stage.keeper.saved.map(([, changes]) => changes)).toEqual([
      [{ kind: "remove", account: "juliet@capulet.lit", namespace: NAMESPACE }],
    ]);
    stage.keeper.settle();
    expect(stage.blog.take("component")).toContain(notification([NAMESPACE]));
    stage.juliet.forget();
    stage.juliet.client(ask());
    expect([stage.juliet.take("server"), stage.blog.take("component").includes("<forwarded")]).toEqual(["", true]);
    const chamber = stage.world.boundClient("juliet@capulet.lit/chamber");
    chamber.client(ask());
    expect(stage.blog.take("component")).toContain("<forwarded");

    stage.juliet.machine.closed("client", "reset");
    expect(stage.blog.take("component")).toContain(notification([]));
    chamber.client(ask());
    expect(chamber.take("server")).toBe(ask());
    expect(stage.steps).toEqual(["requested", "asked", "granted", "ended"]);
    expect(stage.world.hub.stats.clientModes.get("capulet.lit")?.grants).toBe(0);
  });

  test("is asked again in the next session, with another challenge", () => {
    const stage = new Stage();
    granted(stage, "");
    stage.keeper.settle();
    stage.juliet.machine.closed("client", "reset");
    const again = stage.world.boundClient(JULIET);
    expect(again.take("client")).toBe("");
    again.client("<presence/>");
    stage.submit(again.take("client"), "1", again);
    again.answerDiscovery(() => `<feature var='${NS.commands}'/>`);
    stage.keeper.settle();
    again.machine.closed("client", "reset");
    expect(stage.steps).toEqual(["requested", "asked", "granted", "ended", "asked", "granted"]);
    expect(stage.world.hub.stats.clientModes.get("capulet.lit")?.grants).toBe(1);
    stage.world.advance(60_000);
    expect(stage.world.timers).toBe(0);
  });

  test("is not asked again about what was taken back, or went to another entity, meanwhile", () => {
    const stage = new Stage();
    granted(stage, "");
    stage.keeper.settle();
    const chamber = stage.world.boundClient("juliet@capulet.lit/chamber");
    chamber.client(
      `<iq type='set' id='k1' to='capulet.lit'><command xmlns='${NS.commands}' node='${NS.delegationConfigure}'/></iq>`,
    );
    const session = /sessionid="([^"]+)"/.exec(chamber.take("client"))?.[1] ?? "";
    chamber.client(
      `<iq type='set' id='k2' to='capulet.lit'><command xmlns='${NS.commands}' node='${NS.delegationConfigure}' sessionid='${session}'><x xmlns='jabber:x:data' type='submit'><field var='${NAMESPACE}'><value>0</value></field></x></command></iq>`,
    );
    chamber.client("<presence/>");
    chamber.forget();
    stage.juliet.machine.closed("client", "reset");
    expect(chamber.take("client")).toBe("");
    expect(stage.steps).toEqual(["requested", "asked", "granted", "revoked"]);
  });

  test("is gone before it said: the question is open again, and nothing is granted", () => {
    const stage = new Stage();
    stage.request();
    stage.submit(stage.juliet.take("client"), "1");
    stage.juliet.machine.closed("client", "reset");
    expect(stage.keeper.saved).toEqual([]);
    const again = stage.world.boundClient(JULIET);
    again.client("<presence/>");
    expect(again.take("client")).toContain("challenge");
    expect(stage.steps).toEqual(["requested", "asked", "asked"]);
  });

  test("is gone before the disk was ready: nothing stays granted", () => {
    const stage = new Stage();
    granted(stage, "");
    stage.juliet.machine.closed("client", "reset");
    stage.keeper.settle();
    expect(stage.blog.take("component").split("<delegation ").at(-1)).not.toContain("<delegated ");
    expect(stage.world.hub.stats.clientModes.get("capulet.lit")?.grants).toBe(0);
  });

  test("takes for the session what was stored for another entity: after a restart nobody has it", () => {
    const stage = new Stage().granted();
    const other = stage.world.entity(ENTITY);
    other.near(
      `<iq type='get' id='r2' from='${ENTITY}' to='capulet.lit'><query xmlns='${NS.delegation}' to='juliet@capulet.lit'><delegate namespace='${NAMESPACE}'/></query></iq>`,
    );
    stage.submit(stage.juliet.take("client"), "1");
    stage.juliet.answerDiscovery();
    const [, changes, otherwise] = stage.keeper.saved[0] ?? [];
    expect(changes?.map(({ kind }) => kind)).toEqual(["remove"]);
    expect(otherwise).toMatchObject([{ kind: "put", grant: { entity: BLOG } }]);
  });

  test("gets no more than a user may have, however many answers wait for what it says", () => {
    const stage = new Stage([settings({ maxGrantsPerUser: 1 })]);
    const other = stage.world.entity(ENTITY);
    stage.request();
    const first = stage.juliet.take("client");
    other.near(
      `<iq type='get' id='r2' from='${ENTITY}' to='capulet.lit'><query xmlns='${NS.delegation}' to='juliet@capulet.lit'><delegate namespace='${MAM}'/></query></iq>`,
    );
    const second = stage.juliet.take("client");
    stage.submit(first, "1");
    stage.world.advance(5_000);
    stage.submit(second, "1", stage.juliet, MAM);
    stage.world.advance(5_000);
    stage.keeper.settle();
    stage.juliet.forget();
    stage.world.advance(5_000);
    expect(stage.juliet.take("client")).toContain("<resource-constraint ");
    expect(stage.keeper.saved).toEqual([]);
    expect(stage.steps.slice(-2)).toEqual(["granted", "grant-too-many"]);
  });
});

describe("what was granted", () => {
  test("is forwarded to the entity and answered, for the user and for others who ask the user (XEP-0355 §5.2)", () => {
    const stage = new Stage().granted();
    const romeo = stage.world.boundClient("romeo@capulet.lit/orchard");
    for (const [link, iq, requester] of [
      [stage.juliet, ask(), JULIET],
      [stage.juliet, ask(" to='capulet.lit'"), JULIET],
      [romeo, ask(" to='juliet@capulet.lit'"), "romeo@capulet.lit/orchard"],
    ] as const) {
      link.client(iq);
      expect(link.take("server")).toBe("");
      const wrapper = stage.blog.take("component");
      expect(wrapper).toContain(`<delegation xmlns="${NS.delegation}"><forwarded`);
      const [, outer = "", inner = ""] = /id="([^"]+)".*<iq [^>]*id="([^"]+)"/.exec(wrapper) ?? [];
      stage.blog.near(
        `<iq type='result' id='${outer}' from='${BLOG}' to='capulet.lit'><delegation xmlns='${NS.delegation}'><forwarded xmlns='${NS.forward}'>` +
          `<iq xmlns='jabber:client' type='result' id='${inner}' to='${requester}'/></forwarded></delegation></iq>`,
      );
      expect(link.take("client")).toContain(`type="result" id="h1"`);
    }
    const outcomes = stage.world.events.filter((event) => event.kind === "delegation");
    // Users choose whom they trust: that is no label.
    expect(outcomes.map(({ entity, rule: name }) => [name, entity])).toEqual([0, 1, 2].map(() => [NAMESPACE, ""]));
  });

  test("is forwarded for nobody else (XEP-0355 §5.2, third rule)", () => {
    const stage = new Stage().granted();
    const romeo = stage.world.boundClient("romeo@capulet.lit/orchard");
    const iqs = ask() + ask(" to='capulet.lit'") + ask(` to='${JULIET}'`);
    romeo.client(iqs);
    expect(romeo.take("server")).toBe(iqs);
    const own = `<iq type='get' id='x' from='${BLOG}' to='juliet@capulet.lit'><pubsub xmlns='${NAMESPACE}'/></iq>`;
    stage.blog.near(own);
    expect(stage.blog.take("server")).toBe(own);
  });

  test("gets service-unavailable while the entity is away, and the entity is told again when it comes back (§8)", () => {
    const stage = new Stage().granted();
    stage.blog.machine.closed("component", "reset");
    stage.juliet.client(ask());
    expect(stage.juliet.take("client")).toContain("<service-unavailable ");
    expect(stage.world.entity(BLOG).take("component")).toContain(notification([NAMESPACE]));
    expect(stage.world.entity(ENTITY).take("component")).not.toContain(NS.delegation);
  });

  test("gives way to what the administrator delegates, and comes back", () => {
    const stage = new Stage().granted();
    stage.world.hub.configure([settings({}, [rule(NAMESPACE)])]);
    expect(stage.blog.take("component")).toContain(notification([]));
    stage.world.hub.configure([settings()]);
    expect(stage.blog.take("component")).toContain(notification([NAMESPACE]));
    stage.world.hub.configure([settings()]);
    expect(stage.blog.take("component")).toBe("");
  });

  test("has no effect while client mode is off, or the domain gone", () => {
    for (const without of [[domain([])], []]) {
      const stage = new Stage().granted();
      stage.world.hub.configure(without);
      expect(stage.blog.take("component")).toContain(notification([]));
      stage.juliet.client(ask());
      expect(stage.juliet.take("server")).toBe(ask());
      stage.world.hub.configure([settings()]);
      stage.juliet.client(ask());
      expect(stage.juliet.take("server")).toBe("");
    }
  });

  test("is there from the start when it was stored", () => {
    const world = new World([], {}, {}, new Keeper());
    const grant = { account: "juliet@capulet.lit", namespace: NAMESPACE, entity: BLOG, grantedAtMs: 0 };
    world.hub.clientModes.load([{ ...grant, domain: "capulet.lit" }]);
    world.hub.configure([settings()]);
    const blog = world.entity(BLOG);
    expect(blog.take("component")).toContain(notification([NAMESPACE]));
    const juliet = world.boundClient(JULIET);
    juliet.client(ask());
    expect([juliet.take("server"), blog.take("component").includes("<forwarded")]).toEqual(["", true]);
  });

  test("moves when the user grants it to another entity, and both are told", () => {
    const stage = new Stage().granted();
    const other = stage.world.entity(ENTITY);
    other.forget();
    other.near(
      `<iq type='get' id='r2' from='${ENTITY}' to='capulet.lit'><query xmlns='${NS.delegation}' to='juliet@capulet.lit'><delegate namespace='${NAMESPACE}'/></query></iq>`,
    );
    const question = stage.juliet.take("client");
    expect(question).toContain(`in place of ${BLOG}`);
    other.forget();
    stage.answer(question, "1");
    stage.keeper.settle();
    expect(stage.blog.take("component")).toContain(notification([]));
    expect(other.take("component")).toContain(notification([NAMESPACE]));
  });

  describe("and the account's discovery (XEP-0355 §7.2.2, §9)", () => {
    const info = (id: string, to: string) =>
      `<iq type='get' id='${id}' to='${to}'><query xmlns='${NS.discoInfo}'/></iq>`;
    const server = "<identity category='account' type='registered'/><identity category='pubsub' type='pep'/>";
    const blogs = `<identity category='pubsub' type='pep' name='Blog'/><feature var='${NAMESPACE}#publish'/>`;

    /** What a client is told of an account, of which the server says the same always. */
    function told(link: Link, account: string): string {
      link.forget();
      link.client(info("d1", account));
      link.server(
        `<iq type='result' id='d1' from='${account}' to='${JULIET}'><query xmlns='${NS.discoInfo}'>${server}<feature var='${NAMESPACE}#old'/></query></iq>`,
      );
      return link.take("client");
    }

    function described(): { readonly stage: Stage; readonly nodes: (string | undefined)[] } {
      const stage = new Stage();
      const nodes: (string | undefined)[] = [];
      stage.request();
      stage.answer(stage.juliet.take("client"), "1");
      stage.keeper.settle();
      stage.blog.answerDiscovery((node) => {
        nodes.push(node);
        return blogs;
      });
      return { stage, nodes };
    }

    test("says what the entity says, of users who granted, and of no others", () => {
      const { stage, nodes } = described();
      expect(nodes).toEqual([`${NS.delegation}:bare:${NAMESPACE}`]);
      const juliets = told(stage.juliet, "juliet@capulet.lit");
      expect(juliets).toContain(`${NAMESPACE}#publish`);
      expect(juliets).toContain(`name="Blog"`);
      expect(juliets).not.toContain("#old");
      expect(told(stage.juliet, "romeo@capulet.lit")).toContain("#old");
      expect(told(stage.juliet, "capulet.lit")).not.toContain("#publish");
    });

    test("stays the server's until the entity has answered, and is so again after the revocation", () => {
      const stage = new Stage().granted();
      expect(told(stage.juliet, "juliet@capulet.lit")).toContain("#old");
      const other = described().stage;
      other.world.hub.configure([domain([])]);
      expect(told(other.juliet, "juliet@capulet.lit")).toContain("#old");
    });

    test("is renewed when the entity comes back, and not asked for twice over one stream", () => {
      const { stage } = described();
      stage.request();
      expect(stage.blog.take("component")).not.toContain(NS.discoInfo);
      stage.blog.machine.closed("component", "reset");
      const again = stage.world.component();
      expect(told(stage.juliet, "juliet@capulet.lit")).toContain("#publish");
      again.machine.closed("component", "reset");
      const blog = stage.world.entity(BLOG);
      // It answers with an error now: it has nothing to say.
      expect(blog.take("component")).toContain("<delegated ");
      expect(told(stage.juliet, "juliet@capulet.lit")).toContain("#old");
    });

    test("is given to the owner also where the server does not describe accounts (protocol.md D53)", () => {
      const { stage } = described();
      stage.juliet.forget();
      stage.juliet.client(info("d2", "juliet@capulet.lit"));
      stage.juliet.server(
        `<iq type='error' id='d2' from='juliet@capulet.lit' to='${JULIET}'><error type='cancel'><service-unavailable xmlns='${NS.stanzaErrors}'/></error></iq>`,
      );
      expect(stage.juliet.take("client")).toContain("#publish");
    });
  });

  test("is told in steps to an entity that many users trust", () => {
    const world = new World([], {}, {}, new Keeper());
    const grants = Array.from({ length: 450 }, (_, index) => ({
      domain: "capulet.lit",
      account: `user${index}@capulet.lit`,
      namespace: NAMESPACE,
      entity: BLOG,
      grantedAtMs: 0,
    }));
    world.hub.clientModes.load(grants);
    world.hub.configure([settings()]);
    const blog = world.entity(BLOG);
    const told = () => blog.take("component").split("<delegated ").length - 1;
    expect(told()).toBe(200);
    blog.queued = 10_000_000;
    world.advance(50);
    expect(told()).toBe(0);
    blog.queued = 0;
    world.advance(50);
    expect(told()).toBe(200);
    world.advance(50);
    expect(told()).toBe(50);
    blog.answerDiscovery();
    world.advance(50);
    expect([told(), world.timers]).toEqual([0, 0]);
  });
});

describe("the command (XEP-0355 §6, XEP-0050)", () => {
  const command = (attributes: string, content = "") =>
    `<iq type='set' id='k1' to='capulet.lit'><command xmlns='${NS.commands}' node='${NS.delegationConfigure}' ${attributes}>${content}</command></iq>`;

  function revoke(stage: Stage): void {
    stage.juliet.client(command("action='execute'"));
    const shown = stage.juliet.take("client");
    expect(shown).toContain(`managed by ${BLOG}`);
    const session = /sessionid="([^"]+)"/.exec(shown)?.[1] ?? "";
    const form = `<x xmlns='jabber:x:data' type='submit'><field var='${NAMESPACE}'><value>0</value></field></x>`;
    stage.juliet.client(command(`sessionid='${session}' action='complete'`, form));
  }

  test("revokes at once, tells the entity, and answers when that is stored", () => {
    const stage = new Stage().granted();
    revoke(stage);
    expect(stage.blog.take("component")).toContain(notification([]));
    stage.juliet.client(ask());
    expect(stage.juliet.take("server")).toBe(ask());
    expect(stage.juliet.take("client")).toBe("");
    stage.keeper.settle();
    expect(stage.juliet.take("client")).toMatch(/^<iq type="result" id="k1".*status="completed"><note type="info">/);
  });

  test("warns when a revocation cannot be stored, and is obeyed all the same", () => {
    const stage = new Stage().granted();
    revoke(stage);
    const [, changes, otherwise] = stage.keeper.saved[0] ?? [];
    expect(otherwise).toEqual(changes);
    stage.keeper.settle(false);
    expect(stage.juliet.take("client")).toContain(`status="completed"><note type="warn">`);
    stage.juliet.client(ask());
    expect(stage.juliet.take("server")).toBe(ask());
  });

  test("shows each user the own grants alone", () => {
    const stage = new Stage().granted();
    const romeo = stage.world.boundClient("romeo@capulet.lit/orchard");
    romeo.client(command("action='execute'"));
    expect(romeo.take("client")).toContain("Nobody but your server");
  });

  test("is refused with the condition of XEP-0050 beside that of RFC 6120", () => {
    const stage = new Stage();
    stage.juliet.client(command("action='next'"));
    expect(stage.juliet.take("client")).toContain(
      `<error type="modify"><bad-request xmlns="${NS.stanzaErrors}"/><bad-action xmlns="${NS.commands}"/></error>`,
    );
  });

  test("of another node, to another address, or of another domain's user is the server's", () => {
    const stage = new Stage();
    const other =
      command("").replace(NS.delegationConfigure, "uptime") + command("").replace("capulet.lit'", "capulet.lit/x'");
    stage.juliet.client(other);
    expect(stage.juliet.take("server")).toBe(other);
  });

  const items = `<iq type='get' id='d1' to='capulet.lit'><query xmlns='${NS.discoItems}' node='${NS.commands}'/></iq>`;
  const item = `jid="capulet.lit" node="${NS.delegationConfigure}"`;

  test("stands among the server's own commands", () => {
    const { juliet } = new Stage();
    juliet.client(items);
    expect(juliet.take("server")).toBe(items);
    juliet.server(
      `<iq type='result' id='d1' from='capulet.lit' to='${JULIET}'><query xmlns='${NS.discoItems}' node='${NS.commands}'><item jid='capulet.lit' node='uptime'/></query></iq>`,
    );
    const shown = juliet.take("client");
    expect(shown).toContain(`node="uptime"`);
    expect(shown).toContain(item);
  });

  test("is listed also where the server has none", () => {
    const { juliet } = new Stage();
    juliet.client(items);
    juliet.server(
      `<iq type='error' id='d1' from='capulet.lit' to='${JULIET}'><error type='cancel'><item-not-found xmlns='${NS.stanzaErrors}'/></error></iq>`,
    );
    expect(juliet.take("client")).toMatch(new RegExp(`^<iq type="result" id="d1"[^>]*><query[^>]*><item ${item}`));
  });

  test("is announced with namespace delegation, for users and components, where nothing else is delegated (XEP-0355 §7.1)", () => {
    const { juliet, blog } = new Stage();
    const info = (to: string) => `<iq type='get' id='d3'${to} to='capulet.lit'><query xmlns='${NS.discoInfo}'/></iq>`;
    const answer = (to: string) =>
      `<iq type='result' id='d3' from='capulet.lit' to='${to}'><query xmlns='${NS.discoInfo}'><identity category='server' type='im'/></query></iq>`;
    juliet.client(info(""));
    juliet.server(answer(JULIET));
    blog.near(info(` from='${BLOG}'`));
    blog.server(answer(BLOG));
    for (const shown of [juliet.take("client"), blog.take("component")]) {
      expect(shown).toContain(`<feature var="${NS.delegation}"/>`);
      expect(shown).toContain(`<feature var="${NS.commands}"/>`);
    }
  });

  test("says what it is (XEP-0050 §2.3)", () => {
    const { juliet } = new Stage();
    juliet.client(
      `<iq type='get' id='d2' to='capulet.lit'><query xmlns='${NS.discoInfo}' node='${NS.delegationConfigure}'/></iq>`,
    );
    expect(juliet.take("client")).toMatch(/category="automation" type="command-node" name="Features of your account/);
    expect(juliet.take("server")).toBe("");
  });
});

test("what is put in and taken out is counted (XEP-0198)", () => {
  const stage = new Stage();
  stage.juliet.client("<enable xmlns='urn:xmpp:sm:3'/>");
  stage.juliet.server("<enabled xmlns='urn:xmpp:sm:3'/>");
  stage.juliet.forget();
  stage.request();
  stage.answer(stage.juliet.take("client"), "1");
  stage.keeper.settle();
  // The client has two stanzas of ours, one of which asked for its commands; the server none of the client's.
  stage.juliet.client("<a xmlns='urn:xmpp:sm:3' h='2'/>");
  expect(stage.juliet.take("server")).not.toContain("h='1'");
  stage.juliet.client("<r xmlns='urn:xmpp:sm:3'/>");
  stage.juliet.server("<a xmlns='urn:xmpp:sm:3' h='0'/>");
  expect(stage.juliet.take("client")).toMatch(/<a [^>]*h=["']2["']/);
});

describe("a user who asks (XEP-0355 §5: any entity may)", () => {
  const NURSE = "nurse@capulet.lit/hall";

  function asked(stage: Stage): Link {
    const nurse = stage.world.boundClient(NURSE);
    nurse.client("<presence/>");
    nurse.forget();
    nurse.client(
      `<iq type='get' id='r1' to='capulet.lit'><query xmlns='${NS.delegation}' to='juliet@capulet.lit'><delegate namespace='${NAMESPACE}'/></query></iq>`,
    );
    return nurse;
  }

  test("is granted, manages in the own stream, and is dismissed by the revocation", () => {
    const stage = new Stage();
    const nurse = asked(stage);
    expect(nurse.take("client")).toContain(
      `<iq xmlns="jabber:client" type="result" id="r1"`.replace(` xmlns="jabber:client"`, ""),
    );
    stage.answer(stage.juliet.take("client"), "1");
    stage.keeper.settle();
    const told = nurse.take("client");
    expect(told).toContain(notification([NAMESPACE]));
    expect(told.split("<delegation ")).toHaveLength(2);
    stage.juliet.client(ask());
    expect(nurse.take("client")).toContain("<forwarded");
    // What she asks herself is hers: nobody has delegated it for her.
    nurse.client(ask());
    expect(nurse.take("server")).toBe(ask());
    const own = ask(" to='juliet@capulet.lit'");
    nurse.client(own);
    expect(nurse.take("server")).toBe(own);

    stage.juliet.client(
      `<iq type='set' id='k1' to='capulet.lit'><command xmlns='${NS.commands}' node='${NS.delegationConfigure}'/></iq>`,
    );
    const session = /sessionid="([^"]+)"/.exec(stage.juliet.take("client"))?.[1] ?? "";
    stage.juliet.client(
      `<iq type='set' id='k2' to='capulet.lit'><command xmlns='${NS.commands}' node='${NS.delegationConfigure}' sessionid='${session}'><x xmlns='jabber:x:data' type='submit'><field var='${NAMESPACE}'><value>0</value></field></x></command></iq>`,
    );
    expect(nurse.take("client")).toContain(notification([]));
    // The request that was open is answered, since nobody manages any more.
    expect(stage.juliet.take("client")).toContain("<service-unavailable ");
    stage.juliet.client(ask());
    expect(stage.juliet.take("server")).toBe(ask());
  });

  test("is forbidden, as without client mode, when the list has others only", () => {
    const stage = new Stage([settings({ entities: new Set([BLOG]) }, [rule(MAM)])]);
    expect(asked(stage).take("client")).toContain("<forbidden ");
    expect(stage.juliet.take("client")).toBe("");
  });
});
