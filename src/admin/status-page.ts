import { logLevels } from "../config/index.js";
import type { ProxyModel, StatusView } from "./model.js";
import { drainSection, healthSection, pageTitle, type Recently, troublesOf } from "./page-health.js";
import { escape, instant } from "./page-html.js";
import { connectionSection, faultsSection, linksSection, sessionsSection } from "./page-lists.js";
import {
  configurationSection,
  domainsSection,
  entitiesSection,
  grantsSection,
  rulesSection,
  tilesSection,
} from "./page-overview.js";
import { type PageView, plotWindows, queryOf } from "./page-view.js";

const changing = [
  "health",
  "drain",
  "connection",
  "tiles",
  "domains",
  "entities",
  "grants",
  "rules",
  "faults",
  "sessions",
  "links",
  "configuration",
] as const;
type SectionId = (typeof changing)[number];

/** The parts of the page that change, by the id of the element that holds each. Everything in them is escaped. */
export type Sections = Readonly<Record<SectionId | "title", string>>;

/** Who looks, and at what. */
export interface Looking {
  readonly view: PageView;
  /** `operator`: may change things too; `stranger`: could, with the token; `reader`: could not here. */
  readonly as: "operator" | "stranger" | "reader";
}

export function sectionsOf(model: ProxyModel, recently: Recently, { view, as }: Looking): Sections {
  const status = model.status();
  const rules = model.rules();
  const troubles = troublesOf(status, recently);
  return {
    title: pageTitle(status.host, troubles),
    health: healthSection(troubles),
    drain: drainSection(status),
    connection: connectionSection(model, view, as === "operator"),
    tiles: tilesSection(status, recently),
    domains: domainsSection(status),
    entities: entitiesSection(status, rules),
    grants: grantsSection(status),
    rules: rulesSection(rules),
    faults: faultsSection(model.errors(), view),
    sessions: sessionsSection(model, view),
    links: linksSection(model, view),
    configuration: configurationSection(status, actionsOf(status, as)),
  };
}

/** What of the process may be changed here; closing a connection stands beside that connection. */
function actionsOf({ logLevel, state }: StatusView, as: Looking["as"]): string {
  if (as === "stranger")
    return `<p class="actions dim"><a href="sign-in">Sign in with the token</a> to reload, drain, close connections, or set the log level.</p>`;
  if (as === "reader")
    return `<p class="actions dim">Nothing can be changed here: there is no <code>admin.tokenFile</code>. <code>caesura reload</code>, <code>drain</code>, <code>close</code> and <code>log-level</code> do it over the runtime socket.</p>`;
  const levels = logLevels.map((level) => `<option${level === logLevel ? " selected" : ""}>${level}</option>`).join("");
  const over = state === "serving" ? "" : " disabled";
  return `<p class="actions"><button type="button" data-action="reload"${over}>Reload the configuration…</button><label>Log level <select data-action="log-level">${levels}</select></label><button type="button" class="danger" data-action="drain"${over}>Drain and stop…</button></p>`;
}

const tables: readonly (readonly [id: SectionId, title: string])[] = [
  ["domains", "Domains"],
  ["entities", "Managing entities"],
  ["rules", "Rules"],
  ["faults", "Recent faults"],
  ["sessions", "Sessions"],
  ["links", "Links"],
  ["grants", "Delegated by users"],
  ["configuration", "Configuration"],
];

const plots: readonly (readonly [
  id: string,
  title: string,
  keys: readonly (readonly [name: string, label: string])[],
])[] = [
  [
    "delegations",
    "Delegated requests",
    [
      ["delegations", "asked"],
      ["failures", "failed"],
    ],
  ],
  [
    "latency",
    "Time to the answer",
    [
      ["p50", "p50"],
      ["p95", "p95"],
      ["p99", "p99"],
    ],
  ],
  ["stanzas", "Stanzas", [["stanzas", "both directions"]]],
  [
    "people",
    "Clients",
    [
      ["sessions", "sessions"],
      ["connections", "connections"],
    ],
  ],
  [
    "loop",
    "Event-loop delay",
    [
      ["loopP50", "median"],
      ["loopP99", "p99"],
    ],
  ],
  [
    "memory",
    "Memory",
    [
      ["rss", "process"],
      ["heap", "heap"],
    ],
  ],
];

