import { withDeadline } from "./deadline.js";
import { authenticate } from "./login.js";
import type { Scene } from "./scene.js";
import type { XmppStream } from "./xmpp-stream.js";

export const sm = "urn:xmpp:sm:3";
export const managementRequest = `<r xmlns='${sm}'/>`;

/** A client that counts as XEP-0198 wants it: what it received, what it sent and was not acknowledged. */
export class CountingClient {
  readonly stream: XmppStream;
  cid = "";
  received = 0;
  /** Whether it answers the requests of the other end. */
  acknowledges = true;
  acknowledged = 0;
  readonly unacknowledged: string[] = [];
  readonly seen: string[] = [];
  #whenAcknowledged: (() => void) | undefined;

  constructor(stream: XmppStream) {
    this.stream = stream;
    stream.intercept = ({ element }) => {
      const name = element.getName();
      if (name === "r" && this.acknowledges) stream.send(`<a xmlns='${sm}' h='${String(this.received)}'/>`);
      if (name === "a") this.acknowledge(Number(element.attrs["h"]));
      if (name === "message" || name === "iq" || name === "presence") {
        this.received++;
        const { id } = element.attrs as Record<string, string | undefined>;
        if (id !== undefined) this.seen.push(id);
      }
      return name === "r" || name === "a";
    };
  }

  async enable(): Promise<void> {
    this.received = 0;
    this.stream.send(`<enable xmlns='${sm}' resume='true'/>`);
    const { element } = await this.stream.take((one) => one.getName() === "enabled", "enabled");
    this.received = 0;
    this.cid = String(element.attrs["id"]);
  }

  send(stanza: string): void {
    this.unacknowledged.push(stanza);
    this.stream.send(stanza);
  }

  acknowledge(h: number): void {
    const count = h - this.acknowledged;
    if (count < 0 || count > this.unacknowledged.length) throw new Error(`the server acknowledges ${String(h)}`);
    this.unacknowledged.splice(0, count);
    this.acknowledged = h;
    this.#whenAcknowledged?.();
  }

  /** Asks the server what it has handled, and waits until it says that it is everything. */
  async synchronise(): Promise<void> {
    const answered = new Promise<void>((resolve) => {
      this.#whenAcknowledged = () => {
        if (this.unacknowledged.length === 0) resolve();
      };
    });
    this.stream.send(managementRequest);
    await withDeadline(answered, 8000, () => `never acknowledged: ${this.unacknowledged.join(" ")}`);
  }

  async settle(): Promise<void> {
    const id = `settle-${String(++settled)}`;
    this.unacknowledged.push("");
    await this.stream.ask(`<iq type='get' id='${id}' to='capulet.lit'><ping xmlns='urn:xmpp:ping'/></iq>`);
  }

  /** Loses the connection and resumes it on a new one, from which it then sends again what was not acknowledged. */
  async resume(scene: ResumingScene, user: string): Promise<CountingClient> {
    this.stream.drop();
    const next = new CountingClient(
      scene.owning(await authenticate({ port: scene.caesura.ports.clear, user, ca: scene.caesura.ca() })),
    );
    next.stream.jid = this.stream.jid;
    next.cid = this.cid;
    next.received = this.received;
    next.acknowledges = this.acknowledges;
    next.stream.send(`<resume xmlns='${sm}' previd='${this.cid}' h='${String(this.received)}'/>`);
    const { element, raw } = await next.stream.take((one) => /^(resumed|failed)$/.test(one.getName()), "resumed");
    if (element.getName() !== "resumed") throw new Error(`not resumed: ${raw}`);
    this.acknowledge(Number(element.attrs["h"]));
    next.acknowledged = this.acknowledged;
    for (const stanza of this.unacknowledged) if (stanza !== "") next.send(stanza);
    return next;
  }
}

/** Where a client comes back. */
export interface ResumingScene {
  readonly caesura: { readonly ports: { readonly clear: number }; ca(): string };
  owning(stream: XmppStream): XmppStream;
}

let settled = 0;

export async function counting(scene: Scene, user: string): Promise<CountingClient> {
  const client = new CountingClient(await scene.login(user));
  await client.enable();
  return client;
}
