import type { Element } from "ltx";
import { connectComponent, login, passwords } from "../../support/login.js";
import { ManagingEntity, type ReplyChanges, unwrap, type Wrapped } from "../../support/managing-entity.js";
import { type ProsodyDelegation, startProsody } from "../../support/prosody.js";
import { Scene, secret } from "../../support/scene.js";
import type { Received } from "../../support/stream-reader.js";
import { inOneWay, type Leniency } from "../../support/transcript.js";
import type { XmppStream } from "../../support/xmpp-stream.js";

/** Prosody with mod_delegation, or Caesura in front of Prosody without it. */
export interface Side {
  readonly login: (user: string) => Promise<XmppStream>;
  readonly component: (jid: string) => Promise<XmppStream>;
  readonly stop: () => Promise<void>;
}

/** What both sides have in common. */
export interface Setting {
  readonly components: readonly string[];
  readonly delegations: Readonly<Record<string, ProsodyDelegation>>;
  /** Identities of the server that a namespace takes with it. The module finds them by their module. */
  readonly identities?: Readonly<Record<string, readonly string[]>>;
  /** Modules that neither Prosody has. */
  readonly without?: readonly string[];
}

const users = passwords;

/** The reference. The modules are those of the server behind Caesura. */
export async function reference({ components, delegations, without = [] }: Setting): Promise<Side> {
  const prosody = await startProsody({ components: secrets(components), delegations, users, without });
  return {
    login: (user) => login({ port: prosody.c2sPort, user }),
    component: (jid) => connectComponent({ port: prosody.componentPort, jid, secret }),
    stop: () => prosody.stop(),
  };
}

export async function ours({ components, delegations, identities = {}, without = [] }: Setting): Promise<Side> {
  const server = { components: secrets(components), users, without };
  const rules = Object.entries(delegations).map(([namespace, rule]) => {
    const taken = identities[namespace];
    return [namespace, taken === undefined ? rule : { ...rule, identities: taken }] as const;
  });
  const scene = await Scene.withProsody({ delegations: Object.fromEntries(rules) }, server);
  return {
    login: (user) => login({ port: scene.caesura.ports.clear, user }),
    component: (jid) => connectComponent({ port: scene.caesura.ports.component, jid, secret }),
    stop: () => scene.stop(),
  };
}

function secrets(components: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(components.map((jid) => [jid, secret]));
}

const delegationNs = "urn:xmpp:delegation:2";
const discoInfoNs = "http://jabber.org/protocol/disco#info";

const leniency: Leniency = {
  hasIdOfServer: (element) =>
    element.getChild("delegation", delegationNs) !== undefined || nestingNodeOf(element) !== undefined,
  isUnordered: (element) =>
    (element.getName() === "delegation" && element.getNS() === delegationNs) ||
    (element.getName() === "query" && (element.getNS() ?? "").startsWith("http://jabber.org/protocol/disco#")),
};

/** The node of a question for nesting (XEP-0355 §7.2); undefined when an element is none. */
function nestingNodeOf(element: Element): string | undefined {
  if (element.attrs["type"] !== "get") return undefined;
  const node: unknown = element.getChild("query", discoInfoNs)?.attrs["node"];
  return typeof node === "string" && node.startsWith(`${delegationNs}:`) ? node : undefined;
}

/** What a managing entity does with a delegated request: a reply, rightly or not; nothing; or whatever it likes. */
export type Behaviour = ReplyChanges | "silence" | ((entity: Player, wrapped: Wrapped) => void);

/** What a managing entity says of a namespace when it is asked for nesting: the content of its disco#info. */
export type DiscoAnswers = (node: string) => string | undefined;

/** One who takes part in a conversation, and all that it was sent, as lines. */
export class Player {
  readonly name: string;
  readonly stream: XmppStream;
  readonly lines: string[] = [];

