import type { AddressInfo } from "node:net";
import type { RelayMetrics } from "../relay/index.js";
import { Listener, type ListenerParts, type ListenerSettings } from "./listener.js";

export interface ListeningAddress {
  readonly kind: "c2s" | "component";
  readonly tls: "starttls" | "direct" | "none";
  readonly host: string;
  readonly port: number;
}

interface Entry {
  settings: ListenerSettings;
  readonly listener: Listener;
}

/** The open ports of the proxy, kept equal to the configuration. */
export class Listeners {
  readonly #parts: ListenerParts;
  readonly #metrics: RelayMetrics;
  #open = new Map<string, Entry>();

  constructor(parts: ListenerParts, metrics: RelayMetrics) {
    this.#parts = parts;
    this.#metrics = metrics;
  }

  /**
   * Opens what is new, changes what is served differently, closes what is gone. No connection is touched.
   *
   * Errors  rejects with `ListenError` when a port cannot be opened; then everything is served as before.
   */
  async configure(all: readonly ListenerSettings[]): Promise<void> {
    const wanted = new Map(all.map((settings, index) => [addressKey(settings, index), settings]));
    const gone = [...this.#open].filter(([key]) => !wanted.has(key));
    const added = [...wanted].filter(([key]) => !this.#open.has(key));
    // A port that moves to another address is free only when the old one has let it go.
    const moving = gone.filter(([, { settings }]) =>
      added.some(([, { port }]) => port === settings.port && port !== 0),
    );
    for (const [, { listener }] of moving) listener.close();
    const opened: [string, Entry][] = [];
    try {
      for (const [key, settings] of added) opened.push([key, await this.#openOne(settings)]);
    } catch (error) {
      for (const [, { listener }] of opened) listener.close();
      for (const [key, { settings }] of moving) this.#open.set(key, await this.#openOne(settings));
      throw error;
    }
    for (const [key, entry] of gone) {
      if (!moving.some(([other]) => other === key)) entry.listener.close();
      this.#open.delete(key);
    }
    for (const [key, entry] of this.#open) {
      const settings = wanted.get(key);
      if (settings === undefined) continue;
      entry.settings = settings;
      entry.listener.replace(settings, this.#metrics.listener(settings.kind, listenerName(settings)));
    }
    for (const [key, entry] of opened) this.#open.set(key, entry);
    // In the order of the configuration, for whoever lists the addresses.
    this.#open = new Map(
      [...wanted.keys()].flatMap((key) => {
        const entry = this.#open.get(key);
        return entry === undefined ? [] : [[key, entry] as const];
      }),
    );
    this.#metrics.retainListeners(new Set(all.map(listenerName)));
  }

  /** Where connections are accepted, in the order of the configuration. */
  get addresses(): readonly ListeningAddress[] {
    return [...this.#open.values()].flatMap(({ settings, listener }) => {
      const address: AddressInfo | undefined = listener.address;
      if (address === undefined) return [];
      return [{ kind: settings.kind, tls: settings.tls, host: address.address, port: address.port }];
    });
  }

  /** No more connections; those that are there stay. */
  close(): void {
    for (const { listener } of this.#open.values()) listener.close();
    this.#open.clear();
  }

  async #openOne(settings: ListenerSettings): Promise<Entry> {
    const counters = this.#metrics.listener(settings.kind, listenerName(settings));
    const listener = new Listener(this.#parts, settings, counters);
    await listener.open(settings.host, settings.port);
    return { settings, listener };
  }
}

/** The `listener` label, e.g. `c2s:127.0.0.1:5222`. */
export function listenerName({ kind, host, port }: ListenerSettings): string {
  return `${kind}:${host.includes(":") ? `[${host}]` : host}:${port}`;
}

/** Port 0 means another port each time, so such listeners are told apart by their place. */
function addressKey({ host, port }: ListenerSettings, index: number): string {
  return port === 0 ? `${host} 0 ${index}` : `${host} ${port}`;
}
