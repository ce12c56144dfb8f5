// The managing entity of the benches: a component (XEP-0114) that answers each delegated request with its own payload.
//
// It must cost little beside what is measured, and its peers are trusted, so it reads by searching text instead of
// parsing: no real component may be written so. Requests whose inner id begins with `keep-` are never answered.
// Arguments: port of the component link, JID, shared secret.

import { createHash } from "node:crypto";
import { connect } from "node:net";

const [port, jid = "", secret = ""] = process.argv.slice(2);

const WRAPPED = "<delegation";
const KEPT_ID = "keep-";

let text = "";
let isReady = false;
let kept = 0;

const socket = connect({ port: Number(port), host: "127.0.0.1" }, () => {
  socket.setNoDelay(true);
  socket.write(
    `<?xml version='1.0'?><stream:stream to='${jid}' xmlns='jabber:component:accept' ` +
      `xmlns:stream='http://etherx.jabber.org/streams'>`,
  );
});
socket.on("data", (chunk) => {
  text += chunk.toString("latin1");
  const answer = isReady ? answerAll() : shakeHands();
  if (answer !== "") socket.write(answer, "latin1");
});
socket.on("error", (error) => process.stderr.write(`${error.message}\n`));
socket.on("close", () => process.exit(1));

function shakeHands(): string {
  const id = text.match(/<stream:stream[^>]* id=['"]([^'"]+)['"][^>]*>/)?.[1];
  if (id !== undefined) {
    text = "";
    return `<handshake>${createHash("sha1")
      .update(id + secret)
      .digest("hex")}</handshake>`;
  }
  const handshake = text.match(/<handshake\s*(\/>|><\/handshake>)/);
  if (handshake === null) return "";
  text = text.slice((handshake.index ?? 0) + handshake[0].length);
  isReady = true;
  process.stdout.write("connected\n");
  return answerAll();
}

/** Answers every complete stanza in `text` and leaves the rest. */
function answerAll(): string {
  let answers = "";
  let at = 0;
  for (;;) {
    const start = text.indexOf("<", at);
    if (start === -1) break;
    const tagEnd = text.indexOf(">", start);
    if (tagEnd === -1) break;
    const isIq = text.startsWith("<iq", start);
    const isWrapper = isIq && text.startsWith(WRAPPED, tagEnd + 1);
    const ending = isWrapper ? "</delegation></iq>" : isIq ? "</iq>" : "</message>";
    const end = text.indexOf(ending, tagEnd);
    if (end === -1) break;
    at = end + ending.length;
    if (isWrapper) answers += answerRequest(start, tagEnd, at);
    else if (isIq) answers += answerQuestion(start, tagEnd);
    else if (text.slice(start, at).includes("<delegated")) process.stdout.write("advertised\n");
  }
  text = text.slice(at);
  return answers;
}

/** The reply to a wrapper (XEP-0355 §4.3): the inner IQ as result, its addresses exchanged, its payload sent back. */
function answerRequest(start: number, tagEnd: number, end: number): string {
  const innerStart = text.indexOf("<iq", tagEnd);
  const innerEnd = text.indexOf(">", innerStart);
  const innerId = attribute("id", innerStart, innerEnd);
  if (innerId.startsWith(KEPT_ID)) {
    kept++;
    return "";
  }
  const payload = text.slice(innerEnd + 1, text.lastIndexOf("</iq></forwarded>", end));
  const requester = attribute("from", innerStart, innerEnd);
  const account = attribute("to", innerStart, innerEnd) || requester.slice(0, requester.indexOf("/"));
  // The opening tags are sent back as they came: ejabberd 23.01 still speaks version 1 of the namespace.
  const opening = text.slice(tagEnd + 1, innerStart);
  return (
    `<iq type='result' from='${jid}' to='${attribute("from", start, tagEnd)}' id='${attribute("id", start, tagEnd)}'>` +
    `${opening}<iq xmlns='jabber:client' type='result' id='${innerId}' from='${account}' to='${requester}'>` +
    `${payload}</iq></forwarded></delegation></iq>`
  );
}

/** Service discovery, which servers ask after the advertisement: nothing to nest (XEP-0355 §7.2). */
function answerQuestion(start: number, tagEnd: number): string {
  const type = attribute("type", start, tagEnd);
  if (type !== "get" && type !== "set") return "";
  const query = text.slice(tagEnd + 1, text.indexOf(">", tagEnd + 1) + 1).replace(/([^/])>$/, "$1/>");
  return (
    `<iq type='result' from='${jid}' to='${attribute("from", start, tagEnd)}' id='${attribute("id", start, tagEnd)}'>` +
    `${query}</iq>`
  );
}

function attribute(name: string, start: number, tagEnd: number): string {
  const at = text.indexOf(` ${name}=`, start);
  if (at === -1 || at > tagEnd) return "";
  const valueStart = at + name.length + 3;
  return text.slice(valueStart, text.indexOf(text.charAt(valueStart - 1), valueStart));
}

process.on("message", () => process.send?.({ kept }));
process.on("disconnect", () => process.exit());
