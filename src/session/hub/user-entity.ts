import type { Element } from "../../xml/index.js";
import type { Carrier } from "./carrier.js";
import type { BoundSession } from "./bound-session.js";
import { Questions, type AskingEnvironment } from "./questions.js";

/**
 * A user's session that manages namespaces (XEP-0355 §4). It is asked in its stream, or in the one that it is resumed in;
 * what it replies is taken out of its stream.
 */
export class UserEntity implements Carrier {
  readonly kind = "client";
  /** A user has nobody to speak for but itself. */
  readonly relayedMessages = 0;
  readonly session: BoundSession;
  readonly entities: readonly string[];
  readonly questions: Questions;

  constructor(env: AskingEnvironment, session: BoundSession, entities: readonly string[]) {
    this.session = session;
    this.entities = entities;
    this.questions = new Questions(env, { unnamed: this.address, isOneSpeaker: true, send: this.deliver.bind(this) });
  }

  get address(): string {
    return this.session.jid.full();
  }

  get connection(): string {
    return this.session.connection;
  }

  get queuedBytes(): number {
    return this.session.queuedBytes;
  }

  get server(): Questions {
    return this.session.server;
  }

  sendToEntity(bytes: Uint8Array): void {
    this.session.sendToClient(bytes);
  }

  deliver(stanza: Element): void {
    this.session.deliver(stanza);
  }

  relieved(): void {
    this.session.relieved();
  }

  /** Nobody else can claim to be it: the server bound the address to this stream. */
  challenge(): void {}
}
