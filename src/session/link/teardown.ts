import { OWN_ROOT_NAME, writeStreamEnd } from "../../stream/index.js";
import type { StreamErrorCondition } from "../../xmpp/index.js";
import { streamErrorBytes } from "./stream-error.js";
import type { CloseReason, LegClosed, LegName, Performer } from "./performer.js";

type LegState = "absent" | "open" | "finished" | "closed";

interface LegRecord {
  state: LegState;
  /** Name of the root element in the header that was last sent on this leg, while that stream is open. */
  openRootName: string | undefined;
  /** The end of the stream was sent on this leg. */
  endSent: boolean;
}

interface ErrorParts {
  readonly header?: Buffer | undefined;
  readonly detail?: string | undefined;
  readonly text?: string | undefined;
}

/**
 * How a link ends: which leg is still there, which stream is still open, and what each leg must hear last.
 *
 * A peer's breach gets its stream error (RFC 6120 §4.9.1). The server hears `</stream:stream>` when its client's stream
 * is over for good, and nothing when the client is merely lost, so that it may keep the session (protocol.md R13).
 * A leg that half-closes passes its FIN on; the link is over when both have.
 */
export class Teardown {
  readonly #performer: Performer;
  readonly #near: "client" | "component";
  readonly #legs: Record<"near" | "server", LegRecord> = {
    near: { state: "open", openRootName: undefined, endSent: false },
    server: { state: "absent", openRootName: undefined, endSent: false },
  };
  /** Called once, before the legs close: whoever waits for this link is told, and whether its session may go on. */
  readonly #beforeEnd: (mayResume: boolean) => void;
  #isEnding = false;
  #ended = false;

  constructor(performer: Performer, near: "client" | "component", beforeEnd: (mayResume: boolean) => void) {
    this.#performer = performer;
    this.#near = near;
    this.#beforeEnd = beforeEnd;
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** The server leg was asked for. */
  connecting(): void {
    this.#leg("server").state = "open";
  }

  /** A stream header went out on a leg. */
  headerSent(leg: LegName, rootName: string): void {
    this.#leg(leg).openRootName = rootName;
  }

  /** A stream was dropped with its transport: the next one on this leg needs a header of its own (STARTTLS). */
  streamForgotten(leg: LegName): void {
    this.#leg(leg).openRootName = undefined;
  }

  isStreamOpen(leg: LegName): boolean {
    const record = this.#leg(leg);
    return record.openRootName !== undefined && !record.endSent;
  }

  /** The end of the stream went out on a leg. */
  endSent(leg: LegName): void {
    this.#leg(leg).endSent = true;
    this.#performer.setTimer("drain");
  }

  /** Both streams were closed in order, or the one that there was. */
  get isClean(): boolean {
    return this.#legs.near.endSent || this.#legs.server.endSent;
  }

  /**
   * Ends the link with a stream error on `leg`; the opposite stream is closed in order.
   *
   * `header`: what opens a stream on `leg` if none is open yet (RFC 6120 §4.9.1.2); `detail`: an application-specific
   * condition (§4.9.4).
   */
  fail(
    leg: LegName,
    condition: StreamErrorCondition,
    reason: CloseReason,
    { header, detail }: { readonly header?: Buffer | undefined; readonly detail?: string | undefined } = {},
  ): void {
    if (!this.#begins(false)) return;
    this.#sendError(leg, condition, { header, detail });
    const opposite = leg === "server" ? this.#near : "server";
    if (opposite === "server") this.sendEnd("server");
    else this.#sendError(opposite, "internal-server-error");
    this.#close(reason);
  }

  /**
   * Ends the link with a stream error towards the near leg and silence towards the server, which keeps the session. So do
   * we: if the proxy is going, for the process after it (`handover.ts`). `text`: what the condition contains.
   */
  leave(
    condition: StreamErrorCondition,
    reason: CloseReason,
    { header, text }: { readonly header?: Buffer; readonly text?: string } = {},
  ): void {
    if (!this.#begins(true)) return;
    this.#sendError(this.#near, condition, { header, text });
    this.#close(reason);
  }

  /** As `leave` when the proxy goes, of a transport that has an element of its own for that instead of an error. */
  move(element: Buffer, header: Buffer): void {
    if (!this.#begins(true)) return;
    if (this.#isOpened(this.#near, header)) {
      this.#performer.send(this.#near, element);
      this.sendEnd(this.#near);
    }
    this.#close("shutdown");
  }

  /** Closes both legs behind what is queued, without a word. */
  end(reason: CloseReason): void {
    if (this.#begins(!this.isClean)) this.#close(reason);
  }

  /** False: the link is ending, and whoever was told of that wants it to end as well. */
  #begins(mayResume: boolean): boolean {
    if (this.#isEnding) return false;
    this.#isEnding = true;
    this.#beforeEnd(mayResume);
    return true;
  }

  #close(reason: CloseReason): void {
    this.#ended = true;
    this.#performer.clearTimer("drain");
    for (const name of [this.#near, "server"] as const) {
      const leg = this.#leg(name);
      if (leg.state === "open" || leg.state === "finished") this.#performer.close(name);
      leg.state = "closed";
    }
    this.#performer.report({ kind: "ended", reason });
  }

  /** The peer of `leg` sent FIN. The opposite leg is half-closed behind what is queued; true: the link is over. */
  finished(leg: LegName): void {
    if (this.#ended) return;
    this.#leg(leg).state = "finished";
    const opposite = leg === "server" ? this.#near : "server";
    const other = this.#leg(opposite);
    if (other.state === "absent" || other.state === "closed" || other.state === "finished") {
      this.end(this.#reasonOf(other.state === "finished" ? opposite : leg));
      return;
    }
    this.#performer.setTimer("drain");
    this.#performer.finish(opposite);
  }

  /** The socket of `leg` is gone. */
  closed(leg: LegName, cause: LegClosed): void {
    if (this.#ended) return;
    this.#leg(leg).state = "closed";
    if (cause === "slow_peer" || cause === "tls_failed") this.end(cause);
    else this.end(this.#reasonOf(leg));
  }

  sendEnd(leg: LegName): void {
    const record = this.#leg(leg);
    if (!this.isStreamOpen(leg) || record.state === "closed") return;
    record.endSent = true;
    this.#performer.send(leg, writeStreamEnd(record.openRootName ?? OWN_ROOT_NAME));
  }

  #reasonOf(leg: LegName): CloseReason {
    if (this.isClean) return "clean";
    return leg === "server" ? "server_lost" : "client_lost";
  }

  #sendError(leg: LegName, condition: StreamErrorCondition, { header, detail = "", text = "" }: ErrorParts = {}): void {
    if (!this.#isOpened(leg, header)) return;
    const record = this.#leg(leg);
    record.endSent = true;
    this.#performer.send(leg, streamErrorBytes(condition, record.openRootName ?? OWN_ROOT_NAME, { detail, text }));
    this.#performer.report({ kind: "stream-error", leg, condition, ours: true });
  }

  /** Whether last words can be sent on a leg; `header` opens a stream there, if none is open. */
  #isOpened(leg: LegName, header: Buffer | undefined): boolean {
    const record = this.#leg(leg);
    if (record.endSent || record.state === "closed" || record.state === "absent") return false;
    if (record.openRootName === undefined) {
      if (header === undefined) return false;
      this.#performer.send(leg, header);
      record.openRootName = OWN_ROOT_NAME;
    }
    return true;
  }

  #leg(leg: LegName): LegRecord {
    return leg === "server" ? this.#legs.server : this.#legs.near;
  }
}
