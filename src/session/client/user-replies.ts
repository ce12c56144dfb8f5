import { parseElement, readHead } from "../../xml/index.js";
import type { BoundSession } from "../hub/bound-session.js";
import type { Carrier } from "../hub/carrier.js";
import type { Hub } from "../hub/hub.js";
import type { Pump } from "../link/pump.js";

/** True: the iq answers what the user who manages was asked, and is nobody else's business. */
export function takesReply(
  hub: Hub,
  session: BoundSession,
  entity: Carrier,
  up: Pump,
  { bytes, start, end }: { readonly bytes: Buffer; readonly start: number; readonly end: number },
): boolean {
  const { scope } = up.framer;
  const { attributes } = readHead(bytes, start, end, scope);
  const type = attributes.get("type");
  if (type !== "result" && type !== "error") return false;
  const answer = entity.questions.take(bytes, start, end, scope);
  if (answer !== undefined) {
    session.swallow(answer);
    return true;
  }
  if (!hub.delegations.isReply(entity, attributes.get("id") ?? "")) return false;
  const reply = parseElement(bytes, start, end, scope);
  session.swallow(reply);
  // RFC 6120 §8.1.2.1: what the client says of itself does not count; its stream says who it is.
  reply.attrs["from"] = session.jid.full();
  const isTaken = hub.delegations.reply(entity, reply);
  session.relieved();
  return isTaken;
}
