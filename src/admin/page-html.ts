/** Text of any origin as text of HTML, also within an attribute in quotes. */
export function escape(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** Of a text in a row; a resource may have 1023 bytes (RFC 7622 §3.4), and a page has many rows. */
const MOST_SHOWN = 120;

/**
 * What a peer chose, as text that looks like nothing else: it keeps its direction to itself, and what is invisible in it, or
 * would turn other characters around, is named. The joiners stay, which some scripts need.
 */
export function foreign(text: string, most = MOST_SHOWN): string {
  if (/^[\x20-\x7e]*$/.test(text)) return escape(cut(text, most));
  const parts = Array.from(cut(text, most), (character) =>
    /(?![\u200c\u200d])[\p{C}\p{Zl}\p{Zp}\u115f\u1160\u3164]/u.test(character) ? hidden(character) : escape(character),
  );
  return `<bdi>${parts.join("")}</bdi>`;
}

function cut(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${Array.from(text.slice(0, most)).slice(0, -1).join("")}…`;
}

function hidden(character: string): string {
  const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, "0");
  return `<span class="hidden">U+${hex}</span>`;
}

/** How something is: said by a shape and a word, and then by a colour. */
export type Tone = "good" | "warn" | "bad" | "none";

const shapes: Readonly<Record<Tone, string>> = { good: "●", warn: "◆", bad: "▲", none: "○" };

export function state(tone: Tone, html: string): string {
  return `<span class="state ${tone}"><span class="shape" aria-hidden="true">${shapes[tone]}</span> ${html}</span>`;
}

export interface Column<Row> {
  readonly heading: string;
  /** Digits stand below digits. */
  readonly isNumber?: boolean;
  /** Where the heading leads, and how the rows are sorted by it now. */
  readonly sort?: { readonly href: string; readonly direction: "ascending" | "descending" | "none" };
  readonly tone?: (row: Row) => Tone;
  /** HTML. */
  readonly cell: (row: Row) => string;
}

export interface Table<Row> {
  /** For those who do not see what stands around it. */
  readonly caption: string;
  /** The first one names the row. */
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  /** The same row has the same key in the next moment, so that it stays what was selected in it. */
  readonly key: (row: Row) => string;
  /** HTML, where there are no rows. */
  readonly empty: string;
}

export function table<Row>({ caption, columns, rows, key, empty }: Table<Row>): string {
  if (rows.length === 0) return `<p class="empty">${empty}</p>`;
  const body = rows.map((row) => {
    const cells = columns.map((column, index) => cellOf(column, row, index === 0));
    return `<tr data-key="${escape(key(row))}">${cells.join("")}</tr>`;
  });
  return `<table><caption>${escape(caption)}</caption><thead><tr>${columns.map(headingOf).join("")}</tr></thead><tbody>${body.join("")}</tbody></table>`;
}

function headingOf<Row>({ heading, isNumber = false, sort }: Column<Row>): string {
  const kind = isNumber ? ` class="number"` : "";
  if (sort === undefined) return `<th scope="col"${kind}>${heading}</th>`;
  const { href, direction } = sort;
  const sorted = direction === "none" ? "" : ` aria-sort="${direction}"`;
  const mark = { ascending: "▲", descending: "▼", none: "" }[direction];
  return `<th scope="col"${kind}${sorted}><a href="${escape(href)}" data-view>${isNumber ? "" : heading}<span class="sort" aria-hidden="true">${mark}</span>${isNumber ? heading : ""}</a></th>`;
}

function cellOf<Row>({ heading, isNumber = false, tone, cell }: Column<Row>, row: Row, isFirst: boolean): string {
  const html = cell(row);
  if (isFirst) return `<th scope="row">${html}</th>`;
  const kinds = [...(isNumber ? ["number"] : []), ...(tone === undefined || tone(row) === "none" ? [] : [tone(row)])];
  const kind = kinds.length === 0 ? "" : ` class="${kinds.join(" ")}"`;
  // On a narrow screen a row is a card, and the heading stands in front of each value.
  return `<td${kind} data-label="${heading}">${html}</td>`;
}

/** `<time>` of an instant in ISO 8601: in UTC, as in the log. */
export function instant(iso: string): string {
  return `<time datetime="${escape(iso)}">${escape(`${iso.slice(0, 10)} ${iso.slice(11, 19)}`)}</time>`;
}

export function count(value: number): string {
  return value.toLocaleString("en-US");
}

/** Of up to three digits, with the unit that needs no more. */
export function bytes(value: number): string {
  const units = ["B", "KiB", "MiB", "GiB"];
  let scaled = value;
  let unit = 0;
  for (; scaled >= 1000 && unit < units.length - 1; unit++) scaled /= 1024;
  return `${unit === 0 || scaled >= 10 ? String(Math.round(scaled)) : scaled.toFixed(1)} ${units[unit] ?? ""}`;
}

export function milliseconds(value: number): string {
  if (value >= 9995) return `${(value / 1000).toFixed(1)} s`;
  return `${value < 10 ? value.toFixed(1) : String(Math.round(value))} ms`;
}

export function rate(value: number): string {
  return `${value > 0 && value < 10 ? value.toFixed(1) : count(Math.round(value))}/s`;
}

/** To the minute once there is one, so that an idle table stays as it is. */
export function span(seconds: number): string {
  if (seconds < 60) return "< 1 min";
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${String(minutes)} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${String(hours)} h` : `${String(Math.floor(hours / 24))} d`;
}

/** Where a section is to be read: `RFC 6120 §11.1`, `XEP-0355 §4.3`. Text alone for what is neither. */
export function citation(source: string): string {
  const rfc = /^RFC (\d{4})(?: §([0-9.]+\d|\d))?/.exec(source);
  if (rfc !== null) {
    const [, number = "", section] = rfc;
    const place = section === undefined ? "" : `#section-${section}`;
    return link(`https://www.rfc-editor.org/rfc/rfc${number}.html${place}`, source);
  }
  const xep = /^XEP-(\d{4})/.exec(source);
  return xep === null ? escape(source) : link(`https://xmpp.org/extensions/xep-${xep[1] ?? ""}.html`, source);
}

function link(href: string, text: string): string {
  return `<a href="${href}" rel="noopener noreferrer">${escape(text)}</a>`;
}
