import type { ManagementNamespace, StreamManagement, Swallowed } from "../../stream/index.js";
import { fingerprintOf, writeRequest } from "../../stream/index.js";
import type { Element } from "../../xml/index.js";
import { NS } from "../../xmpp/index.js";
import type { Alarms } from "../hub/alarms.js";
import type { SessionLink } from "../link/session-link.js";
import type { LinkLimits } from "../domain/settings.js";

/** What an outlet needs of the world. */
export interface OutletEnvironment {
  readonly alarms: Alarms;
  readonly limits: Pick<LinkLimits, "clientQueueBytes">;
  /** Milliseconds of a clock that never runs backwards. */
  now(): number;
}

/**
 * What is put into a session's two streams, and taken out of the client's, as stream management counts it (XEP-0198).
 * Outlives the streams: what cannot be sent now waits for the next one, where there is stream management.
 */
export class Outlet {
  readonly #env: OutletEnvironment;
  /** Undefined while the session is detached, and when it is over. */
  link: SessionLink | undefined;
  #management: StreamManagement | undefined;
  #namespace: ManagementNamespace = NS.sm3;
  /** The timer of `StreamManagement.requestDueMs`. */
  #alarm: number | undefined;

  constructor(env: OutletEnvironment, link: SessionLink | undefined) {
    this.#env = env;
    this.link = link;
  }

  /** The namespace that it was enabled in. */
  get namespace(): ManagementNamespace {
    return this.#namespace;
  }

  get management(): StreamManagement | undefined {
    return this.#management;
  }

  /** The client has enabled stream management. */
  manage(management: StreamManagement, namespace: ManagementNamespace): void {
    this.#management = management;
    this.#namespace = namespace;
  }

  /** The stream was lost. */
  detach(): void {
    this.link = undefined;
    this.#clearAlarm();
  }

  /** Puts a stanza of ours into the client's stream. `discard`: the session cannot be kept any more. */
  toClient(bytes: Uint8Array): "kept" | "discard" {
    const { link } = this;
    // A client that asks on, or is sent to, and does not read is given up before its queue grows for ever.
    if (link !== undefined && link.performer.queuedBytes("client") > this.#env.limits.clientQueueBytes)
      link.owner.overflow();
    const management = this.#management;
    if (management === undefined) {
      this.link?.down.inject(bytes);
      return "kept";
    }
    if (management.injectDown(bytes, this.#env.now()) === "send") this.link?.down.inject(bytes);
    const { pressure } = management;
    if (pressure === "discard") return "discard";
    if (pressure === "drop") this.link?.owner.overflow();
    else this.requestAcks();
    return "kept";
  }

  /** Puts a stanza of ours into the stream to the server (a J entry). */
  toServer(bytes: Uint8Array): void {
    const management = this.#management;
    if (management === undefined || management.injectUp(bytes, this.#env.now()) === "send") this.link?.up.inject(bytes);
    this.requestAcks();
  }

  /** A stanza of the client's was taken (a W entry); `answered` follows if it awaits an answer. */
  swallow(stanza: Element, awaitsAnswer = false): Swallowed | undefined {
    const management = this.#management;
    if (management === undefined || management.state === "off") return undefined;
    return management.swallowed(fingerprintOf(stanza, "up"), awaitsAnswer);
  }

  /** Asks for acknowledgements when they are due (protocol.md S13), and sees to it that this is looked at again. */
  requestAcks(): void {
    const management = this.#management;
    const { link } = this;
    if (management === undefined || link === undefined) return;
    const { toClient, toServer } = management.requestsDue(this.#env.now());
    if (toClient) link.down.inject(writeRequest(this.#namespace));
    if (toServer) link.up.inject(writeRequest(this.#namespace));
    const { requestDueMs } = management;
    if (requestDueMs === undefined) this.#clearAlarm();
    else {
      this.#alarm ??= this.#env.alarms.set(requestDueMs - this.#env.now(), () => {
        this.#alarm = undefined;
        this.requestAcks();
      });
    }
  }

  #clearAlarm(): void {
    if (this.#alarm !== undefined) this.#env.alarms.cancel(this.#alarm);
    this.#alarm = undefined;
  }
}
