import type { LinkRow, ListQuery, ProxyModel, SessionRow } from "./model.js";
import { bytes, citation, type Column, count, escape, foreign, instant, span, state, table } from "./page-html.js";
import { type PageView, type Pager, queryOf } from "./page-view.js";
import type { RecentFault } from "./recent-faults.js";

/** Rows of one page of a long table. */
const PAGE_ROWS = 25;

export function sessionsSection(model: ProxyModel, view: PageView): string {
  const { rows, total } = model.sessions(listQuery(view.sessions, view.match));
  const sorted = sorting<SessionRow, PageView["sessions"]>(view.sessions, (sessions) =>
    addressOf({ ...view, sessions }, "sessions"),
  );
  const shown = table<SessionRow>({
    caption: "Sessions: clients that are bound to a resource",
    key: ({ connection, jid }) => (connection === "" ? jid : connection),
    rows,
    empty: view.match === "" ? "Nobody is logged in." : "No session is like that.",
    columns: [
      { heading: "JID", sort: sorted("jid"), cell: ({ jid }) => foreign(jid) },
      { heading: "Connection", cell: ({ connection }) => connectionLink(view, connection) },
      { heading: "From", sort: sorted("remote"), cell: ({ remote }) => escape(remote) },
      {
        heading: "State",
        sort: sorted("state"),
        cell: ({ state: phase }) => state(phase === "connected" ? "good" : "none", phase),
      },
      { heading: "TLS", cell: ({ secure }) => (secure ? "yes" : "no") },
      { heading: "For", isNumber: true, sort: sorted("seconds"), cell: ({ seconds }) => span(seconds) },
      { heading: "Pending", isNumber: true, sort: sorted("pending"), cell: ({ pending }) => count(pending) },
      { heading: "Held", isNumber: true, sort: sorted("heldBytes"), cell: ({ heldBytes }) => bytes(heldBytes) },
    ],
  });
  return (
    shown +
    pagesOf(view.sessions, total, "Pages of sessions", (sessions) => addressOf({ ...view, sessions }, "sessions"))
  );
}

export function linksSection(model: ProxyModel, view: PageView): string {
  const { rows, total } = model.links(listQuery(view.links, view.match));
  const sorted = sorting<LinkRow, PageView["links"]>(view.links, (links) => addressOf({ ...view, links }, "links"));
  const shown = table<LinkRow>({
    caption: "Links: connections of clients and components",
    key: ({ connection }) => connection,
    rows,
    empty: view.match === "" ? "Nobody is connected." : "No link is like that.",
    columns: [
      {
        heading: "Peer",
        sort: sorted("peer"),
        cell: ({ peer }) => (peer === "" ? `<span class="dim">not known yet</span>` : foreign(peer)),
      },
      { heading: "Connection", cell: ({ connection }) => connectionLink(view, connection) },
      { heading: "Listener", sort: sorted("listener"), cell: ({ listener }) => escape(listener) },
      { heading: "From", sort: sorted("remote"), cell: ({ remote }) => escape(remote) },
      { heading: "State", sort: sorted("state"), cell: ({ state: phase }) => linkState(phase) },
      { heading: "For", isNumber: true, sort: sorted("seconds"), cell: ({ seconds }) => span(seconds) },
      { heading: "Stanzas up", isNumber: true, sort: sorted("stanzasUp"), cell: ({ stanzasUp }) => count(stanzasUp) },
      {
        heading: "Stanzas down",
        isNumber: true,
        sort: sorted("stanzasDown"),
        cell: ({ stanzasDown }) => count(stanzasDown),
      },
      { heading: "Queued", isNumber: true, sort: sorted("queuedBytes"), cell: ({ queuedBytes }) => bytes(queuedBytes) },
      {
        heading: "Outstanding",
        isNumber: true,
        sort: sorted("outstanding"),
        cell: ({ outstanding }) => count(outstanding),
      },
    ],
  });
  return shown + pagesOf(view.links, total, "Pages of links", (links) => addressOf({ ...view, links }, "links"));
}

function linkState(phase: LinkRow["state"]): string {
  return state(({ opening: "none", open: "good", ending: "warn" } as const)[phase], phase);
}

