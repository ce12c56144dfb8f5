import type { Proposal } from "../../stream/index.js";
import { refusalOf } from "../../stream/index.js";
import { NS } from "../../xmpp/index.js";
import type { ClientStreamContext } from "./client-stream-context.js";
import type { LinkFaultCode } from "../link/faults.js";
import { faultEvent } from "../link/faults.js";

/** RFC 6120 §6.4.5: no more than five attempts in vain; each of them has the client sent an answer, read or not. */
const MAX_REFUSALS = 5;

/**
 * Answers, on one stream, negotiations that were not offered; the server does not hear of them.
 *
 * A client may send before it has read anything (XEP-0305). Its stream begins with the server's header all the same, so
 * what it is answered until then waits; behind the end of the stream nothing is answered.
 */
export class Refusals {
  readonly #context: ClientStreamContext;
  #count = 0;
  #waiting: Uint8Array[] | undefined;

  constructor(context: ClientStreamContext) {
    this.#context = context;
  }

  /** Returns `passes` for what is the server's to answer; otherwise it was answered here, or the code says what is wrong. */
  judge(proposal: Proposal): "passes" | "answered" | LinkFaultCode {
    const { teardown, performer, domain } = this.#context;
    const answer = refusalOf(proposal, domain.settings.channelBinding);
    if (answer === undefined) return "passes";
    if (++this.#count > MAX_REFUSALS) return "too-many-refusals";
    if (proposal.mechanism !== undefined) performer.report(faultEvent("client", "mechanism-not-offered"));
    this.send(Buffer.from(answer));
    if (proposal.namespace === NS.tls) {
      // RFC 6120 §5.4.2.2: the failure is followed by the end of the stream.
      teardown.sendEnd("client");
      teardown.sendEnd("server");
      teardown.end("protocol_fault");
    }
    return "answered";
  }

  /** Sends an element of ours to the client as soon as its stream is open. */
  send(bytes: Uint8Array): void {
    const { down, teardown, performer } = this.#context;
    if (teardown.isStreamOpen("client")) {
      down.inject(bytes);
      return;
    }
    if (teardown.isClean || teardown.hasEnded) return;
    if (this.#waiting?.length === MAX_REFUSALS) {
      performer.report(faultEvent("client", "too-many-refusals"));
      teardown.end("protocol_fault");
    } else (this.#waiting ??= []).push(bytes);
  }

  /** No framer is at work: the header, if it has come, has left. */
  afterBytes(): void {
    if (this.#waiting === undefined || !this.#context.teardown.isStreamOpen("client")) return;
    for (const bytes of this.#waiting) this.#context.down.inject(bytes);
    this.#waiting = undefined;
  }
}
