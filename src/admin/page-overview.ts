import { hostAndPort } from "../xmpp/index.js";
import type { DomainView, EntityView, GrantsView, Health, RuleRow, StatusView } from "./model.js";
import { certificateTone, isFailing, type Recently } from "./page-health.js";
import {
  bytes,
  type Column,
  count,
  escape,
  foreign,
  instant,
  milliseconds,
  rate,
  span,
  state,
  table,
} from "./page-html.js";

/** The numbers of now. They are all that a reader without scripts has of the plots. */
export function tilesSection(status: StatusView, recently: Recently): string {
  const { sessions, resumable, connections, pending, memoryBytes, taps, entities } = status;
  const {
    stanzas = 0,
    delegations = 0,
    failures = 0,
    p50 = null,
    p95 = null,
    p99 = null,
    loopP99 = null,
  } = recently.last ?? {};
  const up = entities.filter((entity) => entity.up).length;
  const tiles: readonly (readonly [name: string, value: string, more: string, tone?: string])[] = [
    ["Sessions", count(sessions), `${count(resumable)} can be resumed`],
    [
      "Connections",
      count(connections),
      taps === 0 ? "clients and components" : `${count(taps)} ${taps === 1 ? "tap is" : "taps are"} open`,
    ],
    [
      "Managing entities",
      `${count(up)} of ${count(entities.length)}`,
      "are connected",
      up < entities.length ? "bad" : "",
    ],
    ["Stanzas", rate(stanzas ?? 0), "both directions"],
    [
      "Delegated",
      rate(delegations ?? 0),
      (failures ?? 0) > 0 ? `${rate(failures ?? 0)} fail` : "none fails",
      isFailing(recently) ? "bad" : "",
    ],
    ["Pending", count(pending), "delegated requests"],
    [
      "Answer time p95",
      p95 === null ? "–" : milliseconds(p95),
      p50 === null || p99 === null ? "nothing asked just now" : `p50 ${milliseconds(p50)}, p99 ${milliseconds(p99)}`,
    ],
    ["Memory", bytes(memoryBytes), loopP99 === null ? "" : `event loop p99 ${milliseconds(loopP99)}`],
  ];
  return tiles
    .map(
      ([name, value, more, tone = ""]) =>
        `<div${tone === "" ? "" : ` class="${tone}"`}><dt>${name}</dt><dd>${value}</dd><dd class="more">${more}</dd></div>`,
    )
    .join("");
}

function isWell({ server, componentPort }: DomainView): boolean {
  return server !== "down" && componentPort !== "down";
}

export function domainsSection({ domains }: StatusView): string {
  return table<DomainView>({
    caption: "Domains, those with problems first",
    key: ({ name }) => name,
    rows: domains.toSorted(
      (one, other) =>
        Number(isWell(one)) - Number(isWell(other)) ||
        Math.min(one.certificate.daysLeft, 21) - Math.min(other.certificate.daysLeft, 21),
    ),
    empty: "No domain is served.",
    columns: [
      { heading: "Domain", cell: ({ name }) => foreign(name) },
      { heading: "Server", cell: ({ server, downSince }) => healthState(server, downSince) },
      {
        heading: "Component port",
        cell: ({ componentPort, downSince }) =>
          componentPort === "none" ? state("none", "ends here") : healthState(componentPort, downSince),
      },
      { heading: "Sessions", isNumber: true, cell: ({ sessions }) => count(sessions) },
      { heading: "Rules", isNumber: true, cell: ({ rules }) => count(rules) },
      {
        heading: "Certificate",
        cell: (domain) => {
          const { daysLeft, expiresAt } = domain.certificate;
          const left = daysLeft < 0 ? "expired" : `${count(daysLeft)} ${daysLeft === 1 ? "day" : "days"} left`;
          const tone = certificateTone(domain);
          return `${state(tone === "none" ? "good" : tone, left)} <span class="dim">${escape(expiresAt.slice(0, 10))}</span>`;
        },
      },
    ],
  });
}

