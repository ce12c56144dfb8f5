import type { LinkRow, SessionRow } from "./model.js";

/** What of the proxy a reader of the page looks at. All of it stands in the address, so that it can be kept and sent to others. */
export interface PageView {
  /** A connection id, or a part of one, of a JID or of an address; of sessions, links and faults. */
  readonly match: string;
  readonly faults: FaultKind;
  readonly sessions: Pager<SessionColumn>;
  readonly links: Pager<LinkColumn>;
  /** Seconds that the plots show. */
  readonly window: PlotWindow;
}

export interface Pager<Column extends string> {
  /** Undefined: in the order in which they came. */
  readonly sort: Column | undefined;
  readonly descending: boolean;
  /** From 1. */
  readonly page: number;
}

const faultKinds = ["all", "fault", "stream-error", "delegation"] as const;
export type FaultKind = (typeof faultKinds)[number];

export const plotWindows = [300, 900, 1800, 3600] as const;
export type PlotWindow = (typeof plotWindows)[number];

const sessionColumns = [
  "jid",
  "remote",
  "state",
  "seconds",
  "pending",
  "heldBytes",
] as const satisfies readonly (keyof SessionRow)[];
export type SessionColumn = (typeof sessionColumns)[number];

const linkColumns = [
  "peer",
  "listener",
  "remote",
  "state",
  "seconds",
  "stanzasUp",
  "stanzasDown",
  "queuedBytes",
  "outstanding",
] as const satisfies readonly (keyof LinkRow)[];
export type LinkColumn = (typeof linkColumns)[number];

const MOST_MATCH = 256;
const MOST_PAGE = 100_000;

/** What the query of an address asks for. What is not understood is as if it was not there: the address is typed by people. */
export function readView(query: URLSearchParams): PageView {
  return {
    match: (query.get("match") ?? "").trim().slice(0, MOST_MATCH),
    faults: oneOf(faultKinds, query.get("faults")) ?? "all",
    sessions: readPager(query, sessionColumns, "sort", "page"),
    links: readPager(query, linkColumns, "links-sort", "links-page"),
    window: plotWindows.find((seconds) => String(seconds) === query.get("window")) ?? 300,
  };
}

/** The query of a view, with `?` if there is one; what is as it always is stands nowhere. */
export function queryOf({ match, faults, sessions, links, window }: PageView): string {
  const query = new URLSearchParams();
  if (match !== "") query.set("match", match);
  if (faults !== "all") query.set("faults", faults);
  writePager(query, sessions, "sort", "page");
  writePager(query, links, "links-sort", "links-page");
  if (window !== 300) query.set("window", String(window));
  return query.size === 0 ? "" : `?${query.toString()}`;
}

function readPager<Column extends string>(
  query: URLSearchParams,
  columns: readonly Column[],
  sortKey: string,
  pageKey: string,
): Pager<Column> {
  const written = query.get(sortKey) ?? "";
  const descending = written.startsWith("-");
  const sort = oneOf(columns, descending ? written.slice(1) : written);
  const page = Number(query.get(pageKey) ?? "1");
  return {
    sort,
    descending: sort !== undefined && descending,
    page: Number.isInteger(page) && page >= 1 && page <= MOST_PAGE ? page : 1,
  };
}

function writePager(query: URLSearchParams, pager: Pager<string>, sortKey: string, pageKey: string): void {
  if (pager.sort !== undefined) query.set(sortKey, `${pager.descending ? "-" : ""}${pager.sort}`);
  if (pager.page > 1) query.set(pageKey, String(pager.page));
}

function oneOf<Word extends string>(words: readonly Word[], written: string | null): Word | undefined {
  return words.find((word) => word === written);
}
