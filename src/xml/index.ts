export type { FrameSink, FramerLimits, NamespaceScope, XmlFault, XmlFaultCondition } from "./frame.js";
export { FrameKind } from "./frame.js";
export { childElements, Element, findChild, namespaceOf, parseElement } from "./tree.js";
export { serialize } from "./serialize.js";