export function entitiesSection(status: StatusView, rules: readonly RuleRow[]): string {
  return table<EntityView>({
    caption: "Managing entities, those that are not connected first",
    key: ({ jid }) => jid,
    rows: status.entities.toSorted((one, other) => Number(one.up) - Number(other.up)),
    empty: "Nothing is delegated to anybody by the configuration.",
    columns: [
      { heading: "Managing entity", cell: ({ jid }) => foreign(jid) },
      {
        heading: "Link",
        cell: ({ up, since }) => (up ? state("good", `up${ago(since)}`) : state("bad", `down${ago(since)}`)),
      },
      { heading: "Rules", isNumber: true, cell: (entity) => count(entity.rules) },
      {
        heading: "Answered",
        isNumber: true,
        cell: ({ jid }) => count(sum(rules, jid, ({ result, error }) => result + error)),
      },
      {
        heading: "Failed",
        isNumber: true,
        tone: ({ jid }) => (sum(rules, jid, failuresOf) > 0 ? "bad" : "none"),
        cell: ({ jid }) => count(sum(rules, jid, failuresOf)),
      },
      { heading: "Outstanding", isNumber: true, cell: ({ outstanding }) => count(outstanding) },
      {
        heading: "Queued",
        isNumber: true,
        tone: ({ queuedBytes }) => (queuedBytes > 1024 * 1024 ? "warn" : "none"),
        cell: ({ queuedBytes }) => bytes(queuedBytes),
      },
    ],
  });
}

type Outcomes = RuleRow["outcomes"];

function failuresOf({ timeout, no_link, invalid_reply, refused }: Outcomes): number {
  return timeout + no_link + invalid_reply + refused;
}

function sum(rules: readonly RuleRow[], entity: string, part: (outcomes: Outcomes) => number): number {
  let all = 0;
  for (const rule of rules) if (rule.entity === entity) all += part(rule.outcomes);
  return all;
}

function healthState(health: Health, downSince: string | undefined): string {
  if (health === "unknown") return state("none", "not asked yet");
  return health === "up" ? state("good", "up") : state("bad", `down${ago(downSince)}`);
}

function ago(since: string | undefined): string {
  return since === undefined ? "" : ` <span class="dim">${span((Date.now() - Date.parse(since)) / 1000)}</span>`;
}

function failures(name: keyof Outcomes, heading: string): Column<RuleRow> {
  return {
    heading,
    isNumber: true,
    tone: ({ outcomes }: RuleRow) => (outcomes[name] > 0 ? ("bad" as const) : ("none" as const)),
    cell: ({ outcomes }: RuleRow) => count(outcomes[name]),
  };
}

function rank(name: "p50" | "p95" | "p99"): Column<RuleRow> {
  return {
    heading: name,
    isNumber: true,
    cell: ({ latency }: RuleRow) => (latency === undefined ? "–" : milliseconds(latency[name])),
  };
}

/** Rules that are shown; the commands show all. */
const MOST_RULES = 200;

export function rulesSection(rules: readonly RuleRow[]): string {
  const shown = table<RuleRow>({
    caption: "Rules: how often each took a request, what became of those, and how long the last 512 answers took",
    key: ({ domain, rule }) => `${domain} ${rule}`,
    rows: rules.slice(0, MOST_RULES),
    empty: "No namespace is delegated: everything passes to the server.",
    columns: [
      {
        heading: "Namespace",
        cell: ({ rule, filtering }) =>
          `<code>${foreign(rule)}</code>${filtering.map((name) => ` <span class="tag">${escape(name)}</span>`).join("")}`,
      },
      { heading: "Domain", cell: ({ domain }) => foreign(domain) },
      {
        heading: "Managing entity",
        cell: ({ entity, up }) =>
          state(up ? "good" : "bad", `${foreign(entity)}${up ? "" : ` <span class="dim">down</span>`}`),
      },
      { heading: "Hits", isNumber: true, cell: ({ matches }) => count(matches) },
      { heading: "Result", isNumber: true, cell: ({ outcomes }) => count(outcomes.result) },
      { heading: "Error", isNumber: true, cell: ({ outcomes }) => count(outcomes.error) },
      failures("timeout", "Timeout"),
      failures("no_link", "No link"),
      failures("invalid_reply", "Invalid"),
      failures("refused", "Refused"),
      rank("p50"),
      rank("p95"),
      rank("p99"),
    ],
  });
  const more = rules.length - MOST_RULES;
  return more <= 0 ? shown : `${shown}<p class="empty">${count(more)} more; <code>caesura rules</code> shows all.</p>`;
}

