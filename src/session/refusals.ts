import type { Proposal } from "../stream/index.js";
import { refusalOf } from "../stream/index.js";
import { NS } from "../xmpp/index.js";
import type { ClientStreamContext } from "./client-stream-context.js";
import type { LinkFaultCode } from "./faults.js";
import { faultEvent } from "./faults.js";

/** RFC 6120 §6.4.5: no more than five attempts in vain; each of them has the client sent an answer, read or not. */
const MAX_REFUSALS = 5;

/** Answers, on one stream, negotiations that were not offered; the server does not hear of them. */
export class Refusals {
  #count = 0;

  /** Returns `passes` for what is the server's to answer; otherwise it was answered here, or the code says what is wrong. */
  judge(proposal: Proposal, context: ClientStreamContext): "passes" | "answered" | LinkFaultCode {
    const { down, teardown, performer, domain } = context;
    const answer = refusalOf(proposal, domain.settings.channelBinding);
    if (answer === undefined) return "passes";
    if (++this.#count > MAX_REFUSALS) return "too-many-refusals";
    if (proposal.mechanism !== undefined) performer.report(faultEvent("client", "mechanism-not-offered"));
    down.inject(Buffer.from(answer));
    if (proposal.namespace === NS.tls) {
      // RFC 6120 §5.4.2.2: the failure is followed by the end of the stream.
      teardown.sendEnd("client");
      teardown.sendEnd("server");
      teardown.end("protocol_fault");
    }
    return "answered";
  }
}
