import type { Element } from "ltx";
import type { ManagingEntity } from "../../support/managing-entity.js";
import { passwords } from "../../support/login.js";
import type { PersonOptions } from "../../support/person.js";
import { Relay } from "../../support/relay.js";
import { entityJid, Scene, verseNs } from "../../support/scene.js";
import type { XmppStream } from "../../support/xmpp-stream.js";
import type { Transport } from "./matrix.js";

export const conference = "stage.capulet.lit";
export const room = `verona@${conference}`;

/** Caesura in front of a server, Romeo online, a managing entity, and Juliet's and Romeo's accounts subscribed to each other. */
export class Stage {
  readonly scene: Scene;
  #entity: ManagingEntity | undefined;
  #romeo: XmppStream | undefined;
  #relays: Relay[] = [];

  private constructor(scene: Scene) {
    this.scene = scene;
  }

  /** In front of Prosody, with the namespaces delegated that some client asks for. */
  static async withProsody(namespaces: readonly string[] = [verseNs]): Promise<Stage> {
    const delegations = Object.fromEntries(namespaces.map((namespace) => [namespace, { jid: entityJid }]));
    return Stage.in(await Scene.withProsody({ delegations }, { conference }));
  }

  static async in(scene: Scene): Promise<Stage> {
    const stage = new Stage(scene);
    try {
      await stage.#subscribe();
      stage.#romeo = await scene.login("romeo", { resource: "orchard" });
      stage.#romeo.send("<presence/>");
      stage.#entity = await scene.entity();
    } catch (error) {
      await stage.close();
      throw error;
    }
    return stage;
  }

  get entity(): ManagingEntity {
    if (this.#entity === undefined) throw new Error("the stage is not set");
    return this.#entity;
  }

  get romeo(): XmppStream {
    if (this.#romeo === undefined) throw new Error("the stage is not set");
    return this.#romeo;
  }

  get caFile(): string {
    return this.scene.caesura.certificates.get("capulet.lit")?.certFile ?? "";
  }

  /** A wire to Caesura that can be cut. */
  async relay(transport: Transport): Promise<Relay> {
    const { direct, starttls } = this.scene.caesura.ports;
    const relay = await Relay.to(transport === "direct TLS" ? direct : starttls);
    this.#relays.push(relay);
    return relay;
  }

  /** What a client of Juliet's is started with. */
  juliet(relay: Relay, transport: Transport): PersonOptions {
    return {
      port: relay.port,
      direct: transport === "direct TLS",
      jid: "juliet@capulet.lit",
      password: passwords["juliet"] ?? "",
      caFile: this.caFile,
    };
  }

  /** Romeo hears a message with this body; from whom, and the message. */
  async romeoHears(body: string): Promise<Element> {
    const { element } = await this.romeo.take((one) => one.getChildText("body")?.trim() === body, body, 8_000);
    return element;
  }

  romeoSays(to: string, body: string, type = "chat"): void {
    this.romeo.send(`<message to='${to}' type='${type}'><body>${body}</body></message>`);
  }

  /** Romeo enters the room, which is there from then on until he leaves (XEP-0045 §10.1.2). */
  async romeoEnters(): Promise<void> {
    this.romeo.send(`<presence to='${room}/romeo'><x xmlns='http://jabber.org/protocol/muc'/></presence>`);
    await this.romeo.take((one) => one.attrs["from"] === `${room}/romeo`, "Romeo's own presence");
    const form = "<x xmlns='jabber:x:data' type='submit'/>";
    await this.romeo.ask(
      `<iq type='set' id='room' to='${room}'><query xmlns='http://jabber.org/protocol/muc#owner'>${form}</query></iq>`,
    );
  }

  async romeoLeaves(): Promise<void> {
    this.romeo.send(`<presence to='${room}/romeo' type='unavailable'/>`);
    await this.romeo.take(
      (one) => one.attrs["from"] === `${room}/romeo` && one.attrs["type"] === "unavailable",
      "Romeo's departure",
    );
  }

  /** Romeo sees a presence of Juliet's account with this `<show/>`, from any resource. */
  async romeoSees(show: string): Promise<void> {
    const isIt = (one: Element): boolean =>
      one.getName() === "presence" &&
      String(one.attrs["from"]).startsWith("juliet@capulet.lit/") &&
      one.getChildText("show") === show;
    await this.romeo.take(isIt, `presence with ${show}`, 8_000);
  }

  async close(): Promise<void> {
    for (const relay of this.#relays) await relay.stop();
    await this.scene.stop();
  }

  /** As two people do who let each other see when they are there (RFC 6121 §3.1). */
  async #subscribe(): Promise<void> {
    const [juliet, romeo] = [await this.scene.login("juliet"), await this.scene.login("romeo")];
    for (const [one, other] of [
      [juliet, romeo],
      [romeo, juliet],
    ] as const) {
      const to = (stream: XmppStream): string => stream.jid.split("/")[0] ?? "";
      other.send("<presence/>");
      one.send(`<presence type='subscribe' to='${to(other)}'/>`);
      await other.take((element) => element.attrs["type"] === "subscribe", "the request");
      other.send(`<presence type='subscribed' to='${to(one)}'/>`);
      await other.settle();
      await one.settle();
    }
    await this.scene.clear();
  }
}
