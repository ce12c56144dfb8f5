// Logs in over WebSocket with a library, sends one IQ, prints what came of it as one line of JSON, and leaves.
//
// Arguments: a JSON object with library (@xmpp/client or strophe.js), url, jid, password and iq: {type, to, payload}; with
// strophe.js also isCut: true, which cuts the connection at SIGUSR2, and resumes it. The certificate to trust comes
// in NODE_EXTRA_CA_CERTS. The line holds bound, type, from, payload, and for an error its condition.
import { once } from "node:events";
import { parse } from "ltx";
import { WebSocket } from "ws";

// Browsers and newer versions of Node have one.
globalThis.WebSocket ??= WebSocket;

const asked = JSON.parse(process.argv[2] ?? "{}");
const libraries = { "@xmpp/client": askWithXmppJs, "strophe.js": askWithStrophe };
let outcome;
try {
  outcome = await libraries[asked.library](asked);
} catch (error) {
  outcome = { type: "no session", reason: error.message };
}
console.log(JSON.stringify(outcome));

async function askWithXmppJs({ url, jid, password, iq }) {
  const { client, xml } = await import("@xmpp/client");
  const [username, domain] = jid.split("@");
  const entity = client({ service: url, domain, username, password, resource: "library" });
  entity.reconnect.stop();
  await Promise.race([entity.start(), once(entity, "error").then(([error]) => Promise.reject(error))]);
  const bound = entity.jid.toString();
  const attributes = { type: iq.type, ...(iq.to === undefined ? {} : { to: iq.to }) };
  const reply = await entity.iqCaller.request(xml("iq", attributes, parse(iq.payload)), 10_000);
  await entity.stop();
  return { bound, type: reply.attrs.type, from: reply.attrs.from ?? "", payload: reply.children.join("") };
}

async function askWithStrophe({ url, jid, password, iq, isCut }) {
  const { Strophe, $iq } = await import("strophe.js");
  const connection = new Strophe.Connection(url, { enableStreamManagement: isCut === true });
  const { CONNECTED, DISCONNECTED, AUTHFAIL, CONNFAIL } = Strophe.Status;
  let told = () => undefined;
  const becomes = (wanted) =>
    new Promise((resolve, reject) => {
      told = (status, reason) => {
        if (status === wanted) resolve(undefined);
        else if ([AUTHFAIL, CONNFAIL].includes(status)) reject(new Error(String(reason)));
      };
    });
  const connect = () => {
    const connected = becomes(CONNECTED);
    connection.connect(`${jid}/library`, password, (status, reason) => told(status, reason));
    return connected;
  };
  await connect();
  const bound = connection.jid;
  const cut = once(process, "SIGUSR2");
  if (isCut === true) {
    // Behind the answer to anything else, <enabled/> has come too, without which there is nothing to resume.
    const ping = $iq({ type: "get", to: jid.split("@")[1] }).c("ping", { xmlns: "urn:xmpp:ping" });
    await new Promise((resolve) => connection.sendIQ(ping, resolve, resolve));
  }
  const request = $iq({ type: iq.type, id: "asked", ...(iq.to === undefined ? {} : { to: iq.to }) });
  const { name, attrs } = parse(iq.payload);
  request.c(name, attrs);
  let arrived = () => undefined;
  const answer = new Promise((resolve) => (arrived = resolve));
  // A handler that answers false is forgotten.
  const heard = (stanza) => {
    arrived(stanza);
    return false;
  };
  const listen = () => connection.addHandler(heard, null, "iq", null, "asked");
  listen();
  connection.send(request);
  if (isCut === true) {
    connection.flush();
    // The test says when the request has arrived.
    await cut;
    const disconnected = becomes(DISCONNECTED);
    connection._proto.socket.terminate();
    await disconnected;
    const resumed = connect();
    // It forgets its handlers with a connection.
    listen();
    await resumed;
  }
  const reply = await answer;
  const result = {
    bound,
    isResumed: connection.hasResumed(),
    type: reply.getAttribute("type"),
    from: reply.getAttribute("from") ?? "",
    payload: [...reply.childNodes].map((child) => child.toString()).join(""),
  };
  const ended = becomes(DISCONNECTED);
  connection.disconnect();
  await ended;
  return result;
}
