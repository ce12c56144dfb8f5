// A client made of @xmpp/client that does what it is told: one JSON object a line on standard input, one event a line on
// standard output. The words are those of test/support/library-person.ts.
//
// Arguments: a JSON object with port, jid, password, resource, direct (direct TLS). The certificate to trust comes in
// NODE_EXTRA_CA_CERTS.
import { client, xml } from "@xmpp/client";
import { parse } from "ltx";
import { createInterface } from "node:readline";

const { port, jid, password, resource, direct } = JSON.parse(process.argv[2] ?? "{}");
const [username, domain] = jid.split("@");
const entity = client({
  service: `${direct === true ? "xmpps" : "xmpp"}://127.0.0.1:${port}`,
  domain,
  username,
  password,
  resource,
});
entity.reconnect.delay = 100;

const tell = (event, more = {}) => {
  console.log(JSON.stringify({ event, ...more }));
};

entity.on("online", (address) => tell("online", { jid: address.toString() }));
entity.streamManagement.on("resumed", () => tell("resumed"));
entity.on("error", (error) => tell("trouble", { text: error.message }));
entity.on("stanza", (stanza) => {
  const { from = "", type = "" } = stanza.attrs;
  const body = stanza.getChildText("body");
  if (stanza.is("message") && body !== null) tell("message", { from, type, body });
  if (stanza.is("presence")) tell("presence", { from, type, show: stanza.getChildText("show") ?? "" });
});

const actions = {
  message: ({ to, type, body }) => entity.send(xml("message", { to, type, id: "m" }, xml("body", {}, body))),
  presence: ({ show }) => entity.send(xml("presence", {}, ...(show === undefined ? [] : [xml("show", {}, show)]))),
  join: ({ room, nick }) =>
    entity.send(xml("presence", { to: `${room}/${nick}` }, xml("x", { xmlns: "http://jabber.org/protocol/muc" }))),
  async ask({ type, to, payload }) {
    try {
      const iq = xml("iq", { type, ...(to === undefined ? {} : { to }) }, parse(payload));
      const reply = await entity.iqCaller.request(iq, 20_000);
      tell("answer", { type: reply.attrs.type, from: reply.attrs.from ?? "", payload: reply.children.join("") });
    } catch (error) {
      tell("answer", { type: "error", payload: error.condition ?? error.message });
    }
  },
  async leave() {
    lines.close();
    await entity.stop();
    // Its timers for acknowledgements would keep the process alive for a minute.
    process.exit();
  },
};

const lines = createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const order = JSON.parse(line);
  void actions[order.do](order)?.catch((error) => tell("trouble", { text: error.message }));
});

entity.start().catch((error) => tell("trouble", { text: error.message }));
