import type { DelegationRule } from "../../src/rules/index.js";
import { RuleTable } from "../../src/rules/index.js";
import type {
  DomainSettings,
  GrantKeeper,
  HubEvent,
  LegName,
  LinkEvent,
  LinkLimits,
  LinkMachine,
  LinkTimer,
  Performer,
} from "../../src/session/index.js";
import { Hub, openClientLink, openComponentLink } from "../../src/session/index.js";
import type { ManagementOptions, ResumptionOptions } from "../../src/stream/index.js";
import { DEFAULT_MANAGEMENT_OPTIONS, DEFAULT_RESUMPTION_OPTIONS } from "../../src/stream/index.js";
import type { FramerLimits } from "../../src/xml/index.js";

export const DOMAIN = "capulet.lit";
export const ENTITY = "pubsub.capulet.lit";
export const NAMESPACE = "http://jabber.org/protocol/pubsub";

export function framerLimits(maxFrameBytes: number): FramerLimits {
  return { maxFrameBytes, maxDepth: 128, maxAttributes: 256, maxNameBytes: 1024, maxChildren: 25_000 };
}

export function rule(namespace: string, more: Partial<DelegationRule> = {}): DelegationRule {
  return {
    namespace,
    entity: ENTITY,
    filtering: [],
    timeoutMs: 30_000,
    blocking: false,
    foreignTargets: "delegate",
    identities: [],
    ...more,
  };
}

export function domain(rules: readonly DelegationRule[], more: Partial<DomainSettings> = {}): DomainSettings {
  const name = more.name ?? DOMAIN;
  return {
    name,
    serverTls: "none",
    channelBinding: "passthrough",
    relaysComponents: true,
    components: undefined,
    rules: RuleTable.compile(name, rules),
    ...more,
  };
}

/** A hub with a clock that the test moves and ids that it can foresee. */
export class World {
  readonly events: HubEvent[] = [];
  readonly hub: Hub;
  #now = 1000;
  #lastId: number;
  readonly #timers = new Map<number, number>();

  constructor(
    domains: readonly DomainSettings[],
    limits: Partial<LinkLimits> = {},
    management: Partial<ManagementOptions & ResumptionOptions> = {},
    grants?: GrantKeeper,
    lastId = 0,
  ) {
    this.#lastId = lastId;
    this.hub = new Hub({
      limits: {
        unauthenticated: framerLimits(10_000),
        authenticated: framerLimits(262_144),
        trusted: framerLimits(1_048_576),
        pendingPerSession: 256,
        heldBytes: 65_536,
        entityQueueBytes: 1_048_576,
        clientQueueBytes: 1_048_576,
        writtenBytes: 524_288,
        ...limits,
      },
      streamManagement: {
        options: { ...DEFAULT_MANAGEMENT_OPTIONS, ...management },
        resumption: { ...DEFAULT_RESUMPTION_OPTIONS, ...management },
      },
      newId: () => `made-${++this.#lastId}`,
      now: () => this.#now,
      setTimer: (key, ms) => this.#timers.set(key, this.#now + ms),
      clearTimer: (key) => this.#timers.delete(key),
      report: (event) => this.events.push(event),
      wallMs: () => this.#now,
      grants,
    });
    this.hub.configure(domains);
  }

  /** The number in the last id that was made. */
  get lastId(): number {
    return this.#lastId;
  }

  get timers(): number {
    return this.#timers.size;
  }

  /** Outcomes of delegated requests so far, with their codes. */
  get outcomes(): readonly string[] {
    return this.events.flatMap((event) =>
      event.kind === "delegation" ? [event.code === undefined ? event.outcome : `${event.outcome}:${event.code}`] : [],
    );
  }

  advance(ms: number): void {
    this.#now += ms;
    for (const [key, due] of this.#timers) {
      if (due > this.#now || !this.#timers.delete(key)) continue;
      this.hub.timerExpired(key);
    }
  }

  client(tls: "starttls" | "direct" | "none" = "none", carrier: "tcp" | "websocket" = "tcp"): Link {
    return new Link("client", (performer) => openClientLink(this.hub, performer, { tls, carrier }));
  }

  component(): Link {
    return new Link("component", (performer) => openComponentLink(this.hub, performer));
  }

  /** A client link whose client is bound as `jid`; the two legs' transcripts are empty again. */
  boundClient(jid = "juliet@capulet.lit/balcony", lang?: string): Link {
    const link = this.client();
    link.client(clientHeader(lang)).connected();
    link.server(SERVER_HEADER + "<stream:features/>");
    login(link, lang);
    bind(link, jid);
    link.forget();
    return link;
  }

  /** A component link of `name`, relayed, whose handshake the server has accepted. */
  entity(name = ENTITY): Link {
    const link = this.component();
    link.near(componentHeader(name)).connected();
    link.server(
      `<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' id='s1' from='${name}'>`,
    );
    link.near("<handshake>0</handshake>");
    link.server("<handshake/>");
    link.answerDiscovery();
    return link;
  }
}

export function clientHeader(lang?: string, to = DOMAIN): string {
  const language = lang === undefined ? "" : ` xml:lang='${lang}'`;
  return `<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='${to}' version='1.0'${language}>`;
}

export function componentHeader(name: string): string {
  return `<stream:stream xmlns='jabber:component:accept' xmlns:stream='http://etherx.jabber.org/streams' to='${name}'>`;
}

export const SERVER_HEADER =
  "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='s0' from='capulet.lit' version='1.0' xml:lang='en'>";

export const AUTH = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AGp1bGlldABwdw==</auth>";
export const SUCCESS = "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>";

export function login(link: Link, lang?: string): void {
  link.client(AUTH);
  link.server(SUCCESS);
  link.client(clientHeader(lang));
  link.server(SERVER_HEADER);
  link.server("<stream:features><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></stream:features>");
}

export function bind(link: Link, jid: string): void {
  link.client("<iq type='set' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>");
  link.server(`<iq type='result' id='b1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>${jid}</jid></bind></iq>`);
}

const QUESTION =
  /^<iq type="get"[^>]* id="made-\d+"[^>]*><query xmlns="http:\/\/jabber.org\/protocol\/disco#info"( node="urn:xmpp:delegation:2:[^"]*")?\/><\/iq>$/;

let lastLink = 0;

/** One link's machine with a performer that writes down what it is asked for. */
export class Link implements Performer {
  readonly id = (++lastLink).toString(36).padStart(4, "0");
  readonly machine: LinkMachine;
  readonly events: LinkEvent[] = [];
  /** Everything but `send`, in order, e.g. `close client`. */
  readonly actions: string[] = [];
  readonly timers = new Set<LinkTimer>();
  readonly paused = new Set<LegName>();
  queued = 0;
  readonly #near: "client" | "component";
  #sent: { readonly leg: LegName; readonly bytes: Buffer }[] = [];

