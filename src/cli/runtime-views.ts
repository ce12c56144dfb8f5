import type {
  GrantRow,
  LinkRow,
  Listed,
  RecentFault,
  RuleRow,
  SessionRow,
  StatusView,
  TapEvent,
} from "../admin/index.js";
import { hostAndPort } from "../xmpp/index.js";
import { formatBytes, formatSpan, formatTable, harmless } from "./table.js";

// How the answers of the running proxy look to a person, on a terminal so many columns wide.

export function formatStatus(status: StatusView, width: number): string {
  const { configuration, domains, entities, listeners } = status;
  const grants = new Map(status.grants.map(({ domain, grants: count }) => [domain, count]));
  const seconds = (Date.now() - Date.parse(status.startedAt)) / 1000;
  const state = status.ready ? status.state : `${status.state}, not ready: ${status.reasons.join(", ")}`;
  const facts: readonly (readonly [string, string])[] = [
    ["state", state],
    ["version", `${status.version}, Node ${status.node}, process ${String(status.pid)}, for ${formatSpan(seconds)}`],
    ["configuration", `${configuration.file}, ${configuration.sha256.slice(0, 12)}, loaded ${configuration.loadedAt}`],
    ...(configuration.lastReloadSucceeded ? [] : [["", "the file was refused at the last reload"] as const]),
    ["clients", `${String(status.sessions)} sessions, ${String(status.resumable)} can be resumed`],
    ["connections", `${String(status.connections)}, ${String(status.pending)} delegated requests pending`],
    ["process", `${formatBytes(status.memoryBytes)} of memory, log level ${status.logLevel}`],
  ];
  const lines = facts.map(([name, text]) => `${name.padEnd(14)}${harmless(text)}`);
  return [
    `${lines.join("\n")}\n`,
    formatTable(
      [
        { heading: "DOMAIN", cell: ({ name }) => name },
        { heading: "SERVER", cell: ({ server }) => server },
        { heading: "COMPONENT PORT", cell: ({ componentPort }) => componentPort },
        { heading: "RULES", cell: ({ rules }) => rules },
        ...(grants.size === 0
          ? []
          : [{ heading: "GRANTS", cell: ({ name }: StatusView["domains"][number]) => grants.get(name) ?? 0 }]),
        { heading: "CERTIFICATE", cell: ({ certificate }) => days(certificate.daysLeft) },
      ],
      domains,
      width,
    ),
    ...(entities.length === 0
      ? []
      : [
          formatTable(
            [
              { heading: "MANAGING ENTITY", cell: ({ jid }) => jid },
              { heading: "LINK", cell: ({ up }) => (up ? "up" : "DOWN") },
              { heading: "RULES", cell: ({ rules }) => rules },
              { heading: "OUTSTANDING", cell: ({ outstanding }) => outstanding },
              { heading: "QUEUED", isMeasure: true, cell: ({ queuedBytes }) => formatBytes(queuedBytes) },
            ],
            entities,
            width,
          ),
        ]),
    formatTable(
      [
        { heading: "LISTENER", cell: ({ kind }) => kind },
        { heading: "ADDRESS", cell: ({ host, port }) => hostAndPort(host, port) },
        { heading: "TLS", cell: ({ tls }) => tls },
      ],
      listeners,
      width,
    ),
  ].join("\n");
}

function days(left: number): string {
  return left < 0 ? "EXPIRED" : `${String(left)} days left`;
}

export function formatSessions({ total, rows }: Listed<SessionRow>, width: number): string {
  const table = formatTable<SessionRow>(
    [
      { heading: "CONNECTION", cell: ({ connection }) => connection },
      { heading: "JID", cell: ({ jid }) => jid },
      { heading: "REMOTE", isSpare: true, cell: ({ remote }) => remote },
      { heading: "STATE", cell: ({ state }) => state },
      { heading: "TLS", isSpare: true, cell: ({ secure }) => (secure ? "yes" : "no") },
      { heading: "SM", isSpare: true, cell: ({ managed }) => (managed ? "yes" : "no") },
      { heading: "FOR", isMeasure: true, cell: ({ seconds }) => formatSpan(seconds) },
      { heading: "PENDING", isSpare: true, cell: ({ pending }) => pending },
      { heading: "HELD", isMeasure: true, isSpare: true, cell: ({ heldBytes }) => formatBytes(heldBytes) },
    ],
    rows,
    width,
  );
  return `${table}${summary(total, rows.length, "session")}`;
}

export function formatLinks({ total, rows }: Listed<LinkRow>, width: number): string {
  const table = formatTable<LinkRow>(
    [
      { heading: "CONNECTION", cell: ({ connection }) => connection },
      { heading: "PEER", cell: ({ peer }) => (peer === "" ? "-" : peer) },
      { heading: "DOMAIN", isSpare: true, cell: ({ domain }) => (domain === "" ? "-" : domain) },
      { heading: "LISTENER", isSpare: true, cell: ({ listener }) => listener },
      { heading: "REMOTE", isSpare: true, cell: ({ remote }) => remote },
      { heading: "STATE", cell: ({ state }) => state },
      { heading: "TLS", isSpare: true, cell: ({ secure }) => (secure ? "yes" : "no") },
      { heading: "FOR", isMeasure: true, cell: ({ seconds }) => formatSpan(seconds) },
      { heading: "STANZAS UP", isSpare: true, cell: ({ stanzasUp }) => stanzasUp },
      { heading: "STANZAS DOWN", isSpare: true, cell: ({ stanzasDown }) => stanzasDown },
      { heading: "BYTES UP", isMeasure: true, isSpare: true, cell: ({ bytesUp }) => formatBytes(bytesUp) },
      { heading: "BYTES DOWN", isMeasure: true, isSpare: true, cell: ({ bytesDown }) => formatBytes(bytesDown) },
      { heading: "QUEUED", isMeasure: true, cell: ({ queuedBytes }) => formatBytes(queuedBytes) },
      { heading: "OUTSTANDING", cell: ({ outstanding }) => outstanding },
    ],
    rows,
    width,
  );
  return `${table}${summary(total, rows.length, "link")}`;
}

