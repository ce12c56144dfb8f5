import { readdirSync, readFileSync } from "node:fs";
import type { Caesura } from "../support/caesura.js";
import { pause } from "./chance.js";
import { Samples } from "./samples.js";
import type { Stage } from "./stage.js";

// After the storm: everything comes to rest, nothing is left, and the figures add up.

/** What the process holds when nobody is there. */
export interface Holdings {
  readonly descriptors: number;
  readonly residentBytes: number;
}

export function holdingsOf({ peer }: Caesura): Holdings {
  const status = readFileSync(`/proc/${String(peer.pid)}/status`, "utf8");
  const kilobytes = Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  return { descriptors: readdirSync(`/proc/${String(peer.pid)}/fd`).length, residentBytes: kilobytes * 1024 };
}

/** Everybody is there, and everything that was asked is answered. */
export async function checkAtRest(stage: Stage): Promise<void> {
  const { caesura, book } = stage;
  if (caesura === undefined) return;
  const going = [...stage.sessions].filter(({ over }) => over === undefined).length;
  const clients = stage.clients.length;
  const links = stage.entityJids.length;
  // Sessions that nobody resumed are kept for as long as the server said.
  await comes(stage, caesura, "caesura_sessions", {}, going);
  await comes(stage, caesura, "caesura_delegations_pending", {}, 0);
  await comes(stage, caesura, "caesura_buffered_bytes", {}, 0);
  await comes(stage, caesura, "caesura_entity_queued_bytes", {}, 0);
  await comes(stage, caesura, "caesura_connections", {}, clients + links);
  await comes(stage, caesura, "caesura_entity_up", {}, links + 1);
  if (going !== clients) book.breach(`${String(going)} sessions of ${String(clients)} clients`);
}

/** Everybody has gone. */
export async function checkWhenAlone(stage: Stage, before: Holdings): Promise<void> {
  const { caesura, book, options } = stage;
  if (caesura === undefined) return;
  await comes(stage, caesura, "caesura_connections", {}, 0);
  await comes(stage, caesura, "caesura_sessions", {}, 0);
  await comes(stage, caesura, "caesura_resumable_sessions", {}, 0);
  await comes(stage, caesura, "caesura_delegations_pending", {}, 0);
  await comes(stage, caesura, "caesura_buffered_bytes", {}, 0);
  const samples = await Samples.of(caesura);
  const same = (what: string, one: number, other: number): void => {
    if (one !== other) book.breach(`${what}: ${String(one)} and ${String(other)}`);
  };
  same(
    "connections opened and closed",
    samples.sum("caesura_connections_total"),
    samples.sum("caesura_connections_closed_total"),
  );
  // The samples of a rule go with it, so that these add up only where there was no reload.
  if (!options.reloads) {
    const outcomes = ["result", "error", "timeout", "no_link", "invalid_reply", "refused"];
    const settled = outcomes.reduce((sum, outcome) => sum + samples.sum("caesura_delegations_total", { outcome }), 0);
    // A client that asked for the namespace of delegation itself had no rule.
    const code = "delegation-namespace-requested";
    const unmatched = samples.sum("caesura_delegation_failures_total", { code });
    same("matches and outcomes of delegated requests", samples.sum("caesura_rule_matches_total") + unmatched, settled);
  }
  // Who breaks off over WebSocket has sent a whole message with half a stanza (RFC 7395 §3.3.3).
  const halves = samples.sum("caesura_stream_faults_total", { code: "message-incomplete" });
  for (const reason of ["xml_fault", "protocol_fault", "limit", "timeout"]) {
    const expected = reason === "protocol_fault" ? halves : 0;
    same(`connections closed by ${reason}`, samples.sum("caesura_connections_closed_total", { reason }), expected);
  }
  for (const line of samples.above0("caesura_stream_faults_total"))
    if (!line.includes("component-conflict") && !line.includes("message-incomplete")) book.breach(line);
  for (const line of samples.above0("caesura_log_lines_dropped_total")) book.breach(line);
  const { descriptors } = await fewest(caesura, before.descriptors);
  if (descriptors > before.descriptors)
    book.breach(`descriptors: ${String(descriptors)} after ${String(before.descriptors)}`);
}

/** Lines of the log that must not be there. */
export function checkLog({ caesura, book, server }: Stage): void {
  const lines = caesura?.peer.log.split("\n") ?? [];
  for (const line of lines) {
    if (/"level":"(error|fatal)"|"event":"(crash|unreported-end)"/.test(line)) book.breach(`log: ${line}`);
    else if (line !== "" && !line.startsWith("{")) book.breach(`log: ${line}`);
  }
  const suspicious = /handled \d+ new stanzas, but|error:.*lua|\bCRASH REPORT\b/i;
  for (const line of server.log.split("\n")) if (suspicious.test(line)) book.breach(`server: ${line}`);
}

/** Descriptors of connections that ended just now may be there for a moment. */
async function fewest(caesura: Caesura, wanted: number): Promise<Holdings> {
  for (let looks = 0; looks < 40; looks++) {
    const holdings = holdingsOf(caesura);
    if (holdings.descriptors <= wanted) return holdings;
    await pause(50);
  }
  return holdingsOf(caesura);
}

async function comes(
  { book, options }: Stage,
  caesura: Caesura,
  name: string,
  labels: Readonly<Record<string, string>>,
  wanted: number,
): Promise<void> {
  const deadlineMs = Date.now() + (options.hibernationSeconds + 8) * 1000;
  for (;;) {
    const value = (await Samples.of(caesura)).sum(name, labels);
    if (value === wanted) return;
    if (Date.now() > deadlineMs) {
      book.breach(`${name} is ${String(value)}, not ${String(wanted)}`);
      return;
    }
    await pause(50);
  }
}
