import { Buffer } from "node:buffer";
import { childElements, Element, findChild, namespaceOf, serialize } from "../xml/index.js";
import { NS } from "../xmpp/index.js";

/** The two namespaces of stream management; they are the same on the wire. */
export type ManagementNamespace = typeof NS.sm2 | typeof NS.sm3;

export function isManagementNamespace(namespace: string): namespace is ManagementNamespace {
  return namespace === NS.sm3 || namespace === NS.sm2;
}

/** `<r/>` (XEP-0198 §4). */
export function writeRequest(namespace: ManagementNamespace): Buffer {
  return Buffer.from(`<r xmlns='${namespace}'/>`);
}

/** `<a/>` (XEP-0198 §4). */
export function writeAck(namespace: ManagementNamespace, h: number): Buffer {
  return Buffer.from(`<a xmlns='${namespace}' h='${h}'/>`);
}

/** `<resume/>`, `<resumed/>` (XEP-0198 §5). */
export function writeResumption(
  name: "resume" | "resumed",
  namespace: ManagementNamespace,
  { previd, h }: { readonly previd: string; readonly h: number },
): Buffer {
  return Buffer.from(serialize(new Element(name, { xmlns: namespace, previd, h: String(h) })));
}

/** Conditions of a `<failed/>` of ours. */
export type ResumptionFailure = "bad-request" | "item-not-found" | "unexpected-request";

/** `<failed/>` of ours; never with an `h`, since whoever gets it has no session here (XEP-0198 §5, protocol.md S33). */
export function failedElement(namespace: ManagementNamespace, condition: ResumptionFailure): Element {
  const failed = new Element("failed", { xmlns: namespace });
  failed.c(condition, { xmlns: NS.stanzaErrors });
  return failed;
}

/** What the server grants with `<enabled/>` (XEP-0198 §3). */
export interface Enabled {
  /** The server's own id; undefined when the stream cannot be resumed. */
  readonly id: string | undefined;
  readonly maxSeconds: number | undefined;
}

/** Reads `<enabled/>`. Without `resume`, or without an id, nothing can be resumed, whatever else is said. */
export function readEnabled(enabled: Element): Enabled {
  const { id, max, resume } = enabled.attrs as Record<string, string | undefined>;
  const isResumable = (resume === "true" || resume === "1") && id !== undefined && id !== "";
  return {
    id: isResumable ? id : undefined,
    maxSeconds: max !== undefined && /^\d{1,10}$/.test(max) ? Number(max) : undefined,
  };
}

/**
 * Puts our id in the place of the server's, and takes the server's address out, which is no place for the client.
 *
 * Shape   `enabled` is changed in place. An id that nothing can be resumed with is taken out as well.
 * Source  protocol.md S20, R12.
 */
export function rewriteEnabled(enabled: Element, cid: string | undefined): void {
  removeLocation(enabled);
  if (cid === undefined) delete enabled.attrs["id"];
  else enabled.attrs["id"] = cid;
}

/**
 * Takes the addresses out that the client should come back to: XEP-0198 §3, and XEP-0397 §4 and §5.1 as an element or as an
 * attribute. In place; returns whether there was one.
 *
 * Source  protocol.md R12.
 */
export function removeLocation(enabled: Element): boolean {
  let found = false;
  for (const element of [enabled, ...childElements(enabled)]) {
    for (const name of Object.keys(element.attrs)) {
      if (name !== "location" && !name.endsWith(":location")) continue;
      delete element.attrs[name];
      found = true;
    }
  }
  return found;
}

/** What the server says with `<failed/>`. */
export interface Failed {
  /** Name of the stanza error condition; undefined when none is given. */
  readonly condition: string | undefined;
  /** As written; undefined when absent. */
  readonly h: string | undefined;
}

/** Reads `<failed/>`. COMPAT(Prosody 0.12): the condition may be wrapped in an `<error/>` (protocol.md S31). */
export function readFailed(failed: Element): Failed {
  const wrapped = childElements(failed).filter((child) => child.name === "error");
  const condition = [failed, ...wrapped]
    .flatMap((parent) => childElements(parent))
    .find((child) => namespaceOf(child) === NS.stanzaErrors && child.name !== "text");
  return { condition: condition?.name, h: (failed.attrs as Record<string, string | undefined>)["h"] };
}