/** The whole page, with the tables of now; scripts keep it live where there are some. */
export function statusPage({ version, host }: StatusView, sections: Sections, { view }: Looking): string {
  const now = new Date().toISOString();
  const section = ([id, title]: readonly [SectionId, string]): string =>
    `<div class="panel">
<h2 id="${id}-title">${title}</h2>
<div class="scroll" id="${id}" role="region" aria-labelledby="${id}-title" tabindex="0">${sections[id]}</div>
</div>`;
  const links = [["plots", "Plots"] as const, ...tables].map(([id, title]) => `<a href="#${id}-title">${title}</a>`);
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${sections.title}</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="uplot.css">
<link rel="stylesheet" href="status.css">
<script src="uplot.js" defer></script>
<script src="status.js" type="module"></script>
</head>
<body data-version="${escape(version)}">
<a class="skip" href="#main">To the content</a>
<header>
<h1>Caesura <small>${escape(version)} on ${escape(host)}</small></h1>
<form role="search" action="./" method="get">
<input type="search" name="match" value="${escape(view.match)}" maxlength="256" placeholder="JID, connection id, address, code" aria-label="Find in sessions, links and faults" autocomplete="off" spellcheck="false">${hiddenInputs(view)}<button>Find</button>
</form>
<p id="live" role="status"><span class="off">As of ${instant(now)} UTC. <a href="${escape(queryOf(view) || "?")}">Look again</a></span></p>
</header>
<nav aria-label="Sections">${links.join("")}</nav>
<main id="main" tabindex="-1">
<div id="health" class="health">${sections.health}</div>
<section id="drain" class="lone" aria-label="Progress of the drain">${sections.drain}</section>
<section id="connection" class="lone" aria-label="Connection that was searched for">${sections.connection}</section>
<dl class="tiles" id="tiles">${sections.tiles}</dl>
<section class="scripted" aria-labelledby="plots-title">
<div class="title"><h2 id="plots-title">Plots</h2>
<label>Window <select id="window">${plotWindows.map((seconds) => `<option value="${String(seconds)}"${seconds === view.window ? " selected" : ""}>${seconds === 3600 ? "1 hour" : `${String(seconds / 60)} minutes`}</option>`).join("")}</select></label></div>
<div class="plots" id="plots">
${plots.map(figure).join("\n")}
</div>
</section>
<div class="pair">
${tables.slice(0, 2).map(section).join("\n")}
</div>
${tables.slice(2).map(section).join("\n")}
</main>
<footer><p><a href="metrics">metrics</a> <a href="readyz">readyz</a> <a href="livez">livez</a> <a href="api/status">api/status</a> <span class="dim">Times are UTC. Counts are since the start of the process.</span></p></footer>
<dialog id="ask" aria-labelledby="ask-title"><form method="dialog"><h2 id="ask-title"></h2><p id="ask-text"></p><p class="actions"><button value="no" id="ask-no">Cancel</button><button value="yes" class="danger" id="ask-yes"></button></p></form></dialog>
<p id="told" role="status" class="toast"></p>
</body>
</html>
`;
}

/** What else is looked at stays when something is searched for; the pages begin anew. */
function hiddenInputs(view: PageView): string {
  const { sessions, links } = view;
  const query = queryOf({ ...view, match: "", sessions: { ...sessions, page: 1 }, links: { ...links, page: 1 } });
  return [...new URLSearchParams(query)]
    .map(([name, value]) => `<input type="hidden" name="${escape(name)}" value="${escape(value)}">`)
    .join("");
}

function figure([id, title, keys]: (typeof plots)[number]): string {
  const values = keys.map(
    ([name, label], index) =>
      `<span class="key key-${String(index + 1)}">${label} <b data-value="${name}">–</b></span>`,
  );
  return `<figure id="plot-${id}" aria-labelledby="plot-${id}-title"><figcaption><strong id="plot-${id}-title">${title}</strong><span class="keys">${values.join("")}</span></figcaption><div class="plot" role="img" aria-label="${title}"></div></figure>`;
}