  constructor(name: string, stream: XmppStream, isOfInterest: (received: Received) => boolean = () => true) {
    this.name = name;
    this.stream = stream;
    stream.intercept = (received) => {
      const { element } = received;
      if (String(element.attrs["id"]).startsWith("settle-")) return false;
      if (isOfInterest(received)) this.lines.push(`${name}: ${inOneWay(element, leniency)}`);
      return false;
    };
  }
}

/** The same conversation is played on two stages, one for each side. */
export class Stage {
  readonly #side: Side;
  readonly #players: Player[] = [];
  /** What the entity does with delegated requests; a right and empty reply unless a conversation says otherwise. */
  behaviour: Behaviour = {};
  /** What the entity says when asked for nesting; by default that it knows of nothing. */
  discoAnswers: DiscoAnswers = () => "";

  constructor(side: Side) {
    this.#side = side;
  }

  async client(user: string): Promise<Player> {
    return this.#taking(new Player(user, await this.#side.login(user)));
  }

  async component(jid: string): Promise<Player> {
    return this.#taking(new Player(jid, await this.#side.component(jid)));
  }

  /** Connects the program that both sides have as managing entity; what it is told at first is left out unless asked for. */
  async entity(jid: string, options: { readonly withIntroduction?: boolean } = {}): Promise<Player> {
    const stream = await this.#side.component(jid);
    const isIntroduction = (element: Element): boolean =>
      nestingNodeOf(element) !== undefined || (element.getName() === "message" && leniency.hasIdOfServer(element));
    const player = new Player(
      jid,
      stream,
      ({ element }) => options.withIntroduction === true || !isIntroduction(element),
    );
    const entity = new ManagingEntity(stream);
    const record = stream.intercept;
    const handle = (received: Received): boolean => {
      record?.(received);
      const { element } = received;
      const node = nestingNodeOf(element);
      const wrapped = unwrap(received);
      if (node !== undefined) this.#answerDisco(player, element, node);
      else if (wrapped !== undefined) this.#answer(player, wrapped);
      return node !== undefined || wrapped !== undefined;
    };
    for (const received of stream.unread) handle(received);
    stream.intercept = handle;
    await entity.advertisement();
    await stream.settle();
    return this.#taking(player);
  }

  /** Waits until all that was said has had its effect, there and back twice through every player. */
  async settle(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      for (const { stream } of this.#players) if (stream.ending === undefined) await stream.settle();
    }
  }

  /** All lines, player by player in the order of their names: what different players see has no common order. */
  get transcript(): readonly string[] {
    const byName = [...this.#players].sort((a, b) => (a.name < b.name ? -1 : 1));
    return byName.flatMap(({ lines }) => lines);
  }

  async clear(): Promise<void> {
    for (const { stream } of this.#players.toReversed()) {
      try {
        await stream.close();
      } catch {
        stream.drop();
      }
    }
  }

  #taking(player: Player): Player {
    this.#players.push(player);
    return player;
  }

  #answer(player: Player, wrapped: Wrapped): void {
    const { behaviour } = this;
    if (behaviour === "silence") return;
    if (typeof behaviour === "function") behaviour(player, wrapped);
    else new ManagingEntity(player.stream).answer(wrapped, behaviour);
  }

  #answerDisco(player: Player, { attrs }: Element, node: string): void {
    const content = this.discoAnswers(node);
    if (content === undefined) return;
    player.stream.send(
      `<iq type='result' from='${String(attrs["to"])}' to='${String(attrs["from"])}' id='${String(attrs["id"])}'>` +
        `<query xmlns='${discoInfoNs}' node='${node}'>${content}</query></iq>`,
    );
  }
}

/** What everybody receives when a conversation is played on a side. */
export async function transcript(
  side: Side,
  { play }: { readonly play: (stage: Stage) => Promise<void> },
  discoAnswers?: DiscoAnswers,
): Promise<readonly string[]> {
  const stage = new Stage(side);
  if (discoAnswers !== undefined) stage.discoAnswers = discoAnswers;
  try {
    await play(stage);
    await stage.settle();
    return stage.transcript;
  } finally {
    await stage.clear();
  }
}