// The inline forms (XEP-0198 §9, XEP-0388 §2.6, XEP-0386 §3; XEP-0397 §5.2 wraps those of resumption once more)

/** Stream management inside a client's SASL2 `<authenticate/>`; the elements are part of that tree. */
export interface InlineRequests {
  readonly resume: Element | undefined;
  /** `<enable/>` inside `<bind/>`. */
  readonly enable: Element | undefined;
}

export function inlineRequestsOf(authenticate: Element): InlineRequests {
  const bind = child(authenticate, "bind", BIND2);
  return {
    resume: childOrWrapped(authenticate, "resume", "inst-resume"),
    enable: bind && child(bind, "enable", MANAGEMENT),
  };
}

/** Stream management inside a server's SASL2 `<success/>`; the elements are part of that tree. */
export interface InlineResults {
  readonly resumed: Element | undefined;
  /** The answer to `<resume/>`. */
  readonly resumeFailed: Element | undefined;
  readonly enabled: Element | undefined;
  /** The answer to `<enable/>`, inside `<bound/>`. */
  readonly enableFailed: Element | undefined;
}

export function inlineResultsOf(success: Element): InlineResults {
  const bound = child(success, "bound", BIND2);
  return {
    resumed: childOrWrapped(success, "resumed", "inst-resumed"),
    resumeFailed: childOrWrapped(success, "failed", "inst-resume-failed"),
    enabled: bound && child(bound, "enabled", MANAGEMENT),
    enableFailed: bound && child(bound, "failed", MANAGEMENT),
  };
}

/** Names our counters instead of the client's or the server's in `<resume/>` or `<resumed/>`, in place. */
export function rewriteResumption(
  element: Element,
  { previd, h }: { readonly previd: string; readonly h: number },
): void {
  element.attrs["previd"] = previd;
  element.attrs["h"] = String(h);
}

/** Tells the client in its own numbering what was handled, or nothing (protocol.md S31); in place. */
export function rewriteFailed(failed: Element, h: number | undefined): void {
  if (h === undefined) delete failed.attrs["h"];
  else failed.attrs["h"] = String(h);
}

/**
 * Takes a `<resume/>` that the server must not see out of its `<authenticate/>`, and returns what the client is to be told of
 * it in `<success/>` (protocol.md S33, S34).
 */
export function withholdResume(authenticate: Element, resume: Element, condition: ResumptionFailure): Element {
  const failed = failedElement(namespaceOf(resume) === NS.sm2 ? NS.sm2 : NS.sm3, condition);
  const { parent } = resume;
  if (parent === null || parent === authenticate) {
    authenticate.remove(resume);
    return failed;
  }
  authenticate.remove(parent);
  const wrapper = new Element("inst-resume-failed", { xmlns: NS.isr });
  wrapper.children.push(failed);
  failed.parent = wrapper;
  return wrapper;
}

/** Tells a client whose `<resume/>` was withheld that it failed, where the server would have: before `<bound/>`. */
export function insertFailed(success: Element, failed: Element): void {
  const bound = child(success, "bound", BIND2);
  const at = bound === undefined ? success.children.length : success.children.indexOf(bound);
  success.children.splice(at, 0, failed);
  failed.parent = success;
}

const MANAGEMENT = [NS.sm3, NS.sm2] as const;
const BIND2 = [NS.bind2, NS.bind2Later] as const;

function childOrWrapped(parent: Element, name: string, wrapper: string): Element | undefined {
  const wrapped = findChild(parent, wrapper, NS.isr);
  return child(parent, name, MANAGEMENT) ?? (wrapped && child(wrapped, name, MANAGEMENT));
}

function child(parent: Element, name: string, namespaces: readonly string[]): Element | undefined {
  for (const namespace of namespaces) {
    const found = findChild(parent, name, namespace);
    if (found !== undefined) return found;
  }
  return undefined;
}
