/**
 * XML as XMPP restricts it: bytes in, frames out.
 *
 * 1. The framer decides what may pass; nothing that it did not pass is looked at by anything else.
 * 2. What it passes every reader of the stream reads alike: the same borders, the same names.
 * 3. A tree is built only of a frame that is inspected or rewritten, and only of one that the framer has passed.
 * 4. A peer's breach is a value with a code of `xmlFaults`; nothing here throws on peer input.
 */
export { copyOf } from "./copy.js";
export type { FrameSink, FramerLimits, NamespaceScope, XmlFault, XmlFaultCondition } from "./frame.js";
export { FrameKind } from "./frame.js";
export type { XmlFaultEntry } from "./faults.js";
export { xmlFaults } from "./faults.js";
export type { FramerOptions } from "./framer.js";
export { Framer } from "./framer.js";
export { namespaceHash } from "./hash.js";
export type { Head } from "./head.js";
export { readHead } from "./head.js";
export { attributeOf, childElements, findChild, namespaceOf } from "./navigate.js";
export { Element } from "./element.js";
export { parseElement } from "./tree.js";
export { serialize, writtenLength } from "./serialize.js";
