import type { Element } from "../../xml/index.js";
import type { Questions } from "./questions.js";

/** The stream over which a managing entity is reached: a component's link, or the session of a user (XEP-0355 §4). */
export interface Carrier {
  readonly kind: "component" | "client";
  /** How the entity is addressed over this stream: the component's domain, or the user's full JID. */
  readonly address: string;
  /** The configured addresses that it leads to: of a user there may be two, bare and full. */
  readonly entities: readonly string[];
  /** `Performer.id` of the connection. */
  readonly connection: string;
  /** Bytes that were sent to the entity and have not left this process yet. */
  readonly queuedBytes: number;
  /** Messages that it has sent through the server so far, e.g. in the name of its users (XEP-0356 §5). */
  readonly relayedMessages: number;
  /** Puts complete stanzas that leave their content namespace unsaid into the stream to the entity. */
  sendToEntity(bytes: Uint8Array): void;
  /** Puts a stanza, an element in any content namespace, into the stream to the entity. */
  deliver(stanza: Element): void;
  /** What is asked of the entity in a domain's name; each question is addressed to `address`. */
  readonly questions: Questions;
  /** What is asked of the server in the entity's name; undefined where the stream ends here. */
  readonly server: Questions | undefined;
  /** A request that the entity owed an answer to is not waited for any more. */
  relieved(): void;
  /** Somebody else claims to be this entity: is this one still there? */
  challenge(): void;
}