  constructor(near: "client" | "component", open: (performer: Performer) => LinkMachine) {
    this.#near = near;
    this.machine = open(this);
  }

  client(text: string | Buffer): this {
    return this.#feed("client", text);
  }

  near(text: string | Buffer): this {
    return this.#feed(this.#near, text);
  }

  server(text: string | Buffer): this {
    return this.#feed("server", text);
  }

  connected(): this {
    this.machine.connected();
    return this;
  }

  /** What was sent on a leg since the last `take` of it or `forget`, as text. */
  take(leg: LegName): string {
    const bytes = Buffer.concat(this.#sent.filter((sent) => sent.leg === leg).map((sent) => sent.bytes));
    this.#sent = this.#sent.filter((sent) => sent.leg !== leg);
    return bytes.toString("utf8");
  }

  /**
   * Answers questions of Caesura's about discovery that the transcript holds, and takes them out of it: `answer` gives
   * what the entity or the server has to say on a node (undefined: an error), by default nothing.
   */
  answerDiscovery(answer: (node: string | undefined, leg: LegName) => string | undefined = () => undefined): this {
    const questions = this.#sent.flatMap(({ leg, bytes }) => {
      const found = QUESTION.exec(bytes.toString("utf8"));
      return found === null ? [] : [{ leg, text: found[0] }];
    });
    this.#sent = this.#sent.filter(({ bytes }) => !QUESTION.test(bytes.toString("utf8")));
    for (const { leg, text } of questions) {
      const of = (name: string): string => new RegExp(` ${name}="([^"]*)"`).exec(text)?.[1] ?? "";
      const node = of("node");
      const payload = answer(node === "" ? undefined : node, leg);
      const [type, content] =
        payload === undefined
          ? [
              "error",
              "<error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
            ]
          : [
              "result",
              `<query xmlns='http://jabber.org/protocol/disco#info'${node === "" ? "" : ` node='${node}'`}>${payload}</query>`,
            ];
      const to = of("from") === "" ? "" : ` to='${of("from")}'`;
      this.#feed(leg, `<iq type='${type}' id='${of("id")}' from='${of("to")}'${to}>${content}</iq>`);
    }
    return this;
  }

  /** Pieces sent on a leg, since the last `take` or `forget`. */
  sends(leg: LegName): number {
    return this.#sent.filter((sent) => sent.leg === leg).length;
  }

  forget(): void {
    this.#sent = [];
    this.actions.length = 0;
  }

  get endReason(): string | undefined {
    const last = this.events.at(-1);
    return last?.kind === "ended" ? last.reason : undefined;
  }

  get faults(): readonly string[] {
    return this.events.flatMap((event) => (event.kind === "fault" ? [event.code] : []));
  }

  send(leg: LegName, bytes: Uint8Array): void {
    this.#sent.push({ leg, bytes: Buffer.from(bytes) });
  }

  finish(leg: LegName): void {
    this.actions.push(`finish ${leg}`);
  }

  close(leg: LegName): void {
    this.actions.push(`close ${leg}`);
  }

  abort(leg: LegName): void {
    this.actions.push(`abort ${leg}`);
  }

  connect(domainName: string): void {
    this.actions.push(`connect ${domainName}`);
  }

  startTls(leg: LegName, domainName?: string): void {
    this.actions.push(`startTls ${leg} ${domainName ?? ""}`.trim());
  }

  pause(leg: LegName): void {
    this.paused.add(leg);
  }

  resume(leg: LegName): void {
    this.paused.delete(leg);
  }

  queuedBytes(): number {
    return this.queued;
  }

  setTimer(timer: LinkTimer): void {
    this.timers.add(timer);
  }

  clearTimer(timer: LinkTimer): void {
    this.timers.delete(timer);
  }

  report(event: LinkEvent): void {
    this.events.push(event);
  }

  #feed(leg: LegName, text: string | Buffer): this {
    this.machine.bytes(leg, Buffer.from(text));
    return this;
  }
}
