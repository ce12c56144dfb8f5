/** The domain that every stand-in and every real server of the benches serves. */
export const DOMAIN = "capulet.lit";
/** The managing entity of the benches. */
export const ENTITY = "pubsub.capulet.lit";
export const ENTITY_SECRET = "a rose by any other name";
/** The delegated namespace. Everything else that the generator sends is matched by no rule. */
export const DELEGATED_NAMESPACE = "urn:caesura:bench:0";

/** The payload of a delegated request, in bytes. */
const PAYLOAD_BYTES = 200;

const LINE = "But soft, what light through yonder window breaks? It is the east, and Juliet is the sun. ";

/** Three kinds of stanza of exactly `bytes` bytes each: a message, a presence, an IQ of a namespace that no rule names. */
export function stanzasOf(bytes: number): readonly Buffer[] {
  return [
    padded(bytes, "<message to='juliet@capulet.lit' type='chat' id='m1'><body>", "</body></message>"),
    padded(bytes, "<presence to='juliet@capulet.lit/balcony'><status>", "</status></presence>"),
    unmatchedIq(bytes),
  ];
}

/** An IQ that a rule could have selected: what costs most among the stanzas that pass. */
export function unmatchedIq(bytes: number): Buffer {
  return padded(
    bytes,
    "<iq to='juliet@capulet.lit' type='set' id='i1'><query xmlns='jabber:iq:private'>",
    "</query></iq>",
  );
}

/** A request for the user's own account in the delegated namespace. */
export function delegatedIq(id: string): string {
  return `<iq type='set' id='${id}'><query xmlns='${DELEGATED_NAMESPACE}'>${text(PAYLOAD_BYTES)}</query></iq>`;
}

function padded(bytes: number, start: string, end: string): Buffer {
  return Buffer.from(start + text(bytes - start.length - end.length) + end);
}

function text(bytes: number): string {
  return LINE.repeat(Math.ceil(bytes / LINE.length)).slice(0, bytes);
}
