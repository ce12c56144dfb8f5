// Logs in with @xmpp/client, sends one IQ, prints what came of it as one line of JSON, and leaves.
//
// Arguments: a JSON object with port, jid, password, direct (direct TLS) and iq: {type, to, payload}. The certificate to
// trust comes in NODE_EXTRA_CA_CERTS. The line holds bound, type, from, payload, and for an error its condition.
import { client, xml } from "@xmpp/client";
import { parse } from "ltx";

const asked = JSON.parse(process.argv[2] ?? "{}");
const [username, domain] = asked.jid.split("@");
const entity = client({
  service: `${asked.direct === true ? "xmpps" : "xmpp"}://127.0.0.1:${asked.port}`,
  domain,
  username,
  password: asked.password,
  resource: "library",
});
entity.reconnect.stop();

const problem = new Promise((_resolve, reject) => {
  entity.once("error", reject);
});
let outcome;
try {
  await Promise.race([entity.start(), problem]);
  const bound = entity.jid.toString();
  const { type, to, payload } = asked.iq;
  try {
    const reply = await entity.iqCaller.request(
      xml("iq", { type, ...(to === undefined ? {} : { to }) }, parse(payload)),
      10_000,
    );
    outcome = { bound, type: reply.attrs.type, from: reply.attrs.from ?? "", payload: reply.children.join("") };
  } catch (error) {
    outcome = {
      bound,
      type: error.name === "TimeoutError" ? "timeout" : "error",
      condition: error.condition ?? error.message,
    };
  }
} catch (error) {
  outcome = { type: "no session", reason: error.message };
}
console.log(JSON.stringify(outcome));
await entity.stop();
