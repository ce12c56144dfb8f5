import { NS } from "../xmpp/index.js";
import type { Element } from "./element.js";

/**
 * The namespace of an element of a tree in normal form; `""` for none.
 *
 * Shape   `parentNamespace` is what an element without `xmlns` inherits; without it the parents in the tree are asked.
 */
export function namespaceOf(element: Element, parentNamespace?: string): string {
  for (let at: Element | null = element; at !== null; at = at.parent) {
    const declared: unknown = at.attrs["xmlns"];
    if (typeof declared === "string" && !at.name.startsWith("xml:")) return declared;
    if (at.name.startsWith("xml:")) return NS.xml;
    if (parentNamespace !== undefined) return parentNamespace;
  }
  return "";
}

/** The children that are elements, in document order. */
export function childElements(element: Element): Element[] {
  const found: Element[] = [];
  for (const child of element.children) if (typeof child !== "string") found.push(child);
  return found;
}

/** The first child element with this expanded name. */
export function findChild(element: Element, name: string, namespace: string): Element | undefined {
  const own = namespaceOf(element);
  for (const child of element.children) {
    if (typeof child !== "string" && child.name === name && namespaceOf(child, own) === namespace) return child;
  }
  return undefined;
}

/** An attribute's value; undefined for an absent one, also where plain objects inherit something. */
export function attributeOf(element: Element, name: string): string | undefined {
  if (!Object.hasOwn(element.attrs, name)) return undefined;
  const value: unknown = element.attrs[name];
  return typeof value === "string" ? value : undefined;
}
