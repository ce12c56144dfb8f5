import type { ProxyModel, StatusView } from "./model.js";

/** The parts of the page that change, by the id of the element that holds each. Everything in them is escaped. */
export type Sections = Readonly<
  Record<"health" | "tiles" | "domains" | "entities" | "rules" | "faults" | "sessions" | "links" | "about", string>
>;

/** Rows of the long tables; the commands show all. */
const MOST_ROWS = 50;

export function sectionsOf(model: ProxyModel): Sections {
  const status = model.status();
  const query = { match: "", limit: MOST_ROWS };
  const sessions = model.sessions(query);
  const links = model.links(query);
  return {
    health: healthOf(status),
    tiles: tilesOf(status),
    domains: table(
      ["Domain", "Server", "Component port", "Rules#", "Certificate"],
      status.domains.map(({ name, server, componentPort, rules, certificate: { daysLeft, expiresAt } }) => [
        head(name),
        upOrDown(server),
        componentPort === "none" ? `<td class="dim">ends here</td>` : upOrDown(componentPort),
        number(rules),
        `<td class="${daysLeft < 7 ? "bad" : daysLeft < 21 ? "warn" : ""}">${daysLeft < 0 ? "expired" : `${String(daysLeft)} days left`} <span class="dim">${escape(expiresAt.slice(0, 10))}</span></td>`,
      ]),
    ),
    entities: table(
      ["Managing entity", "Link", "Rules#", "Outstanding#", "Queued bytes#"],
      status.entities.map(({ jid, up, rules, outstanding, queuedBytes }) => [
        head(jid),
        upOrDown(up ? "up" : "down"),
        number(rules),
        number(outstanding),
        number(queuedBytes),
      ]),
    ),
    rules: table(
      [
        "Namespace",
        "Domain",
        "Managing entity",
        "Link",
        "Hits#",
        "Result#",
        "Error#",
        "Timeout#",
        "No link#",
        "Invalid#",
        "Refused#",
      ],
      model
        .rules()
        .map(({ rule, filtering, domain, entity, up, matches, outcomes }) => [
          head([rule, ...filtering.map((attribute) => `@${attribute}`)].join(" ")),
          cell(domain),
          cell(entity),
          upOrDown(up ? "up" : "down"),
          number(matches),
          number(outcomes.result),
          number(outcomes.error),
          ...[outcomes.timeout, outcomes.no_link, outcomes.invalid_reply, outcomes.refused].map((count) =>
            number(count, count > 0 ? "bad" : ""),
          ),
        ]),
    ),
    faults: table(
      ["Last", "Code", "Times#", "Connection", "Section", "What it means"],
      model
        .errors()
        .slice(0, MOST_ROWS)
        .map(({ lastAt, code, count, connection, source = "", meaning = "", excerpt, entity = "", rule = "" }) => [
          cell(`${lastAt.slice(0, 10)} ${lastAt.slice(11, 19)}`),
          head(code),
          number(count),
          cell(connection),
          cell(source),
          `<td class="wrap">${escape([meaning, rule, entity].filter((one) => one !== "").join(" · "))}${excerpt === undefined ? "" : ` <code>${escape(excerpt)}</code>`}</td>`,
        ]),
    ),
    sessions: table(
      ["Session", "Connection", "From", "State", "TLS", "For#", "Pending#"],
      sessions.rows.map(({ jid, connection, remote, state, secure, seconds, pending }) => [
        head(jid),
        cell(connection),
        cell(remote),
        cell(state),
        cell(secure ? "yes" : "no"),
        number(span(seconds)),
        number(pending),
      ]),
      sessions.total,
    ),
    links: table(
      ["Link", "Peer", "Listener", "From", "State", "TLS", "For#", "Stanzas up#", "Down#", "Queued bytes#"],
      links.rows.map((link) => [
        head(link.connection),
        cell(link.peer),
        cell(link.listener),
        cell(link.remote),
        cell(link.state),
        cell(link.secure ? "yes" : "no"),
        number(span(link.seconds)),
        number(link.stanzasUp),
        number(link.stanzasDown),
        number(link.queuedBytes),
      ]),
      links.total,
    ),
    about: aboutOf(status),
  };
}

/** The whole page, with the tables of now; scripts keep it live where there are some. */
export function statusPage(version: string, sections: Sections): string {
  const section = (id: keyof Sections, title: string): string =>
    `<h2 id="${id}-title">${title}</h2>\n<div class="scroll" id="${id}" role="region" aria-labelledby="${id}-title" tabindex="0">${sections[id]}</div>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Caesura</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="uplot.css">
<link rel="stylesheet" href="status.css">
<script src="uplot.js" defer></script>
<script src="status.js" defer></script>
</head>
<body>
<header>
<h1>Caesura <span class="dim">${escape(version)}</span></h1>
<p id="health" role="status">${sections.health}</p>
<p class="dim" hidden>Page: <span id="live">connecting</span></p>
</header>
<main>
<dl class="tiles" id="tiles">${sections.tiles}</dl>
<div hidden>
<h2>Last minutes</h2>
<div class="plots">
${figure("rates", "Rates", [
  ["stanzas", "stanzas"],
  ["delegations", "delegated"],
])}
${figure("latency", "Delegation latency", [
  ["p50", "p50"],
  ["p95", "p95"],
  ["p99", "p99"],
])}
${figure("loop", "Event-loop delay", [
  ["loopP50", "median"],
  ["loopP99", "p99"],
])}
${figure("memory", "Memory", [
  ["rss", "process"],
  ["heap", "heap"],
])}
</div>
</div>
${section("domains", "Domains")}
${section("entities", "Managing entities")}
${section("rules", "Rules")}
${section("faults", "Recent faults")}
${section("sessions", "Sessions")}
${section("links", "Links")}
</main>
<footer id="about">${sections.about}</footer>
</body>
</html>
`;
}

