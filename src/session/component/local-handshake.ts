import { isHandshakeValid, OWN_ROOT_NAME, writeStreamHeader } from "../../stream/index.js";
import { NS } from "../../xmpp/index.js";
import type { Performer } from "../link/performer.js";
import type { Teardown } from "../link/teardown.js";

/**
 * The handshake of a component whose link ends here: our stream header, whose id the component's digest is made of.
 *
 * Source  XEP-0114 §3.
 */
export class LocalHandshake {
  readonly #streamId: string;
  readonly #secret: string | undefined;

  constructor(
    link: { readonly performer: Performer; readonly teardown: Teardown },
    stream: { readonly component: string; readonly id: string; readonly secret: string | undefined },
  ) {
    this.#streamId = stream.id;
    this.#secret = stream.secret;
    const { component: from, id } = stream;
    link.performer.send("component", writeStreamHeader({ contentNamespace: NS.component, from, id, version: false }));
    link.teardown.headerSent("component", OWN_ROOT_NAME);
  }

  isValid(digest: string): boolean {
    return this.#secret !== undefined && isHandshakeValid(digest, this.#streamId, this.#secret);
  }
}
