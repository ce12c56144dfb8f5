import type { AddressInfo } from "node:net";
import type { RelayMetrics } from "../relay/index.js";
import { isLoopback } from "../config/index.js";
import { hostAndPort } from "../xmpp/index.js";
import { InheritedSockets } from "./inherited-sockets.js";
import { ListenError } from "./listen-error.js";
import { linkKindOf, Listener } from "./listener.js";
import type { ListenerParts, ListenerSettings } from "./listener-settings.js";

export interface ListeningAddress {
  readonly kind: ListenerSettings["kind"];
  readonly tls: ListenerSettings["tls"];
  readonly host: string;
  readonly port: number;
}

interface Entry {
  settings: ListenerSettings;
  /** One, or one for each socket of a name. */
  readonly listeners: readonly Listener[];
}

/** The open ports of the proxy, kept equal to the configuration. */
export class Listeners {
  readonly #parts: ListenerParts;
  readonly #metrics: RelayMetrics;
  readonly #sockets: InheritedSockets;
  #open = new Map<string, Entry>();

  constructor(parts: ListenerParts, metrics: RelayMetrics, sockets = InheritedSockets.none()) {
    this.#parts = parts;
    this.#metrics = metrics;
    this.#sockets = sockets;
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
    for (const [key, { listeners }] of this.#open) {
      const settings = wanted.get(key);
      if (settings !== undefined) checkClear(settings, listeners);
    }
    // A port that moves to another address is free only when the old one has let it go.
    const moving = gone.filter(([, { settings }]) =>
      added.some(([, { port }]) => port !== undefined && port === settings.port && port !== 0),
    );
    for (const [, entry] of moving) closeEntry(entry);
    const opened: [string, Entry][] = [];
    try {
      for (const [key, settings] of addressesFirst(added)) opened.push([key, await this.#openOne(settings)]);
    } catch (error) {
      for (const [, entry] of opened) closeEntry(entry);
      for (const [key, { settings }] of moving) this.#open.set(key, await this.#openOne(settings));
      throw error;
    }
    for (const [key, entry] of gone) {
      if (!moving.some(([other]) => other === key)) closeEntry(entry);
      this.#open.delete(key);
    }
    for (const [key, entry] of this.#open) {
      const settings = wanted.get(key);
      if (settings === undefined) continue;
      entry.settings = settings;
      const counters = this.#metrics.listener(linkKindOf(settings.kind), listenerName(settings));
      for (const listener of entry.listeners) listener.replace(settings, counters);
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
    return [...this.#open.values()].flatMap(({ settings, listeners }) =>
      listeners.flatMap((listener) => {
        const address: AddressInfo | undefined = listener.address;
        if (address === undefined) return [];
        return [{ kind: settings.kind, tls: settings.tls, host: address.address, port: address.port }];
      }),
    );
  }

  /** No more connections; those that are there stay. */
  close(): void {
    for (const entry of this.#open.values()) closeEntry(entry);
    this.#open.clear();
  }

  async #openOne(settings: ListenerSettings): Promise<Entry> {
    const counters = this.#metrics.listener(linkKindOf(settings.kind), listenerName(settings));
    const { socket } = settings;
    if (socket === undefined) {
      const listener = new Listener(this.#parts, settings, counters);
      await listener.open(settings.host, settings.port);
      return { settings, listeners: [listener] };
    }
    const listeners: Listener[] = [];
    try {
      for (const descriptor of this.#sockets.take(socket)) {
        const listener = new Listener(this.#parts, settings, counters);
        await listener.take(socket, descriptor);
        listeners.push(listener);
      }
      checkClear(settings, listeners);
    } catch (error) {
      closeEntry({ listeners });
      throw error;
    }
    return { settings, listeners };
  }
}

/** The `listener` label, e.g. `c2s:127.0.0.1:5222`, or `c2s:c2s-starttls` for a socket of that name. */
export function listenerName({ kind, host, port, socket }: ListenerSettings): string {
  if (socket !== undefined) return `${kind}:${socket}`;
  return `${kind}:${hostAndPort(host, port)}`;
}

/** Port 0 means another port each time, so such listeners are told apart by their place. */
function addressKey({ host, port, socket }: ListenerSettings, index: number): string {
  if (socket !== undefined) return `socket ${socket}`;
  return port === 0 ? `${host} 0 ${index}` : `${host} ${port}`;
}

/** An address that fails can be tried again after the next reload; a socket that is closed cannot. */
function addressesFirst(
  added: readonly (readonly [string, ListenerSettings])[],
): readonly (readonly [string, ListenerSettings])[] {
  return [
    ...added.filter(([, { socket }]) => socket === undefined),
    ...added.filter(([, { socket }]) => socket !== undefined),
  ];
}

/**
 * Clients are served in clear on the loopback only. Of an address the configuration says so; where a socket listens is known
 * here first.
 *
 * Errors  throws `ListenError`.
 */
function checkClear({ kind, tls, socket }: ListenerSettings, listeners: readonly Listener[]): void {
  if (socket === undefined || kind === "component" || tls !== "none") return;
  const exposed = listeners.find(({ address }) => address !== undefined && !isLoopback(address.address));
  if (exposed !== undefined)
    throw ListenError.ofSocket(socket, "other machines reach it, and clients are served without TLS on loopback only");
}

function closeEntry({ listeners }: Pick<Entry, "listeners">): void {
  for (const listener of listeners) listener.close();
}
