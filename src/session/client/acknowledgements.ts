import type { AckOutcome, ManagementNamespace } from "../../stream/index.js";
import { writeAck } from "../../stream/index.js";
import type { ManagedStream } from "./managed-stream.js";

/**
 * Does what stream management says of an `<a/>` that came from one side. True: it goes on as it came.
 *
 * Source  XEP-0198 §4, §6; protocol.md §3.3, S12, S14.
 */
export function acknowledges(
  stream: ManagedStream,
  namespace: ManagementNamespace,
  from: "client" | "server",
  outcome: AckOutcome,
): boolean {
  const { up, down, session } = stream;
  switch (outcome.kind) {
    case "relay":
      if (!outcome.isSame) (from === "client" ? up : down).inject(writeAck(namespace, outcome.h));
      session?.requestAcks();
      return outcome.isSame;
    case "pass":
      return true;
    case "drop":
    case "ignore":
      session?.requestAcks();
      return false;
    case "malformed":
      stream.breach(from, "ack-malformed");
      return false;
    case "too-high": {
      // XEP-0198 §6; the server's session ends in order, so that it stores what is undelivered (protocol.md 3.6).
      const detail = `<handled-count-too-high xmlns='${namespace}' h='${outcome.h}' send-count='${outcome.sendCount}'/>`;
      stream.breach(from, "ack-too-high", detail);
      return false;
    }
    default:
      return outcome satisfies never;
  }
}