export function faultsSection(faults: readonly RecentFault[], view: PageView): string {
  const like = faults.filter((fault) => isLike(fault, view.match));
  const wanted = view.faults === "all" ? like : like.filter(({ kind }) => kind === view.faults);
  const kinds = [
    ["all", "All", like.length],
    ["fault", "Breaches", countOf(like, "fault")],
    ["stream-error", "Stream errors of peers", countOf(like, "stream-error")],
    ["delegation", "Delegations", countOf(like, "delegation")],
  ] as const;
  const choices = kinds.map(
    ([kind, name, number]) =>
      `<a href="${escape(addressOf({ ...view, faults: kind }, "faults"))}" data-view${kind === view.faults ? ` aria-current="true"` : ""}>${name} <span class="dim">${count(number)}</span></a>`,
  );
  const shown = table<RecentFault>({
    caption: "Recent faults, the newest first",
    key: ({ kind, code, leg = "", remote = "", rule = "", entity = "" }) =>
      [kind, code, leg, remote, rule, entity].join(" "),
    rows: wanted.slice(0, PAGE_ROWS),
    empty: faults.length === 0 ? "Nothing went wrong since the start." : "No fault is like that.",
    columns: [
      { heading: "Fault", cell: ({ code }) => `<code>${escape(code)}</code>` },
      { heading: "Last", cell: ({ lastAt }) => instant(lastAt) },
      { heading: "Times", isNumber: true, cell: (fault) => count(fault.count) },
      { heading: "Where", cell: whereOf(view) },
      { heading: "What it means", cell: meaningOf },
      { heading: "Source", cell: ({ source = "" }) => citation(source) },
    ],
  });
  const more = wanted.length - PAGE_ROWS;
  return `${faults.length === 0 ? "" : `<p class="choices">${choices.join("")}</p>`}${shown}${more > 0 ? `<p class="empty">${count(more)} more; <code>caesura errors</code> shows all.</p>` : ""}`;
}

function countOf(faults: readonly RecentFault[], kind: RecentFault["kind"]): number {
  return faults.filter((fault) => fault.kind === kind).length;
}

function isLike(
  { code, connection, remote = "", rule = "", entity = "", domain = "" }: RecentFault,
  match: string,
): boolean {
  const wanted = match.toLowerCase();
  return (
    wanted === "" ||
    [code, connection, remote, rule, entity, domain].some((text) => text.toLowerCase().includes(wanted))
  );
}

function whereOf(view: PageView): Column<RecentFault>["cell"] {
  return ({ connection, leg, remote = "", domain = "" }) =>
    [
      ...(connection === "" ? [] : [connectionLink(view, connection)]),
      ...(leg === undefined ? [] : [`${escape(leg)} leg`]),
      ...(remote === "" ? [] : [escape(remote)]),
      ...(domain === "" ? [] : [foreign(domain)]),
    ].join(`<span class="dim"> · </span>`);
}

function meaningOf({ meaning = "", rule = "", entity = "", condition, offset, excerpt }: RecentFault): string {
  const facts = [
    ...(rule === "" ? [] : [`<code>${foreign(rule)}</code>`]),
    ...(entity === "" ? [] : [foreign(entity)]),
    ...(condition === undefined ? [] : [`&lt;${escape(condition)}/&gt;`]),
    ...(offset === undefined ? [] : [`byte ${count(offset)}`]),
  ].join(" · ");
  const head = excerpt === undefined ? "" : `<code class="excerpt">${foreign(excerpt, 300)}</code>`;
  return `${foreign(meaning, 300)}${facts === "" ? "" : ` <span class="dim">${facts}</span>`}${head}`;
}

