import type { MessageFault } from "../../stream/index.js";
import type { XmlFault } from "../../xml/index.js";

/**
 * One end of a link. `server` is always our connection to the XMPP server. The other end is the `client` leg on a c2s
 * link and the `component` leg on a component link.
 */
export type LegName = "client" | "component" | "server";

/** The timers of one link; at most one of each runs. The edge knows how long each is (`timeouts` in `proxy.yaml`). */
export type LinkTimer = "tls" | "header" | "connect" | "authentication" | "drain" | "idle";

/** Why a link ended; a closed set, the `reason` label of `caesura_connections_closed_total`. */
export type CloseReason =
  | "clean"
  | "client_lost"
  | "server_lost"
  | "server_unreachable"
  | "tls_failed"
  | "xml_fault"
  | "protocol_fault"
  | "timeout"
  | "slow_peer"
  | "limit"
  | "shutdown";

/**
 * What a link's machine asks of the edge. The calls of one machine are performed in the order in which they are made.
 * The performer holds no protocol knowledge; the machine touches no socket. Tests give a recorder.
 */
export interface Performer {
  /** Names the connection in logs. */
  readonly id: string;
  /** Queues bytes on a leg. Nobody writes into `bytes` afterwards. On the server leg also before it is connected. */
  send(leg: LegName, bytes: Uint8Array): void;
  /** Half-closes a leg (FIN) behind what is queued; the leg is still read. */
  finish(leg: LegName): void;
  /** Closes a leg behind what is queued: FIN, then gone when the peer closes too or the drain deadline passes. No more bytes of it are reported. */
  close(leg: LegName): void;
  /** Closes a leg at once, dropping what is queued. No more bytes of it are reported. */
  abort(leg: LegName): void;
  /** Opens the server leg for `domain`; `machine.connected()` or `machine.closed("server")` follows. Direct TLS is done before `connected`. */
  connect(domain: string): void;
  /**
   * Turns a leg to TLS behind what is queued: as TLS server on the client leg, as TLS client on the server leg. Bytes
   * of the old transport are never reported any more; `machine.secured(leg)` or `machine.closed(leg)` follows.
   */
  startTls(leg: LegName, domain?: string): void;
  /** Stops and restarts reading a leg. The edge also stops by itself while the opposite leg has no room. */
  pause(leg: LegName): void;
  resume(leg: LegName): void;
  /** Bytes that were sent on a leg and have not left this process yet. */
  queuedBytes(leg: LegName): number;
  setTimer(timer: LinkTimer): void;
  clearTimer(timer: LinkTimer): void;
  /** Something an operator wants to see: a log line and a count. Never called for an untouched stanza. */
  report(event: LinkEvent): void;
}

/** What a machine tells the operator. The edge adds connection id, listener and addresses, logs it and counts it. */
export type LinkEvent =
  | { readonly kind: "secured"; readonly leg: LegName; readonly serverName?: string }
  | { readonly kind: "opened"; readonly domain: string }
  | { readonly kind: "authenticated"; readonly domain: string }
  | { readonly kind: "bound"; readonly domain: string; readonly jid: string }
  /** A peer's breach of protocol; `code` is listed in `docs/errors.md`. `offset` in bytes of that leg's stream. */
  | {
      readonly kind: "fault";
      readonly leg: LegName;
      readonly code: string;
      readonly condition: string;
      readonly source: string;
      readonly offset?: number;
    }
  /** A `<stream:error/>` that passed or was made here. */
  | { readonly kind: "stream-error"; readonly leg: LegName; readonly condition: string; readonly ours: boolean }
  /** The link is over: both legs are closed or closing. The last event. */
  | { readonly kind: "ended"; readonly reason: CloseReason };

/** What the edge tells a link's machine. After `ended` was reported every call is ignored. */
export interface LinkMachine {
  bytes(leg: LegName, chunk: Buffer): void;
  /** The peer half-closed (FIN): no more bytes come. */
  finished(leg: LegName): void;
  /** The leg is gone: reset, closed, refused, handshake failed. The last word on that leg. */
  closed(leg: LegName, reason: LegClosed): void;
  /** The server leg asked for by `connect` is there. */
  connected(): void;
  /** TLS stands on a leg. `serverName` is the SNI that the client sent, if any. */
  secured(leg: LegName, serverName?: string): void;
  /** What the near leg's peer sent cannot be made a stream, e.g. a message with two elements (RFC 7395 §3.3.3). c2s links only. */
  unreadable?(fault: MessageFault | XmlFault): void;
  timerExpired(timer: LinkTimer): void;
  /** What is behind the last fault in the bytes of a leg: the head of that frame, masked (`xml/excerpt.ts`). */
  excerpt?(leg: LegName): string | undefined;
  /** Others depend on whoever is at the near end: a component, or a user who is a managing entity. Such links are drained last. */
  readonly servesOthers: boolean;
  /** Drain: end this link in an orderly way, once what is pending is answered. When `drain` expires it is not waited for any more. */
  shutdown(farewell: Farewell): void;
}

/**
 * What clients are told when the proxy goes: `host`, a domain or an IP address (IPv6 in brackets) with or without a port, to
 * those over TCP; `uri` to those over WebSocket; `system-shutdown` to whom no place is named.
 *
 * Source  RFC 6120 §4.9.3.21, §4.9.3.19; RFC 7395 §3.6.1.
 */
export type Farewell =
  | { readonly condition: "system-shutdown" }
  | { readonly condition: "see-other-host"; readonly host?: string | undefined; readonly uri?: string | undefined };

export type LegClosed = "end" | "reset" | "refused" | "tls_failed" | "slow_peer";
