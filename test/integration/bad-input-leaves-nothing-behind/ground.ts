import { readdirSync, readlinkSync } from "node:fs";
import { expect } from "vitest";
import { withDeadline } from "../../support/deadline.js";
import { startEjabberd } from "../../support/ejabberd.js";
import { Scene, entityJid, secret, verseNs } from "../../support/scene.js";
import { conditionOf, type XmppStream } from "../../support/xmpp-stream.js";

export const sm = "urn:xmpp:sm:3";
export const enable = `<enable xmlns='${sm}' resume='true'/>`;

export const servers = {
  Prosody: () => Scene.withProsody(),
  ejabberd: async () => {
    const ejabberd = await startEjabberd({ components: { [entityJid]: secret } });
    return Scene.before(ejabberd, {
      behind: { c2sPort: ejabberd.c2sPort, componentPort: ejabberd.componentPort },
      delegations: { [verseNs]: { jid: entityJid } },
    });
  },
} as const;

/** What Caesura holds besides what belongs to nobody in particular: gauges, and sockets as the kernel knows them. */
const gauges = [
  "caesura_connections",
  "caesura_sessions",
  "caesura_resumable_sessions",
  "caesura_delegations_pending",
  "caesura_buffered_bytes",
] as const;

export class Ground {
  readonly #scene: Scene;
  readonly #gauges: ReadonlyMap<string, number>;
  readonly #sockets: number;

  private constructor(scene: Scene, levels: ReadonlyMap<string, number>, sockets: number) {
    this.#scene = scene;
    this.#gauges = levels;
    this.#sockets = sockets;
  }

  /** How things are now, to which they are to return. */
  static async of(scene: Scene): Promise<Ground> {
    const levels = new Map<string, number>();
    for (const name of gauges) levels.set(name, await scene.caesura.metric(name));
    return new Ground(scene, levels, sockets(scene));
  }

  /** Waits until nothing is left of what happened since. */
  async isRegained(): Promise<void> {
    const { caesura } = this.#scene;
    for (const [name, level] of this.#gauges) await caesura.untilMetric(name, {}, (value) => value === level);
    // A scrape is a connection of its own, which the client of the test may keep for the next one.
    const few = (async (): Promise<void> => {
      while (sockets(this.#scene) > this.#sockets + 1) await caesura.metric("caesura_ready");
    })();
    await withDeadline(few, 10_000, () => `${String(sockets(this.#scene))} sockets, were ${String(this.#sockets)}`);
  }
}

function sockets(scene: Scene): number {
  const folder = `/proc/${String(scene.caesura.peer.pid)}/fd`;
  const targets = readdirSync(folder).map((descriptor) => {
    try {
      return readlinkSync(`${folder}/${descriptor}`);
    } catch {
      // Closed in the meantime.
      return "";
    }
  });
  return targets.filter((target) => target.startsWith("socket:")).length;
}

/** The server has let go of an address: it has nobody there any more (RFC 6121 §8.5.3.2.3). */
export async function isGone(observer: XmppStream, jid: string): Promise<void> {
  const id = `gone-${String(++asked)}`;
  const { element } = await observer.ask(`<iq type='get' id='${id}' to='${jid}'><ping xmlns='urn:xmpp:ping'/></iq>`);
  expect(conditionOf(element)).toBe("service-unavailable");
}

let asked = 0;
