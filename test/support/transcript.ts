import type { Element } from "ltx";

// What a peer received, written so that two servers can be compared: one line an element, without what may rightly differ.

/** What may differ between two servers that behave alike; the page that lists the differences says so too. */
export interface Leniency {
  /** Whether this element, at the top of a stream, carries an id that the server made. */
  readonly hasIdOfServer: (element: Element) => boolean;
  /** Whether the order of an element's children says nothing. */
  readonly isUnordered: (element: Element) => boolean;
}

/**
 * Writes an element in one way only: attributes sorted, namespaces where they change, ids that a server made and the
 * human-readable text of errors left out.
 */
export function inOneWay(element: Element, leniency: Leniency): string {
  return written(element, undefined, leniency, true);
}

function written(element: Element, around: string | undefined, leniency: Leniency, isTop: boolean): string {
  const namespace = element.getNS() ?? "";
  const attributes = Object.entries(element.attrs)
    .filter(([name]) => name !== "xmlns" && !name.startsWith("xmlns:"))
    .filter(([name]) => !(isTop && name === "id" && leniency.hasIdOfServer(element)))
    .map(([name, value]): [string, string] => [name, String(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1));
  if (!isTop && namespace !== around) attributes.unshift(["xmlns", namespace]);
  const children = element.children
    .filter((child) => typeof child === "string" || !isErrorText(child))
    .map((child) => (typeof child === "string" ? escaped(child) : written(child, namespace, leniency, false)));
  if (leniency.isUnordered(element)) children.sort();
  const start = [element.getName(), ...attributes.map(([name, value]) => `${name}='${escaped(value)}'`)];
  return children.length === 0
    ? `<${start.join(" ")}/>`
    : `<${start.join(" ")}>${children.join("")}</${element.getName()}>`;
}

function isErrorText(element: Element): boolean {
  return element.getNS() === "urn:ietf:params:xml:ns:xmpp-stanzas" && element.getName() === "text";
}

function escaped(text: string): string {
  const control = (character: string): string => `&#${String(character.charCodeAt(0))};`;
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll("'", "&apos;")
    .replaceAll(/[\t\n\r]/g, control);
}

/** The lines that only one of two transcripts has, in their order: `- ` of the first, `+ ` of the second. */
export function differences(first: readonly string[], second: readonly string[]): readonly string[] {
  // The longest common subsequence, by lengths of those of all pairs of ends.
  const lengths: number[][] = Array.from({ length: first.length + 1 }, () =>
    Array.from({ length: second.length + 1 }, () => 0),
  );
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = first.length - 1; i >= 0; i--) {
    for (let j = second.length - 1; j >= 0; j--) {
      const row = lengths[i];
      if (row === undefined) continue;
      row[j] = first[i] === second[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: string[] = [];
  let i = 0;
  let j = 0;
  while (i < first.length || j < second.length) {
    if (i < first.length && j < second.length && first[i] === second[j]) {
      i++;
      j++;
    } else if (j >= second.length || (i < first.length && at(i + 1, j) >= at(i, j + 1))) {
      lines.push(`- ${first[i++] ?? ""}`);
    } else {
      lines.push(`+ ${second[j++] ?? ""}`);
    }
  }
  return lines;
}