function figure(id: string, title: string, keys: readonly (readonly [name: string, label: string])[]): string {
  const values = keys.map(
    ([name, label], index) =>
      `<span class="key-${["one", "two", "three"][index] ?? ""}">${label} <b data-value="${name}">–</b></span>`,
  );
  return `<figure id="${id}"><figcaption><strong>${title}</strong><span>${values.join(" ")}</span></figcaption><div class="plot" aria-hidden="true"></div></figure>`;
}

function healthOf({ ready, state, reasons, domains, entities, configuration }: StatusView): string {
  const troubles = [
    ...(ready ? [] : [`${state}: ${reasons.join(", ")}`]),
    ...domains.filter(({ server }) => server === "down").map(({ name }) => `the server of ${name} cannot be reached`),
    ...entities.filter(({ up }) => !up).map(({ jid }) => `${jid} is not connected`),
    ...domains
      .filter(({ certificate }) => certificate.daysLeft < 7)
      .map(({ name }) => `the certificate of ${name} ends soon`),
    ...(configuration.lastReloadSucceeded ? [] : ["the configuration file was refused"]),
  ];
  if (troubles.length === 0) return `<span class="good">● all is well</span>`;
  return `<span class="bad">▲ ${escape(troubles.slice(0, 5).join("; "))}</span>`;
}

function tilesOf({ sessions, resumable, connections, pending, domains, entities, taps }: StatusView): string {
  const up = entities.filter((entity) => entity.up).length;
  const tiles: readonly (readonly [string, string])[] = [
    ["Sessions", String(sessions)],
    ["Resumable", String(resumable)],
    ["Connections", String(connections)],
    ["Pending requests", String(pending)],
    ["Domains", String(domains.length)],
    ["Entities up", `${String(up)} of ${String(entities.length)}`],
    ...(taps === 0 ? [] : [["Taps", String(taps)] as const]),
  ];
  return tiles.map(([name, value]) => `<div><dt>${name}</dt><dd>${value}</dd></div>`).join("");
}

function aboutOf({ configuration, node, pid, startedAt, logLevel, listeners }: StatusView): string {
  const places = listeners.map(({ kind, tls, host, port }) => `${kind} ${host}:${String(port)} (${tls})`).join(", ");
  return `<p>Configuration <code>${escape(configuration.sha256.slice(0, 12))}</code> of ${escape(configuration.file)}, loaded ${escape(configuration.loadedAt)}; ${String(configuration.reloads.failed)} reloads failed.</p>
<p>Listening: ${escape(places)}. Log level ${escape(logLevel)}.</p>
<p>Node ${escape(node)}, process ${String(pid)}, since ${escape(startedAt)}. <a href="metrics">metrics</a> <a href="readyz">readyz</a> <a href="livez">livez</a></p>`;
}

/** A heading that ends in `#` is that of a column of numbers. */
function table(headings: readonly string[], rows: readonly (readonly string[])[], total = rows.length): string {
  if (rows.length === 0) return `<p class="empty">none</p>`;
  const heads = headings
    .map((text) =>
      text.endsWith("#") ? `<th scope="col" class="number">${text.slice(0, -1)}</th>` : `<th scope="col">${text}</th>`,
    )
    .join("");
  const more =
    total > rows.length ? `<p class="empty">${String(rows.length)} of ${String(total)}; the commands show all</p>` : "";
  return `<table><thead><tr>${heads}</tr></thead><tbody>${rows.map((row) => `<tr>${row.join("")}</tr>`).join("")}</tbody></table>${more}`;
}

function head(text: string): string {
  return `<th scope="row">${escape(text)}</th>`;
}

function cell(text: string): string {
  return `<td>${escape(text)}</td>`;
}

function number(value: number | string, kind = ""): string {
  return `<td class="number${kind === "" ? "" : ` ${kind}`}">${escape(String(value))}</td>`;
}

/** Said in words, not by colour alone. */
function upOrDown(health: "up" | "down" | "unknown"): string {
  const kinds = { up: "good", down: "bad", unknown: "dim" } as const;
  const texts = { up: "● up", down: "▲ down", unknown: "not asked yet" } as const;
  return `<td class="${kinds[health]}">${texts[health]}</td>`;
}

/** To the minute once there is one, so that an idle table stays as it is. */
function span(seconds: number): string {
  if (seconds < 60) return "< 1 min";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${String(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${String(hours)} h` : `${String(Math.floor(hours / 24))} d`;
}

export function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
