import { accessSync, constants } from "node:fs";
import { dirname, resolve } from "node:path";
import { z } from "zod";
import type { Config, LimitsConfig } from "./config.js";
import type { ConfigDocument } from "./document.js";
import { asRecord, proved } from "./shape.js";
import { about, count, duration, file, size } from "./values.js";

export const streamManagementSchema = z.strictObject({
  ackDelegated: about(z.enum(["accept", "reply"]).default("accept"), {
    about:
      "When a delegated request is acknowledged to the client: `accept` as soon as it was taken, `reply` only when its answer was queued, so that a slow managing entity holds back the acknowledgement of later stanzas too.",
    example: "reply",
  }),
  requestAfter: count(1, 50, 5, {
    about: "Unacknowledged stanzas of Caesura's after which the client is asked to acknowledge.",
    example: 10,
  }),
  requestAfterTime: duration({
    about: "Age of the oldest of them at which it is asked, and at which the server is asked for its part.",
    least: "1s",
    most: "10m",
    fallback: "30s",
    example: "10s",
  }),
  requestServerAfter: count(1, 1_000, 32, {
    about: "Delegated requests that the server has not passed by in its acknowledgements, after which it is asked.",
    example: 64,
  }),
  injected: count(100, 100_000, 512, {
    about:
      "Unacknowledged stanzas of Caesura's at which the client's connection is dropped, so that it resumes; beyond twice as many its stream cannot be resumed; never below `limits.pendingPerSession`, with which it grows if it is left out.",
    example: 1_000,
  }),
  retained: size({
    about:
      "The same in bytes, for both directions together; never below `limits.trustedStanza`, with which it grows if it is left out.",
    least: "64KiB",
    most: "64MiB",
    fallback: "1MiB",
    example: "2MiB",
  }),
  resumption: duration({
    about:
      "How long a stream that was lost can be resumed where the server's `<enabled/>` names no `max` (XEP-0198 §3); give it the server's own setting.",
    least: "10s",
    most: "24h",
    fallback: "15m",
    example: "10m",
  }),
  handoverFile: about(file.optional(), {
    type: "file",
    about:
      "Where streams that can be resumed wait while the proxy is restarted; written when it has stopped, taken when it starts, and for its user alone, since it may hold answers to users.",
    example: "/var/lib/caesura/streams",
    absent: "streams are not resumed after a restart: clients log in anew",
  }),
  grace: duration({
    about: "How much longer than the server Caesura keeps a lost stream, so that it is the server that says no.",
    least: "0s",
    most: "1h",
    fallback: "30s",
    example: "1m",
  }),
});

/** Proves `streamManagement` against the limits that it must have room for; paths are relative to `folder`. */
export function proveStreamManagement(
  document: ConfigDocument,
  raw: unknown,
  limits: LimitsConfig | undefined,
  folder: string,
): Config["streamManagement"] | undefined {
  const written = asRecord(raw) ?? {};
  const values = proved(streamManagementSchema, raw ?? {});
  if (values === undefined || limits === undefined) return undefined;
  // What is not written grows with what is: a default is nobody's mistake.
  const roomFor = (key: "injected" | "retained", least: number): number =>
    written[key] === undefined ? Math.max(values[key], least) : values[key];
  const maxInjected = roomFor("injected", limits.pendingPerSession);
  const maxRetainedBytes = roomFor("retained", limits.maxTrustedStanzaBytes);
  const complain = (key: string, message: string, hint: string): void =>
    document.complain(["streamManagement", key], { code: "out-of-range", message, hint });
  if (maxInjected < limits.pendingPerSession) {
    const message = `"injected" is smaller than "limits.pendingPerSession": a client could not keep the answers to what it may ask.`;
    complain("injected", message, `Give it at least ${String(limits.pendingPerSession)}.`);
  }
  if (maxRetainedBytes < limits.maxTrustedStanzaBytes) {
    const message = `"retained" is smaller than "limits.trustedStanza": one answer could cost a client its stream.`;
    complain("retained", message, `Give it at least ${String(limits.maxTrustedStanzaBytes)}B.`);
  }
  const handoverFile = values.handoverFile === undefined ? undefined : resolve(folder, values.handoverFile);
  if (handoverFile !== undefined && !isWritable(dirname(handoverFile))) {
    document.complain(["streamManagement", "handoverFile"], {
      severity: "warning",
      code: "handover-unusable",
      message: `This user cannot make files in ${JSON.stringify(dirname(handoverFile))}: streams will not be resumed after a restart.`,
    });
  }
  return {
    ackDelegated: values.ackDelegated,
    requestAfterCount: values.requestAfter,
    requestAfterMs: values.requestAfterTime,
    requestServerAfterCount: values.requestServerAfter,
    maxInjected,
    maxRetainedBytes,
    resumptionMs: values.resumption,
    graceMs: values.grace,
    handoverFile,
  };
}

/** Who checks a configuration need not be the user who runs it, so this is worth a warning. */
function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
