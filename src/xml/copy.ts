import { UsageError } from "../xmpp/index.js";
import { attributeOf, childElements, namespaceOf } from "./navigate.js";
import { Element } from "./element.js";
import { setAttribute } from "./tree.js";

/**
 * Copies an element out of a tree, so that it can stand elsewhere and the tree can go.
 *
 * Shape   normal form, with no parent. The root names its namespace, and declares the prefixes that its attributes or
 *         those within it use and that were declared further out; no others.
 * Source  XML 1.0 names §5: what is cut out loses what was declared around it.
 */
export function copyOf(element: Element): Element {
  const copy = duplicate(element);
  if (!element.name.startsWith("xml:")) copy.attrs["xmlns"] = namespaceOf(element);
  for (const prefix of freePrefixes(element, new Set(), new Set())) {
    setAttribute(copy, `xmlns:${prefix}`, declarationOf(element.parent, prefix));
  }
  return copy;
}

function duplicate(element: Element): Element {
  const copy = new Element(element.name);
  for (const name in element.attrs) {
    const value = attributeOf(element, name);
    if (value !== undefined) setAttribute(copy, name, value);
  }
  for (const child of element.children) copy.cnode(typeof child === "string" ? child : duplicate(child));
  return copy;
}

/** The prefixes of attributes that nothing within the element declares. */
function freePrefixes(element: Element, outer: ReadonlySet<string>, found: Set<string>): ReadonlySet<string> {
  const prefixed = Object.keys(element.attrs)
    .filter((name) => name.includes(":"))
    .map((name) => name.split(":", 2));
  const declared = prefixed.flatMap(([prefix, local]) => (prefix === "xmlns" && local !== undefined ? [local] : []));
  const bound = declared.length === 0 ? outer : new Set([...outer, ...declared]);
  for (const [prefix = ""] of prefixed) {
    if (prefix !== "xmlns" && prefix !== "xml" && !bound.has(prefix)) found.add(prefix);
  }
  for (const child of childElements(element)) freePrefixes(child, bound, found);
  return found;
}

function declarationOf(element: Element | null, prefix: string): string {
  for (let at = element; at !== null; at = at.parent) {
    const namespace = attributeOf(at, `xmlns:${prefix}`);
    if (namespace !== undefined) return namespace;
  }
  throw new UsageError("an attribute's prefix is declared nowhere in its tree");
}
