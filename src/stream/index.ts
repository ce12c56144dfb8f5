/**
 * One XMPP stream at a time: headers, features, negotiation, component handshake. Pure; imports words and bytes only.
 *
 * 1. A stream header's namespace decides what its children are; prefixes mean nothing (RFC 6120 §4.8).
 * 2. Nothing learnt before TLS is kept (RFC 6120 §5.4.3.3); after SASL both streams start anew, after SASL2 they do not.
 * 3. Over WebSocket a stream is the same stream: messages are translated, and nothing else knows of them (RFC 7395).
 * 4. A session is authenticated and bound by the server's words alone (XEP-0388 §2.6.1, RFC 6120 §7.6).
 *
 * Relies on RFC 6120, XEP-0114 v1.6, XEP-0388 v1.0, XEP-0386 v1.0, XEP-0078 v2.5,
 * XEP-0440 v0.4, XEP-0484 v0.2, XEP-0397 v0.2, XEP-0478 v0.2, RFC 7395.
 */
export * from "./header.js";
export * from "./nonzas.js";
export * from "./features.js";
export * from "./sasl-offers.js";
export * from "./negotiation.js";
export * from "./handshake.js";
export * from "./binding.js";
export * from "./management.js";
export * from "./management-elements.js";
export * from "./management-fingerprint.js";
export * from "./resumable-session.js";
export { ResumeAttempt } from "./resume-attempt.js";
export * from "./resumption.js";
export { MessageReader, type MessageFault } from "./websocket-reader.js";
export { MessageWriter, writeSeeOtherUri, type MessageSink } from "./websocket-writer.js";