/** Everything about one connection, where its whole id was searched for. */
export function connectionSection(model: ProxyModel, view: PageView, mayClose: boolean): string {
  const id = view.match;
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(id)) return "";
  const query: ListQuery = { match: id, limit: 10 };
  const isIt = ({ connection }: { readonly connection: string }): boolean => connection === id;
  const session = model.sessions(query).rows.find(isIt);
  const link = model.links(query).rows.find(isIt);
  if (session === undefined && link === undefined) return "";
  const facts: (readonly [string, string])[] = [];
  if (session !== undefined) {
    const { jid, managed, pending, heldBytes } = session;
    facts.push(["JID", foreign(jid, 3100)], ["Stream management", managed ? "enabled (XEP-0198)" : "not enabled"]);
    facts.push(["Pending requests", count(pending)], ["Held behind a blocking delegation", bytes(heldBytes)]);
  }
  if (link !== undefined) {
    const { kind, peer, domain, listener, remote, secure, seconds, stanzasUp, stanzasDown, queuedBytes, outstanding } =
      link;
    if (session === undefined) facts.push(["Peer", peer === "" ? "not known yet" : foreign(peer, 3100)]);
    facts.push(
      ["Kind", kind],
      ["Domain", domain === "" ? "not known yet" : foreign(domain)],
      ["State", linkState(link.state)],
    );
    facts.push(
      ["From", escape(remote)],
      ["Listener", escape(listener)],
      ["TLS", secure ? "yes" : "no"],
      ["For", span(seconds)],
    );
    facts.push(["Stanzas", `${count(stanzasUp)} up, ${count(stanzasDown)} down`], ["Queued", bytes(queuedBytes)]);
    if (kind === "component") facts.push(["Outstanding requests", count(outstanding)]);
  } else facts.push(["State", state("none", "its connection is lost; it waits to be resumed")]);
  const list = facts.map(([name, html]) => `<div><dt>${name}</dt><dd>${html}</dd></div>`).join("");
  const close =
    mayClose && link !== undefined
      ? `<p class="actions"><button type="button" data-action="close" data-connection="${escape(id)}">Close this connection…</button></p>`
      : "";
  return `<h2 id="connection-title">Connection <code>${escape(id)}</code></h2><dl class="facts">${list}</dl>${close}`;
}

/** To all that is known of a connection; beside it, where there are scripts, what copies its id. */
function connectionLink(view: PageView, id: string): string {
  // A stream of the process before this one that nobody has resumed yet.
  if (id === "") return `<span class="dim">none yet</span>`;
  const only: PageView = {
    ...view,
    match: id,
    sessions: { ...view.sessions, page: 1 },
    links: { ...view.links, page: 1 },
  };
  return `<a class="id" href="${escape(addressOf(only, "connection"))}" data-view>${escape(id)}</a><button type="button" class="copy" data-copy="${escape(id)}" aria-label="Copy ${escape(id)}"></button>`;
}

function addressOf(view: PageView, section: string): string {
  // An empty query alone would lead to the very same place, with the one of now.
  return `${queryOf(view) || "?"}#${section}`;
}

function listQuery({ sort, descending, page }: Pager<string>, match: string): ListQuery {
  return {
    match,
    limit: PAGE_ROWS,
    offset: (page - 1) * PAGE_ROWS,
    descending,
    ...(sort === undefined ? {} : { sort }),
  };
}

/** Once: from the least; twice: from the most; thrice: as they came. Of numbers the most come first. */
function sorting<Row, Pages extends Pager<string>>(
  pager: Pages,
  href: (pager: Pages) => string,
): (column: NonNullable<Pages["sort"]> & keyof Row & string) => NonNullable<Column<Row>["sort"]> {
  return (column) => {
    const startsDescending = !["jid", "peer", "remote", "listener", "state"].includes(column);
    const isSorted = pager.sort === column;
    const next = !isSorted
      ? { sort: column, descending: startsDescending }
      : pager.descending === startsDescending
        ? { sort: column, descending: !startsDescending }
        : { sort: undefined, descending: false };
    const direction = !isSorted ? "none" : pager.descending ? "descending" : "ascending";
    return { href: href({ ...pager, ...next, page: 1 }), direction };
  };
}

function pagesOf<Pages extends Pager<string>>(
  pager: Pages,
  total: number,
  name: string,
  href: (pager: Pages) => string,
): string {
  const last = Math.max(1, Math.ceil(total / PAGE_ROWS));
  if (last === 1 && pager.page === 1) return total === 0 ? "" : `<p class="empty">${count(total)} in all</p>`;
  const { page } = pager;
  const first = (page - 1) * PAGE_ROWS + 1;
  const range =
    first > total
      ? `none of ${count(total)}`
      : `${count(first)}–${count(Math.min(total, page * PAGE_ROWS))} of ${count(total)}`;
  const to = (target: number, text: string): string =>
    target < 1 || target > last || target === page
      ? `<span class="off">${text}</span>`
      : `<a href="${escape(href({ ...pager, page: target }))}" data-view>${text}</a>`;
  return `<nav class="pages" aria-label="${name}">${to(1, "First")}${to(Math.min(page - 1, last), "Previous")}<span>${range}</span>${to(page + 1, "Next")}${to(last, "Last")}</nav>`;
}