/** What users have delegated; nothing where no domain lets them. */
export function grantsSection({ grants }: StatusView): string {
  type Row = { readonly view: GrantsView; readonly entity: GrantsView["entities"][number] | undefined };
  const rows = grants.flatMap((view): readonly Row[] =>
    view.entities.length === 0 ? [{ view, entity: undefined }] : view.entities.map((entity) => ({ view, entity })),
  );
  if (rows.length === 0)
    return `<p class="empty">Users delegate nothing themselves: no domain has <code>clientMode</code>.</p>`;
  const totals = grants.map(
    ({ domain, grants: all, questions, entitiesTotal }) =>
      `${foreign(domain)}: ${count(all)} namespaces to ${count(entitiesTotal)} entities, ${count(questions)} questions are open`,
  );
  const shown = table<Row>({
    caption: "What users have delegated, by managing entity",
    key: ({ view, entity }) => `${view.domain} ${entity?.jid ?? ""}`,
    rows,
    empty: "",
    columns: [
      {
        heading: "Managing entity",
        cell: ({ entity }) => (entity === undefined ? `<span class="dim">none yet</span>` : foreign(entity.jid)),
      },
      { heading: "Domain", cell: ({ view }) => foreign(view.domain) },
      { heading: "Users", isNumber: true, cell: ({ entity }) => count(entity?.users ?? 0) },
      { heading: "Namespaces", isNumber: true, cell: ({ entity }) => count(entity?.grants ?? 0) },
    ],
  });
  return `${shown}<p class="empty">${totals.join("; ")}.</p>`;
}

/** What the process runs with; `actions` is what this reader may change. */
export function configurationSection(status: StatusView, actions: string): string {
  const { configuration, listeners, node, version, pid, host, startedAt, logLevel } = status;
  const { file, sha256, loadedAt, reloads, lastFailure } = configuration;
  const facts: readonly (readonly [string, string])[] = [
    ["File", `<code>${foreign(file, 300)}</code>`],
    ["Version", `<code>${escape(sha256.slice(0, 12))}</code> <span class="dim">of its SHA-256</span>`],
    ["In use since", `${instant(loadedAt)} UTC`],
    ["Reloads", `${count(reloads.succeeded)} done, ${count(reloads.failed)} refused`],
    ["Log level", escape(logLevel)],
    ["Process", `${escape(String(pid))} on ${foreign(host)}, Caesura ${escape(version)}, Node ${escape(node)}`],
    ["Started", `${instant(startedAt)} UTC`],
    [
      "Listening",
      `<ul>${listeners.map(({ kind, tls, host: place, port }) => `<li>${escape(kind)} <code>${escape(hostAndPort(place, port))}</code> <span class="dim">TLS ${escape(tls)}</span></li>`).join("")}</ul>`,
    ],
  ];
  const list = facts.map(([name, html]) => `<div><dt>${name}</dt><dd>${html}</dd></div>`).join("");
  return `${lastFailure === undefined ? "" : refusedFile(lastFailure)}<dl class="facts">${list}</dl>${actions}`;
}

/** Problems of a file that are shown; `caesura check` shows all, with the lines. */
const MOST_PROBLEMS = 20;

function refusedFile({ at, message, problems }: NonNullable<StatusView["configuration"]["lastFailure"]>): string {
  const listed = problems
    .slice(0, MOST_PROBLEMS)
    .map(
      ({ severity, file, line, column, message: what, hint }) =>
        `<li>${state(severity === "error" ? "bad" : "warn", `<code>${foreign(`${file}:${String(line)}:${String(column)}`, 300)}</code> ${foreign(what, 300)}`)}${hint === undefined ? "" : ` <span class="dim">${foreign(hint, 300)}</span>`}</li>`,
    );
  const more = problems.length - listed.length;
  return `<div class="notice warn"><p>${state("warn", `<b>The file was refused</b> at ${instant(at)} UTC; what was in use before still is. ${foreign(message, 300)}`)}</p>${listed.length === 0 ? "" : `<ul class="problems">${listed.join("")}${more > 0 ? `<li>and ${count(more)} more</li>` : ""}</ul>`}</div>`;
}