function summary(total: number, shown: number, noun: string): string {
  const all = `${String(total)} ${noun}${total === 1 ? "" : "s"}`;
  return shown < total ? `${all}, ${String(shown)} shown; --limit shows more\n` : `${all}\n`;
}

export function formatRules(rows: readonly RuleRow[], width: number): string {
  if (rows.length === 0) return "nothing is delegated\n";
  return formatTable<RuleRow>(
    [
      { heading: "DOMAIN", cell: ({ domain }) => domain },
      { heading: "NAMESPACE", cell: ({ rule, filtering }) => [rule, ...filtering.map((one) => `@${one}`)].join(" ") },
      { heading: "MANAGING ENTITY", cell: ({ entity }) => entity },
      { heading: "LINK", cell: ({ up }) => (up ? "up" : "DOWN") },
      { heading: "HITS", cell: ({ matches }) => matches },
      { heading: "RESULT", cell: ({ outcomes }) => outcomes.result },
      { heading: "ERROR", cell: ({ outcomes }) => outcomes.error },
      { heading: "FAILED", cell: ({ outcomes }) => failedOf(outcomes) },
      { heading: "TIMEOUT", isSpare: true, cell: ({ outcomes }) => outcomes.timeout },
      { heading: "NO LINK", isSpare: true, cell: ({ outcomes }) => outcomes.no_link },
      { heading: "INVALID", isSpare: true, cell: ({ outcomes }) => outcomes.invalid_reply },
      { heading: "REFUSED", isSpare: true, cell: ({ outcomes }) => outcomes.refused },
    ],
    rows,
    width,
  );
}

/** Requests that were answered with an error of ours. */
function failedOf({ timeout, no_link, invalid_reply, refused }: RuleRow["outcomes"]): number {
  return timeout + no_link + invalid_reply + refused;
}

export function formatGrants({ total, rows }: Listed<GrantRow>, width: number): string {
  const table = formatTable<GrantRow>(
    [
      { heading: "ACCOUNT", cell: ({ account }) => account },
      { heading: "NAMESPACE", cell: ({ namespace }) => namespace },
      { heading: "MANAGING ENTITY", cell: ({ entity }) => entity },
      { heading: "IN EFFECT", cell: ({ effective }) => (effective ? "yes" : "NO") },
      { heading: "KEPT", isSpare: true, cell: ({ lasting }) => (lasting ? "yes" : "session") },
      { heading: "GRANTED", isSpare: true, cell: ({ grantedAt }) => grantedAt.replace(/\.\d+Z$/, "Z") },
    ],
    rows,
    width,
  );
  return `${table}${summary(total, rows.length, "grant")}`;
}

export function formatErrors(faults: readonly RecentFault[]): string {
  if (faults.length === 0) return "no faults since the start\n";
  // What helps to understand the last one stands below its line.
  return faults
    .map((fault) => {
      const { lastAt, count, code, connection, leg, remote, rule, entity, source, meaning, offset, excerpt } = fault;
      const where = [
        ...(connection === "" ? [] : [`connection ${connection}`]),
        ...(leg === undefined ? [] : [`${leg} leg`]),
        ...(remote === undefined || remote === "" ? [] : [`from ${remote}`]),
        ...(rule === undefined || rule === "" ? [] : [rule]),
        ...(entity === undefined || entity === "" ? [] : [`by ${entity}`]),
        ...(offset === undefined ? [] : [`byte ${String(offset)}`]),
      ].join(", ");
      const why = [meaning, source === undefined ? undefined : `(${source})`]
        .filter((one) => one !== undefined)
        .join(" ");
      const lines = [`${lastAt}  ${code}${count === 1 ? "" : `  ×${String(count)}`}`, where, why, excerpt ?? ""];
      return lines
        .filter((line) => line !== "")
        .map((line, index) => `${index === 0 ? "" : "    "}${harmless(line)}\n`)
        .join("");
    })
    .join("");
}

/** One line, and the stanzas below it where they are shown. */
export function formatTapEvent(event: TapEvent): string {
  if (event.event === "lost")
    return `… ${String(event.lost)} events lost, because they were read too slowly (${String(event.lostAltogether)} altogether)\n`;
  const { time, connection, entityConnection, jid, to, type = "", payload = "", entity, outcome } = event;
  const { code, ms, stanza, received } = event;
  const clock = time.slice(11, 23);
  const head =
    event.event === "request"
      ? `${clock} → ${connection} ${jid}${to === undefined ? "" : ` to ${to}`} ${type} ${payload} ⇒ ${entity}`
      : `${clock} ← ${connection} ${jid} ${outcome ?? ""}${code === undefined ? "" : ` ${code}`} ${payload} ${String(ms ?? 0)} ms${entityConnection === undefined ? "" : ` over ${entityConnection}`}`;
  const more = [stanza, received === undefined ? undefined : `received: ${received}`];
  return [head, ...more.filter((one) => one !== undefined).map((one) => `    ${one}`)]
    .map((line) => `${harmless(line)}\n`)
    .join("");
}
