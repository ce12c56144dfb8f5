import { Element } from "../../xml/index.js";
import { NS } from "../../xmpp/index.js";
import type { Alarms } from "../hub/alarms.js";
import type { Teardown } from "../link/teardown.js";

/** How long a component has to answer, when another one with its name and its secret is at the door. */
const ANSWER_MS = 10_000;

/** The component that is asked whether it is there. */
export interface ProbedComponent {
  readonly address: string;
  deliver(stanza: Element): void;
}

/**
 * Finds out whether a component whose link ends here is still there. A host that lost its power says nothing, and TCP takes
 * a quarter of an hour to notice; until then its successor would be refused with `conflict` (protocol.md D83).
 *
 * Source  XEP-0199 §4.3: any answer to a ping is a sign of life, an error too.
 */
export class Liveness {
  readonly #env: { readonly alarms: Alarms; newId(): string };
  readonly #component: ProbedComponent;
  readonly #domain: string;
  readonly #teardown: Teardown;
  #alarm: number | undefined;

  constructor(
    env: { readonly alarms: Alarms; newId(): string },
    component: ProbedComponent,
    domain: string,
    teardown: Teardown,
  ) {
    this.#env = env;
    this.#component = component;
    this.#domain = domain;
    this.#teardown = teardown;
  }

  probe(): void {
    if (this.#alarm !== undefined) return;
    const ping = new Element("iq", {
      type: "get",
      from: this.#domain,
      to: this.#component.address,
      id: this.#env.newId(),
    });
    ping.c("ping", { xmlns: NS.ping });
    this.#component.deliver(ping);
    this.#alarm = this.#env.alarms.set(ANSWER_MS, () => {
      this.#alarm = undefined;
      this.#teardown.end("timeout");
    });
  }

  /** Bytes came, or the link is over. */
  settled(): void {
    if (this.#alarm !== undefined) this.#env.alarms.cancel(this.#alarm);
    this.#alarm = undefined;
  }
}
