import { connectComponent } from "../support/login.js";
import { unwrap } from "../support/managing-entity.js";
import type { Received } from "../support/stream-reader.js";
import type { XmppStream } from "../support/xmpp-stream.js";
import { type Chance, pause } from "./chance.js";
import { replyFor } from "./replies.js";
import type { Stage } from "./stage.js";

/** A component in the storm that manages namespaces: in moods of every kind, and not always there. */
export class StormEntity {
  readonly jid: string;
  readonly #stage: Stage;
  readonly #chance: Chance;
  #stream: XmppStream | undefined;

  constructor(stage: Stage, jid: string, chance: Chance) {
    this.jid = jid;
    this.#stage = stage;
    this.#chance = chance;
  }

  get isThere(): boolean {
    return this.#stream !== undefined && this.#stream.ending === undefined;
  }

  async live(): Promise<void> {
    const { chance, stage } = { chance: this.#chance, stage: this.#stage };
    while (!stage.isOver) {
      await pause(chance.between(20, 200));
      if (!this.isThere) {
        await this.connect();
        continue;
      }
      if (!chance.once(40)) continue;
      const how = chance.oneOf(["reset", "drop", "close", "freeze", "freeze"] as const);
      stage.book.count(`entity ${how}`);
      await this.#suffer(how);
    }
  }

  async settle(): Promise<void> {
    this.#stream?.thaw();
    for (let attempts = 0; !this.isThere; attempts++) {
      if (attempts > 100) throw new Error(`${this.jid} cannot connect`);
      await this.connect();
      if (!this.isThere) await pause(100);
    }
  }

  /** A server may still believe that the link of before is there (`conflict`); who comes tries again. */
  async connect(): Promise<void> {
    try {
      this.#stream = await connectComponent({
        port: this.#stage.componentPort,
        jid: this.jid,
        secret: this.#stage.secret,
        intercept: (received, stream) => this.#take(received, stream),
      });
      const { stream } = { stream: this.#stream };
      stream.whenOver = () => this.#lost(stream);
      this.#stage.book.count("entity links");
    } catch {
      this.#stage.book.count("entity links in vain");
    }
  }

  async leave(): Promise<void> {
    if (this.#stream !== undefined) this.#stream.whenOver = undefined;
    try {
      await this.#stream?.close();
    } catch {
      this.#stream?.drop();
    }
  }

  #lost(stream: XmppStream): void {
    if (this.#stage.excuses(this.jid)) return;
    this.#stage.book.breach(`${this.jid} lost its link: ${stream.received.slice(-500)}`);
  }

  async #suffer(how: "reset" | "drop" | "close" | "freeze"): Promise<void> {
    const stream = this.#stream;
    if (stream !== undefined && how !== "freeze") stream.whenOver = undefined;
    switch (how) {
      case "reset":
        stream?.reset();
        return;
      case "drop":
        stream?.drop();
        return;
      case "close":
        await this.leave();
        return;
      case "freeze":
        stream?.freeze();
        await pause(this.#chance.between(100, 2500));
        stream?.thaw();
        return;
      default:
        how satisfies never;
    }
  }

  #take(received: Received, stream: XmppStream): boolean {
    const { element } = received;
    const { type, from = "", to = this.jid, id = "" } = element.attrs as Record<string, string | undefined>;
    if (!element.is("iq")) return element.is("message") || element.is("presence");
    if (type !== "get" && type !== "set") return true;
    const wrapped = unwrap(received);
    // Only the server's own address speaks for the server; a user may send anything.
    if (wrapped !== undefined && !from.includes("@")) this.#answer(wrapped, stream);
    else {
      // ejabberd sends what is for one component to another, while the one is away (`global_routes`).
      const error =
        "<error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
      stream.send(`<iq type='error' id='${id}' from='${to}' to='${from}'>${error}</iq>`);
    }
    return true;
  }

  #answer(wrapped: NonNullable<ReturnType<typeof unwrap>>, stream: XmppStream): void {
    const { book, options, isOver } = this.#stage;
    const asked = book.sees(this.jid, wrapped);
    if (asked === undefined) return;
    const { mood, sends } = replyFor(this.#chance, wrapped, asked, options.timeoutMs, isOver);
    asked.mood = mood;
    for (const { afterMs, xml } of sends) {
      if (afterMs === 0) stream.send(xml);
      // A reply may come over a link that is not the one that was asked.
      else setTimeout(() => (this.#chance.once(4) ? this.#stream : stream)?.send(xml), afterMs);
    }
  }
}
