// A managing entity (XEP-0355) in about sixty lines: a component that answers what the server delegates to it.
//
//   node examples/managing-entity.mjs xmpp://127.0.0.1:5347 verse.capulet.lit
//
// The shared secret comes in COMPONENT_SECRET. It manages urn:example:verse, in which a client asks for a line of a play:
//
//   <iq type='get' id='v1'><line xmlns='urn:example:verse' play='romeo'/></iq>
import { component, xml } from "@xmpp/component";

const delegationNs = "urn:xmpp:delegation:2";
const forwardNs = "urn:xmpp:forward:0";
const stanzaErrorsNs = "urn:ietf:params:xml:ns:xmpp-stanzas";
const verseNs = "urn:example:verse";

const lines = new Map([
  ["romeo", "But, soft! what light through yonder window breaks?"],
  ["hamlet", "Words, words, words."],
]);

const [service = "xmpp://127.0.0.1:5347", domain = "verse.capulet.lit"] = process.argv.slice(2);
const entity = component({ service, domain, password: process.env["COMPONENT_SECRET"] ?? "" });

// What the server delegates, said once after each connection and again when it changes (§4.2).
entity.on("stanza", (stanza) => {
  const delegation = stanza.is("message") ? stanza.getChild("delegation", delegationNs) : undefined;
  for (const delegated of delegation?.getChildren("delegated") ?? []) {
    console.log(`${stanza.attrs.from} delegates ${delegated.attrs.namespace}`);
  }
});

// A delegated request: the user's own <iq/>, wrapped by the server (§4.3). The answer goes back wrapped in the same way.
entity.iqCallee.set(delegationNs, "delegation", ({ element }) => {
  const request = element.getChild("forwarded", forwardNs)?.getChild("iq", "jabber:client");
  if (request === undefined) return xml("error", { type: "modify" }, xml("bad-request", { xmlns: stanzaErrorsNs }));
  return xml("delegation", { xmlns: delegationNs }, xml("forwarded", { xmlns: forwardNs }, answer(request)));
});

// The inner answer goes from where the user sent the request (without `to` that is the account) to the user.
function answer(request) {
  const { id, from, to = from.split("/")[0] } = request.attrs;
  const address = { xmlns: "jabber:client", id, from: to, to: from };
  const line = lines.get(request.getChild("line", verseNs)?.attrs.play);
  if (line === undefined) {
    const error = xml("error", { type: "cancel" }, xml("item-not-found", { xmlns: stanzaErrorsNs }));
    return xml("iq", { ...address, type: "error" }, error);
  }
  return xml("iq", { ...address, type: "result" }, xml("line", { xmlns: verseNs }, line));
}

entity.on("online", (jid) => console.log(`connected as ${jid.toString()}`));
entity.on("error", (error) => console.error(error.message));
for (const signal of ["SIGINT", "SIGTERM"]) {
  process.once(signal, () => {
    entity.reconnect.stop();
    void entity.stop().finally(() => process.exit(0));
  });
}
await entity.start();
